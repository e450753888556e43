"""What the pairs of frames of two films show together: luma, colour, and whether it is one film.

Fed by `film` with one pair after the other; says what it has found at the end, since only the whole
film shows whether it was coded without loss.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import cast

import numpy as np

from filmcolor.media.rgb import full_range_table
from filmcolor.media.write.packing import convert_depth
from filmcolor.options import VerifyOptions
from filmcolor.types import Frame, Luma, VideoInfo
from filmcolor.verify.findings import Findings, Place
from filmcolor.verify.picture import (
    BLOCK,
    COLOR_CODES,
    EQUAL,
    NO_COLOR_CODES,
    Difference,
    LumaLimits,
    brought_down,
    can_have_color,
    compare_luma,
    is_textured,
    strongest_color,
)
from filmcolor.verify.repairs import as_repaired, keeps_codes

_FIRST_FRAMES = 48
"""Frames after which two films that have nothing in common are given up."""
TRUE_CODES = 1.0
"""Mean difference, in 8-bit codes, of a frame that was enlarged and is brought back down."""
_PALE_SHARE = 1 / 8
"""Share of the film's strongest colour below which a frame has lost its own."""
_STRANGERS = 0.9
"""Share of them that must be unlike each other."""


@dataclass(frozen=True, slots=True)
class PictureVerdict:
    """How the luma of all frames fits."""

    is_exact: bool
    """Whether every code has to be the source's."""
    is_other_film: bool
    """The films have nothing in common: nothing else counts."""
    worst_mean: float
    """Largest difference of the means of a block, in 8-bit codes."""
    worst: Difference
    """Of the frame with the block that fits least."""


def whole_factor(source: VideoInfo, result: VideoInfo) -> int | None:
    """How many times as many rows and columns the result has; None if they do not agree."""
    factor = result.width // source.width
    grown = source.width * factor, source.height * factor
    return factor if factor >= 1 and grown == (result.width, result.height) else None


class PictureTally:
    """Adds up pairs of frames; `end` says what they show."""

    def __init__(self, source: VideoInfo, result: VideoInfo, options: VerifyOptions) -> None:
        """`options.lossless`: every code has to be equal; else only if the film turns out so."""
        self.limits = LumaLimits()
        self._source, self._result = source, result
        self._factor = whole_factor(source, result) or 1
        self._options = options
        self._rough, self._changed, self._untrue = Findings(), Findings(), Findings()
        self._pairs = self._unrelated = 0
        self._strongest = 0.0
        self._pale_codes, self._pale_places = array("f"), array("q")
        """Of frames that could have colour and have little: how much, number and pts."""
        self._busy_exact = self._busy_inexact = self._flat = 0
        self._worst, self._worst_mean = EQUAL, 0.0

    def compare(self, wanted: Frame, found: Frame) -> Difference:
        """Compare the luma of two frames at the depth of the result."""
        if self._options.output_chroma:
            bits = self._result.layout.bit_depth
            return compare_luma(np.full_like(found.luma, 1 << (bits - 1)), found.luma, bits)
        luma = found.luma if self._factor == 1 else brought_down(found.luma, self._factor)
        bits, depth = self._result.layout.bit_depth, self._source.layout.bit_depth
        full_range = self._source.tags.full_range is True
        if self._result.is_sequence and not (full_range and bits == depth):
            return self._compare_rgb(wanted.luma, luma, full_range=full_range)
        expected = convert_depth(wanted.luma, depth, bits, full_range=full_range)
        kinds = self._options.restored_kinds
        if kinds:
            expected = as_repaired(expected, luma, kinds, bits, lossless=self._options.lossless)
        return compare_luma(expected, luma, bits)

    def _compare_rgb(self, wanted: Luma, found: Luma, *, full_range: bool) -> Difference:
        """Compare luma codes with those of frames, which are full-range: at the lesser depth."""
        bits, depth = self._result.layout.bit_depth, self._source.layout.bit_depth
        table = full_range_table(depth, bits, full_range=full_range)
        if bits < depth:
            expected = cast("Luma", table.astype(found.dtype)[wanted])
            return compare_luma(expected, found, bits)
        black, white = (0, (1 << depth) - 1) if full_range else (16 << depth - 8, 235 << depth - 8)
        halves = (table[black:white] + table[black + 1 : white + 1]) / 2
        nearest = black + np.searchsorted(halves, np.arange(1 << bits))
        codes = cast("Luma", nearest.astype(wanted.dtype)[found])
        inside = cast("Luma", np.clip(wanted, black, white))
        return compare_luma(inside, codes, depth)

    def add(self, wanted: Frame, found: Frame, difference: Difference) -> None:
        """Take a pair that belongs together."""
        self._pairs += 1
        self._unrelated += not difference.is_related
        seconds = wanted.pts * self._source.time_base
        if self._factor > 1 and difference.absolute > TRUE_CODES:
            # What is promised of a frame that was enlarged, and not coded with loss.
            detail = f"off by {difference.absolute:.2f} of 255 codes on average"
            place = Place(seconds, wanted.index, detail)
            self._untrue.fault("luma", "brought back down, it is not the source", place)
        if not difference.is_exact:
            place = Place(seconds, wanted.index, difference.words)
            text = "luma is not mid-grey" if self._options.output_chroma else "luma changed"
            self._changed.fault("luma", text, place)
        self._flat += self._is_flat(found)
        if is_textured(wanted.luma):
            self._busy_exact += difference.is_exact
            self._busy_inexact += not difference.is_exact
        self._worst = max(self._worst, difference, key=lambda each: each.square)
        self._worst_mean = max(self._worst_mean, difference.mean)
        self._blame(self.limits.add(Place(seconds, wanted.index), difference))
        self._look_for_color(wanted, found)

    @property
    def is_other_film(self) -> bool:
        """Whether the beginnings of the two films have nothing in common."""
        return self._pairs == _FIRST_FRAMES and self._mostly_unrelated

    def end(self, findings: Findings) -> PictureVerdict:
        """Say what was found, into `findings`."""
        self._blame(self.limits.rest())
        is_lossless = self._options.lossless
        if not self._options.output_chroma:  # flat luma is exact in lossy films too
            is_lossless = is_lossless or self._busy_exact > self._busy_inexact
        is_exact = is_lossless and self._factor == 1 and keeps_codes(self._options.restored_kinds)
        is_without_luma = self._flat == self._pairs > 0 and not self._options.output_chroma
        if is_without_luma and self._changed.all():
            what = "the result has no luma; if it was made with --output-chroma, say so here too"
            findings.only("luma", what)
        elif self._mostly_unrelated:
            findings.only(
                "another film",
                "the result is another film, or another part of it: its pictures are not alike",
            )
        else:
            findings.extend(self._changed if is_exact else self._rough)
            if self._options.lossless:
                findings.extend(self._untrue)
            if self._options.expect_color:
                self._judge_color(findings)
        return PictureVerdict(is_exact, self._mostly_unrelated, self._worst_mean, self._worst)

    def _is_flat(self, found: Frame) -> bool:
        """Whether its luma is nothing but mid-grey, as near as codecs come."""
        codes = found.luma[:: max(1, len(found.luma) // BLOCK)]
        scale = 1 << (self._result.layout.bit_depth - 8)
        return int(np.abs(codes - 128.0 * scale).max()) <= scale

    @property
    def _mostly_unrelated(self) -> bool:
        return self._unrelated >= max(1.0, _STRANGERS * self._pairs)

    def _blame(self, failed: list[tuple[Place, Difference]]) -> None:
        for place, difference in failed:
            named = Place(place.seconds, place.frame, difference.words)
            self._rough.fault("luma", "luma farther off than the codec explains", named)

    def _look_for_color(self, wanted: Frame, found: Frame) -> None:
        """Note how strong a frame's colour is, if it is weak though its luma shows something."""
        codes = strongest_color(found.chroma, self._result.layout.bit_depth)
        self._strongest = max(self._strongest, codes)
        full_range = self._source.tags.full_range is True
        depth = self._source.layout.bit_depth
        if codes < COLOR_CODES and can_have_color(wanted.luma, depth, full_range=full_range):
            self._pale_codes.append(codes)
            self._pale_places.extend((wanted.index, wanted.pts))

    def _judge_color(self, findings: Findings) -> None:
        """Tell frames that have lost their colour from a film whose colours are weak throughout."""
        pale, strongest = self._pale_codes, self._strongest
        more = "--size, --saturation and --look give it more"
        if len(pale) > 1 and strongest < NO_COLOR_CODES:
            text = f"the result has no colour at all, or less than its codes can hold; {more}"
            findings.fault("colour", text)
            return
        if pale and NO_COLOR_CODES <= strongest < COLOR_CODES:
            findings.note(
                f"colours are weak: {strongest:.1f} of 255 codes off grey at most; {more}"
            )
            return
        limit = COLOR_CODES
        if strongest >= NO_COLOR_CODES:
            limit = min(limit, strongest * _PALE_SHARE)
        places = zip(self._pale_places[::2], self._pale_places[1::2], strict=True)
        for codes, (index, pts) in zip(pale, places, strict=True):
            if codes < limit:
                place = Place(pts * self._source.time_base, index)
                findings.fault("colour", "without colour", place)
