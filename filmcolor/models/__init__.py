"""Networks, and the checkpoints that describe them; no media.

Reading order: `base`, `card`, `checkpoint`, `registry`, then the default network `mobilenet_unet`.
"""
