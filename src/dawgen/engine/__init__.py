"""Units of work and who runs them: in order of their needs, in processes of this machine or on a Ray cluster."""
