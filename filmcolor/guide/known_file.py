"""The known colours of one shot as a file of the work folder: small, whole or not there at all.

A line of JSON (what it is for, where each frame ends, a digest of the rest), then one run of zlib a
frame: a and b as int8 in Lab units, confidence as uint8. It knows neither films nor how colours
become known.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from filmcolor.errors import JobError
from filmcolor.guide.carry import Anchor
from filmcolor.media.partfile import write_bytes
from filmcolor.tone import ToneOf, plain
from filmcolor.types import Frame, KnownColors

_LEAST = 4
"""Confidence, of 255, below which nothing is known."""


def write_known(
    path: Path, colors: Iterable[Anchor], *, start: int, grid: tuple[int, int], whole: bool
) -> None:
    """Write what is known of the frames from `start` on; `MediaError` if it cannot be written."""
    body, ends = bytearray(), []
    for each in colors:
        sure = np.rint(np.clip(each.confidence, 0, 1) * 255).astype(np.uint8)
        if (sure >= _LEAST).any():
            ab = np.rint(np.clip(each.ab, -127, 127)).astype(np.int8)
            ab[:, sure < _LEAST] = 0
            body += zlib.compress(ab.tobytes() + sure.tobytes())
        ends.append(len(body))
    head = {"start": start, "grid": grid, "whole": whole, "ends": ends, "sum": _sum(body)}
    write_bytes(path, json.dumps(head).encode() + b"\n" + bytes(body))


class KnownFile:
    """The known colours of one shot, by the frame's index in the film."""

    def __init__(self, path: Path) -> None:
        """Raises `JobError` if the file is not whole."""
        try:
            head, _, self._body = path.read_bytes().partition(b"\n")
            values = json.loads(head)
            self._start = int(values["start"])
            self._ends = [0, *(int(end) for end in values["ends"])]
            self._grid = int(values["grid"][0]), int(values["grid"][1])
            self._whole = bool(values["whole"])
            if values["sum"] != _sum(self._body):
                raise ValueError("another digest")
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise JobError(
                f"{path}: the known colours of a shot are missing or damaged; run the same command "
                "again"
            ) from error

    def at(self, index: int) -> KnownColors | None:
        """What is known of a frame of the shot, None for nothing."""
        begin, end = self._ends[index - self._start : index - self._start + 2]
        if begin == end:
            return None
        height, width = self._grid
        raw = zlib.decompress(self._body[begin:end])
        ab = np.frombuffer(raw, np.int8, 2 * height * width).reshape(2, height, width)
        sure = np.frombuffer(raw, np.uint8, offset=ab.size).reshape(height, width)
        confidence = np.where(sure >= _LEAST, sure, 0).astype(np.float32) / np.float32(255)
        return KnownColors(index, ab.astype(np.float32), confidence, self._whole)


class KnownFiles:
    """The known colours of a film: called with a frame, what is known of it; None for nothing."""

    def __init__(self, paths: dict[int, Path], tone_of: ToneOf = plain) -> None:
        """`paths` by number of the shot; each is read when it is first asked for.

        `tone_of` tells the tone that a shot will be given later: known colours come with it undone.
        """
        self._paths, self._tone_of = paths, tone_of
        self._open: tuple[int, KnownFile] | None = None

    def __call__(self, frame: Frame) -> KnownColors | None:
        if frame.shot not in self._paths:
            return None
        if self._open is None or self._open[0] != frame.shot:
            self._open = frame.shot, KnownFile(self._paths[frame.shot])
        found = self._open[1].at(frame.index)
        if found is None:
            return None
        return replace(found, ab=self._tone_of(frame.shot).undone(found.ab))


def _sum(body: bytes | bytearray) -> str:
    return hashlib.blake2b(body, digest_size=8).hexdigest()
