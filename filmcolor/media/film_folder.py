"""Folders of films: which of their files are films, and where their results go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from filmcolor.errors import MediaError
from filmcolor.media.images.formats import format_of_suffix
from filmcolor.media.picture_folder import files_in, is_picture
from filmcolor.media.read.open import film_stream, open_source

_FILM_SUFFIXES = (
    *(".3gp", ".asf", ".avi", ".dv", ".flv", ".m2ts", ".m2v", ".m4v", ".mkv", ".mov", ".mp4"),
    *(".mpeg", ".mpg", ".mjpeg", ".mjpg", ".mts", ".mxf", ".nut", ".ogv", ".rm", ".ts", ".vob"),
    *(".webm", ".wmv", ".y4m"),
)
"""Whoever names a file so means a film: if it is none, that is an error."""


@dataclass(frozen=True, slots=True)
class FolderContents:
    """What there is to colour in a folder and its subfolders, each in the order people count."""

    films: tuple[Path, ...]
    """Also those that claim to be films by their names, and may be damaged."""
    pictures: tuple[Path, ...]
    """By their names, as `find_pictures` has them."""
    others: tuple[Path, ...]
    """What is neither."""


def look_into_folder(folder: Path | str) -> FolderContents:
    """Sort the files of a folder: by their names where these are clear, else by their content.

    Only headers are read. Raises `MediaError` for a folder that cannot be listed.
    """
    films: list[Path] = []
    pictures: list[Path] = []
    others: list[Path] = []
    for path in files_in(folder):
        if format_of_suffix(path) is not None:
            pictures.append(path)
        elif not is_picture(path) and (path.suffix.lower() in _FILM_SUFFIXES or _is_film(path)):
            films.append(path)
        else:
            others.append(path)
    return FolderContents(tuple(films), tuple(pictures), tuple(others))


def _is_film(path: Path) -> bool:
    try:
        with open_source(str(path)) as container:
            film_stream(container, str(path))
    except MediaError:
        return False
    return True


def film_target(source: Path, folder: Path, output: Path, suffixes: tuple[str, ...]) -> Path:
    """Where the result of `source`, which lies in `folder`, goes in `output`: same place and name.

    Where its container cannot be written (it is none of `suffixes`), the first that can is added to
    the whole name, so that no two sources share a target.
    """
    target = output / source.relative_to(folder)
    if target.suffix.lower() in suffixes:
        return target
    return target.with_name(target.name + suffixes[0])
