"""What a decoder hands out beside a picture: how it is turned, captions, timecodes.

Only the kinds that are wanted are looked at; others, of which PyAV may not know the name, do no
harm.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import cast

import av
import numpy as np
from av.sidedata.sidedata import SideData, Type
from av.video.frame import VideoFrame

from filmcolor.media.filters import filter_graph, filtered
from filmcolor.types import Ancillary

_KINDS = 40  # more than FFmpeg has of AVFrameSideDataType (33)
_ACTIVE_FORMAT_BITS = 15
_WANTED = (Type.DISPLAYMATRIX, Type.A53_CC, Type.AFD, Type.S12M_TIMECODE)


def display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    """The nine numbers of a frame's display matrix, as FFmpeg keeps them; None without one."""
    content = _side_data(frame).get(Type.DISPLAYMATRIX)
    if content is None:
        return None
    return tuple(int(number) for number in np.frombuffer(content, np.int32))


def ancillary_of(frame: VideoFrame) -> Ancillary | None:
    """Captions, active format and timecodes of a picture; None if it has none of them."""
    found = _side_data(frame)
    captions, shape = found.get(Type.A53_CC, b""), found.get(Type.AFD, b"")
    clock = found.get(Type.S12M_TIMECODE)
    if not captions and not shape and not clock:
        return None
    count, *timecodes = np.frombuffer(clock, np.uint32).tolist() if clock else [0]
    return Ancillary(
        captions=captions,
        active_format=shape[0] & _ACTIVE_FORMAT_BITS if shape else None,
        timecodes=tuple(timecodes[:count]),
    )


def _side_data(frame: VideoFrame) -> dict[Type, bytes]:
    """What is beside a picture, by kind."""
    try:
        entries = frame.side_data
    except ValueError:  # PyAV builds every entry, and does not know the names of all kinds
        entries = _with_named_side_data(frame).side_data
    found = cast("Iterable[SideData]", entries)  # not what PyAV declares
    return {entry.type: bytes(entry) for entry in found if entry.type in _WANTED}


def _with_named_side_data(frame: VideoFrame) -> VideoFrame:
    """The frame without side data of the kinds that PyAV has no name for."""
    unnamed = set(range(_KINDS)) - {kind.value for kind in Type}
    deletions = [("sidedata", f"mode=delete:type={kind}") for kind in sorted(unnamed)]
    time_base = frame.time_base or Fraction(1, av.time_base)
    return next(filtered(filter_graph(frame, time_base, *deletions), frame))
