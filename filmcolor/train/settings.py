"""Settings to and from plain mappings, as a TOML file holds them: frozen dataclasses.

It must not know what the settings mean.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from filmcolor.errors import OptionError
from filmcolor.typed import from_mapping as from_mapping


def to_mapping(settings: Any) -> dict[str, Any]:
    """A dataclass as nested plain values; what is None is left out, as TOML has no word for it."""
    return {
        field.name: _plain(value)
        for field in fields(settings)
        if (value := getattr(settings, field.name)) is not None
    }


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return to_mapping(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    return value


def read_toml(path: str) -> dict[str, Any]:
    """A TOML file's content; `OptionError` when it cannot be read."""
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except (OSError, ValueError) as error:
        raise OptionError(f"{path}: cannot be read as TOML ({error})") from error
