"""The two fields of interlaced frames as pictures of their own, on their way through the network
and the smoother, and back together.

A field was taken at its own moment: it is coloured as if it were a frame, so that what moves takes
its colour along from one field to the next. It knows no codes and no files.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from dataclasses import replace

from filmcolor.options import RunOptions
from filmcolor.stages.chroma_drift import Drift
from filmcolor.stages.infer import View
from filmcolor.types import AbMap, Box, FieldAbMaps, Frame, VideoInfo


def keeps_fields(info: VideoInfo, options: RunOptions) -> bool:
    """Whether a film is coloured field by field."""
    return info.interlaced and not options.deinterlace and info.height > 1


def field_view(view: View) -> View:
    """How the network is shown a field of the frames that `view` is for: at the same size."""
    box = view.box
    if box is None:
        return view
    return replace(view, box=Box(box.top // 2, box.left, box.bottom // 2, box.right))


def field_drift(drift: Drift) -> Drift:
    """Drift by the fields' places in their shot instead of the frames'."""
    paths = drift.paths.items()
    return Drift({shot: tuple((2 * place, a, b) for place, a, b in path) for shot, path in paths})


def fields_of(frame: Frame, *, top_first: bool) -> tuple[Frame, Frame]:
    """The two fields of a frame as they are shown: half its rows each, numbered by field."""
    luma = frame.luma
    pictures = (luma[0::2], luma[1::2]) if top_first else (luma[1::2], luma[0::2])
    first, second = (
        replace(frame, index=2 * frame.index + n, place=2 * frame.place + n, luma=picture)
        for n, picture in enumerate(pictures)
    )
    return first, second


def frame_of(field: Frame) -> Frame:
    """A field by the numbers of the frame that it is of; its luma stays the field's."""
    return replace(field, index=field.index // 2, place=field.place // 2)


class FieldSplitter:
    """Takes a film's frames apart, and lays the colours of their fields together again.

    Also frames that are whole are taken apart, since colour is carried from field to field. What
    lies between `split` and `join` must keep fields in order and drop none.
    """

    def __init__(self, *, top_first: bool) -> None:
        self._top_first = top_first
        self._waiting: deque[Frame] = deque()

    def split(self, frames: Iterable[Frame]) -> Generator[Frame, None, None]:
        """Two fields for every frame."""
        for frame in frames:
            self._waiting.append(frame)
            yield from fields_of(frame, top_first=self._top_first)

    def join(
        self, fields: Iterable[tuple[Frame, AbMap]]
    ) -> Generator[tuple[Frame, FieldAbMaps], None, None]:
        """Every frame with the colours of its two fields; `ValueError` if these are not its own."""
        first: AbMap | None = None
        for _, colors in fields:
            if first is None:
                first = colors
                continue
            frame = self._waiting.popleft()
            if (first.index, colors.index) != (2 * frame.index, 2 * frame.index + 1):
                raise ValueError(f"frame {frame.index} came with the colours of other fields")
            pair = (first, colors) if self._top_first else (colors, first)
            first = None
            yield frame, FieldAbMaps(*pair)
