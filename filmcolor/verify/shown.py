"""What a player shows of a film, seen in the pictures as FFmpeg's decoder gives them.

Their own times, the captions in them, how they are turned, and which field of an interlaced one
comes first: as each picture says, and as its motion shows. It knows nothing of filmcolor's reader,
nor of another film to compare with (see `presentation`).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Literal

import av
from av.filter import Graph
from av.sidedata.sidedata import SideData
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame

from filmcolor.media.filters import filter_graph, filtered

Order = Literal["top", "bottom"]
"""The field of a frame that is shown first."""

_STRETCH = 8
"""Frames in a row whose fields are looked at, from every so many on."""
_EVERY = 240
_CLEAR_FRAMES = 3
_CLEAR_TIMES = 4
"""Motion is clear if so many frames show one order, and so many times fewer the other."""
_SIDE_DATA_KINDS = 64  # more than FFmpeg has
_CC_VALID, _CC_TYPE = 0x04, 0x03
_LINE_21 = (0, 1)  # of CEA-608: field 1, field 2; both repeat 0x80 0x80 where there is nothing
_NOTHING = b"\x80\x80"


class ShownPictures:
    """What the pictures of one film show, in the order in which a player shows them."""

    def __init__(self, stated: Order | None) -> None:
        """`stated`: the order of fields by the header, for decoders that do not mark pictures."""
        self._stated = stated
        self._fields = _Fields()
        self._named_only: Graph | None = None
        self._captions: dict[int, bytes] = {}
        self.turned: tuple[int, bytes] = (0, b"")
        """Degrees, and the display matrix, of the first picture."""
        self.has_active_format = False
        self.moved: dict[int, Fraction] = {}
        """Frames that a player shows at another time than the reader takes, and by how much."""

    def look(self, index: int, picture: VideoFrame, pts: int) -> None:
        """See frame `index`, which the reader has at the time `pts`."""
        side_data = self._side_data(picture)
        if index == 0:
            matrix = side_data.get(SideDataType.DISPLAYMATRIX)
            self.turned = picture.rotation, b"" if matrix is None else bytes(matrix)
        captions = _spoken(side_data.get(SideDataType.A53_CC))
        if captions:
            self._captions[index] = captions
        self.has_active_format |= SideDataType.AFD in side_data
        if picture.pts is not None and picture.pts != pts:
            self.moved[index] = (picture.pts - pts) * (picture.time_base or Fraction(0))
        if (self._stated or picture.interlaced_frame) and index % _EVERY < _STRETCH:
            self._fields.look(picture, self._stated, starts=index % _EVERY == 0)

    def captions(self, index: int) -> bytes:
        """What the captions of a frame say, asked for once; empty if it has none."""
        return self._captions.pop(index, b"")

    @property
    def order(self) -> Order | None:
        """The order of fields that most pictures say, else the header; None if not interlaced."""
        return self._fields.order

    @property
    def order_by_motion(self) -> Order | None:
        """The order in which what moves goes on; None if nothing moves, or not clearly."""
        return self._fields.by_motion

    def _side_data(self, picture: VideoFrame) -> Mapping[SideDataType, SideData]:
        try:
            entries = picture.side_data
        except ValueError:  # PyAV builds every entry, and has no name for some kinds
            if self._named_only is None:
                named = {kind.value for kind in SideDataType}
                unnamed = sorted(set(range(_SIDE_DATA_KINDS)) - named)
                removals = [("sidedata", f"mode=delete:type={kind}") for kind in unnamed]
                self._named_only = filter_graph(picture, _base(picture), *removals)
            entries = next(filtered(self._named_only, picture)).side_data
        return {entry.type: entry for entry in entries if isinstance(entry, SideData)}


class _Fields:
    """Which field comes first, asked of FFmpeg's own filters; PyAV tells neither."""

    def __init__(self) -> None:
        self._said = {"top": 0, "bottom": 0}
        self._seen = {"top": 0.0, "bottom": 0.0}
        self._motion: Graph | None = None

    def look(self, picture: VideoFrame, stated: Order | None, *, starts: bool) -> None:
        """See a picture; `starts` where it does not follow the one that was seen before it."""
        said: Order | None = stated
        if picture.interlaced_frame:
            marks = filter_graph(
                picture, _base(picture), ("select", "eq(interlace_type,BOTTOMFIRST)")
            )
            said = "bottom" if any(True for _ in filtered(marks, picture)) else "top"
        if said is not None:
            self._said[said] += 1
        if starts or self._motion is None:
            self._motion = filter_graph(picture, _base(picture), ("idet", ""))
        for seen in filtered(self._motion, picture):
            order = seen.metadata.get("lavfi.idet.multiple.current_frame")
            if order in ("tff", "bff"):
                self._seen["top" if order == "tff" else "bottom"] += 1

    @property
    def order(self) -> Order | None:
        if not any(self._said.values()):
            return None
        return "top" if self._said["top"] >= self._said["bottom"] else "bottom"

    @property
    def by_motion(self) -> Order | None:
        top, bottom = self._seen["top"], self._seen["bottom"]
        if max(top, bottom) < max(_CLEAR_FRAMES, _CLEAR_TIMES * min(top, bottom)):
            return None
        return "top" if top > bottom else "bottom"


def _base(picture: VideoFrame) -> Fraction:
    return picture.time_base or Fraction(1, av.time_base)


def _spoken(entry: SideData | None) -> bytes:
    """CEA-608 and CEA-708 data (ATSC A/53 part 4) without what fills the room between them."""
    if entry is None:
        return b""
    content = bytes(entry)
    triplets = (content[at : at + 3] for at in range(0, len(content) - 2, 3))
    return b"".join(each for each in triplets if each[0] & _CC_VALID and not _is_filling(each))


def _is_filling(triplet: bytes) -> bool:
    return triplet[0] & _CC_TYPE in _LINE_21 and triplet[1:] == _NOTHING
