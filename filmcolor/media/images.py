"""Still pictures in and out: the names that the rest of filmcolor uses.

Pixels stay as stored: the EXIF orientation is kept with them, and `Picture.rotation` tells how the
network is to be shown the picture. Luma is Y' of JFIF (BT.601, full range).
"""

from filmcolor.media.picture import Picture
from filmcolor.media.picture_folder import find_pictures, is_picture, mirror_target
from filmcolor.media.picture_reader import read_picture
from filmcolor.media.picture_writer import write_picture

__all__ = [
    "Picture",
    "find_pictures",
    "is_picture",
    "mirror_target",
    "read_picture",
    "write_picture",
]
