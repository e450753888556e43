"""The film on the table: opened once, its shots as they are found, its frames by number.

It knows nothing of plans that people write.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from filmcolor._version import __version__
from filmcolor.errors import FilmcolorError
from filmcolor.events import Analyzing
from filmcolor.film.analyze import analyze_film, needs_look
from filmcolor.film.chain import PlannedFrames
from filmcolor.film.context import FilmContext
from filmcolor.film.plan import FilmPlan
from filmcolor.guide.geometry import displayed_size
from filmcolor.guide.times import FilmTimes
from filmcolor.hashing import digest
from filmcolor.options import ColorOptions
from filmcolor.review.board import Turn
from filmcolor.segments.stored_plan import StoredPlan
from filmcolor.stages.infer import needs_things
from filmcolor.types import Frame

_FRAME_BYTES = 128 << 20
"""Of decoded frames that are held."""


class Table:
    """A film, opened, with its shots. For several threads."""

    def __init__(self, context: FilmContext, folder: Path, turn: Turn) -> None:
        """`context` is how the film is coloured without a plan; in `folder` its shots are kept."""
        self.context, self.folder, self._turn = context, folder, turn
        self.film: FilmPlan | None = None
        """Its shots as far as they are found."""
        self.looks: dict[str, FilmPlan] = {}
        """What was found in the whole film, by `look_key`."""
        self.is_whole = False
        """Whether all are."""
        self.done, self.total = 0, context.reader.info.frame_count
        """Frames that were looked at, of how many."""
        self.error = ""
        """Why the shots cannot be found; empty for no reason."""
        self.origin = context.reader.first_pts()
        self._lock = threading.Lock()
        self._frames: OrderedDict[int, Frame] = OrderedDict()
        self._source: PlannedFrames | None = None
        self._source_film: FilmPlan | None = None
        self._most = max(8, _FRAME_BYTES // max(1, context.reader.info.width * self.size[0]))

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the film as it is displayed, in px."""
        return displayed_size(self.context.reader.info)

    @property
    def is_part(self) -> bool:
        """Whether the table has a part of a film."""
        options = self.context.options
        return options.start_seconds is not None or options.duration_seconds is not None

    def times(self) -> FilmTimes:
        """The frames by their times; all shots must be found."""
        assert self.film is not None
        return FilmTimes(self.film, self.origin, self.context.reader.info.duration)

    def close(self) -> None:
        """Let go of the film."""
        with self._lock:
            if self._source is not None:
                self._source.close()
                self._source = None

    def find_shots(
        self, context: FilmContext, tell: Callable[[], None]
    ) -> Generator[None, None, None]:
        """Find the shots and what is in them as a film is coloured, or take what was found before.
        `tell` is called when there are more; yields now and then. What goes wrong with the film is
        kept as `error`.
        """
        key = look_key(context)
        if key in self.looks:
            return
        made_of = self._made_of(key)
        stored = StoredPlan(self.folder / f"shots-{key}.json")
        found, _ = stored.read(made_of)
        if found is None:
            try:
                found = yield from self._found(context, tell)
            except FilmcolorError as error:
                self.error = str(error)
                tell()
                return
            stored.write(found, self.context.source, made_of)
        self.looks[key] = found
        if not self.is_whole:
            self.film, self.done, self.total = found, found.frames, found.frames
            self.is_whole = True
        tell()

    def _found(
        self, context: FilmContext, tell: Callable[[], None]
    ) -> Generator[None, None, FilmPlan]:
        looking = analyze_film(
            context.source,
            context.model,
            context.view,
            context.options,
            so_far=None if self.is_whole else self._take,
        )
        with closing(looking):
            while True:
                try:
                    event = next(looking)
                except StopIteration as end:
                    film: FilmPlan = end.value
                    return film
                if isinstance(event, Analyzing):
                    self.done = event.done
                    tell()
                    self._turn.wait()
                    yield

    def _take(self, film: FilmPlan) -> None:
        self.film = film

    def _made_of(self, key: str) -> dict[str, str]:
        """What a look at the film depends on."""
        options = self.context.options
        chosen = {
            "start": options.start_seconds,
            "duration": options.duration_seconds,
            "fps": options.fps,
            "deinterlace": options.deinterlace,
            "on_error": options.on_error,
        }
        return {
            "the film": self.context.source_print,
            "the options": json.dumps(chosen, default=str),
            "the look": key,
            "filmcolor's version": __version__,
        }

    def frame(self, index: int) -> Frame:
        """A frame by number, as it was decoded; raises `FilmcolorError` if it cannot be read."""
        with self._lock:
            kept = self._frames.pop(index, None)
            if kept is None:
                kept = self._decoded(index)
            self._frames[index] = kept
            while len(self._frames) > self._most:
                self._frames.popitem(last=False)
            return kept

    def _decoded(self, index: int) -> Frame:
        assert self.film is not None
        known = self._source_film
        if self._source is None or known is None or index >= known.frames:
            if self._source is not None:
                self._source.close()
            self._source_film = self.film
            self._source = PlannedFrames(self.context, self.film)
        (frame,) = self._source.between(index, index + 1)
        return frame


def look_key(context: FilmContext) -> str:
    """Tells a look at the film from one with another model, or for something else."""
    color, model = context.options.color, context.model
    facts = model.facts
    parts = [
        "" if facts is None else facts.sha256,
        color.look,
        color.size,
        color.precision,
        str(model.device.type),
        needs_things(model, color),
        needs_look(model, color),
    ]
    return digest(repr(parts).encode(), 8)


def unseen(color: ColorOptions) -> ColorOptions:
    """Options by which no network looks at the film before it is coloured."""
    return replace(color, smooth="none", stride=1, coherence=0.0)
