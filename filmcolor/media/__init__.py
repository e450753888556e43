"""Files and codecs: films and photographs in and out, without any network.

Reading order: `pixel_formats`, `partfile`, then the packages `read`, `write` and `images`.
"""
