"""Networks, and the checkpoints that describe them; no media.

Reading order: `base`, `card`, `checkpoint`, `registry`, `adapter`, then a folder an architecture.
"""
