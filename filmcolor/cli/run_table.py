"""How the events of films and pictures that are coloured look on a terminal."""

from __future__ import annotations

from collections.abc import Mapping

from filmcolor.cli.display.base import Display, Step, Table
from filmcolor.cli.display.terminal import file_name, with_name
from filmcolor.events import (
    Analyzing,
    FilmDone,
    Finished,
    Joining,
    Measured,
    Notice,
    PictureDone,
    Progress,
    Started,
)
from filmcolor.timecode import clock_text


def _notice(display: Display, event: Notice) -> None:
    if event.warning:
        display.warn(f"Warning: {event.text}")
    else:
        display.say(f"Note: {event.text}")


def _started(display: Display, event: Started) -> None:
    way = f"{file_name(event.source)} -> {file_name(event.target)}"
    made = f", model {event.model} on {event.device}" if event.model else ""
    if event.model and event.engine != "torch":
        made += f" by {event.engine}"
    display.say(f"{way}: {event.summary}{made}")
    display.begin(Step(0, event.total, event.unit))


def _passed(display: Display, event: Analyzing | Joining) -> None:
    display.move(passed_step(event))


def passed_step(event: Analyzing | Joining) -> Step:
    """How far what comes before and after colouring is."""
    what = "analysing:" if isinstance(event, Analyzing) else "joining:"
    return Step(event.done, event.total, text=what, pace="")


def _progress(display: Display, event: Progress) -> None:
    display.move(progress_step(display, event))


def progress_step(display: Display, event: Progress) -> Step:
    """How far colouring is."""
    more = []
    if slowest := _slowest(event.stage_seconds):
        more.append(f"slowest stage: {slowest}")
    if display.held:
        more.append(f"{len(display.held)} failed")
    started = display.last(Started)
    unit = "frames" if started is None else started.unit
    return Step(event.done, event.total, unit, more=tuple(more))


def _picture(display: Display, event: PictureDone) -> None:
    if event.status == "failed":
        display.hold(f"Failed: {with_name(event.source, event.reason)}")


def _film(display: Display, event: FilmDone) -> None:
    display.end()
    if event.status == "failed":
        display.warn(f"Failed: {with_name(event.source, event.reason)}")


def _finished(display: Display, event: Finished) -> None:
    display.end()
    display.say(_result(event))


def _result(event: Finished) -> str:
    name, took = file_name(event.target), clock_text(event.seconds)
    if event.unit in ("pictures", "films"):
        counts = f"{event.done} done, {event.skipped} skipped, {event.failed} failed"
        counts += f", {event.left} left to other shards" if event.left else ""
        return f"{name}: {counts} in {took}" if name else f"{counts} in {took}"
    if event.unit == "shots":
        return f"{name}: {event.done} shots in {took}"
    if not event.whole:
        left = "the rest is left to the other shards, which put the film together"
        return f"{name}: {event.done} frames done here in {took}; {left}"
    speed = f", {event.done / event.seconds:.1f} fps" if event.seconds > 0 else ""
    slowest = _slowest(event.stage_seconds)
    return f"{name}: {event.done} frames in {took}{speed}" + (
        f" (slowest stage: {slowest})" if slowest else ""
    )


def _slowest(stage_seconds: Mapping[str, float]) -> str | None:
    """Name of the stage that has worked longest, if any has."""
    return max(stage_seconds, key=lambda name: stage_seconds[name], default=None)


def _measured(display: Display, event: Measured) -> None:
    counted = Step(event.done, event.total, event.unit).label
    display.move(
        Step(event.done, event.total, text=event.subject, pace="", more=(counted,), in_log="never")
    )


NOTICES: Table = {Notice: _notice}
MEASURED: Table = {**NOTICES, Measured: _measured}
RUN: Table = {
    **NOTICES,
    Started: _started,
    Analyzing: _passed,
    Joining: _passed,
    Progress: _progress,
    PictureDone: _picture,
    FilmDone: _film,
    Finished: _finished,
}
