"""Lines, bars and JSON: what each display makes of the same events."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from filmcolor.cli.display.bar import BarDisplay
from filmcolor.cli.display.base import JsonDisplay, LineDisplay, Pace
from filmcolor.cli.run_table import RUN
from filmcolor.events import Analyzing, Notice, PictureDone, Progress
from tests.helpers.play import PLANNED, RUN_EVENTS, STAGES


class Clock:
    """Time that stands until it is told otherwise."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_pace_is_that_of_the_last_half_minute() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.per_second is None
    pace.mark(0)
    clock.now += 0.5
    pace.mark(5)
    assert pace.per_second is None  # too early to say
    clock.now += 0.5
    pace.mark(10)
    assert pace.per_second == pytest.approx(10)
    assert pace.seconds_left(110) == pytest.approx(10)
    assert pace.seconds_left(None) is None
    assert pace.seconds_left(3) is None
    done = 10
    for _ in range(60):  # a minute at 2 a second
        clock.now += 1
        done += 2
        pace.mark(done)
    assert pace.per_second == pytest.approx(2)


def test_lines_come_every_few_seconds_only(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    display = LineDisplay(RUN, clock=clock)
    display.show(replace(PLANNED, total=1000))
    capsys.readouterr()
    for done in range(1, 121):  # 12 seconds at 10 frames a second
        clock.now += 0.1
        display.show(Progress(done, 1000, STAGES))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[1].endswith("/1000 frames, 10.0 fps, 1:30 left, slowest stage: infer")


def test_a_header_that_promised_too_little_is_not_repeated(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    display = LineDisplay(RUN, clock=clock)
    display.show(Progress(0, 50, {}))
    clock.now += 6
    display.show(Progress(60, 50, {}))
    assert capsys.readouterr().err == "60 frames, 10.0 fps\n"


def test_the_bar_on_a_terminal() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, color_system=None)
    with BarDisplay(RUN, console=console) as display:
        for event in RUN_EVENTS[:-1]:
            display.show(event)
        display._bar.refresh()
        assert "192/192 frames" in screen.getvalue()
        assert "slowest stage: infer" in screen.getvalue()
        display.show(RUN_EVENTS[-1])
    text = screen.getvalue()
    assert "old.mp4 -> new.mp4" in text
    assert "Warning: look at this" in text
    assert text.rstrip().endswith("new.mp4: 192 frames in 0:12, 16.0 fps (slowest stage: infer)")


def test_brackets_in_names_stay_on_the_terminal() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=40, color_system=None)
    with BarDisplay(RUN, console=console) as display:
        display.show(Notice("a [bold]film[/bold] with a name longer than the screen is wide, yes"))
    assert screen.getvalue() == (
        "Note: a [bold]film[/bold] with a name longer than the screen is wide, yes\n"
    )


def test_json_lines_hold_every_picture(capsys: pytest.CaptureFixture[str]) -> None:
    with JsonDisplay(to_stderr=False) as display:
        for number in range(3):
            display.show(PictureDone(f"{number}.jpg", f"out/{number}.jpg", "failed", "broken"))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["source"] for line in lines] == ["0.jpg", "1.jpg", "2.jpg"]


def test_looking_through_is_shown_and_does_not_count_as_colouring(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    display = LineDisplay(RUN, clock=clock)
    for done in range(0, 2001, 200):
        clock.now += 1
        display.show(Analyzing(done, 1000))
    for done in (0, 20, 40):
        clock.now += 3
        display.show(Progress(done, 2000, {}))
    first, second, third = capsys.readouterr().err.splitlines()
    assert first == "analysing: 800/1000 frames"
    assert second == "analysing: 1800 frames"
    assert third.startswith("20/2000 frames, 6.7 fps")


def test_looking_through_moves_the_bar() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, color_system=None)
    with BarDisplay(RUN, console=console) as display:
        display.show(PLANNED)
        display.show(Analyzing(70, 192))
        display._bar.refresh()
    assert "analysing: 70/192 frames" in screen.getvalue()


def test_json_tells_of_looking_through(capsys: pytest.CaptureFixture[str]) -> None:
    with JsonDisplay(to_stderr=False) as display:
        display.show(Analyzing(70, None))
    assert json.loads(capsys.readouterr().out) == {"event": "looking", "done": 70, "total": None}
