"""Many soft prompts on one frozen model, over HTTP: rows of different prompts share a batch."""
