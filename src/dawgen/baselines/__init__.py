"""What a trained prompt is compared with: the same frozen target without training."""
