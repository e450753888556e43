"""The known colours of one shot as a file of the work folder: small, whole or not there at all.

A line of JSON (what it is for, where each frame ends, a digest of the rest), then one run of zlib a
frame: a and b as int8 in Lab units, confidence as uint8. It knows neither films nor how colours
become known.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zlib
from array import array
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from filmcolor.errors import JobError, MediaError
from filmcolor.guide.propagate import Anchor
from filmcolor.hashing import blake2
from filmcolor.media.partfile import PartFile
from filmcolor.stages.tone import ToneOf, plain
from filmcolor.typed import parse_json
from filmcolor.types import Frame, KnownColors

_LEAST = 4
"""Confidence, of 255, below which nothing is known."""
NAME = r"known-\d{5}-\d+-\d+-[0-9a-f]{16}\.colors"
"""What such a file is called: number of the shot, its first and last frame, digest of its hints."""
_CHUNK = 1 << 20
"""Bytes of the file in memory at a time."""


def write_hint_file(
    path: Path, colors: Iterable[Anchor], *, start: int, grid: tuple[int, int], whole: bool
) -> None:
    """Write what is known of the frames from `start` on, one at a time in memory; `MediaError` if
    it cannot be written.
    """
    part = PartFile(os.fspath(path), overwrite=True)
    part.check()
    try:
        with tempfile.TemporaryFile(dir=path.parent) as body:
            ends, sum_ = array("Q"), blake2(8)
            for each in colors:
                content = _packed(each)
                body.write(content)
                sum_.update(content)
                ends.append(ends[-1] + len(content) if ends else len(content))
            digest = sum_.hexdigest()
            head = {"start": start, "grid": grid, "whole": whole, "ends": list(ends), "sum": digest}
            body.seek(0)
            with open(part.path, "wb") as file:
                file.write(json.dumps(head).encode() + b"\n")
                shutil.copyfileobj(body, file, _CHUNK)
    except OSError as error:
        part.discard()
        raise MediaError(f"{path}: cannot be written ({error.strerror}); make room") from error
    except BaseException:
        part.discard()
        raise
    part.commit()


def _packed(anchor: Anchor) -> bytes:
    """What is known of a frame as the file has it; empty for nothing."""
    codes = np.rint(np.clip(anchor.confidence, 0, 1) * 255).astype(np.uint8)
    if not (codes >= _LEAST).any():
        return b""
    ab = np.rint(np.clip(anchor.ab, -127, 127)).astype(np.int8)
    ab[:, codes < _LEAST] = 0
    return zlib.compress(ab.tobytes() + codes.tobytes())


class HintFile:
    """The known colours of a shot by the frame's index; only their places are held in memory."""

    def __init__(self, path: Path) -> None:
        """Raises `JobError` if the file is not whole."""
        self._path = path
        try:
            with path.open("rb") as file:
                head = file.readline()
                values = parse_json(head)
                self._start = int(values["start"])
                self._ends = array("Q", [0, *values["ends"]])
                self._grid = int(values["grid"][0]), int(values["grid"][1])
                self._whole = bool(values["whole"])
                self._body = len(head)
                found = blake2(8)
                while chunk := file.read(_CHUNK):
                    found.update(chunk)
            if values["sum"] != found.hexdigest():
                raise ValueError("another digest")
        except (OSError, ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
            raise self._damaged() from error

    def at(self, index: int) -> KnownColors | None:
        """Known colours of a frame, None for nothing; `JobError` if the file is gone or changed."""
        begin, end = self._ends[index - self._start : index - self._start + 2]
        if begin == end:
            return None
        height, width = self._grid
        try:
            with self._path.open("rb") as file:
                file.seek(self._body + begin)
                raw = zlib.decompress(file.read(end - begin))
        except (OSError, zlib.error) as error:
            raise self._damaged() from error
        ab = np.frombuffer(raw, np.int8, 2 * height * width).reshape(2, height, width)
        codes = np.frombuffer(raw, np.uint8, offset=ab.size).reshape(height, width)
        confidence = np.where(codes >= _LEAST, codes, 0).astype(np.float32) / np.float32(255)
        return KnownColors(index, ab.astype(np.float32), confidence, self._whole)

    def _damaged(self) -> JobError:
        return JobError(
            f"{self._path}: the known colours of a shot are missing or damaged; run the same "
            "command again"
        )


class HintFiles:
    """The known colours of a film: called with a frame, what is known of it; None for nothing."""

    def __init__(self, paths: dict[int, Path], tone_of: ToneOf = plain) -> None:
        """`paths` by number of the shot; each is read when it is first asked for.

        `tone_of` tells the tone that a shot will be given later: known colours come with it undone.
        """
        self._paths, self._tone_of = paths, tone_of
        self._open: tuple[int, HintFile] | None = None

    def __call__(self, frame: Frame) -> KnownColors | None:
        if frame.shot not in self._paths:
            return None
        if self._open is None or self._open[0] != frame.shot:
            self._open = frame.shot, HintFile(self._paths[frame.shot])
        found = self._open[1].at(frame.index)
        if found is None:
            return None
        return replace(found, ab=self._tone_of(frame.shot).undone(found.ab))
