"""Makes films with fields, and reads what films say of theirs."""

from __future__ import annotations

from collections.abc import Collection
from fractions import Fraction
from pathlib import Path

import av
from av.filter import Graph

from tests.helpers.clips import Plane, luma_picture, make_frame

FRAMES = 8
WHOLE = (1, 2, 3, 6)
"""Frames of a telecined film that are not made of two pictures."""


def woven_film(
    path: Path,
    *,
    codec: str = "ffv1",
    pix_fmt: str = "yuv420p",
    top_first: bool = True,
    whole: Collection[int] = (),
    size: tuple[int, int] = (64, 96),
    order: int | None = None,
    second_scene: int = 0,
) -> list[Plane]:
    """A film of two moments a frame, but for the frames in `whole`; its luma as encoded.

    Every frame says what it is, as far as the codec has words for it; the file says `order`, or
    which field comes first. The later field may be of another scene.
    """
    lumas = []
    depth = av.VideoFormat(pix_fmt).components[0].bits
    with av.open(str(path), "w") as film:
        stream = film.add_stream(codec, rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = size
        stream.pix_fmt = pix_fmt
        stream.codec_context.field_order = order or (2 if top_first else 3)
        for index in range(FRAMES):
            luma = luma_picture(4 * index, *size, depth)
            if index not in whole:
                luma[top_first::2] = luma_picture(4 * index + 2, *size, depth, scene=second_scene)[
                    top_first::2
                ]
            lumas.append(luma)
            frame = make_frame(luma, pix_fmt)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            mode = "prog" if index in whole else "tff" if top_first else "bff"
            film.mux(stream.encode(marked(frame, mode)))
        film.mux(stream.encode(None))
    return lumas


def marked(frame: av.VideoFrame, mode: str) -> av.VideoFrame:
    """The frame, marked by FFmpeg's setfield."""
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    graph.link_nodes(source, graph.add("setfield", f"mode={mode}"), graph.add("buffersink"))
    graph.configure()
    graph.vpush(frame)
    return graph.vpull()


def marks(path: Path) -> tuple[int, list[bool]]:
    """A film's order of fields, and of each frame whether it says that it has two."""
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        order = stream.codec_context.field_order
        return order, [frame.interlaced_frame for frame in film.decode(stream)]
