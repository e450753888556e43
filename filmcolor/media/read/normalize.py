"""Pictures of one size and layout from the first to the last, deinterlaced if asked.

Works on decoded pictures with their times; reads no file.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace

import av.error
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from filmcolor.errors import MediaError
from filmcolor.media.filters import filter_graph, filtered
from filmcolor.media.images.sequence import find_sequence
from filmcolor.media.pixel_formats import format_name, format_plan, working_format
from filmcolor.media.read.damage import Damage
from filmcolor.media.read.timestamps import Timed
from filmcolor.types import VideoInfo


def deinterlaced(
    timed: Generator[Timed, None, None], info: VideoInfo
) -> Generator[Timed, None, None]:
    """The same entries with whole pictures by FFmpeg's bwdif: as many, at the same times.

    Raises `MediaError` if the filter refuses the pictures.
    """
    waiting: deque[Timed] = deque()
    graph: Graph | None = None
    with closing(timed):
        for index, entry in enumerate(timed):
            check_size(entry, info, index)
            waiting.append(entry)
            try:
                graph = graph or _deinterlacer(entry.picture, info)
                pictures = list(filtered(graph, entry.picture))
            except (av.error.FFmpegError, ValueError) as error:
                raise MediaError(f"{info.path}: cannot be deinterlaced: {error}") from error
            yield from (replace(waiting.popleft(), picture=picture) for picture in pictures)
        for picture in filtered(graph, None) if graph is not None else ():
            yield replace(waiting.popleft(), picture=picture)
        if waiting:
            raise MediaError(f"{info.path}: {len(waiting)} frames were lost in deinterlacing")


def _deinterlacer(first: VideoFrame, info: VideoInfo) -> Graph:
    """bwdif for pictures like `first`, whose result has the same format, or the same layout."""
    if format_plan(first.format.name).model == "ycbcr":
        planar = format_name(info.layout)
    else:
        planar = "gbrp" if info.layout.bit_depth == 8 else f"gbrp{info.layout.bit_depth}le"
    # By what is known of the film, not of this frame: a pass may begin anywhere.
    parity = "auto" if info.frames_state_fields else "tff" if info.top_field_first else "bff"
    formats = dict.fromkeys((first.format.name, planar))  # without repetition
    return filter_graph(
        first,
        info.time_base,
        ("bwdif", f"mode=send_frame:parity={parity}:deint=all"),
        ("format", f"pix_fmts={'|'.join(formats)}"),
    )


def normalized(
    timed: Generator[Timed, None, None], info: VideoInfo, damage: Damage
) -> Generator[Timed, None, None]:
    """The same entries, those of another size or pixel format scaled to the film's first frame."""
    reformatter = VideoReformatter()
    with closing(timed):
        for entry in timed:
            if not has_first_format(entry.picture, info):
                damage.scaled.append(entry.pts)
                # One thread: libswscale's threads may write past a short row.
                picture = reformatter.reformat(
                    entry.picture, info.width, info.height, info.source_format, threads=1
                )
                entry = replace(entry, picture=picture)
            yield entry


def has_first_format(picture: VideoFrame, info: VideoInfo) -> bool:
    """Whether a picture has the size and the layout that the film began with."""
    layout, _, _ = working_format(picture.format.name)
    size = picture.width, picture.height
    return size == (info.width, info.height) and layout == info.layout


def check_size(entry: Timed, info: VideoInfo, index: int) -> None:
    """Raise `MediaError` for a picture of another size than the film began with."""
    picture = entry.picture
    if (picture.width, picture.height) != (info.width, info.height):
        now, before = f"{picture.width}x{picture.height}", f"{info.width}x{info.height}"
        raise format_changed(info, index, entry.pts, now, before)


def format_changed(info: VideoInfo, index: int, pts: int, now: str, before: str) -> MediaError:
    """What is said of frame `index`, at the time `pts`: it is `now`, and not as it was `before`."""
    if info.is_sequence and (sequence := find_sequence(info.path)) is not None:
        names = sequence.names
        first, last = (names.text(sequence.first + at) for at in (0, pts - 1))
        return MediaError(
            f"{sequence.path(pts)}: is {now}, the frames before it are {before}: colour the parts "
            f"one by one, the first as [{first}-{last}], or scale with --on-error repeat"
        )
    return MediaError(
        f"{info.path}: frame {index} is {now}, the film began as {before}: "
        "cut it there and colour the parts one by one, or scale with --on-error repeat"
    )
