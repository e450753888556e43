"""What a user can choose, as frozen dataclasses; the command line reads its defaults from here.

Words only: imports nothing heavy, so that `filmcolor --help` stays quick. Reading order: `facts`
(how an option is declared), `color`, `encode`, `run`, `train`, `commands`.
"""

from filmcolor.options.color import LONGEST_STRIDE as LONGEST_STRIDE
from filmcolor.options.color import RESTORE_KINDS as RESTORE_KINDS
from filmcolor.options.color import ColorOptions as ColorOptions
from filmcolor.options.color import Engine as Engine
from filmcolor.options.color import Look as Look
from filmcolor.options.color import Precision as Precision
from filmcolor.options.color import Smoothing as Smoothing
from filmcolor.options.color import Stroke as Stroke
from filmcolor.options.commands import CompareMode as CompareMode
from filmcolor.options.commands import CompareOptions as CompareOptions
from filmcolor.options.commands import FilmMeasureOptions as FilmMeasureOptions
from filmcolor.options.commands import MeasureOptions as MeasureOptions
from filmcolor.options.commands import PhotoMeasureOptions as PhotoMeasureOptions
from filmcolor.options.commands import PreviewOptions as PreviewOptions
from filmcolor.options.commands import ReportOptions as ReportOptions
from filmcolor.options.commands import ReviewOptions as ReviewOptions
from filmcolor.options.commands import VerifyOptions as VerifyOptions
from filmcolor.options.commands import WatchOptions as WatchOptions
from filmcolor.options.encode import Codec as Codec
from filmcolor.options.encode import EncodeOptions as EncodeOptions
from filmcolor.options.run import Audio as Audio
from filmcolor.options.run import OnError as OnError
from filmcolor.options.run import RunOptions as RunOptions
from filmcolor.options.run import SitingChoice as SitingChoice
from filmcolor.options.run import UpscaleFor as UpscaleFor
from filmcolor.options.train import TrainOptions as TrainOptions
