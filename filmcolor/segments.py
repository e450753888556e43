"""Colours a film segment by segment in a work folder, so that a run may stop and go on anywhere.

plan -> segments, each coloured, encoded and entered in the ledger -> joined into the film
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from filmcolor import __version__
from filmcolor.film_stages import Coloring, color_segments
from filmcolor.job import FilmPlan, Segment
from filmcolor.media.join import join_film
from filmcolor.media.segment import SegmentWriter
from filmcolor.models.registry import find_checkpoint
from filmcolor.planning import look_through
from filmcolor.prefetch import prefetch
from filmcolor.types import ColorFrame, Event, Joining, Notice, Progress
from filmcolor.workfolder import Entry, Lease, WorkFolder, digest_of, source_print

_REPORT_SECONDS = 0.2
_DIGEST_BYTES = 16


def fingerprint(job: Coloring) -> dict[str, str]:
    """What the work on a film depends on, by names for people."""
    options = replace(job.options, overwrite=False, work=None, keep_work=False, workers=1)
    chosen = asdict(options)
    chosen["color"].pop("model")
    chosen["color"].pop("device")
    chosen["target"] = Path(job.output.target).suffix.lower()
    return {
        "the film": source_print(job.reader.info.path),
        "the model": digest_of(find_checkpoint(job.options.color.model)),
        "the options": json.dumps(chosen, default=str, sort_keys=True),
        "filmcolor's version": __version__,
        "the kind of device": job.model.device.type,
    }


def color_in_segments(job: Coloring, folder: WorkFolder, label: str) -> Generator[Event, None, int]:
    """Do what is not done yet, and put the film together; returns the number of its frames.

    Yields `Looking`, `Progress` and `Joining`, and a `Notice` when earlier work is gone on with or
    does not fit any more. The folder keeps what is done whatever happens. Raises `FilmcolorError`.
    """
    film, looked = yield from _plan(job, folder)
    segments = film.segments()
    folder.check()
    done = sum(entry.frames for entry in folder.entries().values())
    if done:
        count = len(folder.entries())
        yield Notice(f"going on with earlier work: {count} of {len(segments)} parts are done")
    yield from _make(job, folder, film, segments, done)
    entries = folder.entries()
    joined = join_film(
        job.output,
        [str(folder.segment_path(segment.number)) for segment in segments],
        film.pts.tolist(),
        film.last_duration,
        max(entry.reorder for entry in entries.values()),
        label=label,
    )
    for frames in joined:
        yield Joining(frames, film.frames)
    job.clock.add("plan", looked)
    return film.frames


def _plan(job: Coloring, folder: WorkFolder) -> Generator[Event, None, tuple[FilmPlan, float]]:
    """The plan of earlier work if it still fits, else a new one; and the seconds it took."""
    film, changed = folder.plan()
    if film is not None:
        return film, 0.0
    if changed:
        yield Notice(
            f"earlier work on this film does not fit any more ({', '.join(changed)} changed): "
            "it is done anew"
        )
    begun = time.perf_counter()
    film = yield from look_through(
        job.reader.info.path, job.model, job.view, job.options, job.stride
    )
    folder.begin(film)
    return film, time.perf_counter() - begun


def _make(
    job: Coloring,
    folder: WorkFolder,
    film: FilmPlan,
    segments: Sequence[Segment],
    done: int,
) -> Generator[Progress, None, None]:
    """Colour and encode every segment that nobody has done."""
    reported = time.monotonic()
    frames = color_segments(replace(job, stride=film.stride), film, folder.take(segments))
    current: _OpenSegment | None = None
    try:
        with closing(prefetch(frames, job.reader.info.queue_depth)) as ready:
            for segment, lease, frame in ready:
                begun = time.perf_counter()
                if current is None:
                    current = _OpenSegment(job, folder, film, segment, lease)
                if current.write(frame):
                    current = None
                job.clock.add("encode", time.perf_counter() - begun)
                done += 1
                if time.monotonic() - reported > _REPORT_SECONDS:
                    reported = time.monotonic()
                    yield Progress(done, film.frames, job.clock.seconds())
    finally:
        if current is not None:
            current.give_up()
    yield Progress(done, film.frames, job.clock.seconds())


class _OpenSegment:
    """A segment that is being encoded."""

    def __init__(
        self, job: Coloring, folder: WorkFolder, film: FilmPlan, segment: Segment, lease: Lease
    ) -> None:
        self._folder, self._film, self._segment, self._lease = folder, film, segment, lease
        self._path = folder.segment_path(segment.number)
        self._planes = hashlib.blake2b(digest_size=_DIGEST_BYTES)
        self._writer = SegmentWriter(job.output, str(self._path))
        self._writer.__enter__()
        self._left = segment.frames

    def write(self, frame: ColorFrame) -> bool:
        """Take the next frame; whether it was the last, and the segment stands in the ledger."""
        for plane in (frame.luma, frame.cb, frame.cr):
            self._planes.update(np.ascontiguousarray(plane).data)
        self._writer.write(frame)
        self._lease.renew()
        self._left -= 1
        if self._left:
            return False
        film, segment = self._film, self._segment
        following = int(film.pts[segment.stop]) if segment.stop < film.frames else None
        facts = self._writer.finish(following)
        self._writer.__exit__(None, None, None)
        self._folder.record(
            Entry(
                segment=segment.number,
                frames=facts.frames,
                bytes=facts.bytes,
                reorder=facts.reorder,
                planes=self._planes.hexdigest(),
                file=digest_of(self._path),
            )
        )
        self._lease.release()
        return True

    def give_up(self) -> None:
        """Leave it to the next run."""
        self._writer.__exit__(None, None, None)
        self._lease.release()
