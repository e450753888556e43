"""`filmcolor train`: train a model on colour pictures and films of one's own."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Callable, Generator
from typing import Any

import click

from filmcolor.cli.arguments import (
    field_options,
    given_parameters,
    json_option,
    output_option,
    quiet_option,
    section_option,
    sectioned_command,
)
from filmcolor.cli.display import open_display
from filmcolor.cli.display.own_lines import own_lines
from filmcolor.cli.run_command import Interrupted, caught, running, show_all
from filmcolor.cli.train_table import TRAIN
from filmcolor.errors import OptionError
from filmcolor.events import Event, TrainFinished, TrainStarted
from filmcolor.options import TrainOptions
from filmcolor.options.train import RUN_SECTION

_EPILOG = """\b
Recipes:
  film       the default model's: MobileNetV2 U-Net; degraded pictures, classes and
             regression, then a short adversarial phase that is kept only if it wins
  pix2pix    U-Net against a 70x70 PatchGAN at 256 px; phases l1, gan
  dcgan      strided U-Net that predicts Lab at 64 px; phases gan, l2
  rgb-gan    encoder and decoder that predict RGB at 120 px; phases mse, gan
  rgb-gan-b  the same with twice the learning rate
  sr         upscaler: makes luma larger, no colour; phases l1, adversarial
  sr-film    the same on degraded pictures
  sr-fine    as sr, a larger network
  FILE.toml  one of your own: copy the [recipe] part of a run's config.toml

\b
Examples:
  filmcolor extract my_film.mp4 -o frames/
  filmcolor train frames/ -o runs/mine --init default --minutes 60
      go on from the default model with frames of your own
  filmcolor run old_film.mp4 --model runs/mine/best.safetensors
      colour with the result
  filmcolor train frames/ -o runs/mine --init default --freeze encoder --epochs 5
      keep the encoder, which recognises things; train the rest
  filmcolor train --resume runs/mine
      go on with a run that was stopped
  filmcolor train --resume runs/mine --minutes 120
      train on, until it has trained for two hours in all
  torchrun --nproc-per-node 2 -m filmcolor train frames/ -o runs/mine
      two processes, each with half of every batch
"""

_LENGTHS = ("steps", "epochs", "minutes")


@sectioned_command(
    "train",
    "Train a model on colour pictures and films of your own.",
    _EPILOG,
    "-o FOLDER [OPTIONS]",
)
@click.argument("data", nargs=-1, type=click.Path())
@output_option(
    RUN_SECTION,
    "FOLDER",
    "Folder for the run: checkpoints, metrics, curves and sheets of pictures.",
    "output",
)
@section_option(
    RUN_SECTION,
    "--resume",
    type=click.Path(),
    metavar="FOLDER",
    help="Go on with the run in this folder, exactly where it stopped, with its own options; only "
    "a new length (--steps, --epochs, --minutes), --device and --data-changed may be given. A new "
    "length is the whole run's: before its end, what is left of phases and rates is spread over "
    "it; after its end, the last phase goes on.",
)
@section_option(
    RUN_SECTION,
    "--data-changed",
    is_flag=True,
    help="With --resume: go on although pictures have been added, removed or changed. Pictures "
    "that were trained on are not held out then, and held-out ones are not trained on.",
)
@field_options(TrainOptions, compiled="--compile")
@quiet_option()
@json_option()
@click.pass_context
def train_command(ctx: click.Context, /, quiet: bool, as_json: bool, **chosen: Any) -> None:
    """Train a model on DATA: any mix of folders of pictures, tar shards of pictures, and films.

    DATA must be in colour. Films give a few good frames of each shot (`filmcolor extract` shows
    which). Pictures without colour and damaged ones are left out and named; more than ten damaged
    ones that are more than a tenth of all end it. Ctrl-C saves the run and says how to go on with
    it. The result is best.safetensors in the run's folder.
    """
    stop = _Stop()
    leads = os.environ.get("RANK", "0") == "0"
    signals = caught(stop.receive, "SIGINT", "SIGTERM", "SIGHUP")
    with own_lines():
        display = open_display(TRAIN, quiet=quiet or not leads, as_json=as_json and leads)
        with running(display, signals=signals):
            end = show_all(display, _events(ctx, stop, **chosen))
    if isinstance(end, TrainFinished) and end.stopped:
        begun = display.last(TrainStarted)
        left = "nothing was trained yet."
        if begun is not None:
            name = shlex.quote(str(begun.folder))
            left = f"saved; go on with: filmcolor train --resume {name}"
        number = stop.number or signal.SIGTERM  # that another process was sent
        raise Interrupted(left, signal_number=number)


def _events(
    ctx: click.Context,
    stop: Callable[[], bool],
    data: tuple[str, ...],
    output: str | None,
    resume: str | None,
    data_changed: bool,
    **chosen: Any,
) -> Generator[Event, None, None]:
    """Begin or go on, as asked for; `OptionError` for a mixture."""
    from filmcolor.train.run import resume_run, train_run

    given = given_parameters(ctx, chosen)
    options = TrainOptions(**chosen)
    if resume is not None:
        allowed = (*_LENGTHS, "device", "recipe")
        extra = [f"--{name.replace('_', '-')}" for name in given if name not in allowed]
        if data or output is not None or extra:
            what = ", ".join(["DATA"] * bool(data) + ["-o"] * (output is not None) + extra)
            raise OptionError(f"--resume goes on with the run's own options: leave out {what}")
        yield from resume_run(
            resume,
            recipe_name=options.recipe if "recipe" in given else None,
            length=options if set(given) & set(_LENGTHS) else None,
            device_name=options.device if "device" in given else None,
            data_changed=data_changed,
            stop=stop,
        )
        return
    if data_changed:
        raise OptionError("--data-changed goes with --resume: give the run that shall go on")
    if output is None:
        raise OptionError("-o is missing: give the folder that the run shall be kept in")
    if not data:
        raise OptionError("DATA is missing: give folders of pictures, tar shards, or films")
    command = ["filmcolor", *sys.argv[1:]]
    yield from train_run(data, output, options, command=command, stop=stop)


class _Stop:
    """Asked between two steps whether a signal has come; a second one ends at once."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self) -> bool:
        return self.number != 0

    def receive(self, number: int, _frame: object) -> None:
        """Remember the first signal."""
        if self.number:
            raise Interrupted("nothing was saved since the last report.", signal_number=number)
        self.number = number
