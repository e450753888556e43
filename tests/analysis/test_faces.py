"""Faces in the luma of pictures: where they are, and none where there is none."""

from __future__ import annotations

import cv2
import numpy as np
from skimage import data

from filmcolor.analysis.faces import find_faces


def test_a_face_is_found_where_it_is_at_any_size() -> None:
    """The astronaut's face: its middle is at row 110, column 225, it is some 100 px wide."""
    whole = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2GRAY)
    for size in (512, 256, 192):
        scale = 512 / size
        small = cv2.resize(whole, (size, size), interpolation=cv2.INTER_AREA)
        found = [
            face
            for face in find_faces(np.asarray(small, np.uint8))
            if abs((face.top + face.bottom) / 2 * scale - 115) < 25
            and abs((face.left + face.right) / 2 * scale - 225) < 25
        ]
        assert len(found) == 1
        assert 60 < found[0].size[0] * scale < 160


def test_no_face_in_a_plain_picture_in_noise_or_in_one_too_small() -> None:
    assert find_faces(np.full((100, 140), 90, np.uint8)) == []
    noise = np.random.default_rng(0).integers(0, 256, (100, 140)).astype(np.uint8)
    assert find_faces(noise) == []
    assert find_faces(np.zeros((20, 200), np.uint8)) == []
