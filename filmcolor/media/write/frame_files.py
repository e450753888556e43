"""A result that is a file for each frame: made segment by segment, and put under its names.

A segment is a ZIP archive, not compressed, of the files of its frames as they are to be; the join
takes them out. So a frame is encoded once, and a run may stop anywhere. Knows no other streams.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self

from filmcolor.errors import JobError, MediaError, NameTakenError
from filmcolor.media.images.picture import Picture
from filmcolor.media.images.png_tiff import png_bytes, tiff_bytes
from filmcolor.media.images.rare_writer import dpx_bytes
from filmcolor.media.partfile import PartFile
from filmcolor.media.rgb import full_range_table, matte_of_planes, rgb_of_planes
from filmcolor.media.write.output_plan import FrameFiles, OutputPlan
from filmcolor.media.write.segment import WAY_OUT, SegmentFacts
from filmcolor.media.write.writing_errors import writing_errors
from filmcolor.types import ColorFrame, Luma, PixelLayout

_REPORT_FRAMES = 20
"""How often to say how far the join is."""


class FrameSegmentWriter:
    """As `SegmentWriter`, for frames that are a file each."""

    def __init__(self, plan: OutputPlan, path: str) -> None:
        """`plan` names the `frames`; `path` is new."""
        if plan.frames is None:
            raise ValueError("the plan names no frames")
        self._plan, self._frames = plan, plan.frames
        self._full_range = plan.tags.full_range is True
        self._table = full_range_table(
            plan.source_layout.bit_depth, plan.frames.bits, full_range=self._full_range
        )
        self._part = PartFile(path, overwrite=True)
        self._archive: zipfile.ZipFile | None = None
        self._written = 0

    def __enter__(self) -> Self:
        self._part.check()
        with self._translated():
            self._archive = zipfile.ZipFile(self._part.path, "w")
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the partial file unless `finish` has made it whole."""
        if self._archive is not None:
            self._part.discard()
            archive, self._archive = self._archive, None
            with self._translated():
                archive.close()
            self._part.discard()  # again, for systems that do not let go of an open file

    def write(self, frame: ColorFrame) -> None:
        """Take one frame: luma as decoded, Cb and Cr of 16 bits at every pixel."""
        assert self._archive is not None  # inside the block
        chroma, bits = (frame.cb, frame.cr), self._frames.bits
        if self._plan.chroma_alone:
            rgb = matte_of_planes(chroma, full_range=self._full_range, bits=bits)
        else:
            rgb = rgb_of_planes(
                frame.luma,
                chroma,
                self._table,
                full_range=self._full_range,
                matrix=self._plan.tags.matrix,
                bits=bits,
            )
        content = _file_of(rgb, self._frames)
        with self._translated():
            self._archive.writestr(f"{self._written:06}", content)
        self._written += 1

    def finish(self, next_pts: int | None) -> SegmentFacts:
        """Give the file its name; frames have no times."""
        del next_pts
        assert self._archive is not None  # inside the block
        with self._translated():
            self._archive.close()
            size = os.path.getsize(self._part.path)
        self._archive = None
        self._part.commit()
        return SegmentFacts(self._written, size, 0)

    def _translated(self) -> AbstractContextManager[None]:
        return writing_errors(self._part.target, lambda: self._written)


def _file_of(rgb: Luma, frames: FrameFiles) -> bytes:
    """The file of a frame, of codes (H, W, 3) of as many bits as it is to have."""
    if frames.kind == "DPX":
        return dpx_bytes(rgb, frames.bits, frames.label)
    picture = Picture(rgb[..., 0], PixelLayout(16, "444"), frames.kind)
    if frames.kind == "PNG":
        return png_bytes(rgb, picture, frames.label)
    return tiff_bytes(rgb, picture, frames.label, is_packed=False)


def join_frames(
    plan: OutputPlan,
    segments: Sequence[str],
    pts: Sequence[int],
    *,
    frames: Sequence[int],
    look: Callable[[], None] = lambda: None,
) -> Generator[int, None, None]:
    """Put the frames of all segments, in order, under their names; yield now and then how many.

    `pts` of all frames in source ticks; `frames` of each segment, to be checked. A frame appears
    under its name only when it is whole; one that is there already, just so, stays. `look` raises
    `JobError` where another process writes these frames by now. Raises `MediaError` for a damaged
    segment and when the disk fails, `JobError` where something else has the name of a frame.
    """
    files = plan.frames
    if files is None:
        raise ValueError("the plan names no frames")
    done = 0
    for path, expected in zip(segments, frames, strict=True):
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
                if len(names) != expected:
                    raise MediaError(
                        f"{path}: holds {len(names)} frames, not {expected}: {WAY_OUT}"
                    )
                for name in names:
                    look()
                    number = files.first + (pts[done] if files.is_by_time else done)
                    _put(
                        files.names.path(number), archive.read(name), done, overwrite=plan.overwrite
                    )
                    done += 1
                    if done % _REPORT_FRAMES == 0:
                        yield done
        except (zipfile.BadZipFile, EOFError) as error:
            raise MediaError(f"{path}: damaged ({error}): {WAY_OUT}") from error
    yield done


def _put(path: str, content: bytes, done: int, *, overwrite: bool) -> None:
    """Write one frame, after so many others, unless it is there."""
    place, part = Path(path), PartFile(path, overwrite, keep=False)
    with writing_errors(path, lambda: done):
        is_file = place.is_file() and place.stat().st_size == len(content)
        if is_file and place.read_bytes() == content:
            part.discard()  # of a run that ended between two steps of naming
            return
        try:
            Path(part.path).write_bytes(content)
        except OSError:
            part.discard()
            raise
    try:
        part.commit()
    except NameTakenError as error:  # unlike a film's, the result is not whole
        raise JobError(f"{error}: move it away, then run the same command again") from error
