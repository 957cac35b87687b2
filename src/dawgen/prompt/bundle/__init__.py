"""The bundle, a deployable soft prompt: its two files, the checks when it is loaded, and PEFT in and out."""
