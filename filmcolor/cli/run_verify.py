"""`--verify` of the commands that colour films: each result is compared with its source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from filmcolor.cli.display import open_display
from filmcolor.cli.run_command import stopped
from filmcolor.cli.verify import VERIFY, show_verification
from filmcolor.errors import FilmcolorError
from filmcolor.events import FilmDone
from filmcolor.guide.plan_file import read_plan
from filmcolor.options import RunOptions, VerifyOptions

Verify = Callable[[str, str, VerifyOptions], bool]

_LEAST_SATURATION = 0.25
"""Colours paler than this may pass for none: then --verify does not look for grey frames."""


def strictness(options: RunOptions) -> VerifyOptions:
    """How results are compared with their sources; a plan counts as it is before the run."""
    return VerifyOptions(
        start_seconds=options.start_seconds,
        duration_seconds=options.duration_seconds,
        deinterlace=options.deinterlace,
        fps=options.fps,
        output_chroma=options.output_chroma,
        restored=options.color.restore,
        lossless=options.encode.lossless,
        audio=options.audio,
        expect_color=not (options.no_color or _leaves_pale(options)),
    )


def verify_result(
    source: str, target: str, compared: VerifyOptions, *, quiet: bool, as_json: bool
) -> bool:
    """Compare the film that was written with its source; whether all holds."""
    display = open_display(VERIFY, quiet=quiet, as_json=as_json)
    with display, stopped(lambda: "the film is written, but not verified."):
        return show_verification(display, source, target, compared)


def verified(film: FilmDone, compared: VerifyOptions, verify: Verify) -> FilmDone:
    """How a film ended once it is compared with its source."""
    try:
        if verify(film.source, film.target, compared):
            return film
        return replace(film, status="failed", reason=f"{film.target}: --verify found faults")
    except FilmcolorError as error:
        return replace(film, status="failed", reason=f"not verified: {error}")


def _leaves_pale(options: RunOptions) -> bool:
    """Whether frames may pass for grey because somebody wants them so."""
    if options.plan is None:
        return options.color.saturation < _LEAST_SATURATION
    from filmcolor.guide.shot_choices import leaves_pale

    return leaves_pale(read_plan(options.plan), options, _LEAST_SATURATION)
