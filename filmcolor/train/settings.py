"""Settings to and from plain mappings, as a TOML file holds them: frozen dataclasses, all checked.

It must not know what the settings mean.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from filmcolor.errors import OptionError

T = TypeVar("T")


def to_mapping(settings: Any) -> dict[str, Any]:
    """A dataclass as nested plain values; what is None is left out, as TOML has no word for it."""
    return {
        field.name: _plain(value)
        for field in fields(settings)
        if (value := getattr(settings, field.name)) is not None
    }


def from_mapping(kind: type[T], values: Mapping[str, Any], where: str) -> T:
    """The dataclass that `to_mapping` wrote; `OptionError` names the entry that does not fit."""
    hints = get_type_hints(kind)
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(values.keys() - known.keys()):
        raise OptionError(f"{where}: unknown entry {unknown[0]!r} (known: {', '.join(known)})")
    missing = [
        name
        for name, field in known.items()
        if name not in values and field.default is MISSING and field.default_factory is MISSING
    ]
    if missing and type(None) not in get_args(hints[missing[0]]):
        raise OptionError(f"{where}: entry {missing[0]!r} is missing")
    converted = {
        name: _convert(hints[name], value, f"{where}.{name}") for name, value in values.items()
    }
    return kind(**converted)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return to_mapping(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    return value


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin = get_origin(hint)
    if hint is Any:
        return value
    if origin in (Union, UnionType):
        inner = next(each for each in get_args(hint) if each is not type(None))
        return _convert(inner, value, where)
    if is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise OptionError(f"{where}: a table is expected, not {value!r}")
        return from_mapping(hint, value, where)  # type: ignore[arg-type]
    if origin is tuple:
        return _convert_tuple(get_args(hint), value, where)
    if origin is Literal:
        if value not in get_args(hint):
            words = ", ".join(map(str, get_args(hint)))
            raise OptionError(f"{where}: {value!r} is none of {words}")
        return value
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise OptionError(f"{where}: a table is expected, not {value!r}")
        return dict(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise OptionError(f"{where}: {hint.__name__} is expected, not {value!r}")
    return value


def _convert_tuple(hints: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise OptionError(f"{where}: a list is expected, not {value!r}")
    if len(hints) == 2 and hints[1] is Ellipsis:
        hints = (hints[0],) * len(value)
    if len(value) != len(hints):
        raise OptionError(f"{where}: {len(hints)} values are expected, not {len(value)}")
    return tuple(
        _convert(hint, each, f"{where}[{index}]")
        for index, (hint, each) in enumerate(zip(hints, value, strict=True))
    )


def read_toml(path: str) -> dict[str, Any]:
    """A TOML file's content; `OptionError` when it cannot be read."""
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except (OSError, ValueError) as error:
        raise OptionError(f"{path}: cannot be read as TOML ({error})") from error
