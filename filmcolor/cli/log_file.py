"""`--log FILE`: what a command does, line by line, in a file that is enough to see what happened.

A line is `TIME LEVEL PROCESS TEXT`, the time in UTC. Lines are added to what is there. It knows
nothing of displays: events come by way of `filmcolor.log`.
"""

from __future__ import annotations

import logging
import os
import platform
import re
import shlex
import stat
import sys
import time
import traceback
from collections.abc import Sequence
from typing import Any

import click

from filmcolor._version import __version__
from filmcolor.cli.display.terminal import complain
from filmcolor.log import LOGGER

LEVELS = ("debug", "info", "warning", "error")

_FIRST = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ [A-Z]+ \d+ ")
_HEAD_BYTES = 64
_FILE, _LEVEL = "filmcolor.log", "filmcolor.log-level"


class _LogFile(logging.FileHandler):
    """A file that, when it cannot be written to, says so once; the work goes on."""

    is_refused = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (`logging` calls it so)
        if not self.is_refused:
            self.is_refused = True
            error = sys.exc_info()[1]
            complain(f"warning: --log {self.baseFilename}: cannot be written to ({error})")

    def close(self) -> None:
        """What is left is written; a full disk has been told of."""
        try:
            super().close()
        except OSError:
            self.handleError(logging.makeLogRecord({}))


def log_options(command: click.Command) -> click.Command:
    """Add `--log` and `--log-level` to a command."""

    def option(key: str, name: str, **settings: Any) -> click.Option:
        def remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
            ctx.meta[key] = value
            file, level = ctx.meta.get(_FILE), ctx.meta.get(_LEVEL)
            if file is not None and level is not None and not ctx.resilient_parsing:
                open_log(file, level, ctx.obj or ())

        variable = f"FILMCOLOR_{name[2:].upper().replace('-', '_')}"
        return click.Option(
            [name],
            envvar=variable,
            is_eager=True,
            expose_value=False,
            callback=remember,
            **settings,
        )

    command.params += [
        option(
            _FILE,
            "--log",
            type=click.Path(),
            metavar="FILE",
            show_default="no log",
            help="Add what happens to this file, a line for each event.",
        ),
        option(
            _LEVEL,
            "--log-level",
            type=click.Choice(LEVELS),
            default="info",
            show_default=True,
            help="What --log writes: this and what weighs more; debug has the progress too.",
        ),
    ]
    return command


def open_log(name: str, level: str, arguments: Sequence[str]) -> None:
    """Log to this file from now on, at this level and above; `click.UsageError` if that cannot be,
    or if the file is something else than a log.
    """
    try:
        _check(name)
        handler = _LogFile(name, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise click.UsageError(
            f"--log {name}: cannot be written ({error.strerror}); name another file"
        ) from None
    form = logging.Formatter(
        "%(asctime)s %(levelname)s %(process)d %(message)s", "%Y-%m-%dT%H:%M:%SZ"
    )
    form.converter = time.gmtime
    handler.setFormatter(form)
    handler.setLevel(level.upper())
    LOGGER.disabled = False  # whoever sets up `logging` anew disables what is there
    LOGGER.addHandler(handler)
    LOGGER.setLevel(level.upper())
    system = f"Python {platform.python_version()}, {platform.platform()}"
    LOGGER.info("filmcolor %s, %s, in %s", __version__, system, _written(os.getcwd()))
    LOGGER.info("command: %s", _written(shlex.join(["filmcolor", *arguments])))


def close_log(code: int, seconds: float) -> None:
    """The command has ended with this exit code; files are closed."""
    for handler in [each for each in LOGGER.handlers if isinstance(each, _LogFile)]:
        LOGGER.info("exit code %d after %.1f seconds", code, seconds)
        LOGGER.removeHandler(handler)
        handler.close()


def log_error(text: str, error: BaseException | None = None) -> None:
    """Why the command ends, with the place in the program if there is one."""
    if error is not None:
        text = f"{text}\n{''.join(traceback.format_exception(error)).rstrip()}"
    LOGGER.error("%s", _written(text))


def _written(text: str) -> str:
    """The text as any handler can write it: names of files may hold bytes that are no UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def _check(name: str) -> None:
    """Refuse to add lines to what is no log: a film, for example."""
    if name in ("", "-"):
        raise click.UsageError("--log: name a file; /dev/stderr shows it on standard error")
    try:
        state = os.stat(name)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(state.st_mode) or state.st_size == 0:
        return
    with open(name, "rb") as file:
        if not _FIRST.match(file.read(_HEAD_BYTES)):
            raise click.UsageError(f"--log {name}: is there and is no log; name another file")
