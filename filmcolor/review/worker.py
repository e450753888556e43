"""What is done while nobody waits: shots are found, what stands out in them is measured, and the
frames around the one that is looked at are coloured as a run would have them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np

from filmcolor.errors import FilmcolorError
from filmcolor.review.board import Board, Kept, Turn
from filmcolor.review.painter import Painter, jpeg, mean_color
from filmcolor.review.table import Table, look_key
from filmcolor.review.ways import Way, Ways

_AROUND = 240
"""Frames before and behind the one that is looked at that are coloured."""
_IDLE_SECONDS = 0.5
_APART = 2
"""Frames between two that are compared."""
_PALE = 6.0
"""Lab units: mean of |ab|."""
_FLICKER = 3.0
"""Lab units: mean change between two frames."""
_UNSURE = 0.35
"""Mean confidence."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is looked at: a frame of one version of the film."""

    way: Way
    index: int


class Worker:
    """One thread for all of it."""

    def __init__(
        self,
        table: Table,
        ways: Ways,
        painter: Painter,
        pictures: Kept,
        board: Board,
        turn: Turn,
        on_shots: Callable[[], None],
        on_look: Callable[[], None],
    ) -> None:
        """`on_shots` is called once all shots are found, `on_look` when the film was looked at in
        another way; `pictures` takes what is coloured.
        """
        self._table, self._ways, self._painter = table, ways, painter
        self._pictures, self._board, self._turn = pictures, board, turn
        self._on_shots, self._on_look = on_shots, on_look
        self._wish: Wish | None = None
        self._way: Way | None = None
        self._left = False
        self._wished = threading.Event()
        self._over = threading.Event()
        self.settled: tuple[int, str] | None = None
        """The frame that was coloured last as a run would have it, of those looked at, and the key
        of its shot."""
        self.marks: dict[str, tuple[str, ...]] = {}
        """What stands out in shots, by their keys."""
        self.error = ""
        """Why the frame that is looked at cannot be coloured; empty for no reason."""
        self._thread = threading.Thread(target=self._work, name="filmcolor-review", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, as soon as what is at work can be left."""
        self._over.set()
        self._wished.set()
        self._thread.join(timeout=10)

    def look(self, way: Way, index: int) -> None:
        """This frame is looked at, as the plan has it now."""
        self._wish = Wish(way, index)
        self._wished.set()

    def _work(self) -> None:
        for _ in self._table.find_shots(self._table.context, self._board.tell):
            if self._over.is_set():
                return
        if self._table.is_whole:
            self._on_shots()
            self._board.tell()
        while not self._over.is_set():
            wish, self._wish = self._wish, None
            self._wished.clear()
            if self._wish is not None:
                continue
            if wish is not None and not wish.way.is_looked:
                self._look_again(wish.way)
            elif wish is not None:
                self._run(self._settled(wish))
            elif self._way is not None:
                self._run(self._measured(self._way))
            self._wished.wait(None if self._wish is None and not self._left else _IDLE_SECONDS)

    def _run(self, steps: Generator[None, None, None]) -> None:
        """Go on until it is done, something else is wished for, or all ends."""
        try:
            for _ in steps:
                self._turn.wait()
                if self._over.is_set() or self._wish is not None:
                    break
            self.error = ""
        except FilmcolorError as error:
            self.error = str(error)
            self._board.tell()
        finally:
            steps.close()

    def _look_again(self, way: Way) -> None:
        """See to what a run would know and is not known so far: the model or the look of the whole
        film is another, or what was said holds for things in other shots.
        """
        key = look_key(way.context)
        for _ in self._table.find_shots(way.context, lambda: None):
            self._turn.wait()
            wish = self._wish
            if self._over.is_set() or (wish is not None and look_key(wish.way.context) != key):
                return
        self.error = self._table.error
        if key not in self._table.looks:
            return
        try:
            self._ways.hear(way)
        except FilmcolorError as error:
            self.error = str(error)
            self._board.tell()
            return
        self._on_look()

    def _settled(self, wish: Wish) -> Generator[None, None, None]:
        way, index = wish.way, wish.index
        self._way, self._left = way, True
        number = way.shot_at(index)
        shot, key = way.shots[number], way.keys[number]
        ready = yield from self._ways.ready(way, number)
        self._painter.remember(way, number)
        first = max(shot.start, index - _AROUND)
        last = min(shot.stop, index + _AROUND)
        for frames in ([index], range(index + 1, last), range(first, index)):
            missing = [each for each in frames if ("exact", each, key) not in self._pictures]
            for each, frame in self._painter.exactly(ready, missing):
                picture = self._painter.of_result(frame)
                self._pictures.put(("exact", each, key), jpeg(picture))
                if each == index:
                    self.settled = index, key
                    self._board.tell()
                yield

    def _measured(self, way: Way) -> Generator[None, None, None]:
        """See what stands out in each shot that was not looked at so far."""
        changed = False
        for number, (shot, key) in enumerate(zip(way.shots, way.keys, strict=True)):
            if key in self.marks:
                continue
            self.marks[key] = self._marks(way, (shot.start + shot.stop) // 2, shot.stop)
            if self.marks[key] and (not changed or number % 16 == 0):
                self._board.tell()
                changed = True
            yield
        self._left = False
        if changed:
            self._board.tell()

    def _marks(self, way: Way, index: int, stop: int) -> tuple[str, ...]:
        _, field, tone = self._painter.field(way, index)
        found = []
        if tone.saturation * mean_color(field.ab) < _PALE:
            found.append("pale")
        if field.confidence is not None and float(field.confidence.mean()) < _UNSURE:
            found.append("unsure")
        if index + _APART < stop:
            _, other, _ = self._painter.field(way, index + _APART)
            change = np.hypot(*(other.ab - field.ab)).mean()
            if tone.saturation * float(change) > _FLICKER:
                found.append("flicker")
        return tuple(found)
