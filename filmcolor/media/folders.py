"""Folders: which of their files are films and pictures, and where their results go."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filmcolor.errors import MediaError
from filmcolor.media.images.formats import (
    MAGIC_BYTES,
    format_of_file,
    format_of_suffix,
    written_suffix,
)
from filmcolor.media.open import film_stream, open_source
from filmcolor.media.partfile import file_key, long_name

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
        {"film": films, "pictures": pictures, "": others}[kind_of(path)].append(path)
    return FolderContents(tuple(films), tuple(pictures), tuple(others))


def kind_of(path: Path) -> Literal["film", "pictures", ""]:
    """What a file of a folder is taken for: by its name where it is clear, else by its content."""
    if format_of_suffix(path) is not None:
        return "pictures"
    if not is_picture(path) and (path.suffix.lower() in _FILM_SUFFIXES or _is_film(path)):
        return "film"
    return ""


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
    return target.with_name(long_name(target.name, suffixes[0]))


def is_picture(path: Path | str) -> bool:
    """Whether a file's content is a picture that `read_picture` knows.

    False for whatever is no regular file (a named pipe could be waited for without end) or cannot
    be opened, and for a raw Motion JPEG film, which begins as a JPEG
    picture does and can only be told by its name.
    """
    path = Path(path)
    if path.suffix.lower() in (".mjpg", ".mjpeg"):
        return False
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return format_of_file(path, file.read(MAGIC_BYTES)) is not None
    except (OSError, ValueError):
        return False


def find_pictures(folder: Path | str) -> list[Path]:
    """Pictures in a folder and its subfolders, by suffix, in the order people count.

    What `files_in` leaves out is left out. Raises `MediaError` for a folder that cannot be listed.
    """
    return [path for path in files_in(folder) if format_of_suffix(path) is not None]


def files_in(folder: Path | str) -> list[Path]:
    """Files in a folder and its subfolders, in the order people count.

    Links are followed, to files and to folders; a folder that has been seen by any name is not
    looked into again, so that loops end. Left out are hidden files and folders, and what is no
    file at all (named pipes, devices). Raises `MediaError` for a folder that cannot be listed.
    """
    folder = Path(folder)
    seen: set[tuple[int, int] | None] = set()
    found: list[Path] = []
    linked = [folder]
    while linked:  # links come after what is there by its own name
        for start in linked.copy():
            linked.remove(start)
            for path in _walked(start, seen, linked):
                if path.is_file() or path.is_symlink():  # broken links are told when they are read
                    found.append(path)
    return sorted(found, key=lambda path: _natural(path.relative_to(folder)))


def _walked(start: Path, seen: set[tuple[int, int] | None], linked: list[Path]) -> Iterator[Path]:
    """What is in a folder and below, but for folders, and links to folders: these are added to
    `linked`.
    """
    if file_key(start) in seen:
        return
    for place, below, names in os.walk(start, onerror=_refuse):
        seen.add(file_key(place))
        below[:] = sorted(name for name in below if not name.startswith("."))
        linked += [path for name in below if (path := Path(place, name)).is_symlink()]
        yield from (Path(place, name) for name in names if not name.startswith("."))


def mirror_target(source: Path, folder: Path, output: Path) -> Path:
    """Where the result of the picture `source`, which lies in `folder`, goes in `output`: same
    place and name.

    Where its kind cannot be written, the suffix of another is added to the whole name, so that no
    two sources share a target.
    """
    target = output / source.relative_to(folder)
    suffix = written_suffix(source)
    if target.suffix == suffix:
        return target
    return target.with_name(long_name(target.name, suffix))


def _refuse(error: OSError) -> None:
    raise MediaError(f"{error.filename}: cannot be listed ({error.strerror})") from error


def _natural(path: Path) -> tuple[tuple[tuple[str | int, ...], ...], str]:
    """Sort key: numbers inside names count as numbers, letters without case."""
    parts = []
    for part in path.parts:
        pieces = re.split(r"([0-9]+)", part.casefold())  # text and numbers in turn
        parts.append(tuple(int(p) if i % 2 else p for i, p in enumerate(pieces)))
    return tuple(parts), str(path)
