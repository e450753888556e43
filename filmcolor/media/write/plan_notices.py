"""What a plan has to say of the source's other streams and tags, before the first frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from filmcolor.events import Notice
from filmcolor.media.read.legacy_text import CODE_PAGE
from filmcolor.media.read.open import CAPTION_SECONDS, open_before, open_source
from filmcolor.media.streams import StreamPlan
from filmcolor.media.write.containers import Container
from filmcolor.media.write.subtitles import try_conversion
from filmcolor.types import VideoInfo


def source_notices(
    container: Container, converted: Iterable[str], dropped: Sequence[str], offset: Fraction
) -> list[Notice]:
    """What is shifted (seconds), converted, and left out."""
    notices = []
    if offset:
        text = f"some times are negative: all streams are shifted by {float(offset):.6g} s"
        notices.append(Notice(text))
    notices += [Notice(text) for text in converted]
    if dropped:
        names = ", ".join(dropped)
        way_out = "" if container.has_attachments else "; an .mkv target keeps more"
        notices.append(
            Notice(f"{container.title} cannot hold: {names}; left out{way_out}", warning=True)
        )
    return notices


def legacy_notices(names: Sequence[str]) -> list[Notice]:
    """Which tags were not UTF-8."""
    if not names:
        return []
    return [Notice(f"not UTF-8, read as {CODE_PAGE}: {', '.join(names)}", warning=True)]


def text_notices(
    info: VideoInfo,
    kept: Iterable[StreamPlan],
    begin: Fraction,
    start: Fraction | None,
    duration: Fraction | None,
) -> list[Notice]:
    """What becomes of the lines of subtitles that are converted, which is tried here.

    `begin` is the film's first time; `start` (after it) and `duration` limit the part. All in
    seconds. Reads the source once, and only where there are such subtitles.
    """
    texts = [each for each in kept if each.action in ("mov_text", "subrip")]
    if not texts:
        return []
    first = begin + (start or 0)
    film = info.stream_index
    with (
        open_before(info.path, first, CAPTION_SECONDS, [film]) if start else open_source(info.path)
    ) as source:
        tried = try_conversion(
            source,
            {each.index: each.action for each in texts},
            film,
            first if start else None,
            None if duration is None else first + duration,
        )
    notices = []
    for each in texts:
        counted = tried[each.index]
        if counted.legacy:
            text = f"{each.name}: {_lines(counted.legacy)} not UTF-8, read as {CODE_PAGE}"
            notices.append(Notice(text, warning=True))
        if counted.skipped:
            text = f"{each.name}: {_lines(counted.skipped)} cannot be converted: left out"
            notices.append(Notice(f"{text}; an .mkv target keeps all", warning=True))
    return notices


def _lines(count: int) -> str:
    return "one line" if count == 1 else f"{count} lines"
