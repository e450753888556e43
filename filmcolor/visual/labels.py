"""Short names for files, that still tell them apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath


def distinct_names(paths: Sequence[str]) -> list[str]:
    """For every path its last parts, as few as tell it from the others; equal paths get equal
    names.
    """
    parts = [PurePath(path).parts for path in paths]

    def name(own: tuple[str, ...]) -> str:
        others = {other for other in parts if other != own}
        for length in range(1, len(own)):
            if all(other[-length:] != own[-length:] for other in others):
                return str(PurePath(*own[-length:]))
        return str(PurePath(*own))

    return [name(own) for own in parts]
