"""The two frozen models, generator and target, as Hugging Face loads them."""
