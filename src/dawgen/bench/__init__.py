"""A whole experiment as one command: cells named after all they depend on, run by an engine, read into tables."""
