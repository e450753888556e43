"""filmcolor turns black-and-white film into colour film.

    import filmcolor

    filmcolor.color_film("old_film.mp4", "color.mp4")
    filmcolor.color_picture("portrait.jpg", "portrait.color.jpg")
    colored = list(filmcolor.color_frames(frames))     # uint8 (height, width) each

Nothing heavy is imported before it is used. See docs/python.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from filmcolor._version import __version__

if TYPE_CHECKING:
    from filmcolor.api import color_film, color_frames, color_picture, verify_film
    from filmcolor.errors import FilmcolorError
    from filmcolor.options import (
        ColorOptions,
        EncodeOptions,
        RunOptions,
        Stroke,
        VerifyOptions,
    )

__all__ = [
    "ColorOptions",
    "EncodeOptions",
    "FilmcolorError",
    "RunOptions",
    "Stroke",
    "VerifyOptions",
    "__version__",
    "color_film",
    "color_frames",
    "color_picture",
    "verify_film",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        for home in ("options", "errors", "api"):  # the heavy one last
            module = import_module(f"filmcolor.{home}")
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module 'filmcolor' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
