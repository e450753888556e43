"""The command line: one file a command; here errors become lines and exit codes.

The only layer that prints. Nothing heavy is imported before a command needs it, so that help comes
at once. Reading order: `arguments`, `run`, `run_options`, `run_command`, `display`, `run_table`.

Exit codes: 0 done (also when whoever reads our output has gone), 1 some pictures of a folder
failed, a result does not hold, or the system refused something; 2 to 5 as in `errors` (2 also for a
command line that cannot be understood); 70 a bug in filmcolor; 130 Ctrl-C.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Sequence
from typing import Any

import click

from filmcolor._version import __version__
from filmcolor.cli.arguments import EXIT_BUG, debug_option, exit_code, wants_debug
from filmcolor.cli.compare import compare_command
from filmcolor.cli.completion import completion_command
from filmcolor.cli.config import config_options
from filmcolor.cli.display.streams import (
    discard_output,
    naming_stream,
    replace_closed,
    show_all_text,
)
from filmcolor.cli.display.terminal import complain
from filmcolor.cli.doctor import doctor_command
from filmcolor.cli.evaluate import evaluate_command
from filmcolor.cli.extract import extract_command
from filmcolor.cli.info import info_command
from filmcolor.cli.jobs import jobs_command
from filmcolor.cli.log_file import close_log, log_error, log_options
from filmcolor.cli.models import models_command
from filmcolor.cli.plan import plan_command
from filmcolor.cli.preview import preview_command
from filmcolor.cli.report import report_command
from filmcolor.cli.review import review_command
from filmcolor.cli.run import run_command
from filmcolor.cli.run_command import Interrupted
from filmcolor.cli.stills import stills_command
from filmcolor.cli.train import train_command
from filmcolor.cli.verify import verify_command
from filmcolor.cli.watch import watch_command
from filmcolor.memory import NO_MEMORY, is_out_of_memory

_EPILOG = """\b
Examples:
  filmcolor run old_film.mp4
      colour a film; the result is old_film.color.mp4, beside it
  filmcolor run old_film.mp4 -o try.mp4 --start 1:00 --duration 10
      try ten seconds first
  filmcolor review old_film.mp4
      a page in your browser: see every shot, click what is wrong, say its colour, render
  filmcolor preview old_film.mp4
      a sheet of its shots in three looks, for choosing one
  filmcolor verify old_film.mp4 old_film.color.mp4
      prove that only colour was added
  filmcolor report old_film.mp4 old_film.color.mp4
      a page to look at: before and after, shot by shot
  filmcolor run photos/ -o colored/
      colour a folder of pictures
  filmcolor watch incoming/ -o colored/
      colour what comes into a folder, for as long as it runs
  filmcolor info old_film.mp4
      what a file is, and what `run` would do with it

'filmcolor COMMAND --help' explains each command.
"""


class _Commands(click.Group):
    """The group of all commands; every error leaves here as one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order they were added: what people come for first."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command; `click`'s own exceptions pass through."""
        try:
            result = super().invoke(ctx)
            with naming_stream():
                sys.stdout.flush()
            return result
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except KeyboardInterrupt as stop:
            text = "Stopped." if str(stop) == "" else f"Stopped: {stop}"
            log_error(text)
            complain(text)
            code = 128 + stop.signal_number if isinstance(stop, Interrupted) else 130
        except Exception as error:
            code = _report(error, debug=wants_debug(ctx))
        ctx.exit(code)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EPILOG,
    short_help="Turn black-and-white films and photographs into colour.",
    invoke_without_command=True,
)
@click.version_option(__version__, prog_name="filmcolor", message="%(prog)s %(version)s")
@click.pass_context
def commands(ctx: click.Context, /) -> None:
    """Turn black-and-white films and photographs into colour.

    You get the same film back: the same frames at the same times, the same sound, subtitles and
    chapters, the same sharpness and grain. Only colour is added. The colours are a trained model's
    best guess, not a record of the past, and the result says so in its metadata.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


for _command in (
    run_command,
    watch_command,
    review_command,
    preview_command,
    stills_command,
    plan_command,
    verify_command,
    report_command,
    compare_command,
    extract_command,
    train_command,
    evaluate_command,
    info_command,
    jobs_command,
    models_command,
    doctor_command,
    completion_command,
):
    commands.add_command(config_options(debug_option(log_options(_command))))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (default: the process's own arguments) and return its exit code."""
    replace_closed()
    # Else threads of torch that have nothing to do spin, on cores that other processes could use.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # is read when torch is imported
    show_all_text(sys.stdout)
    given = sys.argv[1:] if arguments is None else list(arguments)
    start, code = time.monotonic(), EXIT_BUG
    try:
        code = _run(given)
    finally:
        close_log(code, time.monotonic() - start)
    return code


def _run(given: list[str]) -> int:
    """Run the command line; the exit code."""
    try:
        result = commands.main(given, prog_name="filmcolor", standalone_mode=False, obj=given)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "filmcolor"
        text = f"{_one_line(error.format_message())} ('{command} --help' explains)"
        log_error(text)
        complain(f"Error: {text}")
        return error.exit_code
    except click.ClickException as error:
        log_error(_one_line(error.format_message()))
        complain(f"Error: {_one_line(error.format_message())}")
        return error.exit_code
    except click.Abort:
        complain("Stopped.")
        return 130
    except OSError as error:  # of help that cannot be shown
        return _report(OSError(error.errno, error.strerror, "standard output"), debug=False)
    return result if isinstance(result, int) else 0


def _report(error: Exception, *, debug: bool) -> int:
    """Say what went wrong, in one line, and return the exit code."""
    code = exit_code(error)
    if code == 0:
        discard_output()
        return 0
    if debug:
        complain(*"".join(traceback.format_exception(error)).rstrip().split("\n"))
    text = _one_line(str(error))
    if code == EXIT_BUG:
        then = "" if debug else "; run it again with --debug and report what that prints"
        text = f"{type(error).__name__}: {text} - this is a bug in filmcolor{then}"
    elif isinstance(error, ImportError):
        text = f"a part of the installation cannot be loaded ({text}); install filmcolor again"
    elif is_out_of_memory(error):
        text = NO_MEMORY
    elif isinstance(error, OSError):
        name = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
        text = (f"{click.format_filename(name)}: " if name else "") + str(error.strerror)
        if name == "standard output":
            discard_output()
    log_error(text, error)
    complain(f"Error: {text}")
    return code


def _one_line(text: str) -> str:
    return " ".join(line.strip() for line in text.splitlines() if line.strip())
