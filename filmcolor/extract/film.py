"""Colour frames worth training on, out of a film: a few sharp ones a shot, no two alike.

The film is read once, from its beginning to its end, with a bounded number of frames in memory
(the best of the shot that is running); only the difference hashes of what was kept, 8 bytes each,
add up. It must not know models, losses or files other than the film.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path

from filmcolor.analysis.shots import assign_shots
from filmcolor.analysis.survey import FilmSurvey, survey_film
from filmcolor.events import FilmAdvanced, FrameCounts, Notice, Reason
from filmcolor.extract.frame_checks import Fingerprints, FrameJudge, FrameLook
from filmcolor.extract.picks import Candidate, ShotPicks
from filmcolor.extract.settings import ExtractSettings
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.prefetch import prefetch
from filmcolor.types import Frame, VideoInfo
from filmcolor.visual.rgb import PictureMaker, Rgb

_LEAST_SECONDS = 0.5
"""Two frames of a shot are at least so far apart: a pan changes the hash, but not the picture."""
_WIDE_PRIMARIES = frozenset({9, 11, 12})


@dataclass(frozen=True, slots=True, eq=False)
class PickedFrame:
    """A frame to train on."""

    rgb: Rgb
    """Shape (height, width, 3): upright R'G'B' with square pixels, without bars."""
    seconds: Fraction
    """Since the film's first frame."""
    shot: int
    """Counted from 0 in the part of the film that was read."""
    index: int = 0
    """Number in the film, from 0; an estimate for a part of a film of varying rate."""


def pick_frames(
    path: str,
    settings: ExtractSettings,
    counts: FrameCounts,
    seen: Fingerprints | None = None,
) -> Iterator[PickedFrame]:
    """The frames of the film at `path` that are worth training on, in order.

    `counts` grows as the film is read. `seen` holds the pictures of other films that these must
    not repeat, and takes up those that are kept. Raises `MediaError` for what is no film, is
    damaged, or is graded for HDR.
    """
    with (
        FilmReader(path) as reader,
        closing(examine(reader, settings, counts, seen)) as found,
    ):
        for item in found:
            if isinstance(item, PickedFrame):
                yield item


def film_reader() -> Callable[[Path], Iterator[PickedFrame]]:
    """Reads the frames worth training on of films in turn, none like one of an earlier film."""
    seen = Fingerprints()

    def read(path: Path) -> Iterator[PickedFrame]:
        return pick_frames(str(path), ExtractSettings(), FrameCounts(), seen)

    return read


def examine(
    reader: FilmReader,
    settings: ExtractSettings,
    counts: FrameCounts,
    seen: Fingerprints | None = None,
) -> Generator[PickedFrame | FilmAdvanced | Notice, None, None]:
    """As `pick_frames`, for an open film, with its notices and a `FilmAdvanced` a frame."""
    info = reader.info
    survey = survey_film(reader)
    tags, box = survey.tags, survey.box
    yield from _notices(reader, survey)
    if box is not None:
        yield Notice(f"the picture is {box.size[1]}x{box.size[0]} inside black bars, cut off")
    origin = reader.first_pts() if settings.start_seconds else None
    total = info.expected_frames(settings.start_seconds, settings.duration_seconds)
    judge = FrameJudge(info.layout, tags, box)
    selection = _Selection(
        info, settings, counts, Fingerprints() if seen is None else seen, origin, total
    )
    maker = PictureMaker(info, box, settings.short_side)
    del survey
    frames = reader.frames(
        start_seconds=settings.start_seconds,
        duration_seconds=settings.duration_seconds,
        deinterlace=info.interlaced,
        with_chroma=True,
    )
    with closing(prefetch(frames, info.queue_depth)) as ahead:
        for done, frame in enumerate(assign_shots(ahead, info.layout), 1):
            if selection.begins_anew(frame):
                for candidate in selection.settle():
                    yield selection.picked(candidate, maker.picture(candidate.frame))
                if selection.is_full:
                    break
            selection.add(frame, judge.look(frame))
            yield FilmAdvanced(done, total, counts.kept)
        for candidate in selection.settle():
            yield selection.picked(candidate, maker.picture(candidate.frame))


class _Selection:
    """Which frames of one film are kept, shot by shot, and the count of the others."""

    def __init__(
        self,
        info: VideoInfo,
        settings: ExtractSettings,
        counts: FrameCounts,
        seen: Fingerprints,
        origin: int | None,
        total: int | None,
    ) -> None:
        """`origin` is the pts of the film's first frame, None if that is the first one to come."""
        self._info, self._settings, self._counts = info, settings, counts
        self._seen, self._origin, self._total = seen, origin, total
        self._picks = ShotPicks(settings.per_shot)
        self._shot: int | None = None
        self._since = 0
        self._read = self._kept = 0
        start = settings.start_seconds or Fraction(0)
        self._first_index = ceil(start * info.rate) if info.rate else 0

    @property
    def is_full(self) -> bool:
        """Whether the film has given all the frames that it may."""
        return self._settings.max_frames is not None and self._kept >= self._settings.max_frames

    def begins_anew(self, frame: Frame) -> bool:
        """Whether the frames before this one are to be settled: a new shot, or a long one."""
        length = (frame.pts - self._since) * self._info.time_base
        return frame.shot != self._shot or length >= self._settings.every_seconds

    def settle(self) -> Iterator[Candidate]:
        """Decide on the frames since the last time; those to be kept, in order."""
        latest: Frame | None = None
        for group in self._picks.groups():
            taken = False
            for candidate in group:
                reason = "surplus" if taken else self._objection(candidate, latest)
                if reason is None:
                    taken, latest = True, candidate.frame
                    self._kept += 1
                    self._counts.kept += 1
                    self._seen.add(candidate.look.fingerprint)
                    yield candidate
                else:
                    self._counts.reject(reason)
        self._picks = ShotPicks(self._settings.per_shot)

    def add(self, frame: Frame, look: FrameLook) -> None:
        """Take the next frame."""
        if self._origin is None:
            self._origin = frame.pts
        if self.begins_anew(frame):
            self._counts.shots += frame.shot != self._shot
            self._shot, self._since = frame.shot, frame.pts
        self._read += 1
        self._counts.frames += 1
        if look.flaw is not None:
            self._counts.reject(look.flaw)
        usable = Candidate(frame, look) if look.flaw is None else None
        self._counts.reject("surplus", self._picks.add(usable))

    def picked(self, candidate: Candidate, rgb: Rgb) -> PickedFrame:
        """The frame with its place in the film."""
        frame = candidate.frame
        seconds = (frame.pts - (self._origin or 0)) * self._info.time_base
        return PickedFrame(rgb, seconds, frame.shot, self._first_index + frame.index)

    def _objection(self, candidate: Candidate, latest: Frame | None) -> Reason | None:
        """Why not to keep a frame, `latest` being the last one kept of its shot."""
        if self._picks.is_soft(candidate):
            return "blurred"
        if latest is not None:
            apart = (candidate.frame.pts - latest.pts) * self._info.time_base
            if apart < _LEAST_SECONDS:
                return "surplus"
        if self._seen.nearest(candidate.look.fingerprint) < self._settings.min_distance:
            return "duplicate"
        return "limit" if self._kept >= self._allowed() else None

    def _allowed(self) -> float:
        """Frames that may be kept up to here: the limit is spread over the film."""
        limit = self._settings.max_frames
        if limit is None:
            return float("inf")
        if self._total is None or self._read >= self._total:
            return limit
        return ceil(limit * self._read / self._total)


def _notices(reader: FilmReader, survey: FilmSurvey) -> Iterator[Notice]:
    info = reader.info
    yield from reader.notices
    if info.interlaced:
        yield Notice("the film is interlaced: whole frames are made of its fields first")
    yield from survey.tag_notices()
    if info.tags.primaries in _WIDE_PRIMARIES:
        yield Notice(
            "the film has wide-gamut primaries: its colours are taken for BT.709 and come out "
            "paler; convert it to BT.709 first",
            warning=True,
        )
