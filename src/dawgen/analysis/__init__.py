"""What the paper leaves open: when gradients fight, when synthetic data stop paying, what they cost."""
