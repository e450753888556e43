"""Frames of several films into one folder: names, files, and events that tell how it goes.

A file appears under its name only when it is whole; what is there already is left alone unless
asked otherwise. Nothing is printed here.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from filmcolor.durable import make_folders
from filmcolor.errors import JobError, MediaError, OptionError, refusals
from filmcolor.events import (
    Event,
    Extracted,
    FilmAdvanced,
    FilmFailed,
    FilmOpened,
    FilmRead,
    FrameCounts,
    FrameWritten,
    Notice,
)
from filmcolor.extract.film import PickedFrame, examine
from filmcolor.extract.frame_checks import Fingerprints
from filmcolor.extract.settings import ExtractSettings, FrameFormat
from filmcolor.media.folders import is_picture
from filmcolor.media.open import PIPE
from filmcolor.media.partfile import PartFile, write_bytes, write_if_free
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.throttle import Throttle
from filmcolor.types import VideoInfo
from filmcolor.visual.rgb import Rgb

_WEBP_QUALITY = 95
_PNG_EFFORT = 6
_LONGEST_STEM = 200
"""Bytes; a file system allows 255 for the whole name."""


def extract_films(
    sources: Sequence[str], folder: str, settings: ExtractSettings
) -> Generator[Event, None, None]:
    """Write the frames of these films that are worth training on into `folder`.

    A file is STEM-NNNNNN.png, the film's name and the frame's number. A film that cannot be read
    is reported by a `FilmFailed` and the rest goes on; with a single film the error is raised.
    Raises `OptionError` for a film given twice, `MediaError` when the folder cannot be written to,
    `JobError` when a file cannot.
    """
    started = time.monotonic()
    _refuse_twice(sources)
    made = _make_folder(Path(folder))
    stems = film_stems(sources)
    seen, sums = Fingerprints(), FrameCounts()
    failed = skipped = 0
    try:
        for number, (source, stem) in enumerate(zip(sources, stems, strict=True), 1):
            counts = FrameCounts()
            target = _Target(Path(folder), stem, settings)
            try:
                _refuse_picture(source)
                with FilmReader(source) as reader:
                    yield FilmOpened(
                        source,
                        number,
                        len(sources),
                        _summary(reader.info),
                        reader.info.expected_frames(
                            settings.start_seconds, settings.duration_seconds
                        ),
                    )
                    with closing(examine(reader, settings, counts, seen)) as found:
                        yield from _write_found(source, found, target, counts)
                yield FilmRead(source, counts)
            except MediaError as error:
                if len(sources) == 1:
                    raise
                failed += 1
                yield FilmFailed(source, str(error))
            sums.add(counts)
            skipped += target.skipped
        seconds = time.monotonic() - started
        yield Extracted(folder, len(sources), failed, skipped, seconds, sums)
    finally:
        if made:
            with suppress(OSError):  # there are frames in it
                Path(folder).rmdir()


def film_stems(sources: Sequence[str]) -> list[str]:
    """The beginning of the names of each film's frames; no two alike, upper and lower case aside.

    Films of one name are told apart by ~2, ~3, ... in the order in which they are given.
    """
    stems: list[str] = []
    used: set[str] = set()
    for source in sources:
        name = _stem(source)
        stem, copies = name, 1
        while stem.casefold() in used:
            copies += 1
            stem = f"{name}~{copies}"
        used.add(stem.casefold())
        stems.append(stem)
    return stems


def _stem(source: str) -> str:
    """A film's name without its ending, never hidden and not too long for a file's name."""
    name = "pipe" if source == PIPE else Path(source).stem.lstrip(".") or "film"
    code = os.fsencode(name)
    return name if len(code) <= _LONGEST_STEM else code[:_LONGEST_STEM].decode(errors="ignore")


@dataclass(slots=True)
class _Target:
    """Where the frames of one film go."""

    folder: Path
    stem: str
    settings: ExtractSettings
    skipped: int = 0

    def write(self, source: str, picked: PickedFrame) -> FrameWritten:
        """Write one frame, unless it is there."""
        format, overwrite = self.settings.format, self.settings.overwrite
        path = self.folder / f"{self.stem}-{picked.index:06}.{format}"
        place = (source, str(path), picked.index, picked.seconds, picked.shot)
        is_there = not overwrite and os.path.lexists(path)
        if is_there or not write_frame(path, picked.rgb, format, overwrite=overwrite):
            self.skipped += 1
            return FrameWritten(*place, status="skipped")
        return FrameWritten(*place)


def _write_found(
    source: str,
    found: Iterator[PickedFrame | FilmAdvanced | Notice],
    target: _Target,
    counts: FrameCounts,
) -> Iterator[Event]:
    is_due = Throttle()
    last: FilmAdvanced | None = None
    for item in found:
        match item:
            case PickedFrame():
                yield target.write(source, item)
            case Notice():
                yield item
            case FilmAdvanced():
                last = item
                if is_due():
                    yield item
    if last is not None:
        yield replace(last, kept=counts.kept)


def write_frame(path: Path, rgb: Rgb, format: FrameFormat, *, overwrite: bool = False) -> bool:
    """Write a picture (H, W, 3) R'G'B' as PNG, or as WebP of quality 95; whole or not at all.

    Without `overwrite`, what is there stays. Returns whether it was written. Raises `JobError` when
    it cannot be.
    """
    effort = (
        [cv2.IMWRITE_PNG_COMPRESSION, _PNG_EFFORT]
        if format == "png"
        else [cv2.IMWRITE_WEBP_QUALITY, _WEBP_QUALITY]
    )
    try:
        done, encoded = cv2.imencode(f".{format}", np.ascontiguousarray(rgb[..., ::-1]), effort)
        if not done:
            raise ValueError("the encoder failed")
    except (cv2.error, ValueError) as error:
        raise JobError(
            f"{path}: a picture of {rgb.shape[1]}x{rgb.shape[0]} cannot be made into {format}; "
            "give a --short-side or another --format"
        ) from error
    try:
        if not overwrite:
            return write_if_free(path, encoded.tobytes())
        write_bytes(path, encoded.tobytes(), overwrite=True)
    except MediaError as error:
        raise JobError(f"{error}; the frames before it are kept") from error
    return True


def _summary(info: VideoInfo) -> str:
    rate = f", {float(info.rate):g} fps" if info.rate else ""
    return f"{info.width}x{info.height}{rate}, {info.codec}"


def _refuse_picture(source: str) -> None:
    """FFmpeg would take a picture for a film of one frame."""
    if source != PIPE and is_picture(source):
        raise MediaError(f"{source}: a picture, not a film; `filmcolor train` takes it as it is")


def _refuse_twice(sources: Sequence[str]) -> None:
    places: set[str] = set()
    for source in sources:
        place = source if source == PIPE else os.path.realpath(source)
        if place in places:
            raise OptionError(f"{source}: given twice; name every film once")
        places.add(place)


def _make_folder(folder: Path) -> bool:
    """Make sure that files can be written there; whether the folder was made."""
    if folder.exists() and not folder.is_dir():
        raise OptionError(f"{folder}: a file, not a folder; choose another name for the frames")
    made = not folder.exists()
    with refusals(MediaError, f"{folder}: cannot make this folder", "; choose another"):
        make_folders(folder)
    PartFile(str(folder / "frame")).check()
    return made
