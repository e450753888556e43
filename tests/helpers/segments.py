"""Colours a film segment by segment and joins it: for tests of segments and of the join."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import av

from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.write.encoder_input import last_duration
from filmcolor.media.write.film_writer import FilmWriter, OutputPlan, plan_output
from filmcolor.media.write.join import join_film
from filmcolor.media.write.scheduling import ordinary_scheduling
from filmcolor.media.write.segment import SegmentFacts, SegmentWriter
from filmcolor.options import RunOptions
from filmcolor.types import ColorFrame
from tests.helpers.coloring import LABEL, color_frame


@dataclass(frozen=True)
class Cut:
    """A film's plan, its coloured frames, and the frames that its segments begin with."""

    plan: OutputPlan
    frames: list[ColorFrame]
    starts: list[int]
    """Of every segment, and the number of frames at the end."""

    @property
    def pts(self) -> list[int]:
        return [frame.pts for frame in self.frames]

    @property
    def last(self) -> int:
        """Duration of the last frame in ticks of the source."""
        pts = self.pts
        return last_duration(self.plan, self.frames[-1].duration, pts[-1] - pts[-2])

    @property
    def lengths(self) -> list[int]:
        return [after - before for before, after in pairwise(self.starts)]


def cut_film(source: Path, target: Path, choice: RunOptions, lengths: Sequence[int]) -> Cut:
    """Decode and colour `source` for a `target`; segments of `lengths` frames, which must fit."""
    starts = list(accumulate(lengths, initial=0))
    with FilmReader(str(source)) as reader:
        plan = plan_output(reader.info, str(target), choice)
        frames = [
            color_frame(frame, plan.layout, key=number in starts)
            for number, frame in enumerate(
                reader.frames(
                    start_seconds=choice.start_seconds, duration_seconds=choice.duration_seconds
                )
            )
        ]
    assert starts[-1] == len(frames)
    return Cut(plan, frames, starts)


def exactly_repeatable(cut: Cut) -> Cut:
    """The same with Matroska's random numbers and the date left out."""
    options = {**cut.plan.container_options, "fflags": "+bitexact"}
    return replace(cut, plan=replace(cut.plan, container_options=options))


def write_direct(cut: Cut, target: Path) -> None:
    """Encode the whole film in one piece to `target`."""
    with FilmWriter(replace(cut.plan, target=str(target)), label=LABEL) as writer:
        for frame in cut.frames:
            writer.write(frame)
        writer.finish()


def write_segment(
    plan: OutputPlan, path: Path, frames: Iterable[ColorFrame], next_pts: int | None = None
) -> SegmentFacts:
    with SegmentWriter(plan, str(path)) as writer:
        for frame in frames:
            writer.write(frame)
        return writer.finish(next_pts)


def write_segments(cut: Cut, folder: Path) -> tuple[list[Path], list[SegmentFacts]]:
    """Encode all segments, each to a file of its own in `folder`."""
    paths, facts = [], []
    for number, (start, stop) in enumerate(pairwise(cut.starts)):
        paths.append(folder / f"{number}.seg")
        next_pts = cut.frames[stop].pts if stop < len(cut.frames) else None
        facts.append(write_segment(cut.plan, paths[-1], cut.frames[start:stop], next_pts))
    return paths, facts


def join(cut: Cut, paths: Sequence[Path], reorder: int) -> list[int]:
    """Join the segments into the plan's target; what the join said of its progress."""
    names = [str(path) for path in paths]
    progress = join_film(
        cut.plan, names, cut.pts, cut.last, reorder, label=LABEL, frames=cut.lengths
    )
    return list(progress)


def segment_and_join(cut: Cut, folder: Path) -> list[SegmentFacts]:
    paths, facts = write_segments(cut, folder)
    assert join(cut, paths, max(fact.reorder for fact in facts))[-1] == len(cut.frames)
    return facts


def stated_reorder(plan: OutputPlan) -> int:
    """Frames that the encoder says it may reorder by, which is what a film in one piece goes by."""
    assert plan.settings is not None
    context = av.CodecContext.create(plan.settings.encoder.library, "w")
    assert isinstance(context, av.VideoCodecContext)
    plan.settings.apply(context)
    with ordinary_scheduling():
        context.open()
    return plan.settings.reorder_depth(context)


def described(path: Path) -> dict[str, Any]:
    """Everything that a file says of itself and its streams, but for the film's packets."""
    with av.open(str(path)) as film:
        streams = [_described_stream(stream) for stream in film.streams]
        return {
            "metadata": dict(film.metadata),
            "chapters": film.chapters(),
            "duration": film.duration,
            "streams": streams,
            "packets": _packets_beside(path),
        }


def _described_stream(stream: av.stream.Stream) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "type": stream.type,
        "metadata": dict(stream.metadata),
        "disposition": int(stream.disposition),
        "start": stream.start_time,
        "time base": stream.time_base,
        "frames": stream.frames,
    }
    context = stream.codec_context
    if context is not None:
        facts |= {
            "codec": context.name,
            "tag": context.codec_tag,
            "profile": context.profile,
            "extradata": context.extradata,
        }
    if isinstance(stream, av.VideoStream):
        picture = stream.codec_context
        facts |= {
            "size": (picture.width, picture.height, picture.pix_fmt),
            "tags": (picture.colorspace, picture.color_primaries, picture.color_trc),
            "range": picture.color_range,
            "shape": stream.sample_aspect_ratio,
            "fields": picture.field_order,
            "rate": stream.average_rate,
            "depth": picture.reorder_depth,
        }
    return facts


def _packets_beside(path: Path) -> dict[int, list[tuple[Any, ...]]]:
    """Packets of every stream but the film's, by the stream's number."""
    found: dict[int, list[tuple[Any, ...]]] = {}
    with av.open(str(path)) as film:
        beside = [stream for stream in film.streams if stream.type in ("audio", "subtitle")]
        for packet in film.demux(beside) if beside else ():
            if packet.size:
                facts = (packet.pts, packet.dts, packet.duration, bytes(packet))
                found.setdefault(packet.stream_index, []).append(facts)
    return found


def film_packets(path: Path) -> list[tuple[Any, ...]]:
    """(pts, dts, duration, key frame, content) of the film's packets, in coded order."""
    with av.open(str(path)) as film:
        return [
            (packet.pts, packet.dts, packet.duration, packet.is_keyframe, bytes(packet))
            for packet in film.demux(film.streams.video[0])
            if packet.size
        ]
