"""`filmcolor info`: what a film, a picture, a folder or a checkpoint is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from filmcolor.cli.display.terminal import write_json, write_lines
from filmcolor.cli.models import card_fields, card_lines, fact_lines
from filmcolor.cli.sources import check_source, default_target
from filmcolor.errors import FilmcolorError
from filmcolor.options import EncodeOptions, RunOptions

if TYPE_CHECKING:
    from filmcolor.media.read.color_state import ColorState
    from filmcolor.types import ColorTags, StreamInfo, VideoInfo

_SAMPLES = 12
"""Frames looked at to tell whether a film has colour."""

_MATRICES = {
    0: "RGB",
    1: "BT.709",
    4: "FCC",
    5: "BT.601",
    6: "BT.601",
    7: "SMPTE 240M",
    8: "YCgCo",
    9: "BT.2020",
    10: "BT.2020 constant luminance",
}
_PRIMARIES = {
    1: "BT.709",
    4: "BT.470 M",
    5: "BT.470 BG (PAL)",
    6: "SMPTE 170M (NTSC)",
    7: "SMPTE 240M",
    8: "generic film",
    9: "BT.2020",
    11: "DCI-P3",
    12: "Display P3",
}
_TRANSFERS = {
    1: "BT.709",
    4: "gamma 2.2",
    5: "gamma 2.8",
    6: "BT.601",
    7: "SMPTE 240M",
    8: "linear",
    13: "sRGB",
    14: "BT.2020",
    15: "BT.2020",
    16: "PQ (HDR)",
    18: "HLG (HDR)",
}
_UNTAGGED = 2

_COLOR_STATES: Mapping[ColorState, str] = {
    "grey": "no, it is black and white",
    "tinted": "one colour only, such as sepia; `run` replaces the tint",
    "color": "yes, it already has colour; `run` keeps only its luma and colours it anew",
}


_EPILOG = """\b
Examples:
  filmcolor info old_film.mp4
      what it is, whether it is interlaced or has colour, and what `run` would do with it
  filmcolor info runs/mine/best.safetensors
      what a model was trained on, its licence and its figures
  filmcolor info old_film.mp4 --json
      the same for programs
"""


@click.command("info", epilog=_EPILOG, short_help="Describe a film, a picture or a checkpoint.")
@click.argument("file", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Write everything as one JSON object.")
def info_command(file: str, as_json: bool) -> None:
    """Describe FILE: a film, a picture, a folder of pictures, or a model checkpoint.

    Of a film: its picture, frame rate, length, colour tags in words, interlacing, sound and other
    streams, chapters, whether it already has colour, and what `filmcolor run` would do with it.
    """
    is_film = check_source(file)
    if _is_checkpoint(Path(file)):
        values, lines = _checkpoint(Path(file))
    elif is_film:
        values, lines = _film(file)
    elif Path(file).is_dir():
        values, lines = _folder(Path(file))
    else:
        values, lines = _picture(Path(file))
    if as_json:
        write_json(values, indent=2)
    else:
        write_lines(lines)


def _is_checkpoint(path: Path) -> bool:
    """Whether the content starts like a safetensors file, or its name says that it should."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(9)
    looks = len(head) == 9 and head[8:] == b"{" and int.from_bytes(head[:8], "little") < 1 << 27
    return looks or path.suffix == ".safetensors"


def _checkpoint(path: Path) -> tuple[dict[str, Any], list[str]]:
    from filmcolor.models.card import read_card

    card = read_card(path)
    title = f"{click.format_filename(path)}: a filmcolor model"
    return {"kind": "checkpoint", **card_fields(path, card)}, card_lines(path, card, title)


def _film(source: str) -> tuple[dict[str, Any], list[str]]:
    from filmcolor.media.read.color_state import has_color
    from filmcolor.media.read.film_reader import FilmReader

    with FilmReader(source) as reader:
        info = reader.info
        state = has_color(reader.sample(_SAMPLES), info.layout)
    verdict, notices = _verdict(info)
    values = {
        "kind": "film",
        **json.loads(json.dumps(asdict(info), default=str)),
        "has_color": state,
        "run": verdict,
        "run_notices": notices,
    }
    turned = f", shown turned by {info.rotation} degrees" if info.rotation else ""
    if info.crop is not None:
        turned = f", cropped to {info.crop.size[1]}x{info.crop.size[0]}{turned}"
    aspect = info.sample_aspect_ratio
    pixels = "" if aspect == 1 else f", pixels {aspect.numerator}:{aspect.denominator}"
    grid = "grey" if info.layout.chroma == "400" else ":".join(info.layout.chroma)
    field_first = "top" if info.top_field_first else "bottom"
    facts = {
        "picture": f"{info.width}x{info.height}{pixels}{turned}, {info.codec}, "
        f"{info.layout.bit_depth}-bit {grid} ({info.source_format})",
        "reading": info.conversion or "",
        "rate": _rate_text(info),
        "length": _length_text(info),
        "scanning": f"interlaced, {field_first} field first" if info.interlaced else "progressive",
        "colour tags": tags_text(info.tags),
        "has colour": _COLOR_STATES[state],
        "chapters": str(info.chapter_count) if info.chapter_count else "none",
        **{f"stream {stream.index}": _stream_text(stream) for stream in info.streams},
        **{f"tag {key}": " ".join(value.split()) for key, value in info.metadata.items()},
        "run": verdict,
    }
    lines = [f"{click.format_filename(source)}: a film ({info.container})", *fact_lines(facts)]
    return values, [*lines, *(f"  Note: {text}" for text in notices)]


def _verdict(info: VideoInfo) -> tuple[str, list[str]]:
    """What `run` would do with the film, in a sentence, and what it would have to say about it."""
    from filmcolor.media.read.probe import refuse_hdr
    from filmcolor.media.write.film_writer import plan_output

    target = "-" if info.is_pipe else default_target(info.path, EncodeOptions().codec)
    try:
        refuse_hdr(info)
        plan = plan_output(info, target, RunOptions(overwrite=True))
    except FilmcolorError as error:
        return f"would stop with: {error}", []
    notices = [notice.text for notice in plan.notices]
    if info.interlaced:
        notices.append(
            "interlaced: `run` keeps its fields and colours each by itself; --deinterlace "
            "makes whole frames instead, which gives up exact luma and every second moment"
        )
    where = "Y4M on standard output" if info.is_pipe else click.format_filename(target)
    return f"would write {where}: {plan.summary}", notices


def _folder(path: Path) -> tuple[dict[str, Any], list[str]]:
    from filmcolor.media.folders import look_into_folder

    found = look_into_folder(path)
    name, count = click.format_filename(path), len(found.films) + len(found.pictures)
    target = click.format_filename(default_target(str(path), EncodeOptions().codec))
    verdict = f"would colour them into {target}" if count else "would find nothing to colour"
    counts = {"films": len(found.films), "pictures": len(found.pictures)}
    values = {"kind": "folder", "path": str(path), **counts, "run": verdict}
    facts = {**{kind: str(number) for kind, number in counts.items()}, "run": verdict}
    return values, [f"{name}: a folder", *fact_lines(facts)]


def _picture(path: Path) -> tuple[dict[str, Any], list[str]]:
    from filmcolor.media.images.reader import read_picture

    picture = read_picture(path)
    height, width = picture.luma.shape
    target = default_target(str(path), EncodeOptions().codec, is_film=False)
    verdict = f"would write {click.format_filename(target)}"
    notices = [notice.text for notice in picture.notices]
    values = {
        "kind": "picture",
        "path": str(path),
        "width": width,
        "height": height,
        "format": picture.format,
        "bit_depth": picture.layout.bit_depth,
        "rotation": picture.rotation,
        "has_color": picture.had_color,
        "run": verdict,
        "run_notices": notices,
    }
    facts = {
        "picture": f"{width}x{height}, {picture.format}, {picture.layout.bit_depth} bits a channel",
        "has colour": _COLOR_STATES["color" if picture.had_color else "grey"],
        "profile": "has a colour profile of its own" if picture.icc else "",
        "turned": f"by {picture.rotation} degrees" if picture.rotation else "",
        "run": verdict,
    }
    lines = [f"{click.format_filename(path)}: a picture", *fact_lines(facts)]
    return values, [*lines, *(f"  Note: {text}" for text in notices)]


def tags_text(tags: ColorTags) -> str:
    """A film's colour tags in words."""

    def word(code: int, names: Mapping[int, str]) -> str:
        return "not stated" if code == _UNTAGGED else names.get(code, f"code {code}")

    ranges = {True: "full", False: "limited", None: "not stated (read as limited)"}
    return (
        f"matrix {word(tags.matrix, _MATRICES)}, primaries {word(tags.primaries, _PRIMARIES)}, "
        f"transfer {word(tags.transfer, _TRANSFERS)}, range {ranges[tags.full_range]}"
    )


def _rate_text(info: VideoInfo) -> str:
    if info.rate is None:
        return "not stated"
    exact = "" if info.rate.denominator == 1 else f" ({info.rate})"
    return f"{float(info.rate):.6g} frames a second{exact}"


def _length_text(info: VideoInfo) -> str:
    frames = "" if info.frame_count is None else f"about {info.frame_count} frames"
    seconds = "" if info.duration is None else f"{float(info.duration):.3f} seconds"
    return ", ".join(part for part in (seconds, frames) if part) or "not stated"


def _stream_text(stream: StreamInfo) -> str:
    kind = "cover picture" if stream.is_cover else stream.kind
    parts = [kind, stream.codec, stream.detail, stream.language, stream.title]
    return ", ".join(part for part in parts if part)
