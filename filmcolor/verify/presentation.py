"""What a player shows of a result beside what it shows of its source: turned, cropped and shaped
alike, fields in the same order of time, captions, languages.

The pictures are seen as the decoder gives them (see `shown`), the headers read apart (see
`header_bytes`): what filmcolor's reader makes of a file is not asked. Luma is compared elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from av.video.stream import VideoStream

from filmcolor.media.open import open_source
from filmcolor.media.read.film_reader import Look
from filmcolor.options import VerifyOptions
from filmcolor.types import Frame
from filmcolor.verify.findings import Findings, Place
from filmcolor.verify.header_bytes import Header, read_header
from filmcolor.verify.shown import Order, ShownPictures

_ORDERS: dict[int, Order] = {2: "top", 4: "top", 3: "bottom", 5: "bottom"}  # AVFieldOrder
_WOVEN = (4, 5)
_HOLD_CAPTIONS = {"h264", "hevc", "mpeg2video"}
"""Codecs whose encoders take captions with the pictures."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a player knows of a film before it decodes a picture."""

    codec: str
    pixel_aspect: Fraction
    """Width of a pixel in heights of it."""
    stated: Order | None
    """The field that comes first, if the header says that there are fields."""
    is_sure: bool
    """Whether the header itself says so; of H.264 FFmpeg may have guessed."""
    header: Header

    @classmethod
    def of(cls, path: str, film: int) -> Self:
        """The picture in the stream `film` of a file."""
        with open_source(path) as file:
            stream = file.streams[film]
            if not isinstance(stream, VideoStream):
                raise ValueError(f"stream {film} of {path} is no picture")
            header = read_header(path, file.format.name, film, stream.id)
            order = stream.codec_context.field_order
            codec = stream.codec.canonical_name
            return cls(
                codec=codec,
                pixel_aspect=header.pixel_aspect or stream.sample_aspect_ratio or Fraction(1),
                stated=_ORDERS.get(order),
                is_sure=order in _WOVEN or codec != "h264",
                header=header,
            )


class Presentation:
    """Compares what a player shows of two films; used once, while their frames are compared."""

    def __init__(self, source: Opened, result: Opened, findings: Findings) -> None:
        self._opened = source, result
        self._findings = findings
        self._shown = ShownPictures(source.stated), ShownPictures(result.stated)
        self._captions = Findings()
        self._captioned = 0

    @property
    def looks(self) -> tuple[Look, Look]:
        """To be shown the pictures of the source, and those of the result."""
        return self._shown[0].look, self._shown[1].look

    def pair(self, wanted: Frame, found: Frame, seconds: Fraction) -> None:
        """Two frames that belong together, at this time of the source; both have been shown."""
        place = Place(seconds, wanted.index)
        ours, theirs = self._shown[0].captions(wanted.index), self._shown[1].captions(found.index)
        self._captioned += bool(theirs)
        if ours != theirs:
            words = "differ from the source's" if theirs else "are missing"
            if not ours:
                words = "are not in the source"
            self._captions.fault("captions", f"captions in the picture {words}", place)
        self._shown[0].moved.pop(wanted.index, None)  # where the reader mends a source's times
        late = self._shown[1].moved.pop(found.index, None)
        if late:
            detail = f"{float(abs(late)):.6g} s too {'late' if late > 0 else 'early'}"
            place = Place(seconds, wanted.index, detail)
            self._findings.fault("time", "a player shows it at another time", place)

    def end(self, options: VerifyOptions, factor: int) -> None:
        """Tell what was found; `factor` times as many rows and columns were asked for."""
        self._compare_shapes(factor)
        before, after = self._shown
        if before.turned != after.turned:
            old, new = (round(each.turned[0]) % 360 for each in (before, after))
            text = f"the rotation of {old} degrees has become {new} degrees"
            self._findings.fault("rotation", text)
        if not options.deinterlace:
            self._compare_fields()
        codec = self._opened[1].codec
        if self._captions.all() and not self._captioned and codec not in _HOLD_CAPTIONS:
            self._findings.note(f"{codec} cannot hold captions in the picture; left out")
        else:
            self._findings.extend(self._captions)
        if before.has_active_format and not after.has_active_format:
            self._findings.note("the active format (AFD) that the pictures state is left out")

    def _compare_shapes(self, factor: int) -> None:
        source, result = self._opened
        if source.pixel_aspect != result.pixel_aspect:
            old, new = (
                f"{shape.numerator}:{shape.denominator}"
                for shape in (source.pixel_aspect, result.pixel_aspect)
            )
            self._findings.fault("shape", f"the shape of the pixels {old} has become {new}")
        wanted = tuple(factor * pixels for pixels in source.header.crop)
        if wanted != result.header.crop:
            old, new = _cut_off(wanted), _cut_off(result.header.crop)
            text = f"a player cuts off {new} of the picture, of the source's {old}"
            self._findings.fault("crop", text)

    def _compare_fields(self) -> None:
        """Compare the order of time in which fields are shown, by word and by motion."""
        source, result = self._shown
        before, after = source.order, result.order
        if before is None:
            return
        if after is None:
            self._findings.note(
                "the source is interlaced, the result does not say so; if it was made with "
                "--deinterlace, say so here too"
            )
            return
        opened = self._opened[1]
        if opened.stated not in (None, after) and opened.is_sure:
            self._findings.fault(
                "fields",
                f"the result's header says that the {opened.stated} field comes first, its "
                f"frames say the {after} one",
            )
        was_backward = source.order_by_motion not in (None, before)
        is_backward = result.order_by_motion not in (None, after)
        if before != after and was_backward and not is_backward:
            self._findings.note(
                f"the source says that its {before} field comes first, by what moves it is the "
                f"{after} one, as the result says"
            )
        elif before != after or (is_backward and not was_backward):
            self._findings.fault("fields", "the order of the fields is not the source's")


def compare_languages(
    source: Header, result: Header, pairs: Iterable[tuple[str, int, int]], findings: Findings
) -> None:
    """Compare what two Matroska headers say of languages beyond ISO 639-2, and of chapters.

    `pairs`: the name of a stream, and its index in the source and in the result.
    """
    if not source.languages or not result.languages:
        return  # other containers have no room for it
    for name, before, after in pairs:
        if max(before, after) >= min(len(source.languages), len(result.languages)):
            continue
        old, new = source.languages[before], result.languages[after]
        if "-" in old and old != new:
            findings.fault("tag", f"{name}: its language {old} has become {new}")
    if source.editions > 1 and result.editions != source.editions:
        text = f"{source.editions} editions of chapters have become {result.editions}"
        findings.fault("chapters", text)
    lost = sorted(source.chapter_languages - result.chapter_languages)
    if lost and len(source.chapter_languages) > 1:
        findings.fault("chapters", f"chapters have no title in {', '.join(lost)} any more")


def _cut_off(crop: tuple[int, ...]) -> str:
    if not any(crop):
        return "nothing"
    sides = zip(crop, ("top", "left", "bottom", "right"), strict=True)
    return ", ".join(f"{pixels} px {side}" for pixels, side in sides if pixels)
