"""The quality of a synthetic set, measured against the few real examples."""
