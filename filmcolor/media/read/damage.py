"""What a decoder gave for a film, and what was wrong with the film on the way through it.

Words of `packets`, `timestamps` and `film_reader`; decodes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from av.video.frame import VideoFrame

from filmcolor.events import Notice
from filmcolor.media.read.side_data import ancillary_of
from filmcolor.media.splices import AHEAD_SECONDS, TimestampRepair
from filmcolor.media.straight_packets import StraightPackets
from filmcolor.types import Ancillary, VideoInfo

ASTRAY = "a frame's time was far from those around it: it was counted instead"
GAINED_SOUND = (
    "sound begins on the way of which the head of the file says nothing: left out; copy the film "
    "into an .mkv with another program first to keep it"
)
_STATE_NOTHING = {"mpegts", "mpeg"}  # FFmpeg reckons from the times of their packets
_SHORT_SECONDS = 1  # by which a film may end before its header says so, without a word


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture as the decoder gave it, or the one before it where it gave none."""

    picture: VideoFrame
    time: int | None
    """Ticks of the film's time base: its pts, else its dts, else unknown."""
    duration: int
    """Ticks; 0 when the source does not say."""
    ancillary: Ancillary | None = None
    """What is said beside it: once, where it is shown again."""

    @classmethod
    def of(cls, picture: VideoFrame) -> Decoded:
        """A picture with its own time."""
        time = picture.pts if picture.pts is not None else picture.dts
        return cls(picture, time, picture.duration, ancillary_of(picture))


@dataclass(frozen=True, slots=True)
class Step:
    """How a film's packets follow each other."""

    ticks: int
    """From frame to frame, on average."""
    is_plain: bool
    """Every packet has a pts and gives one picture."""
    is_disordered: bool = False
    """Pictures do not come in the order of their times."""


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
    packets: StraightPackets | None = None
    """What it was read from, once it is read."""

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
        if self.packets is not None:
            yield from _clock_notices(self.packets.straight)
        found = (
            (self.repeated, "could not be decoded: the frame before is shown again"),
            (self.patched, "damaged, coloured as the decoder patched them up"),
            (self.scaled, "of another size or pixel format, scaled to that of the first"),
        )
        for times, text in found:
            if times:
                frames = "1 frame" if len(times) == 1 else f"{len(times)} frames"
                yield Notice(f"{frames} {text} {self._where(times)}", warning=True)
        if self.packets is not None and self.packets.has_gained_sound:
            yield Notice(GAINED_SOUND, warning=True)
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
        seconds_of = [float(time * self.time_base) for time in times if time is not None]
        if not seconds_of:
            return "(the file gives no times)"
        first, last = min(seconds_of), max(seconds_of)
        return f"(at {first:.2f} s)" if len(seconds_of) == 1 else f"({first:.2f} to {last:.2f} s)"


def _clock_notices(straight: TimestampRepair) -> Iterator[Notice]:
    if straight.found:
        places, first = len(straight.found), float(straight.found[0])
        where = f"after {first:.2f} s"
        if places > 1:
            where = f"in {places} places, first {where}"
        yield Notice(
            f"the times begin anew {where}: picture and sound are counted on from there, together",
            warning=True,
        )
    if straight.astray:
        yield Notice(ASTRAY, warning=True)


def length_notices(
    info: VideoInfo, damage: Damage, origin: int, ending: tuple[int, int], states_length: bool
) -> Iterator[Notice]:
    """A word about a film that ends well before its header says so, or goes on well after.

    `origin` is the time of its first frame, `ending` that of its last one and how long it is shown,
    0 if the file does not say. A header that does not state
    (`states_length`) how long the picture lasts is held against whatever ends last in the file:
    sound may outlast the picture. Where times begin anew, it speaks of another film.
    """
    packets = damage.packets
    if info.duration is None or packets is None or packets.straight.found:
        return
    if info.container in _STATE_NOTHING:
        return
    last, lasts = ending
    end = last * info.time_base
    end += lasts * info.time_base if lasts else (1 / info.rate if info.rate else 0)
    if not states_length:
        end = max(end, packets.end or end)
    if not info.container.startswith("matroska"):  # there it is counted from zero
        end -= origin * info.time_base
    if info.duration - end > _SHORT_SECONDS:
        what = "it was cut short"
    elif end - info.duration > AHEAD_SECONDS:
        what = "its times have gaps that it should not have"
    else:
        return
    at, stated = float((last - origin) * info.time_base), float(info.duration)
    yield Notice(
        f"the last frame is at {at:.2f} s, but the file's header says {stated:.2f} s: {what}, or "
        "its header is wrong",
        warning=True,
    )
