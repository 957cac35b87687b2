"""Shared by the methods that train the target's own weights: a copy of the target, and the loop that trains it."""
