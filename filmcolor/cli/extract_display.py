"""How an extraction's events become lines, a moving bar, or JSON.

Everything goes to standard error, but for JSON, which goes to standard output.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from fractions import Fraction
from typing import Any

from rich.console import Console

from filmcolor.cli.display import Pace, clock_text, file_name
from filmcolor.cli.lines import write_json
from filmcolor.cli.screen import Bar, Screen, terminal
from filmcolor.extract.events import (
    Extracted,
    ExtractEvent,
    FilmAdvanced,
    FilmFailed,
    FilmOpened,
    FilmRead,
    FrameWritten,
)
from filmcolor.extract.settings import FrameCounts, Reason
from filmcolor.types import Notice

_LINE_SECONDS = 5.0
"""Where there is no terminal: at most one progress line in this time."""
_JSON_SECONDS = 0.5

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


class ExtractDisplay(Screen):
    """Shows the events of one extraction; by itself what `--quiet` leaves: warnings, failures."""

    def __init__(self) -> None:
        self.written = 0

    def show(self, event: ExtractEvent) -> None:
        """Show one event."""
        match event:
            case Notice():
                self.notice(event)
            case FilmOpened():
                self.opened(event)
            case FilmAdvanced():
                self.advanced(event)
            case FrameWritten():
                self.written += event.status == "done"
            case FilmRead():
                self.read(event)
            case FilmFailed():
                self.failed_film(event)
            case Extracted():
                self.extracted(event)

    def notice(self, event: Notice) -> None:
        """Something worth knowing."""
        if event.warning:
            self.line(f"Warning: {event.text}")

    def opened(self, event: FilmOpened) -> None:
        """A film is about to be read."""

    def advanced(self, event: FilmAdvanced) -> None:
        """The reading goes on."""

    def read(self, event: FilmRead) -> None:
        """A film is done."""

    def failed_film(self, event: FilmFailed) -> None:
        """A film could not be read; the others go on."""
        name = file_name(event.source)
        reason = event.reason if event.reason.startswith(name) else f"{name}: {event.reason}"
        self.line(f"Failed: {reason}")

    def extracted(self, event: Extracted) -> None:
        """Everything is done."""

    def failed(self, error: BaseException, exit_code: int) -> None:
        """The command ends with an error, which the command line reports by itself."""


class ExtractLines(ExtractDisplay):
    """Plain lines, for a log or a pipe: each film, a sign of life, what was kept in all."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._pace = Pace(clock)
        self._last = clock()
        self._films = 1

    def notice(self, event: Notice) -> None:
        """Warnings are marked as such, other notices are not."""
        self.line(f"Warning: {event.text}" if event.warning else f"Note: {event.text}")

    def opened(self, event: FilmOpened) -> None:
        """Which film, and what it is."""
        self._pace = Pace(self._clock)
        self._films = event.films
        place = f" (film {event.number} of {event.films})" if event.films > 1 else ""
        self.line(f"{file_name(event.source)}: {event.summary}{place}")

    def advanced(self, event: FilmAdvanced) -> None:
        """One line every few seconds."""
        self._pace.mark(event.done)
        now = self._clock()
        if now - self._last >= _LINE_SECONDS:
            self._last = now
            self.line(", ".join([progress_count(event), *self._pace_texts(event)]))

    def read(self, event: FilmRead) -> None:
        """One line for each of several films."""
        if self._films > 1:
            self.line(f"{file_name(event.source)}: {counts_text(event.counts)}")

    def extracted(self, event: Extracted) -> None:
        """What was kept, and why the rest was not."""
        self.line(result_line(event))

    def _pace_texts(self, event: FilmAdvanced) -> list[str]:
        texts = [f"{event.kept} kept"]
        if (speed := self._pace.per_second) is not None:
            texts.append(f"{speed:.1f} fps")
        if (left := self._pace.seconds_left(event.total)) is not None:
            texts.append(f"{clock_text(left)} left")
        return texts


class ExtractBar(ExtractLines):
    """The same on a terminal, with a bar for the film that is being read."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._bar = Bar(console)

    def opened(self, event: FilmOpened) -> None:
        """The line, then an empty bar under it."""
        super().opened(event)
        self._bar.start("0 frames", event.total)

    def advanced(self, event: FilmAdvanced) -> None:
        """Move the bar."""
        self._pace.mark(event.done)
        texts = ", ".join(self._pace_texts(event))
        self._bar.move(event.done, _known_total(event), progress_count(event), texts)

    def extracted(self, event: Extracted) -> None:
        """The bar goes, the result stays."""
        self._bar.stop()
        super().extracted(event)

    def close(self) -> None:
        """Take the bar away before anything else is said."""
        self._bar.stop()

    def line(self, text: str) -> None:
        """One line above the bar, coloured by its first word, broken only by the terminal."""
        self._bar.line(text)


class ExtractJson(ExtractDisplay):
    """One JSON object a line on standard output; `event` names its kind."""

    _KINDS = (
        (Notice, "notice"),
        (FilmOpened, "opened"),
        (FilmAdvanced, "progress"),
        (FrameWritten, "frame"),
        (FilmRead, "film"),
        (FilmFailed, "failed"),
        (Extracted, "finished"),
    )

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._last: float | None = None

    def show(self, event: ExtractEvent) -> None:
        """Write all of it; progress twice a second at most."""
        if isinstance(event, FilmAdvanced):
            now = self._clock()
            if self._last is not None and now - self._last < _JSON_SECONDS:
                return
            self._last = now
        if isinstance(event, FrameWritten):
            self.written += event.status == "done"
        kind = next(name for kind, name in self._KINDS if isinstance(event, kind))
        self._write(kind, asdict(event))

    def failed(self, error: BaseException, exit_code: int) -> None:
        """`text`, `exit_code`; the process ends after it."""
        self._write("error", {"text": str(error), "exit_code": exit_code})

    def _write(self, kind: str, values: Mapping[str, Any]) -> None:
        write_json({"event": kind, **values}, default=_plain)


def open_extract_display(*, quiet: bool, as_json: bool) -> ExtractDisplay:
    """The display that fits where standard error goes and what was asked for."""
    if as_json:
        return ExtractJson()
    if quiet:
        return ExtractDisplay()
    console = terminal()
    return ExtractLines() if console is None else ExtractBar(console)


def counts_text(counts: FrameCounts) -> str:
    """How many frames were kept of how many, and why the others were not: one line."""
    shots = "1 shot" if counts.shots == 1 else f"{counts.shots} shots"
    text = f"{counts.kept} of {counts.frames} frames kept, {shots}"
    rest = reasons_text(counts)
    return f"{text}; not kept: {rest}" if rest else text


def reasons_text(counts: FrameCounts) -> str:
    """Why frames were not kept, the most frequent reason first; empty when all were."""
    found = sorted(counts.rejected.items(), key=lambda item: -item[1])
    return ", ".join(f"{count} {_WHY[reason]}" for reason, count in found)


def result_line(event: Extracted) -> str:
    """What has happened, in one line."""
    parts = [f"{file_name(event.folder)}: {counts_text(event.counts)}"]
    if event.skipped:
        parts.append(f"{event.skipped} were there already (--overwrite replaces them)")
    if event.failed:
        parts.append(f"{event.failed} of {event.films} films failed")
    return f"{'; '.join(parts)}; {clock_text(event.seconds)}"


def progress_count(event: FilmAdvanced) -> str:
    """Frames read, of how many where that is known."""
    total = _known_total(event)
    return f"{event.done}{'' if total is None else f'/{total}'} frames"


def _known_total(event: FilmAdvanced) -> int | None:
    return event.total if event.total is not None and event.done <= event.total else None


def _plain(value: object) -> float:
    if isinstance(value, Fraction):
        return float(value)
    raise TypeError(f"{type(value).__name__} has no place in JSON")
