"""Files out: encoded in segments, joined, the other streams copied."""
