"""What a user can choose, as frozen dataclasses; the command line reads its defaults from here.

Words only: imports nothing heavy, so that `filmcolor --help` stays quick. Reading order: `facts`
(how an option is declared), `color`, `run`, `commands`.
"""

from filmcolor.options.color import (
    LONGEST_STRIDE,
    ColorOptions,
    Look,
    Precision,
    Smoothing,
    Stroke,
)
from filmcolor.options.commands import (
    CompareMode,
    CompareOptions,
    FilmMeasureOptions,
    PreviewOptions,
    ReportOptions,
    TrainOptions,
    VerifyOptions,
)
from filmcolor.options.run import (
    Codec,
    EncodeOptions,
    OnError,
    RunOptions,
    SitingChoice,
    UpscaleFor,
)

__all__ = [
    "LONGEST_STRIDE",
    "Codec",
    "ColorOptions",
    "CompareMode",
    "CompareOptions",
    "EncodeOptions",
    "FilmMeasureOptions",
    "Look",
    "OnError",
    "Precision",
    "PreviewOptions",
    "ReportOptions",
    "RunOptions",
    "SitingChoice",
    "Smoothing",
    "Stroke",
    "TrainOptions",
    "UpscaleFor",
    "VerifyOptions",
]
