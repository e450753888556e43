"""What a decoder gave for a film, and what was wrong with the film on the way through it.

Words of `decoding`, `clock` and `decode`; decodes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from av.video.frame import VideoFrame

from filmcolor.types import Notice


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture as the decoder gave it, or the one before it where it gave none."""

    picture: VideoFrame
    time: int | None
    """Ticks of the film's time base: its pts, else its dts, else unknown."""
    duration: int
    """Ticks; 0 when the source does not say."""

    @classmethod
    def of(cls, picture: VideoFrame) -> Decoded:
        """A picture with its own time."""
        time = picture.pts if picture.pts is not None else picture.dts
        return cls(picture, time, picture.duration)


@dataclass(frozen=True, slots=True)
class Step:
    """How a film's packets follow each other."""

    ticks: int
    """From frame to frame, on average."""
    is_plain: bool
    """Every packet has a pts and gives one picture."""


@dataclass(slots=True)
class Damage:
    """What was wrong with a film on one way through it."""

    time_base: Fraction
    count: int = 0
    """Pictures given so far, those that stand in for others included."""
    last: int | None = None
    """Highest time of a picture that was given."""
    latest: int | None = None
    """Highest time of a packet that was sent to the decoder."""
    skipped: int = 0
    """Packets without a picture before the first picture."""
    repeated: list[int | None] = field(default_factory=list)
    """Times at which the picture before stands in."""
    taken: set[int] = field(default_factory=set)
    """Those of them that are known."""
    patched: list[int | None] = field(default_factory=list)
    """Times of pictures that the decoder itself calls damaged."""
    unread: int = 0
    """Places of the file that could not be read."""
    scaled: list[int | None] = field(default_factory=list)
    """Times of pictures of another size or format, brought to the first one's."""

    @property
    def seconds(self) -> float:
        """Time of the last picture."""
        return 0.0 if self.last is None else float(self.last * self.time_base)

    @property
    def lacks(self) -> bool:
        """Whether packets after the last picture have none."""
        return self.latest is not None and (self.last is None or self.last < self.latest)

    def note(self, decoded: Decoded) -> Decoded:
        """Take note of a picture that is given away."""
        self.count += 1
        if decoded.time is not None:
            self.last = decoded.time if self.last is None else max(self.last, decoded.time)
        if decoded.picture.is_corrupt:
            self.patched.append(decoded.time)
        return decoded

    def repeat(self, picture: VideoFrame, time: int | None, duration: int) -> Decoded:
        """`picture` once more, in the place of one that is lost, and take note of that."""
        self.repeated.append(time)
        self.count += 1
        if time is not None:
            self.taken.add(time)
            self.last = time if self.last is None else max(self.last, time)
        return Decoded(picture, time, duration)

    def notices(self) -> Iterator[Notice]:
        """What the user should know of it."""
        if self.repeated:
            yield Notice(
                f"{_frames(self.repeated)} could not be decoded: the frame before is shown again "
                f"{self._where(self.repeated)}",
                warning=True,
            )
        if self.patched:
            yield Notice(
                f"{_frames(self.patched)} damaged, coloured as the decoder patched them up "
                f"{self._where(self.patched)}",
                warning=True,
            )
        if self.scaled:
            yield Notice(
                f"{_frames(self.scaled)} of another size or pixel format, scaled to that of the "
                f"first {self._where(self.scaled)}",
                warning=True,
            )
        if self.unread:
            places = "one place" if self.unread == 1 else f"{self.unread} places"
            yield Notice(
                f"the file cannot be read in {places}: picture and sound are missing there",
                warning=True,
            )
        if self.skipped:
            yield Notice(
                f"nothing of its first {self.skipped} packets can be decoded: "
                "the picture begins after them"
            )

    def _where(self, times: list[int | None]) -> str:
        known = [float(time * self.time_base) for time in times if time is not None]
        if not known:
            return "(the file gives no times)"
        first, last = min(known), max(known)
        return f"(at {first:.2f} s)" if len(known) == 1 else f"({first:.2f} to {last:.2f} s)"


def _frames(times: list[int | None]) -> str:
    return "1 frame" if len(times) == 1 else f"{len(times)} frames"
