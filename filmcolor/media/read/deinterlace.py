"""Whole frames out of interlaced ones, by FFmpeg's bwdif: as many out as in."""

from __future__ import annotations

from collections.abc import Generator, Iterable

import av
import av.error
from av.filter import Graph
from av.video.frame import VideoFrame

from filmcolor.errors import MediaError
from filmcolor.media.pixel_formats import format_name, format_plan
from filmcolor.types import VideoInfo


def deinterlace(
    pictures: Iterable[VideoFrame], info: VideoInfo
) -> Generator[VideoFrame, None, None]:
    """One whole picture for every interlaced one, in order, of the same layout.

    Times are the caller's business. Raises `MediaError` if the filter refuses the pictures.
    """
    graph: Graph | None = None
    for picture in pictures:
        try:
            if graph is None:
                graph = _graph(picture, info)
            graph.vpush(picture)
        except (av.error.FFmpegError, ValueError) as error:
            raise MediaError(f"{info.path}: cannot be deinterlaced: {error}") from error
        yield from _pulled(graph)
    if graph is not None:
        graph.vpush(None)
        yield from _pulled(graph)


def _pulled(graph: Graph) -> Generator[VideoFrame, None, None]:
    while True:
        try:
            picture = graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        yield picture


def _graph(first: VideoFrame, info: VideoInfo) -> Graph:
    """bwdif between a source like `first` and a sink of the same format, or of the same layout."""
    if format_plan(first.format.name).model == "ycbcr":
        planar = format_name(info.layout)
    else:
        planar = "gbrp" if info.layout.bit_depth == 8 else f"gbrp{info.layout.bit_depth}le"
    graph = Graph()
    source = graph.add_buffer(
        width=first.width, height=first.height, format=first.format, time_base=info.time_base
    )
    # By what is known of the film, not of this frame: a pass may begin anywhere.
    parity = "auto" if info.frames_state_fields else "tff" if info.top_field_first else "bff"
    whole = graph.add("bwdif", f"mode=send_frame:parity={parity}:deint=all")
    formats = dict.fromkeys((first.format.name, planar))  # without repetition
    same = graph.add("format", f"pix_fmts={'|'.join(formats)}")
    graph.link_nodes(source, whole, same, graph.add("buffersink"))
    graph.configure()
    return graph
