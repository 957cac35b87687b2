"""A whole experiment as one command: cells named by a hash of their inputs, run by an engine, read into tables."""
