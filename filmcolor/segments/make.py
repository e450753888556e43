"""Makes segments of a film: takes them from the work folder one by one, colours and encodes them.

One process's part of the work; it must not know how many others there are.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import closing

import numpy as np

from filmcolor.errors import FilmcolorError
from filmcolor.film.chain import PlannedFrames, color_segments
from filmcolor.film.context import FilmContext
from filmcolor.film.plan import FilmPlan, Segment
from filmcolor.hashing import blake2, file_digest
from filmcolor.media.write.frame_files import FrameSegmentWriter
from filmcolor.media.write.segment import SegmentWriter
from filmcolor.memory import release_free_memory
from filmcolor.prefetch import prefetch
from filmcolor.segments.lease import Lease
from filmcolor.segments.segment_files import Entry
from filmcolor.segments.source_fingerprint import SourceWatch
from filmcolor.segments.workfolder import WorkFolder, in_turn
from filmcolor.throttle import Throttle
from filmcolor.types import ColorFrame

_DIGEST_BYTES = 16


def make_segments(
    context: FilmContext,
    folder: WorkFolder,
    film: FilmPlan,
    segments: Sequence[Segment],
    source: PlannedFrames | None = None,
) -> Generator[int, None, None]:
    """Colour and encode every segment that nobody has done or is doing; of several shards, each
    begins at another.

    Yields a few times a second how many frames it has done, and at the end. Each segment stands in
    the ledger as soon as it is whole; one that is broken off is left to others. `source` has the
    film's frames, where it is to be used again, and stays open unless there is an error. Raises
    `FilmcolorError`.
    """
    done, is_due = 0, Throttle()
    opened = PlannedFrames(context, film) if source is None else source
    watch = SourceWatch(context.source, context.source_print)
    taken = folder.take(in_turn(segments, context.options.shard))
    frames = color_segments(context, film, taken, opened)
    is_whole = False
    current: _OpenSegment | None = None
    try:
        with closing(prefetch(frames, context.queue_depth)) as ready:
            for segment, lease, frame in ready:
                begun = time.perf_counter()
                if current is None:
                    current = _OpenSegment(context, folder, film, segment, lease, watch)
                if current.write(frame):
                    current = None
                    release_free_memory()
                context.timer.add("encode", time.perf_counter() - begun)
                done += 1
                if is_due():
                    yield done
        is_whole = True
    finally:
        if source is None or not is_whole:
            opened.close()
        if current is not None:
            current.give_up()
        folder.leave_segments()
    yield done


class _OpenSegment:
    """A segment that is being encoded."""

    def __init__(
        self,
        context: FilmContext,
        folder: WorkFolder,
        film: FilmPlan,
        segment: Segment,
        lease: Lease,
        watch: SourceWatch,
    ) -> None:
        self._folder, self._film, self._segment, self._lease = folder, film, segment, lease
        self._watch = watch
        # A name of its own, for the case that two are at the same segment after all.
        path = folder.segment_path(segment.number)
        self._path = path.with_name(f"{path.name}.{lease.key}")
        self._planes = blake2(_DIGEST_BYTES)
        kind = SegmentWriter if context.output.frames is None else FrameSegmentWriter
        self._writer: SegmentWriter | FrameSegmentWriter = kind(context.output, str(self._path))
        self._writer.__enter__()
        self._left = segment.frames
        self._dust = self._scratches = 0

    def write(self, frame: ColorFrame) -> bool:
        """Take the next frame; whether it was the last, and the segment stands in the ledger."""
        for plane in (frame.luma, frame.cb, frame.cr):
            self._planes.update(np.ascontiguousarray(plane).data)
        self._writer.write(frame)
        self._dust += frame.dust
        self._scratches += frame.scratches
        self._left -= 1
        if self._left:
            return False
        film, segment = self._film, self._segment
        following = int(film.pts[segment.stop]) if segment.stop < film.frames else None
        facts = self._writer.finish(following) if self._is_wanted() else None
        self._writer.__exit__(None, None, None)
        if facts is None:
            return True
        try:
            self._watch.check()
        except FilmcolorError:
            self._path.unlink(missing_ok=True)
            raise
        if not self._is_wanted():
            self._path.unlink(missing_ok=True)
            return True
        self._folder.place(
            Entry(
                segment=segment.number,
                frames=facts.frames,
                bytes=facts.bytes,
                reorder=facts.reorder,
                dust=self._dust,
                scratches=self._scratches,
                planes=self._planes.hexdigest(),
                file=file_digest(self._path),
                settings=(self._folder.settings or {}).get(segment.number, ""),
            ),
            self._path,
        )
        self._lease.release()
        return True

    def _is_wanted(self) -> bool:
        """Whether it is this process's still: one that seemed dead has lost it to another, and one
        whose run has ended works for nobody.
        """
        return self._lease.is_mine() and self._folder.is_held()

    def give_up(self) -> None:
        """Leave it to the next run."""
        self._writer.__exit__(None, None, None)
        self._lease.release()
