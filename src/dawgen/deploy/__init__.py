"""What it is for: answering over HTTP, labelling files, leaving for other libraries."""
