"""How a verification looks on a terminal."""

from __future__ import annotations

from filmcolor.cli.display.base import Display, Step, Table
from filmcolor.cli.display.terminal import file_name
from filmcolor.cli.run_table import NOTICES
from filmcolor.events import Compared, Comparing
from filmcolor.timecode import clock_text
from filmcolor.verify.findings import VerifyReport


def _comparing(display: Display, event: Comparing) -> None:
    display.say(f"comparing {file_name(event.result)} with {file_name(event.source)}")
    display.begin(Step(0, None))


def _compared(display: Display, event: Compared) -> None:
    display.move(Step(event.done, event.total))


def _report(display: Display, report: VerifyReport) -> None:
    display.end()
    for finding in report.findings:
        if finding.severity == "note":
            display.say(f"Note: {finding.line}")
    for finding in report.findings:
        if finding.severity == "fault":
            display.warn(f"Failed: {finding.line}")
    display.say(_verdict(report))


def _verdict(report: VerifyReport) -> str:
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


VERIFY: Table = {**NOTICES, Comparing: _comparing, Compared: _compared, VerifyReport: _report}
