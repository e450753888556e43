"""FFmpeg's filters for what PyAV itself does not do to a decoded picture."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av.error
from av.filter import Graph
from av.video.frame import VideoFrame


def filter_graph(like: VideoFrame, time_base: Fraction, *filters: tuple[str, str]) -> Graph:
    """Filters in a row, each (name, options), for pictures of the size and format of `like`."""
    graph = Graph()
    source = graph.add_buffer(
        width=like.width, height=like.height, format=like.format, time_base=time_base
    )
    nodes = [graph.add(name, options) for name, options in filters]
    graph.link_nodes(source, *nodes, graph.add("buffersink"))
    graph.configure()
    return graph


def filtered(graph: Graph, picture: VideoFrame | None) -> Iterator[VideoFrame]:
    """What the filters give for one more picture; None: there are no more."""
    graph.vpush(picture)
    while True:
        try:
            result = graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        yield result
