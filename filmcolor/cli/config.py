"""Settings that are not on the command line: `filmcolor.toml`, and variables of the environment.

What is nearer counts: command line, environment, the file of the current folder (or of `--config`),
the user's own file, defaults. A plan of the film counts for more than all but the command line. A
file has a table for each command, with the options by their names:

    [run]
    look = "restrained"
    codec = "ffv1"
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from filmcolor.cli.run_options import FOR_ANY_FILM
from filmcolor.events import Notice
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions
from filmcolor.options.facts import names_of

FILE_NAME = "filmcolor.toml"
_PREFIX, _RUN = "FILMCOLOR", "run"
_FOLLOWERS = ("preview", "review", "stills", "plan")
"""Commands that show what a run will do: what is set for `run` holds for them, where they can be
asked for it too.
"""
_SHARED = {
    name
    for kind in (ColorOptions, EncodeOptions, RunOptions)
    for name in names_of(kind, lambda facts: facts.help and facts.changes_frames)
}
_WATCH = "watch"
"""Runs, so that all of its options that `run` has are set with those."""
_ALONE = ("config", "debug", "help", "log", "log-level")
"""Options that no file sets."""
_FOUND = "filmcolor.config"

_Origins = dict[str, str]
"""Name of a file, by parameter."""


def config_options(command: click.Command) -> click.Command:
    """Let the options of a command be set by variables and files, and add `--config`."""
    for name, option in _options(command).items():
        names = [_variable(command.name or "", name)]
        if _follows(command.name, option):
            names.append(_variable(_RUN, name))
        option.envvar = option.envvar or names

    def read(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
        if not ctx.resilient_parsing:
            _read_all(ctx, value)

    config = click.Option(
        ["--config"],
        type=click.Path(),
        metavar="FILE",
        show_default=f"{FILE_NAME} here",
        is_eager=True,
        expose_value=False,
        envvar=f"{_PREFIX}_CONFIG",
        callback=read,
        help="Read settings from this file. docs/settings.md tells what it can hold.",
    )
    command.params.append(config)
    return command


def settings_notices() -> Iterator[Notice]:
    """Where the options of the command that runs come from, if not from its command line."""
    ctx = click.get_current_context(silent=True)
    if ctx is None:
        return
    origins: _Origins | None = ctx.meta.pop(_FOUND, None)
    if origins is None:  # has been told
        return
    by_origin: dict[str, list[str]] = {}
    for name, option in _options(ctx.command).items():
        source = ctx.get_parameter_source(option.name or "")
        if source is ParameterSource.ENVIRONMENT:
            by_origin.setdefault(_set_variable(option), []).append(name)
        elif source is ParameterSource.DEFAULT_MAP and option.name in origins:
            by_origin.setdefault(origins[option.name], []).append(name)
    for origin, names in by_origin.items():
        yield Notice(f"set by {origin}: {', '.join(names)}")


def _read_all(ctx: click.Context, named: str | None) -> None:
    """Give the context the settings of all files that there are."""
    values: dict[str, Any] = {}
    origins: _Origins = {}
    for path in (_user_file(), Path(named) if named is not None else Path(FILE_NAME)):
        is_wanted = named is not None and path == Path(named)
        if is_wanted or path.is_file():
            for name, value in _read(path, ctx).items():
                values[name], origins[name] = value, click.format_filename(path)
    ctx.default_map = values
    ctx.meta[_FOUND] = origins


def _user_file() -> Path:
    return Path(click.get_app_dir("filmcolor")) / FILE_NAME


def _read(path: Path, ctx: click.Context) -> dict[str, Any]:
    """What a file sets for the command of the context, by parameter, as text for `click`; raises
    `click.UsageError` for whatever in it cannot be used, also of other commands.
    """
    shown = click.format_filename(path)
    try:
        text = path.read_bytes().decode()
        tables = tomllib.loads(text)
    except OSError as error:
        raise click.UsageError(
            f"{shown}: cannot be read ({error.strerror}); mind its name"
        ) from None
    except UnicodeDecodeError:
        raise click.UsageError(f"{shown}: is no text in UTF-8; save it as such") from None
    except tomllib.TOMLDecodeError as error:
        raise click.UsageError(f"{shown}: is no TOML: {error}") from None
    group = ctx.find_root().command
    commands: Mapping[str, click.Command] = getattr(group, "commands", {})
    found: dict[str, Any] = {}
    for table, entries in tables.items():
        where = f"{shown}:{_line(text, table)}"
        if table not in commands or not isinstance(entries, dict):
            raise click.UsageError(
                f"{where}: {table} is no command; write settings under [run] or another command"
            )
        options = _options(commands[table])
        for key, value in entries.items():
            where = f"{shown}:{_line(text, key, table)}"
            option = options.get(key.replace("_", "-"))
            if option is None:
                raise click.UsageError(
                    f"{where}: {key} is no option of {table}; 'filmcolor {table} --help' lists them"
                )
            given = _as_given(value, option, where)
            _check(option, given, ctx, where)
            own = ctx.command.name
            name = option.name or ""
            if table == own:
                found[name] = given
            elif table == _RUN and _follows(own, option):
                found.setdefault(name, given)
    return found


def _follows(command: str | None, option: click.Option) -> bool:
    """Whether what is set for an option of `run` holds for a command that has it too."""
    if command == _WATCH:
        return option.name in FOR_ANY_FILM
    return command in _FOLLOWERS and option.name in _SHARED


def _as_given(value: Any, option: click.Option, where: str) -> Any:
    """A value of TOML as it would stand on the command line."""
    if option.multiple and isinstance(value, list):
        return [_as_given(each, option, where) for each in value]
    is_flag = option.is_flag and isinstance(option.type, click.types.BoolParamType)
    if isinstance(value, bool) == is_flag and isinstance(value, str | bool | int | float):
        text = value if isinstance(value, bool) else str(value)
        return [text] if option.multiple else text
    wanted = "true or false" if is_flag else "a text or a number"
    raise click.UsageError(f"{where}: {option.opts[-1].lstrip('-')}: give {wanted}")


def _check(option: click.Option, given: Any, ctx: click.Context, where: str) -> None:
    try:
        option.type_cast_value(ctx, given)
    except click.BadParameter as error:
        name = option.opts[-1].lstrip("-")
        raise click.UsageError(f"{where}: {name}: {error.message}") from None


def _options(command: click.Command) -> dict[str, click.Option]:
    """The options that can be set so, by their long names without dashes."""
    found = {}
    for param in command.params:
        if isinstance(param, click.Option):
            name = next((each[2:] for each in param.opts if each.startswith("--")), "")
            if name and name not in _ALONE:
                found[name] = param
    return found


def _set_variable(option: click.Option) -> str:
    names = [option.envvar] if isinstance(option.envvar, str) else list(option.envvar or ())
    return next((f"${name}" for name in names if os.environ.get(name)), "the environment")


def _variable(command: str, option: str) -> str:
    return f"{_PREFIX}_{command}_{option}".upper().replace("-", "_")


def _line(text: str, key: str, table: str = "") -> int:
    """The line, from 1 on, where a table begins or where it has a key; 1 if that cannot be told."""
    name = rf"[\"']?{re.escape(key)}[\"']?"
    is_inside = not table
    for number, line in enumerate(text.splitlines(), 1):
        head = re.match(r"\s*\[\s*[\"']?([^\]\"']+?)[\"']?\s*\]", line)
        if head:
            is_inside = head[1].strip() == table if table else True
            if not table and head[1].partition(".")[0].strip() == key:
                return number
        else:
            before = "" if is_inside else rf"{re.escape(table)}\s*\.\s*"
            if re.match(rf"\s*{before}{name}\s*[=.]", line):
                return number
    return 1
