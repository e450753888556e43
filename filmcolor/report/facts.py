"""What a report says of the two files and of the run: words and numbers, no HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.filesize import decimal

from filmcolor.jobs.sidecar import read_sidecar, sidecar_path
from filmcolor.media.read.color_state import ColorState
from filmcolor.types import VideoInfo
from filmcolor.verify.findings import VerifyReport

_LABEL = re.compile(r"colorized by filmcolor ([^\s,;]+), ([^;]+)")


@dataclass(frozen=True, slots=True)
class Films:
    """The two films that a report is about, opened once and closed again."""

    film: VideoInfo
    result: VideoInfo
    state: ColorState
    """Whether the film had colour before."""


def made_with(result: VideoInfo) -> tuple[str, str] | None:
    """(filmcolor's version, name of the model) from a result's label; None if it has none."""
    for key, text in result.metadata.items():
        if key.lower() == "comment" and (found := _LABEL.findall(text)):
            version, model = found[-1]
            return version, model.strip()
    return None


def run_facts(films: Films) -> Iterator[tuple[str, str]]:
    """(name, value): the files, and what was run, as far as label and sidecar tell."""
    yield "Film", _file_text(films.film)
    if films.film.metadata.get("title"):
        yield "Title", films.film.metadata["title"]
    yield "Result", _file_text(films.result)
    label = made_with(films.result)
    if label is None:
        yield "Coloured by", "not known: the result carries no label of filmcolor"
    else:
        yield "Coloured by", f"filmcolor {label[0]}, model {label[1]}"
    path = films.result.path
    sidecar = read_sidecar(path)
    if sidecar is None:
        yield (
            "Options",
            f"not known: no {sidecar_path(path).name} is there (filmcolor run --sidecar writes it)",
        )
        return
    yield from _sidecar_facts(sidecar, Path(path).stat().st_size)


def _sidecar_facts(sidecar: Mapping[str, Any], size: int) -> Iterator[tuple[str, str]]:
    model, result = _part(sidecar, "model"), _part(sidecar, "result")
    options = _part(sidecar, "options")
    if result.get("bytes") != size:
        yield (
            "Options",
            "not known: the JSON file beside the result describes a file of another size",
        )
        return
    yield "Model file", f"{model.get('file')}, SHA-256 {model.get('sha256')}"
    if model.get("license"):
        yield "Model licence", str(model["license"])
    color = {name: v for name, v in _part(options, "color").items() if name != "device"}
    rest = {name: v for name, v in options.items() if name not in ("color", "encode")}
    stated = [
        f"{name.replace('_', ' ')} {value}"
        for name, value in {**color, **rest}.items()
        if value is not None and value is not False
    ]
    yield "Options", ", ".join(stated)
    yield "Encoded as", str(result.get("encoding", ""))
    yield "Device", str(sidecar.get("device", ""))
    yield "Finished", str(sidecar.get("finished", "")).replace("T", " ").replace("+00:00", " UTC")
    yield "Result's SHA-256", str(result.get("sha256", ""))


def _part(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = values.get(name)
    return part if isinstance(part, dict) else {}


def _file_text(info: VideoInfo) -> str:
    facts = [Path(info.path).name, f"{info.width}x{info.height}"]
    if info.rate:
        facts.append(f"{float(info.rate):.6g} frames a second")
    facts.append(f"{info.codec}, {info.layout.bit_depth} bit")
    if info.interlaced:
        facts.append("interlaced")
    facts.append(decimal(Path(info.path).stat().st_size))
    return ", ".join(facts)


def verdict_text(report: VerifyReport) -> str:
    """What the comparison has shown, in a sentence or two."""
    if not report.holds:
        return (
            f"{report.frames} frames were compared, and something does not hold; what it is, and "
            "where, stands below."
        )
    if report.luma == "left out":
        return f"All {report.frames} frames are there, at their times, as colour over mid-grey."
    text = f"All {report.frames} frames are there, at their times, and only colour was added. "
    if report.worst_block_psnr is None:
        return text + "Every code of the luma is the film's own."
    return text + (
        "The brightness is as near as the codec allows: the worst block of any frame is at "
        f"{report.worst_block_psnr:.1f} dB, its mean off by {report.worst_block_codes:.1f} of 255 "
        "codes at most."
    )
