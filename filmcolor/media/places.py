"""Which file a name means: through links of both kinds, and where letters of both cases are one."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from filmcolor.errors import OptionError


def is_same_file(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    """Whether two names are those of one file, which is there."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def file_key(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """What all names of one file have in common; None for a name of none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def refuse_sources(pairs: Sequence[tuple[Path, Path]]) -> None:
    """Raise `OptionError` if one of these (source, target) would be written onto any source, by
    whatever name.
    """
    sources = {file_key(source): source for source, _ in pairs}
    for source, target in pairs:
        hit = sources.get(file_key(target)) if target.exists() else None
        if hit is not None:
            raise OptionError(
                f"{target}: the result of {source} would replace {hit}, which is coloured too; "
                "choose another -o"
            )


def place_key(path: str | os.PathLike[str]) -> str:
    """What two names have in common that would be written to one place, there or not."""
    place = os.path.realpath(path)
    if _ignores_case(Path(place).parent):
        return unicodedata.normalize("NFC", place).casefold()
    return place


def _ignores_case(folder: Path) -> bool:
    """Whether upper and lower case are one in a folder, as far as the names in it and of it tell;
    of one that is not there, in the folder that it would be in.
    """
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:  # the first with a letter tells; a large folder is not read whole
            if (other := _swapped(entry.name)) != entry.name:
                return is_same_file(entry.path, folder / other)
    other = _swapped(folder.name)
    return other != folder.name and is_same_file(folder, folder.with_name(other))


def _swapped(name: str) -> str:
    """With its ASCII letters in the other case."""
    return "".join(each.swapcase() if each.isascii() else each for each in name)
