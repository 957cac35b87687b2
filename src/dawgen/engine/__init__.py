"""Units of work, and engines that run them in the order of their needs: processes of this machine, or a Ray cluster."""
