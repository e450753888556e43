"""How the network is shown a film or a picture: upright, in its displayed shape, without bars."""

from __future__ import annotations

from filmcolor.media.images.picture import Picture
from filmcolor.models.checkpoint import LoadedModel
from filmcolor.options import ColorOptions
from filmcolor.stages.infer import View
from filmcolor.types import Box, VideoInfo


def film_view(info: VideoInfo, model: LoadedModel, box: Box | None, options: ColorOptions) -> View:
    """How the network is shown this film; `box` is the part without bars, None for all of it."""
    height, width = (info.height, info.width) if box is None else box.size
    aspect = float(info.sample_aspect_ratio)
    if info.rotation % 180:
        height, width, aspect = width, height, 1 / aspect
    rows, columns = model.card.descriptor.model_size(height, width, options.size, aspect)
    return View(
        info.layout.bit_depth, bool(info.tags.full_range), rows, columns, info.rotation, box
    )


def picture_view(picture: Picture, model: LoadedModel, options: ColorOptions) -> View:
    """How the network is shown this picture."""
    height, width = picture.luma.shape
    if picture.rotation % 180:
        height, width = width, height
    rows, columns = model.card.descriptor.model_size(height, width, options.size)
    return View(picture.layout.bit_depth, True, rows, columns, picture.rotation)
