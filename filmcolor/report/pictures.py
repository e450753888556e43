"""Pictures of a report: made small at once, kept compressed, and never more bytes than agreed.

It must not know shots or measures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import cv2
import numpy as np

from filmcolor.color import resolve_tags
from filmcolor.errors import MediaError
from filmcolor.types import Box, Frame, Luma, PixelLayout, VideoInfo
from filmcolor.visual.rgb import PictureMaker, Rgb, reduced_size, resized
from filmcolor.visual.side_by_side import with_neutral_chroma

LARGEST_SIDE = 480
"""Short side of a picture in px, as long as there is room."""
_SMALLEST_SIDE = 90
_QUALITY = 78
"""Of WebP, 0 to 100."""


class Reducer:
    """Makes small pictures of one film's frames in two steps, of which the first is cheap."""

    def __init__(self, info: VideoInfo, box: Box | None) -> None:
        """`box` is the part that holds picture, None for all of it."""
        self._layout = info.layout
        self._box = box or Box(0, 0, info.height, info.width)
        aspect = float(info.sample_aspect_ratio)
        self._size = reduced_size(self._box.size, aspect, LARGEST_SIDE)
        small = replace(
            info,
            height=self._size[0],
            width=self._size[1],
            layout=PixelLayout(info.layout.bit_depth, "444"),
            sample_aspect_ratio=Fraction(1),
            tags=resolve_tags(info.tags, info.height),  # untagged: decided by the true height
        )
        self._maker = PictureMaker(small, None, None)

    def reduce(self, frame: Frame) -> Frame:
        """The frame with luma (h, w) of the small size and chroma no larger, without bars.

        Codes are averaged over areas; where chroma sits between luma samples is not looked at.
        """
        colored = with_neutral_chroma(frame, self._layout)
        assert colored.chroma is not None
        down, across = self._layout.subsampling
        cb, cr = (self._small(plane, down, across) for plane in colored.chroma)
        return replace(frame, luma=self._small(frame.luma), chroma=(cb, cr))

    def picture(self, small: Frame) -> Rgb:
        """Upright R'G'B' of a frame that `reduce` gave."""
        assert small.chroma is not None
        cb, cr = (resized(plane, self._size) for plane in small.chroma)
        return self._maker.picture(replace(small, chroma=(cb, cr)))

    def _small(self, plane: Luma, down: int = 1, across: int = 1) -> Luma:
        box = self._box
        cut = plane[
            box.top // down : -(-box.bottom // down), box.left // across : -(-box.right // across)
        ]
        height, width = (min(own, most) for own, most in zip(cut.shape, self._size, strict=True))
        return resized(cut, (height, width))


@dataclass(slots=True)
class Pair:
    """A frame before and after, as WebP of the same size."""

    before: bytes
    after: bytes
    width: int
    height: int

    @property
    def bytes(self) -> int:
        """Of both."""
        return len(self.before) + len(self.after)


class PictureStore:
    """Pairs of pictures by number. The more there are, the smaller all of them become; when they
    are as small as is useful, every second one goes.
    """

    def __init__(self, most_bytes: int) -> None:
        """`most_bytes`: of all pictures together."""
        self._most = most_bytes
        self._side = LARGEST_SIDE
        self._step = 1
        self._bytes = 0
        self.pairs: dict[int, Pair] = {}

    def add(self, number: int, before: Rgb, after: Rgb) -> None:
        """Keep a pair of pictures (height, width, 3) of one size."""
        if number % self._step:
            return
        pair = Pair(b"", b"", 0, 0)
        _encode(pair, before, after, self._side)
        self.pairs[number] = pair
        self._bytes += pair.bytes
        while self._bytes > self._most and len(self.pairs) > 1:
            self._shrink()

    def _shrink(self) -> None:
        if self._side > _SMALLEST_SIDE:
            self._side = max(_SMALLEST_SIDE, round(self._side * 0.7))
            for pair in self.pairs.values():
                _encode(pair, _decode(pair.before), _decode(pair.after), self._side)
        else:
            self._step *= 2
            self.pairs = {n: pair for n, pair in self.pairs.items() if n % self._step == 0}
        self._bytes = sum(pair.bytes for pair in self.pairs.values())


def _encode(pair: Pair, before: Rgb, after: Rgb, side: int) -> None:
    height, width = reduced_size((before.shape[0], before.shape[1]), 1.0, side)
    pair.height, pair.width = height, width
    pair.before, pair.after = (_webp(picture, width, height) for picture in (before, after))


def _webp(picture: Rgb, width: int, height: int) -> bytes:
    bgr = cv2.cvtColor(resized(picture, (height, width)), cv2.COLOR_RGB2BGR)
    whole, encoded = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])
    if not whole:
        raise MediaError("a picture of the report cannot be encoded as WebP")
    return encoded.tobytes()


def _decode(content: bytes) -> Rgb:
    bgr = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert bgr is not None  # our own
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
