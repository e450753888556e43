"""Pictures that are all of a kind: one size and layout from the first to the last, whole if wished.

Works on the frames of `film_reader` on their way; reads no file.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import replace

from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from filmcolor.errors import MediaError
from filmcolor.media.pixel_formats import working_format
from filmcolor.media.read.damage import Damage
from filmcolor.media.read.deinterlace import deinterlace
from filmcolor.media.read.timestamps import Timed
from filmcolor.types import VideoInfo


def deinterlaced(
    timed: Generator[Timed, None, None], info: VideoInfo
) -> Generator[Timed, None, None]:
    """The same entries with whole pictures; their times stay."""
    waiting: deque[Timed] = deque()

    def pictures() -> Iterator[VideoFrame]:
        for index, entry in enumerate(timed):
            check_size(entry.picture, info, index)
            waiting.append(entry)
            yield entry.picture

    try:
        for picture in deinterlace(pictures(), info):
            yield replace(waiting.popleft(), picture=picture)
        if waiting:
            raise MediaError(f"{info.path}: {len(waiting)} frames were lost in deinterlacing")
    finally:
        timed.close()


def alike(
    timed: Generator[Timed, None, None], info: VideoInfo, damage: Damage
) -> Generator[Timed, None, None]:
    """The same entries, those of another size or pixel format scaled to the film's first frame."""
    reformatter = VideoReformatter()
    try:
        for entry in timed:
            if not is_alike(entry.picture, info):
                damage.scaled.append(entry.pts)
                # One thread: libswscale's threads may write past a short row.
                picture = reformatter.reformat(
                    entry.picture, info.width, info.height, info.source_format, threads=1
                )
                entry = replace(entry, picture=picture)
            yield entry
    finally:
        timed.close()


def is_alike(picture: VideoFrame, info: VideoInfo) -> bool:
    """Whether a picture has the size and the layout that the film began with."""
    layout, _, _ = working_format(picture.format.name)
    size = picture.width, picture.height
    return size == (info.width, info.height) and layout == info.layout


def check_size(picture: VideoFrame, info: VideoInfo, index: int) -> None:
    """Raise `MediaError` for a picture of another size than the film began with."""
    if (picture.width, picture.height) != (info.width, info.height):
        now, before = f"{picture.width}x{picture.height}", f"{info.width}x{info.height}"
        raise changed(info, index, now, before)


def changed(info: VideoInfo, index: int, now: str, before: str) -> MediaError:
    """What is said of frame `index`, which is `now` and not as it was `before`."""
    return MediaError(
        f"{info.path}: frame {index} is {now}, the film began as {before}: "
        "cut it there and colour the parts one by one, or scale with --on-error repeat"
    )
