"""What the methods that train the target's own weights share: a copy of the target, and the loop that trains it."""
