"""Whether the disk has room for a film: its parts and the film stand there together for a while.

Knows sizes, not pictures.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from filmcolor.errors import JobError

_LEAST_BYTES = {"prores": 0.15, "dnxhr": 0.15, "ffv1": 0.25}
"""Of a pixel of a frame, by codec: what the easiest of films takes."""
_LEAST_LOSSY = 0.005


def least_bytes(codec: str, *, lossless: bool, width: int, height: int) -> float:
    """What a frame takes at least, in bytes; a grainy film takes ten times as much."""
    share = _LEAST_BYTES["ffv1"] if lossless else _LEAST_BYTES.get(codec, _LEAST_LOSSY)
    return share * width * height


def missing_room(
    folder: Path, target: Path, parts: float, film: float
) -> tuple[Path, float] | None:
    """The place where there is too little room and how many bytes are missing there, or nothing.

    `parts` bytes are still to be written into `folder`, `film` bytes beside `target`.
    """
    beside = target.parent
    if os.stat(folder).st_dev == os.stat(beside).st_dev:
        wanted = {beside: parts + film}
    else:
        wanted = {folder: parts, beside: film}
    for place, size in wanted.items():
        missing = size - shutil.disk_usage(place).free
        if missing > 0:
            return place, missing
    return None


def check_room(folder: Path, target: Path, parts: float, film: float) -> None:
    """Raise `JobError` where there is certainly too little room; arguments as `missing_room`."""
    found = missing_room(folder, target, parts, film)
    if found is not None:
        place, missing = found
        raise JobError(
            f"{place}: the disk is too small for this film: at least {size_text(missing)} more are "
            "needed while it is put together; make room, or choose another disk for the result or "
            "for --work"
        )


def check_scratch(folder: Path, size: float) -> None:
    """Raise `JobError` where `folder` has no room for so many bytes that are needed for a while."""
    missing = size - shutil.disk_usage(folder).free
    if missing > 0:
        raise JobError(
            f"{folder}: the disk is too small to carry the given colours through the longest shot: "
            f"{size_text(missing)} more are needed meanwhile; make room, or choose another disk "
            "with --work"
        )


def size_text(size: float) -> str:
    """A size for people: "12.5 GB"."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(0.1, size / 1e6):.1f} MB"
