"""Labels files of any size, in shards that stream, resume and spread over workers."""
