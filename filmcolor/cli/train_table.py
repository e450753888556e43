"""How a training run looks on a terminal."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence

from filmcolor.cli.display.base import Display, Step, Table
from filmcolor.cli.display.terminal import file_name
from filmcolor.cli.models import parameters_text
from filmcolor.events import Evaluated, StepReport, TrainFinished, TrainStarted
from filmcolor.timecode import clock_text

_NAMED = 3
"""At most so many left-out pictures are named on the terminal."""


def left_out_lines(
    unreadable: Sequence[str], grey: Sequence[str], small: Sequence[str] = ()
) -> list[str]:
    """One line each for damaged, grey and small pictures among the data, where there are any."""
    texts = []
    for why, names in (("damaged", unreadable), ("grey", grey), ("too small", small)):
        if names:
            some = ", ".join(file_name(name) for name in names[:_NAMED])
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            texts.append(f"{len(names)} {why} pictures left out: {some}{more}")
    return texts


def _started(display: Display, event: TrainStarted) -> None:
    for text in left_out_lines(event.unreadable, event.grey, event.small):
        display.warn(f"Warning: {text}")
    length = f"{event.steps} steps" if event.steps else f"{(event.seconds or 0) / 60:g} minutes"
    begin = f"going on at step {event.step} of" if event.step else "for"
    display.say(
        f"{file_name(event.folder)}: recipe {event.recipe} ({event.architecture}, "
        f"{parameters_text(event.parameters)}) on {event.photos} pictures, checked on "
        f"{event.val_photos}, {begin} {length}, on {event.device}"
    )
    display.begin(Step(0, 1.0, text="first steps"), seconds=math.inf)


def _step(display: Display, event: StepReport) -> None:
    losses = ", ".join(f"{name} {value:.4g}" for name, value in event.losses.items())
    text = (
        f"step {event.step} ({event.phase}, epoch {event.epoch:.1f}): {losses}, "
        f"{event.images_per_second:.1f} images/s"
    )
    display.move(Step(event.progress, 1.0, text=text, pace="time", in_log="always"))


def _evaluated(display: Display, event: Evaluated) -> None:
    figures = event.report.card_metrics()
    over = (
        f"at {figures['colorfulness_ratio']:.2f} of the truth's colourfulness"
        if "colorfulness_ratio" in figures
        else "over the bicubic enlargement"
    )
    best = " (best so far)" if event.is_best else ""
    display.say(f"step {event.step}: PSNR gain {figures['psnr_gain']:+.2f} dB {over}{best}")


def _finished(display: Display, event: TrainFinished) -> None:
    display.end()
    name = file_name(event.folder)
    if event.was_finished:
        display.say(
            f"{name}: the run is finished, at step {event.step}; to train on, give it a "
            f"greater length: filmcolor train --resume {shlex.quote(name)} --steps {2 * event.step}"
        )
    elif not event.stopped:
        best = shlex.quote(file_name(event.folder / "best.safetensors"))
        started = display.last(TrainStarted)
        is_upscaler = started is not None and started.is_upscaler
        use = f"--upscale 2 --upscale-model {best}" if is_upscaler else f"--model {best}"
        display.say(
            f"done: {event.step} steps in {clock_text(event.seconds)}; colour with: "
            f"filmcolor run FILM {use}"
        )


TRAIN: Table = {
    TrainStarted: _started,
    StepReport: _step,
    Evaluated: _evaluated,
    TrainFinished: _finished,
}
