"""`filmcolor evaluate`: measure models on colour photographs, and films by their colours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from filmcolor.cli.arguments import (
    field_options,
    given_options,
    json_option,
    part_options,
    quiet_option,
    sectioned_command,
)
from filmcolor.cli.display import open_display
from filmcolor.cli.display.own_lines import own_lines
from filmcolor.cli.run_command import running
from filmcolor.cli.run_table import MEASURED
from filmcolor.errors import OptionError
from filmcolor.options import FilmMeasureOptions, MeasureOptions, PhotoMeasureOptions
from filmcolor.options.commands import FILMS_SECTION, PHOTOS_SECTION
from filmcolor.options.facts import names_of

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
  CDC, warp error, flicker, still noise, bleeding, chroma on neutral,
  blotched, skin off its colours, drift and the distance across shots are
  better when smaller; the truth's own figures show what is small enough. The
  CDC of grey is what light, grain and motion make by themselves.
  Files have been through an encoder, what is coloured here has not. What
  smoothing does is the difference between the two rows of a model.
"""

_SHARED = names_of(MeasureOptions, lambda facts: facts.help)
_PHOTO = names_of(PhotoMeasureOptions, lambda facts: facts.section == PHOTOS_SECTION)
_FILM = names_of(FilmMeasureOptions, lambda facts: facts.help and facts.section == FILMS_SECTION)
_PART = ("start_seconds", "duration_seconds")
_SUBJECTS = ("val", "truth", "results")


@sectioned_command(
    "evaluate",
    "Measure models on colour photographs, and coloured films.",
    _EPILOG,
    "--val DATA | --truth FILM | --result FILM [OPTIONS]",
)
@field_options(PhotoMeasureOptions, _PHOTO)
@field_options(FilmMeasureOptions, _FILM, results="--result")
@part_options(FILMS_SECTION, "Where to begin", "How much to measure")
@field_options(MeasureOptions, _SHARED, models="--model")
@quiet_option()
@json_option("Write all figures as JSON on standard output, in place of the table.")
@click.pass_context
def evaluate_command(ctx: click.Context, /, quiet: bool, as_json: bool, **chosen: Any) -> None:
    """Measure models on colour photographs (--val), or the colours of films (--truth, --result).

    Photographs are made grey and coloured as `filmcolor run` does: PSNR in dB over R'G'B'; ab error
    as distance in CIELAB; CIEDE2000; colourfulness after Hasler and Süsstrunk; chroma where the
    truth has none; blotched and skin as below. Upscalers are given the photographs at half size,
    grey: PSNR in dB of their luma, beside that of a bicubic enlargement. Two baselines stand beside
    every colour model: the grey picture, and one mean colour everywhere. Pictures without colour
    and damaged ones are left out and named; more than ten damaged ones that are more than a tenth
    of all end it.

    Films of the same pictures are measured frame by frame: PSNR and colourfulness as above; CDC,
    how far the distribution of colours changes over 1, 2 and 4 frames; warp error, the squared
    change of ab (CIELAB) along the motion; flicker, what of that goes back and forth; still noise,
    how ab wavers where nothing moves; bleeding, the slope of ab where lightness is flat; with the
    truth also chroma where it has none; blotched, of the area that it colours evenly the share
    that the result does not; of the skin of faces, the share whose hue or chroma no skin has; and
    drift: things are followed, how far the mean ab of each is off its mean over the shot, beyond
    what the truth's own is (rms, CIELAB). Where a shot shows again what an earlier one has shown,
    as in A B A B, the same is said of each thing's means over the two; else nothing is measured
    across a cut. Beside the films stand the truth's own figures, those of grey, and those of models
    that colour the same luma with smoothing and without.
    """
    from filmcolor.cli.evaluate_films import run_films
    from filmcolor.cli.evaluate_photos import are_upscalers, run_photos, run_upscalers

    is_film = chosen["truth"] is not None or bool(chosen["results"])
    with own_lines(), running(display := open_display(MEASURED, quiet=quiet)):
        _check(ctx, is_photo=bool(chosen["val"]), is_film=is_film)
        for option in ("sheet", "plot"):
            path = chosen[option]
            if path is not None and Path(path).suffix.lower() != ".png":
                raise OptionError(f"--{option} {path}: give a name that ends in .png")
        if is_film:
            films = FilmMeasureOptions(**{n: chosen[n] for n in (*_SHARED, *_FILM, *_PART)})
            run_films(films, display, as_json=as_json)
            return
        photos = PhotoMeasureOptions(**{name: chosen[name] for name in (*_SHARED, *_PHOTO)})
        measure = run_upscalers if are_upscalers(photos.models) else run_photos
        measure(photos, display, as_json=as_json)


def _check(ctx: click.Context, *, is_photo: bool, is_film: bool) -> None:
    """Raises where options do not go together."""
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
    names = (*_FILM, *_PART) if is_photo else _PHOTO
    unfit = given_options(ctx, set(names) - set(_SUBJECTS))
    if unfit:
        what = "for films (--truth, --result), not for --val"
        what = what if is_photo else "for photographs (--val), not for films"
        raise OptionError(f"{', '.join(unfit)}: {what}")
