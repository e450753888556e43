"""Settings of a network as a checkpoint's header or a recipe's file states them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from math import isfinite
from typing import Any, TypeVar

Config = TypeVar("Config")


def number_config(defaults: Config, values: Mapping[str, object]) -> Config:
    """A config dataclass whose entries are all numbers, of the kinds that `defaults` has.

    Raises `ValueError` for an unknown entry or one that is no such number.
    """
    known: dict[str, Any] = asdict(defaults)  # type: ignore[call-overload]
    if unknown := values.keys() - known.keys():
        raise ValueError(f"unknown entries {', '.join(sorted(unknown))}")
    read = {}
    for name, value in (known | dict(values)).items():
        kind = type(known[name])
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not isfinite(value) or kind(value) != value:
            raise ValueError(f"{name} must be a number ({kind.__name__}), got {value!r}")
        read[name] = kind(value)
    return type(defaults)(**read)
