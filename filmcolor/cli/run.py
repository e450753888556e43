"""`filmcolor run`: colour films, pictures, and folders of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from filmcolor.cli.arguments import exit_code, given_options, given_parameters, sectioned_command
from filmcolor.cli.display import open_display
from filmcolor.cli.display.base import Display
from filmcolor.cli.display.streams import is_closed
from filmcolor.cli.kept import Kept
from filmcolor.cli.run_command import running, show_all
from filmcolor.cli.run_options import FILM_ONLY, chosen_run, run_options
from filmcolor.cli.run_table import RUN
from filmcolor.cli.run_verify import Verify, strictness, verified, verify_result
from filmcolor.cli.sources import (
    as_frames,
    check_source,
    default_target,
    list_films,
    refuse_film_name,
    table_lines,
)
from filmcolor.cli.verify import EXIT_FAULTS
from filmcolor.errors import OptionError
from filmcolor.events import FilmDone, Finished, Notice
from filmcolor.guide.plan_file import FILM_KEYS
from filmcolor.options import RunOptions

if TYPE_CHECKING:
    from filmcolor.jobs.batch import BatchItem

_EPILOG = """\b
Examples:
  filmcolor run old_film.mp4 -o color.mp4
      colour a film
  filmcolor run old_film.mp4 -o try.mp4 --start 1:00 --duration 10
      try ten seconds of it first
  filmcolor run old_film.mp4 --plan film.toml -o color.mp4 --keep-work
      apply a plan; after a change of the plan, the same command makes anew only what changed
  filmcolor run old_film.mp4 -o color.mp4
      the same again after a stop: goes on where it was
  filmcolor run scan.mov -o archive.mkv --codec ffv1
      keep every code of the original's luma: lossless
  filmcolor run small.mp4 -o large.mp4 --upscale 2
      twice as many rows and columns, and colour
  filmcolor run scan/frame_%06d.dpx --fps 18 -o color.mov
      colour a film whose frames are a file each; -o color/frame_%06d.tif writes frames again
  filmcolor run photos/ -o colored/
      colour a folder of pictures, with its subfolders
  filmcolor run reels/ -o colored/ --verify
      colour every film of a folder, and prove each; a table at the end says how each ended
  filmcolor run reels/ -o colored/ --shard $SLURM_ARRAY_TASK_ID/8
      one of eight runs that share the work, on as many machines
  filmcolor run reels/ -o colored/ --ray
      colour them on the Ray cluster that this machine is part of
  filmcolor run reel1.mp4 reel2.avi -o colored/
      colour these two
  ffmpeg -i old.vob -f yuv4mpegpipe - | filmcolor run - -o - | ffmpeg -i - new.webm
      read from one program and write to another

\b
Exit codes: 0 done, 1 some of several films or pictures failed (each is named)
or --verify found a fault, 2 wrong options, 3 unreadable or unwritable film, 4 unusable model,
5 a run that could not be finished, 70 a bug in filmcolor, 130 Ctrl-C.
"""


@sectioned_command(
    "run", "Colour films, pictures, and folders of them.", _EPILOG, "[-o TARGET] [OPTIONS]"
)
@click.argument("sources", type=click.Path(), nargs=-1, required=True, metavar="SOURCE...")
@run_options
@click.pass_context
def run_command(
    ctx: click.Context,
    /,
    sources: tuple[str, ...],
    target: str | None,
    ray: str | None,
    quiet: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Colour SOURCE: a film, a picture, a folder of films or pictures, several of these, a frame
    sequence (scan/frame_%06d.dpx), or - for Y4M on standard input.

    A film keeps its frames, their times, its sound, subtitles, chapters and metadata; the
    brightness of the picture stays as it is and only colour is added. SOURCE is recognised by its
    content, not by its name. The result appears under its name only when it is whole. A run that
    was stopped goes on where it was when the same command is given again.

    Several films, and those of a folder and its subfolders, are coloured one by one into the folder
    TARGET. One that cannot be coloured does not stop the others; results that are there already are
    skipped.
    """
    display = open_display(RUN, quiet=quiet, as_json=as_json, film_on_stdout=target == "-")
    kept = Kept()
    with running(display, kept.after_a_stop):
        explicit = () if chosen["plan"] is None else given_parameters(ctx, FILM_KEYS)
        options = chosen_run(chosen, explicit)
        items = list_films(sources, target, options, display)
        if items is None and (frames := as_frames(sources, target, options)) is not None:
            sources = (frames,)
        shared = ray is not None or options.shard is not None
        if ray is not None and options.shard is not None:
            raise OptionError("--ray and --shard exclude each other: leave one out")
        if items is None and shared and _is_film(sources[0], target, options):
            items = [_lone_film(sources[0], target, options)]
        show = partial(verify_result, quiet=quiet, as_json=as_json)
        try:
            if items is not None:
                failed = _run_all(ctx, display, kept, items, options, ray, show)
            else:
                failed = _run_one(ctx, display, kept, sources[0], target, options, show)
        except Exception as error:
            if exit_code(error) and (text := kept.after_an_error()):
                display.show(Notice(text))
            raise
    if failed:
        ctx.exit(EXIT_FAULTS)


def _run_one(
    ctx: click.Context,
    display: Display,
    kept: Kept,
    source: str,
    target: str | None,
    options: RunOptions,
    verify: Verify,
) -> bool:
    """Colour one film, or pictures; whether something failed."""
    is_film = _is_film(source, target, options)
    place = _check_target(source, target, options, is_film=is_film)
    if options.verify and is_film and "-" in (source, place):
        raise OptionError("--verify: needs files on both sides; a pipe cannot be read twice")
    if not is_film:
        _tell_unused(ctx, display)
    from filmcolor.jobs.film import color_film
    from filmcolor.jobs.pictures import color_pictures

    compared = strictness(options) if options.verify and is_film else None
    work = (color_film if is_film else color_pictures)(source, place, options)
    end = show_all(display, work, kept.note)
    if compared is not None:
        display.close()
        return not verify(source, place, compared)
    return isinstance(end, Finished) and end.failed > 0


def _is_film(source: str, target: str | None, options: RunOptions) -> bool:
    """Whether a source by itself is a film, else pictures; raises as `check_source`."""
    if as_frames([source], target, options) is not None:
        return True
    is_film = check_source(source)
    if Path(source).is_dir() and any(Path(source).iterdir()):
        refuse_film_name(target)
    return is_film


def _run_all(
    ctx: click.Context,
    display: Display,
    kept: Kept,
    items: Sequence[BatchItem],
    options: RunOptions,
    ray: str | None,
    verify: Verify,
) -> bool:
    """Colour several films and show how each ended; whether any failed."""
    from filmcolor.jobs.batch import color_batch

    if all(item.kind == "pictures" for item in items):
        _tell_unused(ctx, display)
    films = {os.path.abspath(item.source) for item in items if item.kind == "film"}
    ended: list[FilmDone] = []
    compared = strictness(options) if options.verify else None
    if ray is None:
        job = color_batch(items, options)
    else:
        from filmcolor.jobs.film import work_folder
        from filmcolor.jobs.ray_batch import color_batch_on_ray

        for item in items:
            if item.kind == "film":
                kept.note_work(work_folder(item.target, replace(options, work=item.work)))
        job = color_batch_on_ray(items, options, ray)
    with closing(job) as events:
        for event in events:
            if isinstance(event, Finished) and event.unit == "films":
                bad = sum(film.status == "failed" for film in ended)
                event = replace(event, done=event.done - bad + event.failed, failed=bad)
                for line in table_lines(ended):
                    display.say(line)
            if isinstance(event, FilmDone):
                is_new = event.status == "done" and os.path.abspath(event.source) in films
                if compared is not None and is_new:
                    display.close()
                    event = verified(event, compared, verify)
                ended.append(event)
            kept.note(event)
            display.show(event)
    return any(film.status == "failed" for film in ended)


def _tell_unused(ctx: click.Context, display: Display) -> None:
    """Name the options that pictures make no use of."""
    if unused := given_options(ctx, FILM_ONLY):
        display.show(Notice(f"{', '.join(unused)}: for films only, not used here", warning=True))


def _lone_film(source: str, target: str | None, options: RunOptions) -> BatchItem:
    """One film that is coloured as several are: skipped if it is there already."""
    from filmcolor.jobs.batch import BatchItem

    place = _check_target(source, target, options, is_film=True)
    if "-" in (source, place):
        raise OptionError("--shard, --ray: need files on both sides, in a folder that all see")
    return BatchItem(source, place, work=options.work)


def _check_target(source: str, target: str | None, options: RunOptions, *, is_film: bool) -> str:
    """The target as the pipeline takes it; raises where it cannot be meant."""
    if target is None:
        if source == "-":
            raise OptionError("-o is missing: give -o FILE, or -o - for Y4M on standard output")
        return default_target(source, options.encode.codec, is_film=is_film)
    if not target:
        raise OptionError("-o: an empty name; give a file, a folder, or -")
    if target == "-":
        if not is_film:
            raise OptionError("-o -: only a film can go to standard output; name a file or folder")
        if is_closed(sys.stdout):
            raise OptionError("-o -: standard output is closed; pipe it, or name a file")
        if sys.stdout.isatty():
            raise OptionError(
                "-o -: standard output is a terminal; pipe it into a program, or name a file"
            )
        return target
    if is_film and source != "-" and Path(target).is_dir():
        named = default_target(source, options.encode.codec, is_film=True)
        return str(Path(target, Path(named).name))
    return target
