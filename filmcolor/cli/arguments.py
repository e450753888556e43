"""What the commands share: times, names, sections of options, `--debug`, exit codes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import wraps
from typing import Any, Literal, get_args, get_origin

import click
from click.core import ParameterSource

from filmcolor.cli.display import open_display
from filmcolor.cli.display.base import Table
from filmcolor.errors import FilmcolorError
from filmcolor.memory import is_out_of_memory
from filmcolor.options import RunOptions
from filmcolor.options.facts import FILMS_ONLY, OptionFacts, facts_of, names_of, option_name
from filmcolor.timecode import parse_rate, parse_seconds
from filmcolor.typed import type_of

EXIT_SYSTEM = 1
EXIT_BUG = 70

Decorator = Callable[[Callable[..., None]], Callable[..., None]]
"""Adds an option to a command."""

_DEBUG = "filmcolor.debug"
FPS_HELP = (
    "How many frames a second a frame sequence has, or the result shows of the film, as given to "
    "`run`. Without it the result itself says it."
)
SHOWN = "What is shown"
"""Section of the options by which the events of a command are shown."""


def exit_code(error: BaseException) -> int:
    """What the process exits with; 0 when the reader of our output has gone, a quiet end."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, BrokenPipeError):
            return 0
        cause = cause.__cause__
    if isinstance(error, FilmcolorError):
        return error.exit_code
    is_refused = isinstance(error, OSError) and error.strerror
    is_system = isinstance(error, ImportError) or is_out_of_memory(error) or is_refused
    return EXIT_SYSTEM if is_system else EXIT_BUG


def parse_time(text: str) -> Fraction:
    """A time or a length of time, as `parse_seconds`; raises `click.BadParameter`."""
    try:
        return parse_seconds(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def parse_fps(text: str) -> Fraction:
    """Frames a second, as `parse_rate`; raises `click.BadParameter`."""
    try:
        return parse_rate(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def parse_stride(text: str | int) -> int | Literal["auto"]:
    """A whole number or `auto`; raises `click.BadParameter` if the text is neither."""
    if text == "auto":
        return "auto"
    try:
        return int(text)
    except ValueError:
        raise click.BadParameter(f"{text!r}: give a whole number, or auto") from None


def parse_shard(text: str) -> tuple[int, int]:
    """2/8 as (2, 8); raises `click.BadParameter` if the text is nothing like it."""
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal()):
        raise click.BadParameter(f"{text!r}: write it as 2/8, the second of eight")
    return int(number), int(count)


class SectionOption(click.Option):
    """An option that is listed under a heading of its own in the help."""

    def __init__(self, *declarations: Any, section: str, **settings: Any) -> None:
        super().__init__(*declarations, **settings)
        self.section = section


def section_option(section: str, *declarations: str, **settings: Any) -> Decorator:
    """`click.option` under a heading."""
    return click.option(*declarations, cls=SectionOption, section=section, **settings)


def field_option(
    kind: type, name: str, section: str = "", help: str = "", flag: str = ""
) -> Decorator:
    """The option that a field of a dataclass of `filmcolor.options` declares.

    `section`, `help` and `flag` (what it is called) are given where a command has others.
    """
    facts, hint = facts_of(kind)[name], type_of(kind, name)
    settings: dict[str, Any] = {"default": facts.default}
    if hint is bool:
        settings["is_flag"] = True
    else:
        settings |= {"show_default": True, "metavar": facts.metavar}
        if facts.default in (None, ()):
            settings["show_default"] = facts.shown_default or False
        if hint == tuple[str, ...]:
            settings["multiple"], hint = True, str
        settings["type"] = click.Path() if facts.is_path else _click_type(hint, facts)
        if isinstance(facts.default, Fraction):
            settings["default"] = str(facts.default)
    if not help:
        is_said = FILMS_ONLY in facts.section or not facts.films_only
        help = facts.help if is_said else f"{facts.help.removesuffix('.')} {FILMS_ONLY}."
    section = section or facts.section
    return section_option(section, flag or option_name(name), name, help=help, **settings)


def _click_type(hint: Any, facts: OptionFacts) -> Any:
    """What the text of an option is turned by into a value of a type."""
    if get_origin(hint) is Literal:
        return choices(get_args(hint))
    if facts.metavar == "RATE":
        return parse_fps
    if hint is int and facts.choices:
        numbers = [number for number in facts.choices if isinstance(number, int)]
        return click.IntRange(min(numbers), max(numbers))
    if hint == int | Literal["auto"]:
        return parse_stride
    return {tuple[int, int]: parse_shard, Fraction: parse_time}.get(hint, hint)


def together(*options: Decorator) -> Decorator:
    """Add several options, in the order in which the help lists them."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def field_options(kind: type, names: Iterable[str] = (), **flags: str) -> Decorator:
    """Options that a dataclass declares, by default all with a help; `flags` as `field_option`, by
    field.
    """
    names = names or names_of(kind, lambda facts: facts.help)
    return together(*(field_option(kind, name, flag=flags.get(name, "")) for name in names))


class SectionedCommand(click.Command):
    """A command whose help lists its options by section, in the order they were declared."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one list of options for each section; those without one come last."""
        sections: dict[str, list[tuple[str, str]]] = {}
        others: list[tuple[str, str]] = []
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is None or not isinstance(param, click.Option):
                continue
            if isinstance(param, SectionOption):
                sections.setdefault(param.section, []).append(record)
            else:
                others.append(record)
        for title, records in (*sections.items(), ("Other options", others)):
            with formatter.section(title):
                formatter.write_dl(records)


def sectioned_command(
    name: str, short_help: str, epilog: str, usage: str = "[OPTIONS]"
) -> Callable[[Callable[..., None]], SectionedCommand]:
    """`click.command` for one whose help has sections; `usage` is what stands after its name."""
    return click.command(
        name, SectionedCommand, short_help=short_help, epilog=epilog, options_metavar=usage
    )


def output_option(
    section: str, metavar: str, help: str, name: str = "target", *, required: bool = False
) -> Decorator:
    """Add `-o`, the parameter `name`."""
    return section_option(
        section,
        "-o",
        "--output",
        name,
        type=click.Path(),
        required=required,
        metavar=metavar,
        help=help,
    )


def overwrite_option(section: str, help: str) -> Decorator:
    """Add `--overwrite`."""
    return section_option(section, "--overwrite", is_flag=True, help=help)


def part_options(section: str, where: str, how_much: str) -> Decorator:
    """Add `--start` and `--duration`, the parameters `start_seconds` and `duration_seconds`."""
    when = f"{where}: seconds (12.5) or [HH:]MM:SS (1:02.5)."
    return together(
        field_option(RunOptions, "start_seconds", section, when),
        field_option(RunOptions, "duration_seconds", section, f"{how_much}, written likewise."),
    )


def upscale_options(section: str) -> Decorator:
    """Add `--upscale`, `--upscale-for` and `--upscale-model`."""
    names = ("upscale", "upscale_for", "upscale_model")
    return together(*(field_option(RunOptions, name, section) for name in names))


def quiet_option() -> Decorator:
    """Add `--quiet`."""
    return section_option(
        SHOWN, "--quiet", "-q", is_flag=True, help="Show only warnings and errors."
    )


def json_option(
    help: str = "Show events as JSON, one object a line, on standard output.",
) -> Decorator:
    """Add `--json`, the parameter `as_json`."""
    return section_option(SHOWN, "--json", "as_json", is_flag=True, help=help)


def show_options(*tables: Table) -> Decorator:
    """Add `--quiet` and `--json`, and give the command the `display` that they ask for."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def shown(*args: Any, quiet: bool, as_json: bool, **chosen: Any) -> None:
            display = open_display(*tables, quiet=quiet, as_json=as_json)
            command(*args, display=display, **chosen)

        return together(quiet_option(), json_option())(shown)

    return add


def debug_option(command: click.Command) -> click.Command:
    """Add `--debug` to a command; `wants_debug` tells whether it was given."""

    def remember(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        ctx.meta[_DEBUG] = value

    option = click.Option(
        ["--debug"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=remember,
        help="When something goes wrong, show where in the program (a traceback).",
    )
    command.params.append(option)
    return command


def wants_debug(ctx: click.Context) -> bool:
    """Whether `--debug` was given to the command that runs, or ran, in this context."""
    return bool(ctx.meta.get(_DEBUG))


def choices(literal_arguments: Iterable[Any]) -> click.Choice[str]:
    """The words an option may take, from the arguments of its `Literal` type."""
    return click.Choice([str(word) for word in literal_arguments])


def given_parameters(ctx: click.Context, names: Iterable[str]) -> list[str]:
    """Those of the parameters that were given on the command line, by name."""
    return [name for name in names if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]


def given_options(ctx: click.Context, names: Iterable[str]) -> list[str]:
    """Those of the parameters that were given on the command line, as they are written there."""
    given = set(given_parameters(ctx, names))
    return [param.opts[0] for param in ctx.command.params if param.name in given]
