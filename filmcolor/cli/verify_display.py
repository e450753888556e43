"""How a verification becomes lines for people, a moving bar, or JSON for programs.

Everything goes to standard error, but for JSON, which goes to standard output unless a film does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console

from filmcolor.cli.arguments import exit_code
from filmcolor.cli.display import Pace, clock_text, file_name
from filmcolor.cli.lines import write_json
from filmcolor.cli.screen import Bar, Screen, terminal
from filmcolor.types import Notice, Progress

if TYPE_CHECKING:
    from filmcolor.verify.findings import Finding, VerifyReport

_LINE_SECONDS = 5.0
"""Where there is no terminal: at most one progress line in this time."""
_JSON_SECONDS = 0.5


class VerifyDisplay(Screen):
    """Shows one verification; by itself what `--quiet` leaves: what does not hold."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, Exception):
            self.failed(error, exit_code(error))
        super().__exit__(kind, error, trace)

    def begin(self, source: str, result: str) -> None:
        """The two are about to be compared."""

    def show(self, event: Notice | Progress) -> None:
        """Show one event."""
        if isinstance(event, Progress):
            self.progress(event)
        else:
            self.notice(event)

    def notice(self, event: Notice) -> None:
        """Something worth knowing."""
        if event.warning:
            self.line(f"Warning: {event.text}")

    def progress(self, event: Progress) -> None:
        """So many frames are compared."""

    def failed(self, error: BaseException, exit_code: int) -> None:
        """The comparison cannot be made; the error line itself is written elsewhere."""

    def report(self, report: VerifyReport) -> None:
        """What was found: one line for each kind of fault."""
        for finding in report.findings:
            if finding.severity == "fault":
                self.line(f"Failed: {finding.line}")


class VerifyLines(VerifyDisplay):
    """Plain lines: what is compared, now and then a sign of life, all that was found."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._pace = Pace(clock)
        self._last = clock()

    def begin(self, source: str, result: str) -> None:
        """One line."""
        self.line(f"comparing {file_name(result)} with {file_name(source)}")

    def notice(self, event: Notice) -> None:
        """One line."""
        self.line(f"{'Warning' if event.warning else 'Note'}: {event.text}")

    def progress(self, event: Progress) -> None:
        """One line every few seconds."""
        count, rest = self._paced(event)
        now = self._clock()
        if now - self._last >= _LINE_SECONDS:
            self._last = now
            self.line(", ".join([count, *rest]))

    def report(self, report: VerifyReport) -> None:
        """Notes, faults, and the verdict."""
        for finding in report.findings:
            if finding.severity == "note":
                self.line(f"Note: {finding.line}")
        super().report(report)
        self.line(verdict_line(report))

    def _paced(self, event: Progress) -> tuple[str, list[str]]:
        """(how far it is, pace and time that is left), for people."""
        self._pace.mark(event.done)
        total = _believed(event)
        count = f"{event.done}{'' if total is None else f'/{total}'} frames"
        rest = []
        if (speed := self._pace.per_second) is not None:
            rest.append(f"{speed:.1f} fps")
        if (left := self._pace.seconds_left(total)) is not None:
            rest.append(f"{clock_text(left)} left")
        return count, rest


class VerifyBar(VerifyLines):
    """The same on a terminal, with a bar that moves in place of the signs of life."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._bar = Bar(console)

    def begin(self, source: str, result: str) -> None:
        """The line, then an empty bar under it."""
        super().begin(source, result)
        self._bar.start("0 frames", None)

    def progress(self, event: Progress) -> None:
        """Move the bar."""
        count, rest = self._paced(event)
        self._bar.move(event.done, _believed(event), count, ", ".join(rest))

    def report(self, report: VerifyReport) -> None:
        """The bar goes, the findings stay."""
        self._bar.stop()
        super().report(report)

    def close(self) -> None:
        """Take the bar away before anything else is said."""
        self._bar.stop()
        super().close()

    def line(self, text: str) -> None:
        """One line above the bar, coloured by its first word."""
        self._bar.line(text)


class VerifyJson(VerifyDisplay):
    """One JSON object a line; `event` names its kind: comparing, notice, progress, finding,
    verified, error.
    """

    def __init__(self, *, to_stderr: bool, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._to_stderr = to_stderr
        self._clock = clock
        self._last: float | None = None

    def begin(self, source: str, result: str) -> None:
        """`source`, `result`."""
        self._write("comparing", {"source": source, "result": result})

    def notice(self, event: Notice) -> None:
        """`text`, `warning`."""
        self._write("notice", {"text": event.text, "warning": event.warning})

    def progress(self, event: Progress) -> None:
        """`done`, `total`; twice a second at most."""
        now = self._clock()
        if self._last is None or now - self._last >= _JSON_SECONDS:
            self._last = now
            self._write("progress", {"done": event.done, "total": event.total})

    def failed(self, error: BaseException, exit_code: int) -> None:
        """`text`, `exit_code`; the process ends after it."""
        self._write("error", {"text": str(error), "exit_code": exit_code})

    def report(self, report: VerifyReport) -> None:
        """Every finding, then `holds` and the measures."""
        for finding in report.findings:
            self._write("finding", _finding_fields(finding))
        self._write(
            "verified",
            {
                "result": report.result,
                "holds": report.holds,
                "frames": report.frames,
                "luma": report.luma,
                "worst_block_codes": report.worst_block_codes,
                "worst_block_psnr": report.worst_block_psnr,
                "seconds": report.seconds,
            },
        )

    def _write(self, kind: str, fields: Mapping[str, Any]) -> None:
        write_json({"event": kind, **fields}, to_stderr=self._to_stderr)


def _finding_fields(finding: Finding) -> dict[str, Any]:
    places = [
        {
            "frame": place.frame,
            "seconds": None if place.seconds is None else float(place.seconds),
            "detail": place.detail,
        }
        for place in finding.places
    ]
    return {
        "kind": finding.kind,
        "severity": finding.severity,
        "text": finding.text,
        "count": finding.count,
        "places": places,
    }


def _believed(event: Progress) -> int | None:
    """The total, unless the film has turned out longer."""
    return event.total if event.total is not None and event.done <= event.total else None


def verdict_line(report: VerifyReport) -> str:
    """Whether everything holds, in one line."""
    name = file_name(report.result)
    faults = sum(finding.severity == "fault" for finding in report.findings)
    if faults:
        kinds = "1 kind of fault" if faults == 1 else f"{faults} kinds of faults"
        return f"{name}: does not hold: {kinds}, see above"
    if report.worst_block_psnr is None:
        luma = "every code of its luma is the source's"
    else:
        luma = (
            f"the worst block of its luma is {report.worst_block_psnr:.1f} dB, "
            f"off by {report.worst_block_codes:.1f} codes at most"
        )
    return f"{name}: holds: {report.frames} frames in {clock_text(report.seconds)}; {luma}"


def open_verify_display(
    *, quiet: bool, as_json: bool, json_to_stderr: bool = False
) -> VerifyDisplay:
    """The display that fits where standard error goes and what was asked for."""
    if as_json:
        return VerifyJson(to_stderr=json_to_stderr)
    if quiet:
        return VerifyDisplay()
    console = terminal()
    return VerifyLines() if console is None else VerifyBar(console)
