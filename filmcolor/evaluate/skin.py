"""Skin of faces, and how much of it has a colour that no skin has.

Where skin is, is found in the truth: a face whose colours are those of skin. The *locus*, which
colours skin can have, follows Xiao et al. 2017, "Characterising the variations in ethnic skin
colours: a new calibrated data base for human skin": of the means of four groups of people at
forehead, cheek and arm, two standard deviations along a and b to each side, hue lies between 28
and 85 degrees and chroma is 8 at least. Preferred skin on a display has a chroma of 25 (Chen et
al. 2013, "The Effect of Chromatic and Lightness Components for Preferred Skin Color Reproduction
on a Display"); under lamps and a low sun it may be 45. Chroma is that at L* 60: in shade ab falls
as L* + 16 does, as long as the light keeps its colour. It must not know files, models or training.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from filmcolor.analysis.faces import find_faces
from filmcolor.types import FloatPlane

LOCUS_HUE = (28.0, 85.0)
"""Degrees in the ab plane."""
LOCUS_CHROMA = (8.0, 45.0)
"""Lab units at L* 60."""
_FACE_SHARE = 0.5
"""So much of a face has a skin's colour in truth; else it is taken for none."""
_FACE = (0.3, 0.4)
"""Half axes of the ellipse that is skin, of the width and the height of a face's box."""


def on_locus(ab: FloatPlane, lightness: FloatPlane) -> NDArray[np.bool_]:
    """Whether ab (2, ...) at L* (...) is a colour that skin can have."""
    hue = np.degrees(np.arctan2(ab[1], ab[0]))
    chroma = np.hypot(ab[0], ab[1]) * (76 / (lightness.clip(0) + 16))
    low, high = LOCUS_HUE
    pale, strong = LOCUS_CHROMA
    return np.asarray((hue >= low) & (hue <= high) & (chroma >= pale) & (chroma <= strong))


def true_skin(lab: FloatPlane) -> NDArray[np.int64]:
    """Indices, row by row, of the pixels of a true picture, Lab (3, H, W), that are skin."""
    light = np.rint(lab[0] * 2.55).clip(0, 255).astype(np.uint8)
    has_color = on_locus(lab[1:], lab[0])
    skin = np.zeros(light.shape, bool)
    for face in find_faces(light):
        height, width = face.size
        middle = (face.left + width // 2, face.top + height // 2)
        axes = (round(width * _FACE[0]), round(height * _FACE[1]))
        inside = np.zeros(light.shape, np.uint8)
        cv2.ellipse(inside, middle, axes, 0, 0, 360, 1, cv2.FILLED)
        within = inside.astype(bool)
        if has_color[within].mean() >= _FACE_SHARE:
            skin |= within & has_color
    return np.flatnonzero(skin)


def off_locus(ab: FloatPlane, lab: FloatPlane, skin: NDArray[np.int64]) -> float:
    """Share of the true skin that has no skin's colour in a result, ab (2, H, W), whose truth is
    Lab (3, H, W).
    """
    lightness = lab[0].ravel()[skin]
    return float(1 - on_locus(ab.reshape(2, -1)[:, skin], lightness).mean())
