"""Joins the segments of a film (see `segment`) into the film, with the source's other streams.

Packets keep the encoders' bytes and coded order; every time comes from the film's own pts, and what
the encoders said of times is left behind. Encodes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing

from av.packet import Packet
from av.video.stream import VideoStream

from filmcolor.errors import JobError, MediaError
from filmcolor.media.partfile import PartFile
from filmcolor.media.retiming import Retiming
from filmcolor.media.write.muxer import Encoded, FilmMuxer
from filmcolor.media.write.output_plan import OutputPlan
from filmcolor.media.write.segment import WAY_OUT, SegmentReader

_REPORT_FRAMES = 100
"""How often to say how far the join is."""


def join_film(
    plan: OutputPlan,
    segments: Sequence[str],
    pts: Sequence[int],
    last_duration: int,
    reorder: int,
    *,
    label: str,
    frames: Sequence[int] | None = None,
    look: Callable[[], None] = lambda: None,
) -> Generator[int, None, None]:
    """Write the film that `segments`, in order, are; yield now and then how many frames it has.

    `pts` of all frames and `last_duration` in source ticks; `reorder` the largest of the segments';
    `label` says that the colour is synthetic; `frames` of each segment, to be checked. The target
    appears under its name only when it is whole. `look` is called now and then, and before that: it
    raises `JobError` where another process writes this film by now, which is let alone. Raises
    `MediaError` when a segment is damaged or not of one piece with the others, when it does not
    hold the frames it should, and when the disk fails; the segments stay as they are.
    """
    if not segments or not pts:
        raise MediaError(f"{plan.source}: has no frames; nothing was written")
    with closing(SegmentReader(segments[0])) as head:
        encoded, headers = Encoded(reorder, head.extradata), head.decoder_headers
    part = PartFile(plan.target, plan.overwrite)
    part.check()
    part.discard()  # another process may have it open still
    retiming = None
    if plan.retimed is not None:
        retiming = Retiming(pts, plan.source_time_base, max(1, last_duration), plan.retimed)
        pts, last_duration = range(len(pts)), 1
    muxer = FilmMuxer(plan, label=label, encoded=encoded, retiming=retiming)
    try:
        join = _Join(muxer, pts, last_duration)
        for number, path in enumerate(segments):
            expected = None if frames is None else frames[number]
            for copied in join.append(path, headers, expected):
                look()
                yield copied
        if join.copied != len(pts):
            raise MediaError(
                f"{plan.target}: its segments hold {join.copied} frames instead of {len(pts)}: "
                "remove them and run the same command again"
            )
        look()
        muxer.finish(pts[-1] + last_duration)
    except JobError:
        muxer.close()
        raise
    except BaseException:
        muxer.abandon()
        raise
    look()
    part.commit()
    yield join.copied


class _Join:
    """The film as far as it is joined."""

    def __init__(self, muxer: FilmMuxer, pts: Sequence[int], last_duration: int) -> None:
        self.copied = 0
        """Frames, of all segments so far."""
        self._muxer = muxer
        self._pts = pts
        self._last_duration = last_duration
        self._announced = 0
        self._shown: dict[int, int] = {}

    def append(
        self, path: str, headers: list[bytes], frames: int | None
    ) -> Generator[int, None, None]:
        """Copy one segment's packets; how many frames the film has, now and then."""
        start = self.copied
        with closing(SegmentReader(path)) as segment:
            if segment.decoder_headers != headers:
                raise MediaError(
                    f"{path}: encoded with other settings than the segments before it: "
                    "remove the segments and run the same command again"
                )
            last = -1
            for number, packet in segment.packets():
                last = max(last, number)
                self._copy(path, start + number, packet)
                if self.copied % _REPORT_FRAMES == 0:
                    yield self.copied
        found = self.copied - start
        if found != last + 1 or (frames is not None and found != frames):
            expected = last + 1 if frames is None else frames
            raise MediaError(f"{path}: holds {found} frames instead of {expected}: {WAY_OUT}")

    def _copy(self, path: str, index: int, packet: Packet[VideoStream]) -> None:
        """Write the packet of the film's frame `index`."""
        self._announce(max(index, self.copied))
        shown = self._shown.pop(index, None)
        if shown is None:
            raise MediaError(f"{path}: holds frames that the film has not, or twice: {WAY_OUT}")
        self._muxer.copy(packet, shown)
        self.copied += 1

    def _announce(self, last: int) -> None:
        """Take note of the film's frames up to `last`, which packets to come will look for."""
        while self._announced <= last and self._announced < len(self._pts):
            at = self._announced
            pts = self._pts[at]
            following = self._pts[at + 1] if at + 1 < len(self._pts) else None
            duration = self._last_duration if following is None else max(1, following - pts)
            self._shown[at] = self._muxer.announce(pts, duration)
            self._announced += 1
