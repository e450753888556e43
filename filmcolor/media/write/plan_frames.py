"""Decides, or refuses, everything about a result that is a file for each frame.

A part of `plan_output`. Writes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from filmcolor.errors import OptionError
from filmcolor.events import Notice
from filmcolor.media.images.sequence import FrameNames, find_sequence
from filmcolor.media.partfile import is_same_file
from filmcolor.media.rgb import settled_matrix
from filmcolor.media.write.ancillary_units import ancillary_notices
from filmcolor.media.write.output_plan import FrameFiles, OutputPlan, SoundFile
from filmcolor.media.write.sound_file import plan_sound
from filmcolor.options import EncodeOptions, RunOptions
from filmcolor.types import PixelLayout, VideoInfo

KINDS: dict[str, Literal["PNG", "TIFF", "DPX"]] = {
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".dpx": "DPX",
}
_DPX_BITS = (10, 12, 16)
_FIRST = 1
"""Number of the first frame of a film that is in one file."""


def plan_frames(
    plan: OutputPlan, info: VideoInfo, names: FrameNames, options: RunOptions
) -> OutputPlan:
    """The plan of a film that becomes files of these names.

    Raises `OptionError` for what frames cannot be, with the way out.
    """
    target = plan.target
    kind = KINDS.get(os.path.splitext(target)[1].lower())
    if kind is None:
        raise OptionError(f"{target}: frames are written as .png, .tif or .dpx; choose one of them")
    if replace(options.encode, lossless=False) != EncodeOptions():
        raise OptionError(
            "--codec, --crf, --preset: frames are files without loss; leave these options out"
        )
    if info.is_pipe:
        raise OptionError(f"{target}: frames are made of a film file, not of a pipe")
    if info.is_sequence:
        _check_apart(info, target, names)
    sound = None
    if options.sound is not None:
        sound = plan_sound(info, options.sound)
    depth = info.layout.bit_depth
    bits = 16 if kind != "DPX" else depth if depth in _DPX_BITS else _DPX_BITS[0]
    first = _FIRST if info.first_number is None else info.first_number
    rate = f"{float(plan.rate):.6g}"
    what = "a Cb/Cr matte in frames" if plan.chroma_alone else "frames"
    return replace(
        plan,
        layout=PixelLayout(16, "444"),
        siting="center",
        tags=replace(plan.tags, matrix=settled_matrix(plan.tags, plan.height)),
        frames=FrameFiles(names, kind, bits, first, is_by_time=info.is_sequence, sound=sound),
        notices=tuple(_notices(info, bits, sound, options)),
        summary=f"{plan.width}x{plan.height}, {rate} fps, {what} of {bits}-bit {kind}",
    )


def _check_apart(info: VideoInfo, target: str, names: FrameNames) -> None:
    """Raise `OptionError` where frames would replace those of the source, or be taken for them."""
    sequence = find_sequence(info.path)
    if sequence is None:
        return
    if not is_same_file(names.folder or ".", sequence.names.folder or "."):
        return
    first, own = sequence.numbers[0], sequence.names
    if is_same_file(names.path(first), own.path(first)):
        raise OptionError(f"{target}: is the source itself; choose another name for the result")
    numbers = range(sequence.first, sequence.last + 1)
    taken = set(map(os.path.basename, sequence.paths()))
    is_alike = (names.head, names.tail) == (own.head, own.tail)
    if is_alike or not taken.isdisjoint(os.path.basename(names.path(each)) for each in numbers):
        raise OptionError(
            f"{target}: its names may be those of the source, {own}; choose another folder or name"
        )
    if FrameNames.of(info.path) is None:
        raise OptionError(
            f"{target}: would lie among the frames of {info.path}; choose another folder"
        )


def _notices(
    info: VideoInfo, bits: int, sound: SoundFile | None, options: RunOptions
) -> Iterator[Notice]:
    """What frames cannot hold."""
    yield from ancillary_notices(info.ancillary, "a frame sequence")
    if options.output_chroma:
        pass  # no luma, no R'G'B'
    elif bits < info.layout.bit_depth:
        text = f"the luma is rounded from {info.layout.bit_depth} to {bits} bits"
        yield Notice(f"{text}; .tif and .png keep it", warning=True)
    if info.tags.full_range is not True and not options.output_chroma:
        yield Notice("frames are R'G'B': what is below black or above white becomes black or white")
    if sound is not None and sound.lost:
        text = f"{sound.path} cannot hold: {', '.join(sound.lost)}; left out"
        yield Notice(text, warning=True)
    written = () if sound is None else sound.streams
    kept = {info.stream_index, *(each.index for each in written)}
    lost = [stream for stream in info.streams if stream.index not in kept]
    kinds = dict.fromkeys(
        {"audio": "sound", "subtitle": "subtitles"}.get(each.kind, "other streams") for each in lost
    )
    words = [*kinds]
    if info.chapter_count:
        words.append("chapters")
    if info.metadata:
        words.append("metadata")
    if info.crop is not None:
        words.append("that only a part of the picture is shown")
    if info.rotation:
        words.append(f"the rotation by {info.rotation} degrees")
    if info.sample_aspect_ratio != 1:
        shape = info.sample_aspect_ratio
        words.append(f"the shape of the pixels ({shape.numerator}:{shape.denominator})")
    if info.interlaced:
        words.append("that the film is interlaced")
    if not info.is_sequence:
        words.append("frame times")
    if words:
        way_out = "; --sound FILE.mka writes the sound beside them" if "sound" in kinds else ""
        yield Notice(f"frames cannot hold {', '.join(words)}{way_out}", warning=bool(lost))
