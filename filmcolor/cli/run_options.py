"""The options of `filmcolor run`, by section; their defaults are those of `filmcolor.options`."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import click

from filmcolor import options as words
from filmcolor.cli.arguments import (
    choices,
    device_option,
    json_option,
    output_option,
    overwrite_option,
    parse_shard,
    parse_stride,
    part_options,
    quiet_option,
    section_option,
    upscale_options,
)
from filmcolor.media.watchdog import FILE_SECONDS, PIPE_SECONDS
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions

_COLOR, _ENCODE, _RUN = ColorOptions(), EncodeOptions(), RunOptions()

_RESULT, _COLOUR, _LARGER, _READING, _ENCODING, _SHOW = (
    "Where the result goes",
    "How the colour is made",
    "How small films and pictures are made larger",
    "How the film is read (films only)",
    "How the film is encoded (films only)",
    "What is shown",
)

_OPTIONS: tuple[Callable[[Callable[..., None]], Callable[..., None]], ...] = (
    output_option(
        _RESULT,
        "TARGET",
        "Film to write (.mp4, .mov or .mkv), picture, or folder; - writes Y4M to standard "
        "output. Without it: NAME.color.mp4 and the like, beside the source.",
    ),
    overwrite_option(
        _RESULT,
        "Replace what is there already. Without it an existing film is an error and existing "
        "pictures of a folder are skipped, so that the same command goes on where it stopped.",
    ),
    section_option(
        _RESULT,
        "--work",
        type=click.Path(),
        default=_RUN.work,
        show_default=".NAME.work beside TARGET",
        metavar="FOLDER",
        help="Where what is done is kept until the film is whole, so that the same command goes on "
        "where it stopped: a new or empty folder, which holds nothing else (films only).",
    ),
    section_option(
        _RESULT,
        "--keep-work",
        is_flag=True,
        default=_RUN.keep_work,
        help="Leave that folder there when the film is whole (films only).",
    ),
    section_option(
        _RESULT,
        "--verify",
        is_flag=True,
        default=_RUN.verify,
        help="When the film is written, prove that it is the source with nothing but colour added, "
        "as `filmcolor verify` does. If it is not, the film is kept and the exit code is 1.",
    ),
    section_option(
        _RESULT,
        "--sidecar",
        is_flag=True,
        default=_RUN.sidecar,
        help="Write TARGET.json beside the film: its source, model and options, with SHA-256 of "
        "all files, for archives (films only).",
    ),
    section_option(
        _COLOUR,
        "--model",
        default=_COLOR.model,
        show_default=True,
        metavar="NAME|FILE",
        help="A name that `filmcolor models` lists, or a .safetensors file.",
    ),
    device_option(_COLOUR, _COLOR.device, "What the model runs on"),
    section_option(
        _COLOUR,
        "--size",
        type=int,
        default=_COLOR.size,
        show_default="the model's own",
        metavar="PIXELS",
        help="Size at which the model looks at a frame: the area of a square with this side. "
        "Larger finds smaller things and is slower; the result always has the source's full size.",
    ),
    section_option(
        _COLOUR,
        "--batch-size",
        type=int,
        default=_COLOR.batch_size,
        show_default="what suits the device",
        metavar="FRAMES",
        help="Frames coloured at once: more is faster on a graphics card and takes more of "
        "its memory.",
    ),
    section_option(
        _COLOUR,
        "--precision",
        type=choices(get_args(words.Precision)),
        default=_COLOR.precision,
        show_default=True,
        help="How exactly the model computes: bf16 is about twice as fast where the processor or "
        "the graphics card has it and differs by less than the eye sees, fp32 is the same on "
        "every machine but for rounding; auto takes bf16 where it is quicker.",
    ),
    section_option(
        _COLOUR,
        "--workers",
        type=int,
        default=_RUN.workers,
        show_default=True,
        metavar="NUMBER",
        help="Processes that colour different parts of the film at the same time: worth while on a "
        "machine with many cores (films only).",
    ),
    section_option(
        _COLOUR,
        "--shard",
        type=parse_shard,
        default=_RUN.shard,
        show_default="all of it",
        metavar="I/N",
        help="Be the Ith of N runs of this command, started by hand or as a job array, that share "
        "the work by way of the folder TARGET, which all of them see. Whichever ends last puts the "
        "film together; what a run that has died was at is taken up by the others.",
    ),
    section_option(
        _COLOUR,
        "--ray",
        is_flag=False,
        flag_value="auto",
        default=None,
        show_default="off",
        metavar="[ADDRESS]",
        help="Colour on a Ray cluster whose machines all see the films and TARGET: that at ADDRESS "
        "(HOST:PORT), or that of this machine. One worker for each graphics card or for a few "
        "processor cores, --workers of them if that is given. docs/clusters.md tells more.",
    ),
    section_option(
        _COLOUR,
        "--look",
        type=choices(get_args(words.Look)),
        default=_COLOR.look,
        show_default=True,
        help="How boldly the model paints where it is not sure: restrained is paler and errs "
        "least, vivid is richest in colour.",
    ),
    section_option(
        _COLOUR,
        "--saturation",
        type=float,
        default=_COLOR.saturation,
        show_default=True,
        metavar="FACTOR",
        help="Strength of the colours: below 1 paler, above 1 stronger, 0 grey.",
    ),
    section_option(
        _COLOUR,
        "--hue-shift",
        type=float,
        default=_COLOR.hue_shift,
        show_default=True,
        metavar="DEGREES",
        help="Turn all hues, -180 to 180: red towards yellow, yellow towards green, green towards "
        "blue; below 0 the other way.",
    ),
    section_option(
        _COLOUR,
        "--plan",
        type=click.Path(),
        default=_RUN.plan,
        show_default="none",
        metavar="FILE",
        help="Shots, and settings for each, as `filmcolor plan` writes them and you have changed "
        "them. What stands under a [[shot]] wins over the options given here, and these win over "
        "what stands under [film] (films only).",
    ),
    section_option(
        _COLOUR,
        "--stills",
        type=click.Path(),
        default=_RUN.stills,
        show_default="none",
        metavar="FOLDER",
        help="Stills with the right colours, named by their times, as `filmcolor stills` writes "
        "them: each shot follows its own. Those that nobody has changed are left out (films only).",
    ),
    section_option(
        _COLOUR,
        "--strokes",
        type=click.Path(),
        default=_RUN.strokes,
        show_default="none",
        metavar="FILE",
        help="Points and boxes with the right colours, as TOML or JSON: the things they touch "
        "follow them through their shot (films only).",
    ),
    section_option(
        _COLOUR,
        "--reference",
        type=click.Path(),
        default=_RUN.reference,
        show_default="none",
        metavar="PICTURE",
        help="A photograph in colour of like things, such as another picture of the same people or "
        "place: what looks alike (skin, uniforms, sky) takes its colours, the rest stays "
        "automatic. Stills and strokes come before it. Example: filmcolor run old.mp4 --reference "
        "uniform.jpg --start 1:20 --duration 15.",
    ),
    section_option(
        _COLOUR,
        "--smooth",
        type=choices(get_args(words.Smoothing)),
        default=_COLOR.smooth,
        show_default=True,
        help="How colour is kept steady from frame to frame: flow follows what moves (films only), "
        "ema blends in place and is quicker, none leaves every frame to itself.",
    ),
    section_option(
        _COLOUR,
        "--stability",
        type=float,
        default=_COLOR.stability,
        show_default=True,
        metavar="0..1",
        help="How much it is kept steady: higher evens out more, 0 nothing (films only).",
    ),
    section_option(
        _COLOUR,
        "--stride",
        type=parse_stride,
        default=_COLOR.stride,
        show_default=True,
        metavar="N|auto",
        help="Let the model see every Nth frame of a shot and carry its colours to those between: "
        f"quicker, 1 to {words.LONGEST_STRIDE}; of an interlaced film every Nth field. auto "
        "chooses what this machine gains from (films only).",
    ),
    upscale_options(_LARGER),
    section_option(
        _LARGER,
        "--no-color",
        is_flag=True,
        default=_RUN.no_color,
        help="Only raise the resolution: the result stays grey.",
    ),
    part_options(_READING, "Where to begin", "How much to colour"),
    section_option(
        _READING,
        "--keep-start",
        is_flag=True,
        default=_RUN.keep_start,
        help="Leave the times of a film that begins later than a second (a recorded broadcast) as "
        "they are. Without it all its streams are brought to zero alike.",
    ),
    section_option(
        _READING,
        "--deinterlace",
        is_flag=True,
        default=_RUN.deinterlace,
        help="Make one whole frame of the two fields of each interlaced frame first. It gives up "
        "exact luma (no other option changes the film's luma) and every second moment: the number "
        "of frames stays, that of the pictures a viewer sees is halved. Without it fields stay as "
        "they are, and each is coloured by itself.",
    ),
    section_option(
        _READING,
        "--on-error",
        type=choices(get_args(words.OnError)),
        default=_RUN.on_error,
        show_default=True,
        help="Where a frame cannot be decoded: stop ends the run and names the place; repeat shows "
        "the frame before once more, so that every other frame keeps its time and the sound stays "
        "in step, and scales frames of another size to that of the first. Both are counted at the "
        "end. What is missing at the end of a film that was cut short is not made up. In both "
        f"cases a file that gives nothing for {FILE_SECONDS} seconds is an error, as is standard "
        f"input after {PIPE_SECONDS // 60} minutes.",
    ),
    section_option(
        _READING,
        "--siting",
        type=choices(get_args(words.SitingChoice)),
        default=_RUN.siting,
        show_default=True,
        help="Where the colour samples of 4:2:0 and 4:2:2 sit; auto is right unless you know "
        "better.",
    ),
    section_option(
        _ENCODING,
        "--codec",
        type=choices(get_args(words.Codec)),
        default=_ENCODE.codec,
        show_default=True,
        metavar="NAME",
        help=f"One of {', '.join(get_args(words.Codec))}. prores suits editing, ffv1 archives; the "
        "nvenc ones need an Nvidia card.",
    ),
    section_option(
        _ENCODING,
        "--crf",
        type=float,
        default=_ENCODE.crf,
        show_default="what suits the codec",
        metavar="NUMBER",
        help="Quality on the codec's own scale: lower is better and larger.",
    ),
    section_option(
        _ENCODING,
        "--preset",
        default=_ENCODE.preset,
        show_default="what suits the codec",
        metavar="NAME",
        help="The codec's own word for speed against file size, such as fast or slow (libx264, "
        "libx265), 0 to 13 (libsvtav1), p1 to p7 (nvenc), standard or hq (prores).",
    ),
    section_option(
        _ENCODING,
        "--lossless",
        is_flag=True,
        default=_ENCODE.lossless,
        help="Encode without any loss (libx264, libx265; ffv1 always does). Files become large.",
    ),
    quiet_option(_SHOW),
    json_option(
        _SHOW,
        "Show events as JSON, one object a line, on standard output (on standard error when the "
        "film goes to standard output).",
    ),
)


def run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command all of them, in the order of the help."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
