"""Files and codecs: films and photographs in and out, without any network.

Reading order: `open`, `pixel_formats`, `partfile`, then the packages `read`, `write` and `images`,
which do not import each other.
"""
