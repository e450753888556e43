"""`filmcolor run`: colour a film, a picture, or a folder of pictures."""

from __future__ import annotations

import signal
import sys
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from filmcolor import options as words
from filmcolor.cli.arguments import (
    Interrupted,
    SectionedCommand,
    check_source,
    choices,
    debug_option,
    default_target,
    device_option,
    exit_code,
    given_options,
    json_option,
    parse_stride,
    parse_time,
    quiet_option,
    section_option,
    signals_interrupt,
)
from filmcolor.cli.verify import EXIT_FAULTS, show_verification
from filmcolor.cli.verify_display import open_verify_display
from filmcolor.errors import OptionError
from filmcolor.media.patience import FILE_SECONDS, PIPE_SECONDS
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions, VerifyOptions

if TYPE_CHECKING:
    from filmcolor.cli.display import Display
    from filmcolor.types import Event

_COLOR, _ENCODE, _RUN = ColorOptions(), EncodeOptions(), RunOptions()

_LEAST_SATURATION = 0.25
"""Colours paler than this may pass for none: then --verify does not look for grey frames."""

_FILM_ONLY = (
    "work",
    "keep_work",
    "workers",
    "stability",
    "stride",
    "siting",
    "deinterlace",
    "on_error",
    "start_seconds",
    "duration_seconds",
    "verify",
    *(field.name for field in fields(EncodeOptions)),
)

_EPILOG = """\b
Examples:
  filmcolor run old_film.mp4 -o color.mp4
      colour a film
  filmcolor run old_film.mp4 -o try.mp4 --start 1:00 --duration 10
      try ten seconds of it first
  filmcolor run old_film.mp4 -o color.mp4
      the same again after a stop: goes on where it was
  filmcolor run scan.mov -o archive.mkv --codec ffv1
      keep every code of the original's luma: lossless
  filmcolor run photos/ -o colored/
      colour a folder of pictures, with its subfolders
  ffmpeg -i old.vob -f yuv4mpegpipe - | filmcolor run - -o - | ffmpeg -i - new.webm
      sit between two other programs

\b
Exit codes: 0 done, 1 some pictures of a folder failed (each is named) or
--verify found a fault, 2 wrong options, 3 unreadable or unwritable film, 4 unusable model,
5 a run that could not be finished, 70 a bug in filmcolor, 130 Ctrl-C.
"""


_RESULT, _COLOUR, _READING, _ENCODING, _SHOW = (
    "Where the result goes",
    "How the colour is made",
    "How the film is read (films only)",
    "How the film is encoded (films only)",
    "What is shown",
)


@click.command(
    "run",
    cls=SectionedCommand,
    epilog=_EPILOG,
    short_help="Colour a film, a picture or a folder of pictures.",
    options_metavar="[-o TARGET] [OPTIONS]",
)
@click.argument("source", type=click.Path())
@section_option(
    _RESULT,
    "-o",
    "--output",
    "target",
    type=click.Path(),
    metavar="TARGET",
    help="Film to write (.mp4, .mov or .mkv), picture, or folder; - writes Y4M to standard "
    "output. Without it: NAME.color.mp4 and the like, beside the source.",
)
@section_option(
    _RESULT,
    "--overwrite",
    is_flag=True,
    default=_RUN.overwrite,
    help="Replace what is there already. Without it an existing film is an error and existing "
    "pictures of a folder are skipped, so that the same command goes on where it stopped.",
)
@section_option(
    _RESULT,
    "--work",
    type=click.Path(),
    default=_RUN.work,
    show_default=".NAME.work beside TARGET",
    metavar="FOLDER",
    help="Where what is done is kept until the film is whole, so that the same command goes on "
    "where it stopped (films only).",
)
@section_option(
    _RESULT,
    "--keep-work",
    is_flag=True,
    default=_RUN.keep_work,
    help="Leave that folder there when the film is whole (films only).",
)
@section_option(
    _RESULT,
    "--verify",
    is_flag=True,
    default=_RUN.verify,
    help="When the film is written, prove that it is the source with nothing but colour added, as "
    "`filmcolor verify` does. If it is not, the film is kept and the exit code is 1.",
)
@section_option(
    _COLOUR,
    "--model",
    default=_COLOR.model,
    show_default=True,
    metavar="NAME|FILE",
    help="A name that `filmcolor models` lists, or a .safetensors file.",
)
@device_option(_COLOUR, _COLOR.device, "What the model runs on")
@section_option(
    _COLOUR,
    "--size",
    type=int,
    default=_COLOR.size,
    show_default="the model's own",
    metavar="PIXELS",
    help="Size at which the model looks at a frame: the area of a square with this side. Larger "
    "finds smaller things and is slower; the result always has the source's full size.",
)
@section_option(
    _COLOUR,
    "--batch-size",
    type=int,
    default=_COLOR.batch_size,
    show_default="what suits the device",
    metavar="FRAMES",
    help="Frames coloured at once: more is faster on a graphics card and takes more of its memory.",
)
@section_option(
    _COLOUR,
    "--workers",
    type=int,
    default=_RUN.workers,
    show_default=True,
    metavar="NUMBER",
    help="Processes that colour different parts of the film at the same time: worth while on a "
    "machine with many cores (films only).",
)
@section_option(
    _COLOUR,
    "--saturation",
    type=float,
    default=_COLOR.saturation,
    show_default=True,
    metavar="FACTOR",
    help="Strength of the colours: below 1 paler, above 1 stronger, 0 grey.",
)
@section_option(
    _COLOUR,
    "--smooth",
    type=choices(get_args(words.Smoothing)),
    default=_COLOR.smooth,
    show_default=True,
    help="How colour is kept steady from frame to frame: flow follows what moves (films only), "
    "ema blends in place and is quicker, none leaves every frame to itself.",
)
@section_option(
    _COLOUR,
    "--stability",
    type=float,
    default=_COLOR.stability,
    show_default=True,
    metavar="0..1",
    help="How much it is kept steady: higher evens out more, 0 nothing (films only).",
)
@section_option(
    _COLOUR,
    "--stride",
    type=parse_stride,
    default=_COLOR.stride,
    show_default=True,
    metavar="N|auto",
    help="Let the model see every Nth frame of a shot and carry its colours to those between: "
    f"quicker, 1 to {words.LONGEST_STRIDE}. auto chooses what this machine gains from (films "
    "only).",
)
@section_option(
    _READING,
    "--start",
    "start_seconds",
    type=parse_time,
    default=_RUN.start_seconds,
    show_default="the beginning",
    metavar="TIME",
    help="Where to begin: seconds (12.5) or [HH:]MM:SS (1:02.5).",
)
@section_option(
    _READING,
    "--duration",
    "duration_seconds",
    type=parse_time,
    default=_RUN.duration_seconds,
    show_default="to the end",
    metavar="TIME",
    help="How much to colour, written likewise.",
)
@section_option(
    _READING,
    "--deinterlace",
    is_flag=True,
    default=_RUN.deinterlace,
    help="Make whole frames of an interlaced film first. This alone changes the film's luma.",
)
@section_option(
    _READING,
    "--on-error",
    type=choices(get_args(words.OnError)),
    default=_RUN.on_error,
    show_default=True,
    help="Where a frame cannot be decoded: stop ends the run and names the place; repeat shows the "
    "frame before once more, so that every other frame keeps its time and the sound stays in step, "
    "and scales frames of another size to that of the first. Both are counted at the end. What is "
    "missing at the end of a film that was cut short is not made up. In both cases a file that "
    f"gives nothing for {FILE_SECONDS} seconds is an error, as is standard input after "
    f"{PIPE_SECONDS // 60} minutes.",
)
@section_option(
    _READING,
    "--siting",
    type=choices(get_args(words.SitingChoice)),
    default=_RUN.siting,
    show_default=True,
    help="Where the colour samples of 4:2:0 and 4:2:2 sit; auto is right unless you know better.",
)
@section_option(
    _ENCODING,
    "--codec",
    type=choices(get_args(words.Codec)),
    default=_ENCODE.codec,
    show_default=True,
    metavar="NAME",
    help=f"One of {', '.join(get_args(words.Codec))}. prores suits editing, ffv1 archives; the "
    "nvenc ones need an Nvidia card.",
)
@section_option(
    _ENCODING,
    "--crf",
    type=float,
    default=_ENCODE.crf,
    show_default="what suits the codec",
    metavar="NUMBER",
    help="Quality on the codec's own scale: lower is better and larger.",
)
@section_option(
    _ENCODING,
    "--preset",
    default=_ENCODE.preset,
    show_default="what suits the codec",
    metavar="NAME",
    help="The codec's own word for speed against file size, such as fast or slow (libx264, "
    "libx265), 0 to 13 (libsvtav1), p1 to p7 (nvenc), standard or hq (prores).",
)
@section_option(
    _ENCODING,
    "--lossless",
    is_flag=True,
    default=_ENCODE.lossless,
    help="Encode without any loss (libx264, libx265; ffv1 always does). Files become large.",
)
@quiet_option(_SHOW)
@json_option(
    _SHOW,
    "Show events as JSON, one object a line, on standard output (on standard error when the film "
    "goes to standard output).",
)
@click.pass_context
def run_command(
    ctx: click.Context,
    /,
    source: str,
    target: str | None,
    quiet: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Colour SOURCE: a film, a picture, a folder of pictures, or - for Y4M on standard input.

    A film keeps its frames, their times, its sound, subtitles, chapters and metadata; the
    brightness of the picture stays as it is and only colour is added. What SOURCE is, its content
    decides, not its name. The result gets its name only when it is whole. A run that was stopped
    goes on where it was when the same command is given again.
    """
    from filmcolor.cli.display import open_display

    with (
        signals_interrupt(),
        open_display(quiet=quiet, as_json=as_json, film_on_stdout=target == "-") as display,
    ):
        try:
            options = _options(chosen)
            is_film = check_source(source)
            place = _check_target(source, target, options, is_film=is_film)
            if options.verify and is_film and "-" in (source, place):
                raise OptionError(
                    "--verify: needs files on both sides; a pipe cannot be read twice"
                )
            failed = _run(ctx, display, source, place, options, is_film=is_film)
        except KeyboardInterrupt as stop:
            number = stop.exit_code - 128 if isinstance(stop, Interrupted) else signal.SIGINT
            raise Interrupted(_left_behind(display), signal_number=number) from None
        except Exception as error:
            if code := exit_code(error):
                display.failed(error, code)
            raise
        if options.verify and is_film:
            display.close()
            failed = not _verify(source, place, options, quiet=quiet, as_json=as_json)
    if failed:
        ctx.exit(EXIT_FAULTS)


def _verify(source: str, target: str, options: RunOptions, *, quiet: bool, as_json: bool) -> bool:
    """Compare the film that was written with its source; whether all holds."""
    strictness = VerifyOptions(
        start_seconds=options.start_seconds,
        duration_seconds=options.duration_seconds,
        deinterlace=options.deinterlace,
        lossless=options.encode.lossless,
        expect_color=options.color.saturation >= _LEAST_SATURATION,
    )
    with open_verify_display(quiet=quiet, as_json=as_json) as display:
        try:
            return show_verification(display, source, target, strictness).holds
        except KeyboardInterrupt as stop:
            number = stop.exit_code - 128 if isinstance(stop, Interrupted) else signal.SIGINT
            left = "the film is written, but not verified."
            raise Interrupted(left, signal_number=number) from None


def _run(
    ctx: click.Context,
    display: Display,
    source: str,
    target: str,
    options: RunOptions,
    *,
    is_film: bool,
) -> bool:
    """Show every event of the run; whether any picture failed."""
    from filmcolor.pipeline import color_film, color_pictures
    from filmcolor.types import Finished, Notice

    if not is_film and (unused := given_options(ctx, _FILM_ONLY)):
        display.show(Notice(f"{', '.join(unused)}: for films only, not used here", warning=True))
    job = color_film if is_film else color_pictures
    events: Generator[Event, None, None] = job(source, target, options)
    failed = False
    with closing(events):
        for event in events:
            display.show(event)
            failed = failed or (isinstance(event, Finished) and event.failed > 0)
    return failed


def _options(chosen: Mapping[str, Any]) -> RunOptions:
    """The options as chosen; every field of the dataclasses is a parameter of the same name."""
    color = ColorOptions(**{field.name: chosen[field.name] for field in fields(ColorOptions)})
    encode = EncodeOptions(**{field.name: chosen[field.name] for field in fields(EncodeOptions)})
    own = (field.name for field in fields(RunOptions) if field.name not in ("color", "encode"))
    rest = {name: chosen[name] for name in own}
    return RunOptions(color=color, encode=encode, **rest)


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
        if sys.stdout.isatty():
            raise OptionError(
                "-o -: standard output is a terminal; pipe it into a program, or name a file"
            )
        return target
    if is_film and source != "-" and Path(target).is_dir():
        return str(Path(target, Path(default_target(source, options.encode.codec)).name))
    return target


def _left_behind(display: Display) -> str:
    if display.unit == "pictures":
        return "the pictures that were done are kept; the same command goes on from there."
    if display.work and Path(display.work).is_dir():
        return "no film was written yet; what is done is kept, the same command goes on from there."
    return "no film was written."


debug_option(run_command)
