"""What a synthetic set is worth, measured against the few real examples."""
