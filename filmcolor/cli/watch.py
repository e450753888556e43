"""`filmcolor watch`: colours what comes into a folder."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from filmcolor.cli.arguments import (
    field_options,
    json_option,
    output_option,
    quiet_option,
    sectioned_command,
)
from filmcolor.cli.display import open_display
from filmcolor.cli.display.base import Display, Step, Table
from filmcolor.cli.display.terminal import file_name
from filmcolor.cli.run_command import running
from filmcolor.cli.run_options import chosen_run, watch_options
from filmcolor.cli.run_table import RUN, passed_step, progress_step
from filmcolor.cli.run_verify import strictness, verified, verify_result
from filmcolor.cli.sources import item_in, refuse_film_name, refuse_inside
from filmcolor.cli.verify import EXIT_FAULTS
from filmcolor.errors import MediaError, OptionError
from filmcolor.events import (
    Analyzing,
    FilmDone,
    Finished,
    Joining,
    Notice,
    Progress,
    Started,
    Watching,
)
from filmcolor.options import RunOptions, WatchOptions

_EPILOG = """\b
Examples:
  filmcolor watch incoming/ -o colored/
      colour every film and picture that is put into incoming/, until Ctrl-C
  filmcolor watch incoming/ -o colored/ --every 60 --look restrained --verify
      look once a minute; prove each result
  filmcolor watch incoming/ -o colored/ --once
      colour what is there now and has not been coloured, then end

\b
Options that are set for `run` in filmcolor.toml hold here too.

\b
Exit codes: as those of `filmcolor run`; 130 after Ctrl-C.
"""


def _watching(display: Display, event: Watching) -> None:
    display.say(f"{file_name(event.folder)} -> {file_name(event.target)}: Ctrl-C ends it.")


def _notice(display: Display, event: Notice) -> None:
    # Of a film, only what is wrong with it gets a line besides its own.
    if event.warning or display.last(Watching) is None:
        RUN[Notice](display, event)


def _started(display: Display, event: Started) -> None:
    display.begin(Step(0, event.total, event.unit, text=file_name(event.source), in_log="never"))


def _passed(display: Display, event: Analyzing | Joining) -> None:
    display.move(replace(passed_step(event), in_log="never"))


def _progress(display: Display, event: Progress) -> None:
    display.move(replace(progress_step(display, event), in_log="never"))


def _film(display: Display, event: FilmDone) -> None:
    if event.status == "failed":
        RUN[FilmDone](display, event)
        return
    display.end()
    way = f" -> {file_name(event.target)}" if event.status == "done" else ""
    display.say(f"{event.status} {file_name(event.source)}{way}: {event.reason}")


def _finished(display: Display, event: Finished) -> None:
    display.end()


_WATCH: Table = {
    Watching: _watching,
    Notice: _notice,
    Started: _started,
    Analyzing: _passed,
    Joining: _passed,
    Progress: _progress,
    FilmDone: _film,
    Finished: _finished,
}


@sectioned_command("watch", "Colour what comes into a folder.", _EPILOG, "-o TARGET [OPTIONS]")
@click.argument("folder", type=click.Path())
@output_option("Where the result goes", "TARGET", "Folder for the results.", required=True)
@field_options(WatchOptions)
@watch_options
@quiet_option()
@json_option()
@click.pass_context
def watch_command(
    ctx: click.Context,
    /,
    folder: str,
    target: str,
    quiet: bool,
    as_json: bool,
    every_seconds: Any,
    once: bool,
    **chosen: Any,
) -> None:
    """Colour every film and picture that comes into FOLDER or its subfolders, until it is stopped.

    A file is taken up when it is whole: it stays as it is for a while, and no program writes to it.
    Each gets one line when it is done. One that cannot be coloured is named once, and tried again
    when it changes. Results have the same places in TARGET, films with a sidecar beside them (see
    `filmcolor run --sidecar`). After a stop the same command goes on: what is done stays, what was
    begun is finished.
    """
    display = open_display(_WATCH, quiet=quiet, as_json=as_json)
    with running(display, lambda: "what is done is kept; the same command goes on from there."):
        run = chosen_run(chosen, ())
        _check_folders(folder, target, run)
        from filmcolor.jobs.watch import watch_folder

        inside, output = Path(folder), Path(target)
        item_of = partial(item_in, folder=inside, output=output, base=output, options=run)
        options = WatchOptions(run, every_seconds, once)
        compared = strictness(run) if run.verify else None
        show = partial(verify_result, quiet=True, as_json=as_json)
        has_failed = False
        with closing(watch_folder(folder, target, item_of, options)) as events:
            for event in events:
                if isinstance(event, FilmDone):
                    begun = display.last(Started)
                    is_film = begun is not None and begun.unit == "frames"
                    if compared is not None and event.status == "done" and is_film:
                        display.end()
                        event = verified(event, compared, show)
                    has_failed |= event.status == "failed"
                display.show(event)
    if has_failed:
        ctx.exit(EXIT_FAULTS)


def _check_folders(folder: str, target: str, options: RunOptions) -> None:
    """Raise where one of the two folders cannot be meant."""
    if not Path(folder).is_dir():
        raise MediaError(f"{file_name(folder)}: no such folder; make it first")
    if Path(target).exists() and not Path(target).is_dir():
        raise OptionError(f"-o {target}: must be a folder")
    refuse_film_name(target)
    refuse_inside(Path(folder), Path(target), options)
