"""`dawgen export` and `dawgen import`: a bundle as a PEFT adapter, a set as a dataset folder, each with its card."""
