"""The soft prompt: what it is, how it is initialised, how it is joined to a text, and the bundle it is deployed in."""
