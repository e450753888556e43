"""Puts the colours that people have given into the fields that a network has made."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from filmcolor.types import AbMap, FloatPlane, KnownColors


def with_known(field: AbMap, known: KnownColors) -> AbMap:
    """The field with the known colours in it, as far as they are certain."""
    height, width = field.ab.shape[1:]
    ab, confidence = known.ab, known.confidence
    if confidence.shape != (height, width):
        planes = (*ab, confidence)
        resized = [cv2.resize(plane, (width, height)).astype(np.float32) for plane in planes]
        ab, confidence = np.stack(resized[:2]), resized[2]
    return _drawn(field, confidence * ab, confidence)


def with_said(field: AbMap, said: FloatPlane | None) -> AbMap:
    """The field with the colours that people have given things (3, h, w), as far as places are
    those things.
    """
    return field if said is None else _drawn(field, said[:2], said[2])


def _drawn(field: AbMap, ab: FloatPlane, share: FloatPlane) -> AbMap:
    """The field with `ab`, which is multiplied by its share already, in the place of so much."""
    own, before = field.confidence, field.hint_map
    return replace(
        field,
        ab=ab + (1 - share) * field.ab,
        confidence=None if own is None else own + share * (1 - own),
        hint_map=share if before is None else share + (1 - share) * before,
    )
