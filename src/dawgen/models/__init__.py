"""The two frozen models, generator and target, as Hugging Face loads them: what may be trusted, what is made faster."""
