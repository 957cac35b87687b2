"""The cards of published datasets and models."""
