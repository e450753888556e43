"""Colours a film with one flat colour and reads back what was written: for tests of encoding."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.write.film_writer import FilmWriter, OutputPlan, plan_output
from filmcolor.options import Codec, EncodeOptions, RunOptions
from filmcolor.types import ColorFrame, Frame, PixelLayout

LABEL = "colorized by filmcolor 1.2.3, default"
CB_8BIT, CR_8BIT = 100, 150


def options(codec: Codec = "libx264", *, lossless: bool = False) -> RunOptions:
    """Options for one codec, quick where the codec has a quick setting."""
    quick = "ultrafast" if codec in ("libx264", "libx265") else None
    return RunOptions(encode=EncodeOptions(codec=codec, preset=quick, lossless=lossless))


def color_frame(frame: Frame, layout: PixelLayout, *, key: bool = False) -> ColorFrame:
    """`frame` with the same Cb and Cr everywhere."""
    scale = 1 << (layout.bit_depth - 8)
    size = layout.chroma_size(*frame.luma.shape)
    cb = np.full(size, CB_8BIT * scale, layout.dtype)
    cr = np.full(size, CR_8BIT * scale, layout.dtype)
    return ColorFrame(
        frame.index,
        frame.pts,
        frame.luma,
        cb,
        cr,
        frame.duration,
        key,
        frame.interlaced,
        frame.ancillary,
    )


def color(
    source: Path, target: Path, choice: RunOptions, *, keys: Collection[int] = ()
) -> OutputPlan:
    """Colour `source` into `target`; frames whose index is in `keys` become key frames."""
    with FilmReader(str(source)) as reader:
        plan = plan_output(reader.info, str(target), choice)
        with FilmWriter(plan, label=LABEL) as writer:
            for frame in reader.frames(
                start_seconds=choice.start_seconds, duration_seconds=choice.duration_seconds
            ):
                writer.write(color_frame(frame, plan.layout, key=frame.index in keys))
            writer.finish()
    return plan


def decoded_times(path: Path) -> list[Fraction]:
    """Seconds of every frame that a decoder gives."""
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        return [frame.pts * frame.time_base for frame in film.decode(stream)]


@dataclass(frozen=True)
class Copied:
    """What a copied packet must keep."""

    seconds: Fraction
    content: bytes


def packets_of(path: Path, kind: str, number: int = 0) -> list[Copied]:
    """Packets of the stream `number` of a kind."""
    with av.open(str(path)) as film:
        stream = [each for each in film.streams if each.type == kind][number]
        return [
            Copied(packet.pts * packet.time_base, bytes(packet))
            for packet in film.demux(stream)
            if packet.pts is not None and packet.size
        ]
