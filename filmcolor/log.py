"""What happens, for Python's `logging`: every event goes to the logger `filmcolor`.

The library prints nothing. A program that sets up `logging` gets the events as records; without it
they go nowhere. Imports nothing heavy.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from fractions import Fraction
from os import PathLike, fspath

from filmcolor.events import Event, Failed, Notice

LOGGER = logging.getLogger("filmcolor")
LOGGER.addHandler(logging.NullHandler())  # else `logging` itself would print warnings


def log_event(event: Event) -> None:
    """Log an event by its name and its fields as JSON: failures as errors, warnings as such,
    progress as debug, all else as info.
    """
    level = _level(event)
    if LOGGER.isEnabledFor(level):
        for values in event.objects():
            name = values.get("event", event.json_name)
            fields = {key: value for key, value in values.items() if key != "event"}
            text = json.dumps(fields, ensure_ascii=True, default=_plain)
            LOGGER.log(level, "%s %s", name, text)


def _level(event: Event) -> int:
    if isinstance(event, Failed) or getattr(event, "status", "") == "failed":
        return logging.ERROR
    if isinstance(event, Notice) and event.warning:
        return logging.WARNING
    return logging.DEBUG if event.is_frequent else logging.INFO


def _plain(value: object) -> object:
    match value:
        case Fraction():
            return float(value)
        case PathLike():
            return fspath(value)
        case Mapping():
            return dict(value)
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)
