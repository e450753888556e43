"""A look at a film before hours are spent on it: some of its shots, grey and in every look.

Only a few frames are decoded, so it takes as long for a long film as for a short one.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from filmcolor.analysis.frame_signature import BLANK_CONTRAST, frame_distance, frame_signature
from filmcolor.errors import OptionError
from filmcolor.events import Event, Finished, Progress, Started
from filmcolor.film.chain import composed
from filmcolor.film.setup import open_film, plan_pictures
from filmcolor.media.partfile import check_target
from filmcolor.media.write.plan_output import enlarged_info
from filmcolor.models.card import read_card
from filmcolor.models.registry import find_checkpoint
from filmcolor.options import ColorOptions, Look, PreviewOptions
from filmcolor.stages.infer import Together, infer
from filmcolor.stages.tone import Tone
from filmcolor.stages.upscale import enlarged_box, enlarged_frame
from filmcolor.timecode import clock_text
from filmcolor.types import Frame
from filmcolor.visual.rgb import PictureMaker
from filmcolor.visual.sheets import make_sheet, write_png
from filmcolor.visual.side_by_side import with_neutral_chroma

_SAMPLES_PER_SHOT = 4
_FEWEST_SAMPLES = 32
_OTHER_SHOT = 0.35
"""Distance (see `frame_distance`) from which two samples are taken to be of different shots."""
_CELL_HEIGHT = 240


def preview_film(source: str, target: str, options: PreviewOptions) -> Generator[Event, None, None]:
    """Write a sheet (PNG) of shots spread over the film: grey, and coloured in each look that the
    model has.

    Yields `Notice`s, one `Started`, `Progress` and one `Finished`, counted in pictures. The target
    appears when it is whole. Raises `FilmcolorError`.
    """
    started = time.monotonic()
    if Path(target).suffix.lower() != ".png":
        raise OptionError(f"-o {target}: give a name that ends in .png")
    check_target(target, overwrite=options.run.overwrite, sources=[source])
    context, samples = yield from open_film(
        source,
        replace(options.run, color=replace(options.run.color, look="natural")),
        plan_pictures,
        samples=max(_FEWEST_SAMPLES, _SAMPLES_PER_SHOT * options.shots),
        whole_frames=True,
    )
    with context:
        origin, info = context.reader.first_pts(), context.reader.info
    frames = telling_frames(samples, info.layout.bit_depth, options.shots)
    looks = _looks(options.run.color)
    total = len(frames) * len(looks)
    yield Started(
        source,
        target,
        context.model.card.name,
        context.device,
        f"{len(frames)} shots: {', '.join(looks)}",
        total,
        "pictures",
        engine=context.model.engine,
    )
    box, enlarger = context.view.box, context.enlarger
    shown = (with_neutral_chroma(frame, info.layout) for frame in frames)
    large, colored_info, colored_box, cell_height = frames, info, box, _CELL_HEIGHT
    if enlarger is not None:
        large = [enlarged_frame(frame, enlarger) for frame in frames]
        colored_info = enlarged_info(info, enlarger.factor)
        colored_box = enlarged_box(box, enlarger.factor)
        cell_height *= enlarger.factor
    layout = info.layout.colored
    maker = PictureMaker(replace(info, layout=layout), box, _CELL_HEIGHT)
    columns = [[maker.picture(frame) for frame in shown]]
    maker = PictureMaker(replace(colored_info, layout=layout), colored_box, cell_height)
    for look in looks:
        color = replace(context.options.color, look=look)
        model, view = context.model_for(color)
        together = Together(color.coherence)
        colors = [ab for _, ab in infer(frames, model, view, color.batch_size, together=together)]
        pairs = zip(large, colors, strict=True)
        made = composed(pairs, info, model.device, colored_box, Tone.of(color))
        columns.append([maker.picture(frame) for frame in made])
        yield Progress(len(frames) * (len(columns) - 1), total, {})
    labels = [clock_text(int((frame.pts - origin) * info.time_base)) for frame in frames]
    sheet = make_sheet(
        list(zip(*columns, strict=True)),
        cell_height=cell_height,
        titles=["as it is", *looks],
        labels=labels,
    )
    write_png(Path(target), sheet, overwrite=options.run.overwrite)
    yield Finished(target, total, time.monotonic() - started, {}, unit="pictures")


def telling_frames(samples: Sequence[Frame], bit_depth: int, count: int) -> list[Frame]:
    """At most `count` of some frames in order, one of each shot as far as samples tell, spread
    evenly; blank ones only if there is nothing else.
    """
    looks = [(frame, frame_signature(frame.luma, bit_depth)) for frame in samples]
    full = [pair for pair in looks if pair[1].contrast >= BLANK_CONTRAST] or looks
    shots = [[full[0]]]
    for pair in full[1:]:
        if frame_distance(shots[-1][0][1], pair[1]) >= _OTHER_SHOT:
            shots.append([])
        shots[-1].append(pair)
    picked = [shot[len(shot) // 2][0] for shot in shots]
    if len(picked) <= count:
        return picked
    return [picked[(2 * part + 1) * len(picked) // (2 * count)] for part in range(count)]


def _looks(color: ColorOptions) -> list[Look]:
    """Those that the model has."""
    has = read_card(find_checkpoint(color.model)).descriptor.looks
    return [look for look in get_args(Look) if look == "natural" or look in has]
