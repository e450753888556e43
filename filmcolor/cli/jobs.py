"""`filmcolor jobs`: runs that were not finished, and what they have left on the disk."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from filmcolor.cli.display.terminal import write_json, write_line
from filmcolor.errors import JobError, refusals

if TYPE_CHECKING:
    from filmcolor.segments.unfinished import WorkState


_EPILOG = """\b
Examples:
  filmcolor jobs
      what stopped runs have left in this folder
  filmcolor jobs results/ --clean
      remove what they have left in another
"""


@click.command("jobs", epilog=_EPILOG, short_help="List runs that were not finished, and clean up.")
@click.argument("folders", nargs=-1, type=click.Path(), metavar="[FOLDER]...")
@click.option(
    "--clean",
    is_flag=True,
    help="Remove what stopped runs have left; runs that are at work are not touched.",
)
@click.option("--json", "as_json", is_flag=True, help="Write everything as one JSON list.")
def jobs_command(folders: tuple[str, ...], clean: bool, as_json: bool) -> None:
    """List the unfinished runs in each FOLDER (default: the current one).

    A run keeps what is done in a hidden folder beside its target, or in that of --work, and the
    same command goes on from there. `filmcolor jobs --clean` removes these folders.
    """
    from filmcolor.segments.unfinished import clear, find_work, look_into

    found: list[WorkState] = []
    for name in folders or (".",):
        folder = Path(name)
        if not folder.is_dir():
            raise JobError(
                f"{click.format_filename(name)}: is no folder; name one with films in it"
            )
        what = f"{click.format_filename(name)}: cannot be read"
        with refusals(JobError, what, "; name another"):
            found += find_work(folder)
    if as_json:
        values = [{**asdict(state), "path": str(state.path)} for state in found]
        write_json(values, indent=2)
    elif not found:
        write_line("No unfinished runs here.")
    for state in found:
        removed = clean and state.holder is None and clear(state.path)
        if removed and look_into(state.path) is not None:
            raise JobError(f"{state.path}: cannot be removed; remove it by hand")
        if not as_json:
            write_line(_line(state, removed=removed))


def _line(state: WorkState, *, removed: bool) -> str:
    name = click.format_filename(state.path)
    size = f"{state.bytes / 1e6:.1f} MB"
    if removed and state.path.exists():
        return f"{name}: emptied, {size}; the folder is kept, for filmcolor did not make all of it"
    if removed:
        return f"{name}: removed, {size}"
    hours = (time.time() - state.changed) / 3600
    age = f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.1f} hours"
    who = f"{state.holder} is at work" if state.holder else f"stopped {age} ago"
    return f"{name}: {state.title}: {state.done} of {state.segments} parts, {size}, {who}"
