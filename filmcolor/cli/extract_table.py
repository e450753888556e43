"""How the extraction of frames looks on a terminal."""

from __future__ import annotations

from filmcolor.cli.display.base import Display, Step, Table
from filmcolor.cli.display.terminal import count, file_name, with_name
from filmcolor.cli.run_table import NOTICES
from filmcolor.events import (
    Extracted,
    FilmAdvanced,
    FilmFailed,
    FilmOpened,
    FilmRead,
    FrameCounts,
    Reason,
)
from filmcolor.timecode import clock_text

_WHY: dict[Reason, str] = {
    "surplus": "beside better ones of their shot",
    "duplicate": "like one that was kept",
    "blurred": "blurred",
    "grey": "grey",
    "tinted": "tinted",
    "black": "black",
    "blank": "blank",
    "limit": "over --max-frames",
}


def _opened(display: Display, event: FilmOpened) -> None:
    place = f" (film {event.number} of {event.films})" if event.films > 1 else ""
    display.say(f"{file_name(event.source)}: {event.summary}{place}")
    display.begin(Step(0, event.total))


def _advanced(display: Display, event: FilmAdvanced) -> None:
    display.move(Step(event.done, event.total, more=(f"{event.kept} kept",)))


def _read(display: Display, event: FilmRead) -> None:
    opened = display.last(FilmOpened)
    if opened is not None and opened.films > 1:
        display.say(f"{file_name(event.source)}: {_counts(event.counts)}")


def _failed(display: Display, event: FilmFailed) -> None:
    display.warn(f"Failed: {with_name(event.source, event.reason)}")


def _extracted(display: Display, event: Extracted) -> None:
    parts = [f"{file_name(event.folder)}: {_counts(event.counts)}"]
    if event.skipped:
        parts.append(f"{event.skipped} were there already (--overwrite replaces them)")
    if event.failed:
        parts.append(f"{event.failed} of {event.films} films failed")
    display.end()
    display.say(f"{'; '.join(parts)}; {clock_text(event.seconds)}")


def _counts(counts: FrameCounts) -> str:
    """How many frames were kept of how many, and why the others were not."""
    text = f"{counts.kept} of {counts.frames} frames kept, {count(counts.shots, 'shot')}"
    rest = reasons_text(counts)
    return f"{text}; not kept: {rest}" if rest else text


def reasons_text(counts: FrameCounts) -> str:
    """Why frames were not kept, the most frequent reason first; empty when all were."""
    found = sorted(counts.rejected.items(), key=lambda item: -item[1])
    return ", ".join(f"{number} {_WHY[reason]}" for reason, number in found)


EXTRACT: Table = {
    **NOTICES,
    FilmOpened: _opened,
    FilmAdvanced: _advanced,
    FilmRead: _read,
    FilmFailed: _failed,
    Extracted: _extracted,
}
