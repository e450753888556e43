"""`filmcolor train`: train a model on colour pictures and films of one's own."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Callable, Generator
from dataclasses import fields
from typing import TYPE_CHECKING, Any, get_args

import click
from click.core import ParameterSource

from filmcolor import options as words
from filmcolor.cli.arguments import (
    SectionedCommand,
    choices,
    debug_option,
    device_option,
    json_option,
    quiet_option,
    section_option,
)
from filmcolor.cli.display import open_display
from filmcolor.cli.run_command import Interrupted, caught, running, show_all
from filmcolor.errors import OptionError
from filmcolor.options import TrainOptions

if TYPE_CHECKING:
    from filmcolor.events import Event

_DEFAULT = TrainOptions()

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

_RUN, _WHAT, _HOW, _CHECK, _SHOW = (
    "The run",
    "What is trained",
    "How it is trained",
    "How it is checked",
    "What is shown",
)
_LENGTHS = ("steps", "epochs", "minutes")


@click.command(
    "train",
    cls=SectionedCommand,
    epilog=_EPILOG,
    short_help="Train a model on colour pictures and films of your own.",
    options_metavar="-o FOLDER [OPTIONS]",
)
@click.argument("data", nargs=-1, type=click.Path())
@section_option(
    _RUN,
    "-o",
    "--output",
    type=click.Path(),
    metavar="FOLDER",
    help="Folder for the run: checkpoints, metrics, curves and sheets of pictures.",
)
@section_option(
    _RUN,
    "--resume",
    type=click.Path(),
    metavar="FOLDER",
    help="Go on with the run in this folder, exactly where it stopped, with its own options; only "
    "a new length (--steps, --epochs, --minutes), --device and --data-changed may be given. A new "
    "length is the whole run's: before its end, what is left of phases and rates is spread over "
    "it; after its end, the last phase goes on.",
)
@section_option(
    _RUN,
    "--data-changed",
    is_flag=True,
    help="With --resume: go on although pictures have been added, removed or changed. Pictures "
    "that were trained on are not held out then, and held-out ones are not trained on.",
)
@section_option(
    _RUN,
    "--steps",
    type=int,
    metavar="NUMBER",
    default=_DEFAULT.steps,
    help="Length of the whole run in steps, each of one batch.",
)
@section_option(
    _RUN,
    "--epochs",
    type=float,
    metavar="NUMBER",
    default=_DEFAULT.epochs,
    show_default="the recipe's",
    help="Length of the whole run: how often every picture is seen.",
)
@section_option(
    _RUN,
    "--minutes",
    type=float,
    metavar="NUMBER",
    default=_DEFAULT.minutes,
    help="Length of the whole run in minutes of training.",
)
@section_option(
    _WHAT,
    "--recipe",
    default=_DEFAULT.recipe,
    show_default=True,
    metavar="NAME|FILE",
    help="The training method: one of those listed below, or a file.",
)
@section_option(
    _WHAT,
    "--phase",
    default=_DEFAULT.phase,
    show_default="the whole recipe",
    metavar="NAME",
    help="Train only this phase of the recipe.",
)
@section_option(
    _WHAT,
    "--init",
    default=_DEFAULT.init,
    show_default="fresh weights",
    metavar="NAME|FILE",
    help="Weights to start from: a model that `filmcolor models` lists, a checkpoint, or (recipe "
    "film) MobileNetV2 weights for the encoder. From a trained model recipe film learns at a "
    "quarter of its rates.",
)
@section_option(
    _WHAT,
    "--teacher",
    type=click.Path(),
    default=_DEFAULT.teacher,
    show_default="those of --init, if it names such",
    metavar="FILE",
    help="MobileNetV2 weights (recipe film): the encoder's features of a grey picture are kept "
    "near those that this network has of the colour picture, so that it still recognises things.",
)
@section_option(
    _WHAT,
    "--freeze",
    multiple=True,
    default=_DEFAULT.freeze,
    metavar="PATTERN",
    help="Layers that keep their weights, by name, with * and ?; may be given more than once. "
    "encoder is one.",
)
@section_option(
    _WHAT,
    "--exclude",
    multiple=True,
    default=_DEFAULT.exclude,
    metavar="PATTERN",
    help="Pictures to leave out, by their names within the folder or shard, with * and ?, such as "
    "'cats/*'; may be given more than once.",
)
@section_option(
    _WHAT,
    "--card",
    type=click.Path(),
    default=_DEFAULT.card,
    metavar="FILE",
    help="TOML file with texts for the checkpoints: name, description, license, training_data, "
    "provenance, weaknesses.",
)
@section_option(
    _HOW,
    "--size",
    type=int,
    default=_DEFAULT.size,
    show_default="the recipe's",
    metavar="PIXELS",
    help="Side of the crops that are trained on.",
)
@section_option(
    _HOW,
    "--batch-size",
    type=int,
    default=_DEFAULT.batch_size,
    show_default="the recipe's",
    metavar="NUMBER",
    help="Crops a step, of all processes together.",
)
@section_option(
    _HOW,
    "--short-side",
    type=int,
    default=_DEFAULT.short_side,
    show_default=True,
    metavar="PIXELS",
    help="Larger pictures are reduced to this before crops are cut.",
)
@section_option(
    _HOW,
    "--precision",
    type=choices(get_args(words.Precision)),
    default=_DEFAULT.precision,
    show_default=True,
    help="auto is bf16 on a GPU, and on a CPU only where it is known to be quicker.",
)
@device_option(_HOW, _DEFAULT.device, "What is trained on")
@section_option(
    _HOW,
    "--compile",
    "compiled",
    is_flag=True,
    default=_DEFAULT.compiled,
    help="Compile the networks first (torch.compile): a slow start, then quicker steps on a GPU.",
)
@section_option(
    _HOW,
    "--seed",
    type=int,
    default=_DEFAULT.seed,
    show_default=True,
    metavar="NUMBER",
    help="Crops and their order follow from it alone.",
)
@section_option(
    _CHECK,
    "--val",
    multiple=True,
    type=click.Path(),
    default=_DEFAULT.val,
    show_default="a part of DATA is held out",
    metavar="DATA",
    help="Pictures to evaluate on; may be given more than once.",
)
@section_option(
    _CHECK,
    "--val-pictures",
    type=int,
    default=_DEFAULT.val_pictures,
    show_default=True,
    metavar="NUMBER",
    help="Evaluate on at most so many of them.",
)
@section_option(
    _CHECK,
    "--evaluations",
    type=int,
    default=_DEFAULT.evaluations,
    show_default=True,
    metavar="NUMBER",
    help="Evaluations in the whole run, and again as many in what a new length adds to it. Each "
    "writes checkpoints, sheets and curves.",
)
@section_option(
    _CHECK,
    "--tensorboard",
    is_flag=True,
    default=_DEFAULT.tensorboard,
    help="Write the losses for TensorBoard as well (needs filmcolor[tensorboard]).",
)
@quiet_option(_SHOW)
@json_option(_SHOW)
@click.pass_context
def train_command(
    ctx: click.Context,
    /,
    data: tuple[str, ...],
    output: str | None,
    resume: str | None,
    data_changed: bool,
    quiet: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Train a model on DATA: any mix of folders of pictures, tar shards of pictures, and films.

    DATA must be in colour. Films give a few good frames of each shot (`filmcolor extract` shows
    which). Pictures without colour and damaged ones are left out and named. Ctrl-C saves the run
    and says how to go on with it. The result is best.safetensors in the run's folder.
    """
    from filmcolor.cli.train_table import TRAIN
    from filmcolor.events import TrainFinished, TrainStarted

    stop = _Stop()
    leads = os.environ.get("RANK", "0") == "0"
    display = open_display(TRAIN, quiet=quiet or not leads, as_json=as_json and leads)
    signals = caught(stop.receive, "SIGINT", "SIGTERM", "SIGHUP")
    with running(display, signals=signals):
        end = show_all(display, _events(ctx, data, output, resume, data_changed, chosen, stop))
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
    data: tuple[str, ...],
    output: str | None,
    resume: str | None,
    data_changed: bool,
    chosen: dict[str, Any],
    stop: Callable[[], bool],
) -> Generator[Event, None, None]:
    """Begin or go on, as asked for; `OptionError` for a mixture."""
    from filmcolor.train.run import resume_run, train_run

    given = [
        name for name in chosen if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    options = TrainOptions(**{field.name: chosen[field.name] for field in fields(TrainOptions)})
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


debug_option(train_command)
