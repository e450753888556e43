"""Contact sheets: pictures side by side in rows, to be looked at.

It must not know models or measures.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from filmcolor.errors import MediaError
from filmcolor.media.partfile import write_bytes
from filmcolor.visual.rgb import Rgb, resized

_BACKGROUND = 32
_GAP = 4
_TITLE_HEIGHT = 24
_TITLE_SIZE = 14
_TITLE_COLOR = (230, 230, 230)


def make_sheet(
    rows: Sequence[Sequence[Rgb]],
    *,
    cell_height: int = 192,
    titles: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
) -> Rgb:
    """Rows of pictures, every one brought to `cell_height` px, on a dark ground.

    `titles` stand above the columns, which are as wide as their widest picture, or the title;
    `labels` stand before the rows. Raises `ValueError` if there is no picture.
    """
    cells = [[_fit(picture, cell_height) for picture in row] for row in rows]
    if labels is not None:
        heads = [_label(text, cell_height) for text in labels]
        cells = [[head, *row] for head, row in zip(heads, cells, strict=True)]
        titles = ["", *titles] if titles is not None else None
    columns = max((len(row) for row in cells), default=0)
    if columns == 0:
        raise ValueError("a sheet of no pictures")
    widths = [
        max(row[column].shape[1] for row in cells if len(row) > column) for column in range(columns)
    ]
    heads = [_title(text) for text in titles or ()]
    widths = [
        max(width, *(head.shape[1] for head in heads[column : column + 1]), 0)
        for column, width in enumerate(widths)
    ]
    above = _TITLE_HEIGHT if heads else 0
    height = above + len(cells) * (cell_height + _GAP) - _GAP
    sheet = np.full((height, sum(widths) + _GAP * (columns - 1), 3), _BACKGROUND, np.uint8)
    left = 0
    for head, width in zip(heads, widths, strict=False):
        start = left + (width - head.shape[1]) // 2
        sheet[:_TITLE_HEIGHT, start : start + head.shape[1]] = head
        left += width + _GAP
    for number, row in enumerate(cells):
        top, left = above + number * (cell_height + _GAP), 0
        for cell, width in zip(row, widths, strict=False):
            start = left + (width - cell.shape[1]) // 2
            sheet[top : top + cell_height, start : start + cell.shape[1]] = cell
            left += width + _GAP
    return sheet


def distinct_names(paths: Sequence[str]) -> list[str]:
    """The fewest last parts of each path that tell it from the others; equal paths are alike."""
    parts = [PurePath(path).parts for path in paths]

    def name(own_parts: tuple[str, ...]) -> str:
        others = {other for other in parts if other != own_parts}
        for length in range(1, len(own_parts)):
            if all(other[-length:] != own_parts[-length:] for other in others):
                return str(PurePath(*own_parts[-length:]))
        return str(PurePath(*own_parts))

    return [name(own_parts) for own_parts in parts]


def write_png(path: Path, picture: Rgb, *, overwrite: bool = True) -> None:
    """Write a picture that gets its name only when it is whole; `MediaError` if the disk
    refuses, without `overwrite` also `NameTakenError` as `write_bytes`.
    """
    whole, encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not whole:
        raise MediaError(f"{path}: the picture cannot be encoded")
    write_bytes(path, encoded.tobytes(), overwrite=overwrite)


def _title(text: str) -> Rgb:
    """A line of text on the sheet's ground, as wide as it needs to be."""
    font = ImageFont.load_default(_TITLE_SIZE)
    width = int(font.getlength(text)) + 2 * _GAP
    image = Image.new("RGB", (width, _TITLE_HEIGHT), (_BACKGROUND,) * 3)
    place = (width / 2, _TITLE_HEIGHT / 2)
    ImageDraw.Draw(image).text(place, text, _TITLE_COLOR, font, anchor="mm")
    return np.asarray(image, np.uint8)


def _label(text: str, height: int) -> Rgb:
    """A line of text halfway down a cell."""
    line = _title(text)
    above = (height - _TITLE_HEIGHT) // 2
    rows = (above, height - _TITLE_HEIGHT - above)
    return np.pad(line, (rows, (0, 0), (0, 0)), constant_values=_BACKGROUND)


def _fit(picture: Rgb, height: int) -> Rgb:
    width = max(1, round(picture.shape[1] * height / picture.shape[0]))
    return resized(picture, (height, width))
