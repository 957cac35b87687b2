"""Every way to a classifier on one interface: what dawgen is compared with, and its own arms."""
