"""The tuned generator: label-conditional prefix, token weights, alignment, decoding, quotas."""
