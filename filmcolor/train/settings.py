"""Settings to and from plain mappings, as a TOML file holds them: frozen dataclasses.

It must not know what the settings mean.
"""

from __future__ import annotations

import tomllib
from dataclasses import asdict
from typing import Any

from filmcolor.errors import OptionError
from filmcolor.typed import from_mapping as from_mapping


def to_mapping(settings: Any) -> dict[str, Any]:
    """A dataclass as nested plain values; what is None is left out, as TOML has no word for it."""
    return asdict(settings, dict_factory=lambda pairs: {k: v for k, v in pairs if v is not None})


def read_toml(path: str) -> dict[str, Any]:
    """A TOML file's content; `OptionError` when it cannot be read."""
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except (OSError, ValueError) as error:
        raise OptionError(f"{path}: cannot be read as TOML ({error})") from error
