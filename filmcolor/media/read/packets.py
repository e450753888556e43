"""What a decoder gives for a film's packets, and what is done where it gives nothing.

Either the first thing that cannot be decoded is an error that names its place (`strictly`), or the
last good picture stands in for what is missing, at the times of what is missing (`repeating`).
Opens no file; the order and the times of whole films belong to `timestamps` and
`film_reader`.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Generator, Iterator
from math import inf
from operator import itemgetter

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from filmcolor.errors import MediaError
from filmcolor.media.read.damage import Damage, Decoded, Step
from filmcolor.media.straight_packets import MOST_RETRIES, StraightPackets, is_last
from filmcolor.media.watchdog import Heartbeat

_FAILURES = (av.error.FFmpegError, OSError)
_HELD_AFTER_FAILURE = 8  # pictures waited for, so that late ones find their place
_MOST_HELD = 24  # pictures held at most while earlier ones might come
_FARTHEST_SECONDS = 10  # farther from the film's end nothing is repeated: that time is damaged too


def strictly(
    container: InputContainer,
    stream: VideoStream,
    name: str,
    damage: Damage,
    heartbeat: Heartbeat,
    step: Step,
) -> Generator[Decoded, None, None]:
    """Everything the decoder gives, flushed at the end; `MediaError` about `name` where it fails.

    What cannot be decoded before the first picture is passed over (a recording may begin between
    two key frames).
    """
    awaited = Awaited(damage, step, stream.codec_context)
    damage.packets = packets = StraightPackets(container, stream.index, [stream.index])
    while True:
        is_flush = False
        heartbeat.beat()
        try:
            packet = next(packets, None)
            if packet is None:
                return
            is_flush = is_last(packet)
            if packet.size == 0 and not is_flush:
                continue
            awaited.send(packet)
            pictures = stream.codec_context.decode(packet)
        except _FAILURES as error:
            if is_flush and damage.latest is not None:
                return
            if damage.count == 0 and isinstance(error, av.error.InvalidDataError):
                damage.skipped += 1
                continue
            if damage.count == 0:
                raise MediaError(
                    f"{name}: no frame of its video can be decoded ({error.strerror or error}): "
                    "copy it from the original again, or convert it with another program first"
                ) from error
            raise _damaged(name, damage) from error
        for picture in pictures:
            decoded = Decoded.of(picture)
            if any(True for _ in awaited.lost_before(decoded.time)):
                raise _damaged(name, damage)
            yield damage.note(decoded)


def repeating(
    container: InputContainer,
    stream: VideoStream,
    name: str,
    damage: Damage,
    heartbeat: Heartbeat,
    step: Step,
) -> Generator[Decoded, None, None]:
    """Everything the decoder gives; the picture before stands in for each that it cannot give.

    A packet that fails has its picture replaced at its own time, or where it is when it has no
    time. A decoder may give pictures out of order after a failure: they are put in order as long as
    their places are not taken. It must not run frame threads, which tell an error too late.
    """
    awaited = Awaited(damage, step, stream.codec_context)
    pending: list[tuple[float, Decoded]] = []
    shown: VideoFrame | None = None
    for packet in _packets(container, stream, damage, heartbeat):
        if packet is not None and packet.size == 0:
            continue
        try:
            pictures = stream.codec_context.decode(packet)
            is_lost = False
        except _FAILURES:
            pictures, is_lost = [], True
            damage.skipped += shown is None and not pending
        if packet is not None and (shown is not None or pending):
            awaited.send(packet, is_lost=is_lost)
            if is_lost and packet.pts is None and shown is not None:
                yield damage.repeat(shown, packet.dts, packet.duration or 0)
        for picture in pictures:
            decoded = Decoded.of(picture)
            place = -inf if step.is_disordered else _order(decoded, pending)
            insort(pending, (place, decoded), key=itemgetter(0))
        for decoded in _released(pending, packet, awaited):
            if decoded.time is not None and decoded.time in damage.taken:
                continue  # it comes too late
            if shown is not None:
                for time, duration in awaited.lost_before(decoded.time):
                    yield damage.repeat(shown, time, duration)
            shown = decoded.picture
            yield damage.note(decoded)
    if shown is not None:
        for time, duration in awaited.failed():
            yield damage.repeat(shown, time, duration)


def _order(decoded: Decoded, pending: list[tuple[float, Decoded]]) -> float:
    """Where a picture comes: one without a time behind the one that was given before it."""
    if decoded.time is not None:
        return decoded.time
    return pending[-1][0] if pending else -inf


def _released(
    pending: list[tuple[float, Decoded]], packet: Packet[Stream] | None, awaited: Awaited
) -> Iterator[Decoded]:
    """Those of the pictures, in order, before which none can come any more; all after the last.

    Packets that are still to come are shown no earlier than this one is decoded. A decoder that has
    failed may be late: then a few pictures are held besides.
    """
    if packet is None:
        keep, sent = 0, None
    else:
        keep, sent = _HELD_AFTER_FAILURE if awaited.has_failed else 0, packet.dts
    while len(pending) > keep and (
        sent is None or len(pending) > _MOST_HELD or pending[0][0] <= sent
    ):
        yield pending.pop(0)[1]


def _damaged(name: str, damage: Damage) -> MediaError:
    return MediaError(
        f"{name}: damaged after frame {damage.count} ({damage.seconds:.2f} s): repair it, "
        "go on regardless with --on-error repeat, or colour the part before with --duration"
    )


def _packets(
    container: InputContainer, stream: VideoStream, damage: Damage, heartbeat: Heartbeat
) -> Iterator[Packet[Stream] | None]:
    """The film's packets, past what cannot be read; None flushes the decoder."""
    failed = 0
    damage.packets = packets = StraightPackets(container, stream.index, [stream.index])
    while failed < MOST_RETRIES:
        heartbeat.beat()
        try:
            packet = next(packets, None)
        except _FAILURES:
            damage.unread += failed == 0
            failed += 1
            packets.again()
            continue
        if packet is None or is_last(packet):
            break
        failed = 0
        yield packet
    yield None


class Awaited:
    """Packets on their way through the decoder, by their pts, until their pictures come out.

    Pictures come in the order of their pts, so one that has not come when a later one does will
    not come any more. It counts as lost if its packet failed. Without a failure it may be a hidden
    picture or a field of another; then it counts as lost only in a film that has no such packets,
    or that has failed before, and if it leaves a hole of three quarters of a step on both sides.
    Where pictures are reordered, but every packet says the same of when it is decoded and shown,
    that is its turn, and its picture may be shown at another.
    """

    def __init__(self, damage: Damage, step: Step, context: VideoCodecContext) -> None:
        self._damage = damage
        self._step = step
        self._context = context
        self._has_order = False
        self._waiting: list[tuple[int, int, bool]] = []  # pts, duration, whether it failed
        self.has_failed = False

    def send(self, packet: Packet[Stream], *, is_lost: bool = False) -> None:
        """A packet goes in."""
        self.has_failed = self.has_failed or is_lost
        self._has_order = self._has_order or packet.dts != packet.pts
        if packet.pts is None or packet.is_discard:
            return
        latest = self._damage.latest
        self._damage.latest = packet.pts if latest is None else max(packet.pts, latest)
        insort(self._waiting, (packet.pts, packet.duration or 0, is_lost))

    @property
    def _is_plain(self) -> bool:
        """Whether every packet has its own picture's time."""
        return self._step.is_plain and (self._has_order or not self._context.has_b_frames)

    def lost_before(self, time: int | None) -> Iterator[tuple[int, int]]:
        """(pts, duration) of what is lost, now that a picture of this time has come out.

        Reads the time of the last picture from `damage`, where it changes between two of these.
        """
        while time is not None and self._waiting and self._waiting[0][0] <= time:
            pts, duration, failed = self._waiting.pop(0)
            if pts == time:
                return
            last = self._damage.last
            if last is None or pts <= last:
                continue
            is_telling = self._is_plain or self.has_failed
            hole = 0.75 * self._step.ticks
            if failed or (is_telling and min(pts - last, time - pts) >= hole):
                self.has_failed = True
                yield pts, duration

    def failed(self) -> Iterator[tuple[int, int]]:
        """(pts, duration) of the packets that gave nothing after the last picture."""
        farthest = _FARTHEST_SECONDS / self._damage.time_base
        for pts, duration, failed in self._waiting:
            last = self._damage.last
            if last is None or not last < pts <= last + farthest:
                continue
            if failed or (self._is_plain and pts - last >= 0.75 * self._step.ticks):
                yield pts, duration
