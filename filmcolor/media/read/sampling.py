"""Where in a film samples are taken, so that few frames tell of all of it and few are decoded.

It chooses among times and frames; opening and seeking are the reader's.
"""

from __future__ import annotations

from collections.abc import Iterable

from filmcolor.media.read.timestamps import Timed
from filmcolor.types import VideoInfo

_SAMPLE_PIXELS = 25_000_000  # decoded at most on the way from a key frame to a sample
_STRIDE_PIXELS = 200_000_000  # decoded at most for samples taken in one pass from the beginning


def is_short(info: VideoInfo) -> bool:
    """Whether one pass over the film is quicker than seeking in it."""
    frames = info.frame_count
    return frames is not None and frames * info.width * info.height <= _STRIDE_PIXELS


def sample_reach(info: VideoInfo) -> int:
    """Frames that may be decoded on the way to one sample."""
    return max(1, _SAMPLE_PIXELS // (info.width * info.height))


def sample_times(info: VideoInfo, origin: int, count: int) -> list[int]:
    """The middles of `count` equal parts, in ticks; `origin` is the time of the first frame.

    Raises `ValueError` for a film that does not say how long it is.
    """
    if info.duration is None:
        raise ValueError("a film without a duration has no middle")
    moments = (info.duration * (2 * part + 1) / (2 * count) for part in range(count))
    return [origin + int(moment / info.time_base) for moment in moments]


def nearest(timed: Iterable[Timed], wanted: int, reach: int) -> Timed | None:
    """The last of at most `reach` entries that is not after `wanted`, or the first one."""
    best: Timed | None = None
    for number, entry in enumerate(timed):
        if best is not None and (entry.pts > wanted or number >= reach):
            break
        best = entry
    return best


def strided(timed: Iterable[Timed], count: int, info: VideoInfo) -> list[Timed]:
    """Frames evenly spread over a short film, or over the beginning of one without seeking."""
    reach = max(count, _STRIDE_PIXELS // (info.width * info.height))
    if info.frame_count is not None:
        reach = min(reach, max(count, info.frame_count))
    step = max(1, reach // count)
    found: list[Timed] = []
    for number, entry in zip(range(step * count), timed, strict=False):
        if number == step // 2:
            found.clear()  # the film is at least so long: its first frame is not needed
        if number == 0 or number % step == step // 2:
            found.append(entry)
    return found


def thinned(timed: Iterable[Timed], count: int, info: VideoInfo) -> list[Timed]:
    """The same of a film of unknown length: evenly spread over what is seen of it."""
    reach, step = max(count, _STRIDE_PIXELS // (info.width * info.height)), 1
    kept: list[Timed] = []
    for number, entry in zip(range(reach), timed, strict=False):
        if number % step == 0:
            kept.append(entry)
        if len(kept) > 2 * count:
            kept, step = kept[::2], 2 * step
    wanted = min(count, len(kept))
    return [kept[len(kept) * place // wanted] for place in range(wanted)]
