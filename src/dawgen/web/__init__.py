"""What dawgen's web pages and services share: sockets, who may talk to them, and the files of a page."""
