"""Every event is written as JSON under the name and with the keys that programs rely on."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from filmcolor import events
from filmcolor.cli.display.base import JsonDisplay
from filmcolor.events import (
    Analyzing,
    Compared,
    Comparing,
    Evaluated,
    Event,
    Extracted,
    Failed,
    FilmAdvanced,
    FilmDone,
    FilmFailed,
    FilmOpened,
    FilmRead,
    Finished,
    FrameCounts,
    FrameWritten,
    Joining,
    Notice,
    PictureDone,
    Progress,
    Serving,
    Started,
    StepReport,
    TrainFinished,
    TrainStarted,
    Watching,
)
from filmcolor.verify.findings import Finding, Place, VerifyReport


class Report:
    """Stands for what was measured of a model."""

    psnr_gain = 1.0

    def card_metrics(self) -> dict[str, float]:
        return {"psnr_gain": self.psnr_gain}

    def as_dict(self) -> dict[str, object]:
        return {"photos": 3, "ours": {"psnr": 20.0}}


COUNTS = FrameCounts(12, 1, 0, {"grey": 12})
FOUND = Finding("frame missing", "fault", "t", (Place(Fraction(1, 8), 3),))
STAGES = {"infer": 1.5}

# fmt: off
WRITTEN: list[tuple[Event, list[str]]] = [
    (Notice("a", warning=True), ['{"event": "notice", "text": "a", "warning": true}']),
    (
        Started("a", "b", "m", "cpu", "s", 4, "pictures", "w"),
        ['{"event": "planned", "source": "a", "target": "b", "model": "m", "device": "cpu", '
         '"summary": "s", "total": 4, "unit": "pictures", "work": "w", "engine": "torch"}'],
    ),
    (Analyzing(1, None), ['{"event": "looking", "done": 1, "total": null}']),
    (
        Progress(1, 9, STAGES),
        ['{"event": "progress", "done": 1, "total": 9, "stage_seconds": {"infer": 1.5}, '
         '"per_second": null, "seconds_left": null}'],
    ),
    (Joining(1, 2), ['{"event": "joining", "done": 1, "total": 2}']),
    (
        PictureDone("a", "b", "failed", "r"),
        ['{"event": "picture", "source": "a", "target": "b", "status": "failed", "reason": "r"}'],
    ),
    (
        FilmDone("a", "b", "left", "r"),
        ['{"event": "film", "source": "a", "target": "b", "status": "left", "reason": "r"}'],
    ),
    (
        Finished("b", 1, 2.0, STAGES, 1, 2, 3, "films", whole=False),
        ['{"event": "finished", "target": "b", "done": 1, "seconds": 2.0, "stage_seconds": '
         '{"infer": 1.5}, "skipped": 1, "failed": 2, "left": 3, "unit": "films", "whole": false}'],
    ),
    (Failed("x", 5), ['{"event": "error", "text": "x", "exit_code": 5}']),
    (
        FilmOpened("a", 1, 2, "s", None),
        ['{"event": "opened", "source": "a", "number": 1, "films": 2, "summary": "s", '
         '"total": null}'],
    ),
    (FilmAdvanced(1, None, 0), ['{"event": "progress", "done": 1, "total": null, "kept": 0}']),
    (
        FrameWritten("a", "b", 3, Fraction(1, 4), 0, "skipped"),
        ['{"event": "frame", "source": "a", "target": "b", "index": 3, "seconds": 0.25, '
         '"shot": 0, "status": "skipped"}'],
    ),
    (
        FilmRead("a", COUNTS),
        ['{"event": "film", "source": "a", "counts": {"frames": 12, "shots": 1, "kept": 0, '
         '"rejected": {"grey": 12}}}'],
    ),
    (FilmFailed("a", "r"), ['{"event": "failed", "source": "a", "reason": "r"}']),
    (
        Extracted("f", 2, 1, 0, 1.5, COUNTS),
        ['{"event": "finished", "folder": "f", "films": 2, "failed": 1, "skipped": 0, '
         '"seconds": 1.5, "counts": {"frames": 12, "shots": 1, "kept": 0, '
         '"rejected": {"grey": 12}}}'],
    ),
    (
        TrainStarted(Path("r"), "film", "net", 9, 3, 1, ("x",), (), "cpu", 4, None, 0),
        ['{"event": "started", "folder": "r", "recipe": "film", "architecture": "net", '
         '"parameters": 9, "photos": 3, "val_photos": 1, "unreadable": ["x"], "grey": [], '
         '"device": "cpu", "steps": 4, "seconds": null, "step": 0, "small": [], '
         '"is_upscaler": false}'],
    ),
    (
        StepReport(1, 0.5, "gan", 0.25, {"l1": 1.0}, 0.1, 2.0, 0.5),
        ['{"event": "step", "step": 1, "epoch": 0.5, "phase": "gan", "progress": 0.25, '
         '"losses": {"l1": 1.0}, "rate": 0.1, "images_per_second": 2.0, "data_share": 0.5}'],
    ),
    (
        Evaluated(1, Report(), 0.5, is_best=True),
        ['{"event": "evaluated", "step": 1, "score": 0.5, "is_best": true, "photos": 3, '
         '"ours": {"psnr": 20.0}}'],
    ),
    (
        TrainFinished(Path("r"), 4, 1.5, stopped=False),
        ['{"event": "finished", "folder": "r", "step": 4, "seconds": 1.5, "stopped": false, '
         '"was_finished": false}'],
    ),
    (Watching("in", "out"), ['{"event": "watching", "folder": "in", "target": "out"}']),
    (Serving("http://127.0.0.1:1/t/"),
     ['{"event": "serving", "address": "http://127.0.0.1:1/t/"}']),
    (Comparing("a", "b"), ['{"event": "comparing", "source": "a", "result": "b"}']),
    (Compared(1, None), ['{"event": "progress", "done": 1, "total": null}']),
    (
        VerifyReport("a", "b", 24, (FOUND, Finding("note", "note", "n")), "lossy", 0.5, 40.0, 1.5),
        ['{"event": "finding", "kind": "frame missing", "severity": "fault", "text": "t", '
         '"count": 1, "places": [{"frame": 3, "seconds": 0.125, "detail": ""}]}',
         '{"event": "finding", "kind": "note", "severity": "note", "text": "n", "count": 1, '
         '"places": []}',
         '{"event": "verified", "result": "b", "holds": false, "frames": 24, "luma": "lossy", '
         '"worst_block_codes": 0.5, "worst_block_psnr": 40.0, "seconds": 1.5}'],
    ),
]
# fmt: on


def parsed(lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize(("event", "lines"), WRITTEN, ids=lambda value: type(value).__name__)
def test_json_of_every_event(
    event: Event, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    JsonDisplay(to_stderr=False).show(event)
    assert parsed(capsys.readouterr().out.splitlines()) == parsed(lines)


def test_a_run_states_its_pace(capsys: pytest.CaptureFixture[str]) -> None:
    display = JsonDisplay(to_stderr=False, clock=count(100.0).__next__)
    for done in (1, 3):
        display.show(Progress(done, 9, STAGES))
    last = parsed(capsys.readouterr().out.splitlines())[-1]
    assert (last["per_second"], last["seconds_left"]) == (1.0, 6.0)


def test_every_event_is_pinned() -> None:
    """`Measured` is only shown on a terminal: `evaluate --json` writes one object at its end."""
    known = {value for value in vars(events).values() if isinstance(value, type)}
    kinds = {kind for kind in known if issubclass(kind, Event)} - {
        Event,
        events.Counted,
        events.Measured,
    }
    assert kinds <= {type(event) for event, _ in WRITTEN}
