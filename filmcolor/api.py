"""The functions of `import filmcolor`: a film, a picture, or frames in memory, in one call.

They wrap the pipeline and the stages, and add nothing to them. See docs/python.md.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from itertools import chain
from os import PathLike
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from filmcolor.analysis.shots import assign_shots
from filmcolor.color import ChromaTable, chroma_to_rgb, normalize_chroma, normalize_luma
from filmcolor.errors import OptionError
from filmcolor.events import Event, Finished
from filmcolor.jobs.film import color_film as film_events
from filmcolor.jobs.pictures import color_pictures as picture_events
from filmcolor.log import log_event
from filmcolor.media.images.picture import luma_of
from filmcolor.models.checkpoint import load_generator
from filmcolor.models.device import resolve_device
from filmcolor.options import ColorOptions, RunOptions, VerifyOptions
from filmcolor.stages.compose import compose
from filmcolor.stages.infer import View, infer_sparsely
from filmcolor.stages.smooth import smooth
from filmcolor.stages.tone import Tone
from filmcolor.typed import convert
from filmcolor.types import ColorTags, Frame, PixelLayout
from filmcolor.verify.check import verify_film as verify_events
from filmcolor.verify.findings import VerifyReport

T = TypeVar("T")

Path = str | PathLike[str]
Grey = NDArray[np.uint8]
"""(height, width), 0 black to 255 white; or (height, width, 3), R'G'B' of which the luma counts."""
Rgb = NDArray[np.uint8]
"""(height, width, 3), R'G'B'."""
OnEvent = Callable[[Event], None]

_LAYOUT = PixelLayout(8, "444")
_TAGS = ColorTags(matrix=6, primaries=1, transfer=13, full_range=True)


def color_film(
    source: Path, target: Path, options: RunOptions | None = None, on_event: OnEvent | None = None
) -> Finished:
    """Colour a film as `filmcolor run` does, and say what was done.

    `on_event` is told of everything on the way: `Notice`, `Started`, `Analyzing`, `Joining`,
    `Progress` (frames, a few times a second). The target appears when it is whole; a call that was
    broken off goes on where it was when it is made again. Raises `FilmcolorError`.
    """
    names = convert(str, source, "source"), convert(str, target, "target")
    return _finish(film_events(*names, _chosen(RunOptions, options)), on_event)


def color_picture(
    source: Path, target: Path, options: RunOptions | None = None, on_event: OnEvent | None = None
) -> Finished:
    """Colour a picture file, or every picture of a folder and its subfolders into another.

    Size, bit depth, EXIF and colour profile stay. Of a folder, pictures that are there already are
    skipped unless `options.overwrite`; `Finished` counts done, skipped and failed ones, and
    `on_event` is told of each (`PictureDone`). Raises `FilmcolorError`.
    """
    names = convert(str, source, "source"), convert(str, target, "target")
    return _finish(picture_events(*names, _chosen(RunOptions, options)), on_event)


def color_frames(
    frames: Iterable[Grey], options: ColorOptions | None = None
) -> Generator[Rgb, None, None]:
    """Colour frames in memory: an array (n, height, width), or anything that yields frames.

    Frames are uint8, all of one size: (height, width), or (height, width, 3) of which the luma
    counts. Yields R'G'B' (height, width, 3) uint8, in order, one for each, with that luma but for
    rounding. They are taken as a film: cuts are found, and colours are steadied within a shot, so a
    few dozen frames are read ahead. Raises `ValueError` for frames of another kind or of different
    sizes, `FilmcolorError` as a run does.
    """
    chosen = _chosen(ColorOptions, options)
    if chosen.stride == "auto":
        raise OptionError("stride auto: is settled on films alone; give a number")
    device = resolve_device(chosen.device)
    model = load_generator(chosen.model, device, chosen.look, chosen.precision, chosen.engine)
    tone = Tone.of(chosen)
    lumas = _lumas(frames)
    first = next(lumas, None)
    if first is None:
        return
    height, width = first.luma.shape
    size = model.card.descriptor.model_size(height, width, chosen.size)
    marked = assign_shots(chain([first], lumas), _LAYOUT)
    fields = infer_sparsely(marked, model, View(8, True, *size), chosen.batch_size, chosen.stride)
    composed = compose(
        smooth(fields, chosen.smooth, stability=chosen.stability, stride=chosen.stride),
        source_layout=_LAYOUT,
        layout=_LAYOUT,
        tags=_TAGS,
        siting="center",
        box=None,
        table=ChromaTable.build(_TAGS.matrix, _TAGS.primaries).to(device),
        device=device,
        tone_of=lambda shot: tone,
    )
    for frame in composed:
        luma = normalize_luma(torch.from_numpy(frame.luma), 8, True)
        chroma = normalize_chroma(torch.from_numpy(np.stack([frame.cb, frame.cr])), 8, True)
        rgb = chroma_to_rgb(luma[None, None], chroma[None], _TAGS.matrix)[0]
        codes = (rgb.clamp(0, 1) * 255).round().to(torch.uint8)
        yield np.ascontiguousarray(codes.permute(1, 2, 0).numpy())


def verify_film(source: Path, result: Path, options: VerifyOptions | None = None) -> VerifyReport:
    """Prove that a result is its source with nothing but colour added, as `filmcolor verify` does.

    `holds` of what is returned says whether; `findings` says what does not, and where. Raises
    `FilmcolorError` where one of the two cannot be read.
    """
    names = convert(str, source, "source"), convert(str, result, "result")
    events = verify_events(*names, _chosen(VerifyOptions, options))
    while True:
        try:
            next(events)
        except StopIteration as end:
            report: VerifyReport = end.value
            return report


def _chosen(kind: type[T], options: T | None) -> T:
    """The options, or those that are shipped; `OptionError` if they are of another kind."""
    chosen: T = kind() if options is None else convert(kind, options, "options")
    return chosen


def _finish(events: Generator[Event, None, None], on_event: OnEvent | None) -> Finished:
    """Go through all events; the last one."""
    with closing(events):
        for event in events:
            log_event(event)
            if on_event is not None:
                on_event(event)
            if isinstance(event, Finished):
                return event
    raise ValueError("the job has not finished")


def _lumas(frames: Iterable[Grey]) -> Iterator[Frame]:
    """The frames' luma, checked."""
    shape: tuple[int, ...] | None = None
    for index, picture in enumerate(frames):
        codes = np.asarray(picture)
        is_rgb = codes.ndim == 3 and codes.shape[2] == 3
        if codes.dtype != np.uint8 or not (codes.ndim == 2 or is_rgb) or not codes.size:
            raise ValueError(
                f"frame {index}: must be uint8 (height, width) or (height, width, 3), got "
                f"{codes.dtype} {codes.shape}"
            )
        shape = shape or codes.shape[:2]
        if codes.shape[:2] != shape:
            raise ValueError(f"frame {index}: is {codes.shape[:2]}, the first {shape}")
        yield Frame(index, index, luma_of(codes)[0] if is_rgb else np.ascontiguousarray(codes))
