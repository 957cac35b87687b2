"""Writing a set with a tuned generator: decoding, rows in flight, quotas per label."""
