"""What `filmcolor train` can be asked for."""

from __future__ import annotations

from dataclasses import dataclass

from filmcolor.errors import OptionError
from filmcolor.options.color import Precision
from filmcolor.options.facts import check_options, option

RUN_SECTION, _WHAT = "The run", "What is trained"
_HOW, _CHECK = "How it is trained", "How it is checked"


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """Everything about one training run that is not the recipe's."""

    steps: int | None = option(
        None,
        "Length of the whole run in steps, each of one batch.",
        section=RUN_SECTION,
        metavar="NUMBER",
        range=(1, None),
    )
    epochs: float | None = option(
        None,
        "Length of the whole run: how often every picture is seen.",
        metavar="NUMBER",
        shown_default="the recipe's",
        more_than=0,
    )
    minutes: float | None = option(
        None,
        "Length of the whole run in minutes of training.",
        metavar="NUMBER",
        more_than=0,
    )
    recipe: str = option(
        "film",
        "The training method: one of those listed below, or a file.",
        section=_WHAT,
        metavar="NAME|FILE",
    )
    phase: str | None = option(
        None,
        "Train only this phase of the recipe.",
        metavar="NAME",
        shown_default="the whole recipe",
    )
    init: str | None = option(
        None,
        "Weights to start from: a model that `filmcolor models` lists, a checkpoint, or (recipe "
        "film) MobileNetV2 weights for the encoder. From a trained model recipe film learns at a "
        "quarter of its rates.",
        metavar="NAME|FILE",
        shown_default="fresh weights",
    )
    teacher: str | None = option(
        None,
        "MobileNetV2 weights (recipe film): the encoder's features of a grey picture are kept near "
        "those that this network has of the colour picture, so that it still recognises things.",
        metavar="FILE",
        shown_default="those of --init, if it names such",
    )
    freeze: tuple[str, ...] = option(
        (),
        "Layers that keep their weights, by name, with * and ?; may be given more than once. "
        "encoder is one.",
        metavar="PATTERN",
    )
    exclude: tuple[str, ...] = option(
        (),
        "Pictures to leave out, by their names within the folder or shard, with * and ?, such as "
        "'cats/*'; may be given more than once.",
        metavar="PATTERN",
    )
    card: str | None = option(
        None,
        "TOML file with texts for the checkpoints: name, description, license, training_data, "
        "provenance, weaknesses.",
        metavar="FILE",
    )
    size: int | None = option(
        None,
        "Side of the crops that are trained on.",
        section=_HOW,
        metavar="PIXELS",
        shown_default="the recipe's",
        range=(32, 1024),
    )
    batch_size: int | None = option(
        None,
        "Crops a step, of all processes together.",
        metavar="NUMBER",
        shown_default="the recipe's",
        range=(1, 4096),
    )
    short_side: int = option(
        256,
        "Larger pictures are reduced to this before crops are cut.",
        metavar="PIXELS",
        range=(32, 2048),
    )
    precision: Precision = option(
        "auto",
        "auto is bf16 on a GPU, and on a CPU only where it is known to be quicker.",
    )
    device: str = option(
        "auto",
        "What is trained on; auto takes a graphics card if one can be used.",
        metavar="auto|cpu|cuda[:N]|mps|xpu",
    )
    compiled: bool = option(
        False,
        "Compile the networks first (torch.compile): a slow start, then quicker steps on a GPU.",
    )
    seed: int = option(
        0,
        "Crops and their order follow from it alone.",
        metavar="NUMBER",
        range=(0, 2**63 - 1),
    )
    val: tuple[str, ...] = option(
        (),
        "Pictures to evaluate on; may be given more than once.",
        section=_CHECK,
        metavar="DATA",
        shown_default="a part of DATA is held out",
    )
    val_pictures: int = option(
        64,
        "Evaluate on at most so many of them.",
        metavar="NUMBER",
        range=(1, None),
    )
    evaluations: int = option(
        10,
        "Evaluations in the whole run, and again as many in what a new length adds to it. Each "
        "writes checkpoints, sheets and curves.",
        metavar="NUMBER",
        range=(1, None),
    )
    tensorboard: bool = option(
        False,
        "Write the losses for TensorBoard as well (needs filmcolor[tensorboard]).",
    )

    def __post_init__(self) -> None:
        check_options(self)
        lengths = [self.steps is not None, self.epochs is not None, self.minutes is not None]
        if sum(lengths) > 1:
            raise OptionError("--steps, --epochs and --minutes exclude each other: give one")
