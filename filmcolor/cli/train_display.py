"""How a training run's events become lines, a moving bar, or JSON."""

from __future__ import annotations

import dataclasses
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from filmcolor.cli.arguments import exit_code
from filmcolor.cli.display import clock_text, file_name
from filmcolor.cli.lines import write_json
from filmcolor.cli.models import parameters_text
from filmcolor.cli.screen import Bar, Screen, terminal
from filmcolor.train.events import Evaluated, TrainEvent, TrainFinished, TrainStarted
from filmcolor.train.loop import StepReport

_NAMED = 3
"""At most so many left-out pictures are named on the terminal."""


class TrainDisplay(Screen):
    """Shows the events of one run; by itself what `--quiet` leaves: the pictures left out."""

    def __init__(self) -> None:
        self.folder: Path | None = None

    def show(self, event: TrainEvent) -> None:
        """Show one event."""
        match event:
            case TrainStarted():
                self.folder = event.folder
                for text in left_out_lines(event.unreadable, event.grey, event.small):
                    self.line(f"Warning: {text}")
                self.started(event)
            case StepReport():
                self.report(event)
            case Evaluated():
                self.evaluated(event)
            case TrainFinished():
                self.finished(event)

    def started(self, event: TrainStarted) -> None:
        """The run is about to begin."""

    def report(self, event: StepReport) -> None:
        """Some steps were made."""

    def evaluated(self, event: Evaluated) -> None:
        """The model was measured."""

    def finished(self, event: TrainFinished) -> None:
        """The run is over."""

    def failed(self, error: BaseException) -> None:
        """The run ends with an error, which the command line reports by itself."""

    def how_to_go_on(self) -> str:
        """What a stopped run's user has to type."""
        if self.folder is None:
            return "nothing was trained yet."
        return f"saved; go on with: filmcolor train --resume {shlex.quote(str(self.folder))}"


class TrainLines(TrainDisplay):
    """Plain lines, for a log or a pipe."""

    _is_upscaler = False

    def started(self, event: TrainStarted) -> None:
        """What is trained on what, for how long."""
        self._is_upscaler = event.is_upscaler
        length = f"{event.steps} steps" if event.steps else f"{(event.seconds or 0) / 60:g} minutes"
        begin = f"going on at step {event.step} of" if event.step else "for"
        self.line(
            f"{file_name(str(event.folder))}: recipe {event.recipe} ({event.architecture}, "
            f"{parameters_text(event.parameters)}) on {event.photos} pictures, checked on "
            f"{event.val_photos}, {begin} {length}, on {event.device}"
        )

    def report(self, event: StepReport) -> None:
        """One line a report."""
        self.line(_step_text(event))

    def evaluated(self, event: Evaluated) -> None:
        """One line an evaluation."""
        self.line(_evaluation_text(event))

    def finished(self, event: TrainFinished) -> None:
        """Where the result lies."""
        if event.was_finished:
            name = file_name(str(event.folder))
            self.line(
                f"{name}: the run is finished, at step {event.step}; to train on, give it a "
                f"greater length: filmcolor train --resume {shlex.quote(name)} --steps "
                f"{2 * event.step}"
            )
        elif not event.stopped:
            best = shlex.quote(file_name(str(event.folder / "best.safetensors")))
            use = f"--upscale 2 --upscale-model {best}" if self._is_upscaler else f"--model {best}"
            self.line(
                f"done: {event.step} steps in {clock_text(event.seconds)}; colour with: "
                f"filmcolor run FILM {use}"
            )


class TrainBar(TrainLines):
    """The same on a terminal, with a bar in place of the lines of each report."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._bar = Bar(console)
        self._first: tuple[float, float] | None = None

    def started(self, event: TrainStarted) -> None:
        """The line, then an empty bar."""
        super().started(event)
        self._bar.start("first steps", 1.0)

    def report(self, event: StepReport) -> None:
        """Move the bar."""
        now = time.monotonic()
        if self._first is None:
            self._first = (now, event.progress)
        start, before = self._first
        left = ""
        if event.progress > before:
            left = f"{clock_text((now - start) * (1 - event.progress) / (event.progress - before))}"
        self._bar.move(event.progress, 1.0, _step_text(event), f"{left} left" if left else "")

    def finished(self, event: TrainFinished) -> None:
        """The bar goes, the result stays."""
        self._bar.stop()
        super().finished(event)

    def close(self) -> None:
        """Take the bar away before anything else is said."""
        self._bar.stop()

    def line(self, text: str) -> None:
        """One line above the bar."""
        self._bar.line(text)


class TrainJson(TrainDisplay):
    """One JSON object a line on standard output; `event` names its kind."""

    def show(self, event: TrainEvent) -> None:
        """Write all of it."""
        names = {
            TrainStarted: "started",
            StepReport: "step",
            Evaluated: "evaluated",
            TrainFinished: "finished",
        }
        if isinstance(event, TrainStarted):
            self.folder = event.folder
        self._write(names[type(event)], _values(event))

    def failed(self, error: BaseException) -> None:
        """`text`, `exit_code`."""
        self._write("error", {"text": str(error), "exit_code": exit_code(error)})

    def _write(self, kind: str, values: Mapping[str, Any]) -> None:
        write_json({"event": kind, **values})


def open_train_display(*, quiet: bool, as_json: bool) -> TrainDisplay:
    """The display that fits where standard error goes and what was asked for."""
    if as_json:
        return TrainJson()
    if quiet:
        return TrainDisplay()
    console = terminal()
    return TrainLines() if console is None else TrainBar(console)


def left_out_lines(
    unreadable: Sequence[str], grey: Sequence[str], small: Sequence[str] = ()
) -> list[str]:
    """One line for damaged, one for grey and one for small pictures among the data, where there
    are any.
    """
    texts = []
    for why, names in (("damaged", unreadable), ("grey", grey), ("too small", small)):
        if names:
            some = ", ".join(file_name(name) for name in names[:_NAMED])
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            texts.append(f"{len(names)} {why} pictures left out: {some}{more}")
    return texts


def _step_text(event: StepReport) -> str:
    losses = ", ".join(f"{name} {value:.4g}" for name, value in event.losses.items())
    return (
        f"step {event.step} ({event.phase}, epoch {event.epoch:.1f}): {losses}, "
        f"{event.images_per_second:.1f} images/s"
    )


def _evaluation_text(event: Evaluated) -> str:
    figures = event.report.card_metrics()
    over = (
        f"at {figures['colorfulness_ratio']:.2f} of the truth's colourfulness"
        if "colorfulness_ratio" in figures
        else "over the bicubic enlargement"
    )
    best = " (best so far)" if event.is_best else ""
    return f"step {event.step}: PSNR gain {figures['psnr_gain']:+.2f} dB {over}{best}"


def _values(event: Any) -> dict[str, Any]:
    if isinstance(event, Evaluated):
        own = {"step": event.step, "score": event.score, "is_best": event.is_best}
        return {**own, **event.report.as_dict()}
    values = dataclasses.asdict(event)
    return {name: str(v) if isinstance(v, Path) else v for name, v in values.items()}
