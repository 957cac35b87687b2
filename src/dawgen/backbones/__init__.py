"""The old name of `dawgen.models`, kept for the model cards that were written before the move."""
