"""Labelling files of any size: shards that stream, resume and spread over workers."""
