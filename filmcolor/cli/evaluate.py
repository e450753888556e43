"""`filmcolor evaluate`: measure models on colour photographs, and films by their colours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from filmcolor.cli.arguments import (
    field_option,
    given_options,
    json_option,
    part_options,
    quiet_option,
    section_option,
    sectioned_command,
    together,
)
from filmcolor.cli.display import open_display
from filmcolor.cli.run_command import running
from filmcolor.cli.run_table import MEASURED
from filmcolor.errors import OptionError
from filmcolor.options import FilmMeasureOptions

_EPILOG = """\b
Examples:
  filmcolor evaluate --val photos/
      the default model on photographs of your own
  filmcolor evaluate --model default --model runs/mine/best.safetensors
      --val frames/ --sheet compared.png
      two models beside each other, with a sheet of grey, both, and truth
  filmcolor evaluate --truth color.mp4
      a colour film made grey and coloured anew: how steady, how true?
  filmcolor evaluate --truth color.mp4 --result theirs.mp4 --plot time.png
      a film that somebody coloured, beside ours, and curves over time
  filmcolor evaluate --result old_film.color.mp4 --start 1:00 --duration 10
      a real old film, whose colours nobody knows

\b
How to read it:
  A model that adds no colour scores well on PSNR and is perfectly steady, and
  one that adds any colour at all scores well on colourfulness. Photographs
  are therefore compared by the gain in PSNR over the grey picture at equal
  colourfulness (the last rows of the table), and films by how steady they
  are at like colourfulness.
  CDC, warp error, flicker, still noise, bleeding, chroma on neutral and
  blotched are better when smaller;
  the truth's own figures show what is small enough. The CDC of
  grey is what light, grain and motion make by themselves.
  Files have been through an encoder, what is coloured here has not. What
  smoothing does is the difference between the two rows of a model.
"""

_PHOTOS, _FILM = (
    "Photographs, made grey and coloured again",
    "Films, frame by frame",
)
_OF_PHOTOS = ("look", "precision", "short_side", "device")
"""Options that photographs share with films, beside the models."""
_PHOTO_ONLY = ("limit", "sheet", "sheet_pictures")
_FILM_ONLY = ("files_only", "start_seconds", "duration_seconds", "plot", "by_shot")


@sectioned_command(
    "evaluate",
    "Measure models on colour photographs, and coloured films.",
    _EPILOG,
    "--val DATA | --truth FILM | --result FILM [OPTIONS]",
)
@section_option(
    _PHOTOS,
    "--val",
    "val",
    multiple=True,
    type=click.Path(),
    metavar="DATA",
    help="Colour pictures: a folder, a tar shard, or a film; may be given more than once.",
)
@section_option(
    _PHOTOS,
    "--pictures",
    "limit",
    type=click.IntRange(min=1),
    show_default="all",
    metavar="NUMBER",
    help="Use at most so many, spread over DATA.",
)
@section_option(
    _PHOTOS,
    "--sheet",
    type=click.Path(),
    metavar="FILE.png",
    help="Write a sheet of pictures: grey, each model's, truth.",
)
@section_option(
    _PHOTOS,
    "--sheet-pictures",
    type=click.IntRange(min=1),
    default=12,
    show_default=True,
    metavar="NUMBER",
    help="Rows of that sheet.",
)
@field_option(FilmMeasureOptions, "truth")
@field_option(FilmMeasureOptions, "results", flag="--result")
@field_option(FilmMeasureOptions, "files_only")
@part_options(_FILM, "Where to begin", "How much to measure")
@section_option(
    _FILM,
    "--by-shot",
    is_flag=True,
    help="Show the figures of every shot too; JSON has them anyway.",
)
@section_option(
    _FILM,
    "--plot",
    type=click.Path(),
    metavar="FILE.png",
    help="Draw PSNR, colourfulness, CDC and warp error over time, with the cuts.",
)
@field_option(FilmMeasureOptions, "models", flag="--model")
@together(*(field_option(FilmMeasureOptions, name) for name in _OF_PHOTOS))
@quiet_option()
@json_option("Write all figures as JSON on standard output, in place of the table.")
@click.pass_context
def evaluate_command(
    ctx: click.Context,
    /,
    val: tuple[str, ...],
    limit: int | None,
    sheet: str | None,
    sheet_pictures: int,
    by_shot: bool,
    plot: str | None,
    quiet: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Measure models on colour photographs (--val), or the colours of films (--truth, --result).

    Photographs are made grey and coloured as `filmcolor run` does: PSNR in dB over R'G'B'; ab error
    as distance in CIELAB; CIEDE2000; colourfulness after Hasler and Süsstrunk; chroma where the
    truth has none. Upscalers are given the photographs at half size, grey: PSNR in dB of their
    luma, beside that of a bicubic enlargement. Two baselines stand beside every colour
    model: the grey picture, and one mean colour everywhere. Pictures without colour and damaged
    ones are left out and named.

    Films of the same pictures are measured frame by frame: PSNR and colourfulness as above; CDC,
    how far the distribution of colours changes over 1, 2 and 4 frames; warp error, the squared
    change of ab (CIELAB) along the motion; flicker, what of that goes back and forth; still noise,
    how ab wavers where nothing moves; bleeding, the slope of ab where lightness is flat; with the
    truth also chroma where it has none, and blotched, of the area that it colours evenly the share
    that the result does not. Nothing is measured across a cut. Beside the films stand the truth's
    own figures, those of grey, and those of models that colour the same luma with smoothing and
    without.
    """
    from filmcolor.cli.evaluate_films import run_films
    from filmcolor.cli.evaluate_photos import PhotoChoices, are_upscalers, run_photos, run_upscalers

    is_film = chosen["truth"] is not None or bool(chosen["results"])
    with running(display := open_display(MEASURED, quiet=quiet)):
        _check(ctx, is_photo=bool(val), is_film=is_film)
        for option, path in (("--sheet", sheet), ("--plot", plot)):
            if path is not None and Path(path).suffix.lower() != ".png":
                raise OptionError(f"{option} {path}: give a name that ends in .png")
        if is_film:
            run_films(FilmMeasureOptions(**chosen), plot, display, by_shot=by_shot, as_json=as_json)
            return
        measured = {name: chosen[name] for name in ("models", *_OF_PHOTOS)}
        photos = PhotoChoices(val, limit, sheet, sheet_pictures, **measured)
        measure = run_upscalers if are_upscalers(photos.models) else run_photos
        measure(photos, display, as_json=as_json)


def _check(ctx: click.Context, *, is_photo: bool, is_film: bool) -> None:
    """Raises where options do not go together."""

    def refuse(names: Sequence[str], what: str) -> None:
        if unfit := given_options(ctx, names):
            raise OptionError(f"{', '.join(unfit)}: {what}")

    if is_photo and is_film:
        raise OptionError(
            "--val does not go with --truth or --result: photographs and films are measured apart"
        )
    if not is_photo and not is_film:
        raise OptionError(
            "--val is missing: give a folder, shard or film with colour (or, to measure a coloured "
            "film, --truth or --result)"
        )
    if is_film and given_options(ctx, ("files_only",)) and given_options(ctx, ("models",)):
        raise OptionError("--model does not go with --files-only, which uses no model")
    if is_photo:
        refuse(_FILM_ONLY, "for films (--truth, --result), not for --val")
    else:
        refuse(_PHOTO_ONLY, "for photographs (--val), not for films")
