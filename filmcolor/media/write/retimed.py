"""What a film loses and keeps where it gets another rate: a part of `plan_output`, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from filmcolor.errors import OptionError
from filmcolor.events import Notice
from filmcolor.media.write.streams import StreamPlan
from filmcolor.timecode import clock_text
from filmcolor.types import VideoInfo


def retimed_info(info: VideoInfo, rate: Fraction) -> VideoInfo:
    """The film as its encoder sees it: one frame a tick."""
    return replace(info, rate=rate, time_base=1 / rate, times_disordered=False)


def check_retimed(*, is_frames: bool, keeps_start: bool) -> None:
    """Raise `OptionError` where a rate cannot be given."""
    if is_frames:
        raise OptionError("--fps: frames that are a file each hold no times; leave it out")
    if keeps_start:
        raise OptionError("--fps, --keep-start: exclude each other; leave one out")


def picture_notices(
    info: VideoInfo, rate: Fraction, *, keeps_fields: bool, is_whole: bool
) -> Iterator[Notice]:
    """What becomes of the picture of a film, whose own rate `info` has, or of a part of it."""
    text = f"--fps: its frames are shown at {_said(rate)} a second"
    if info.rate is not None and info.rate != rate:
        text += f", not at {_said(info.rate)}"
        if info.duration and is_whole:
            lengths = (info.duration, info.duration * info.rate / rate)
            text += f" ({' become '.join(clock_text(each, 1) for each in lengths)})"
    elif info.rate == rate:
        text += ", as they are already: without it the sound stays in step"
    yield Notice(f"{text}; none is made up, none left out")
    if keeps_fields:
        yield Notice(
            f"--fps: the film is interlaced, and its fields stay: {_said(2 * rate)} a second; "
            "--deinterlace makes whole frames"
        )


def stream_notices(
    kept: Sequence[StreamPlan], silenced: Sequence[str], rate: Fraction, *, has_timecode: bool
) -> Iterator[Notice]:
    """What becomes of the other streams; `silenced` is sound that nobody has asked for."""
    if silenced:
        yield Notice(
            f"--fps: the sound does not fit any more: left out: {', '.join(silenced)}; --audio "
            "copy keeps it, from the first frame on and not stretched",
            warning=True,
        )
    if sound := [each.name for each in kept if each.is_sound]:
        yield Notice(
            f"--fps: kept from the first frame on, not stretched: {', '.join(sound)}; it does not "
            f"fit the picture at {_said(rate)} frames a second",
            warning=True,
        )
    if has_timecode:
        yield Notice("--fps: the timecode counts frames of another rate: left out")


def _said(rate: Fraction) -> str:
    return f"{float(rate):.6g}"
