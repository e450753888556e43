"""One film under review: film, plan, pictures and renderer, and how they work together."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filmcolor.errors import FilmcolorError, OptionError
from filmcolor.film.context import FilmContext
from filmcolor.guide.geometry import Screen
from filmcolor.guide.plan_file import PlanFile
from filmcolor.guide.thing_at import thing_at
from filmcolor.guide.thing_choices import thing_name
from filmcolor.guide.thing_list import listed
from filmcolor.jobs.plan_file import write_found
from filmcolor.models.registry import available_models
from filmcolor.options import RunOptions
from filmcolor.review.board import Board, Kept, Pages, Turn
from filmcolor.review.changes import Changer
from filmcolor.review.painter import THUMB, Painter, jpeg
from filmcolor.review.project import Project, ReadOnlyError
from filmcolor.review.region import displayed, outline, region_at
from filmcolor.review.render import Renderer
from filmcolor.review.table import Table
from filmcolor.review.ways import Way, Ways
from filmcolor.review.worker import Worker
from filmcolor.stages.flow_average import reduced
from filmcolor.stages.infer import needs_things

_PICTURE_BYTES = 192 << 20
_PAGE_SECONDS = 45.0
"""A page that has not asked for anything for so long is gone."""
_LOOK_SECONDS = 0.5
"""Between two looks at the plan on the disk."""


class Session:
    """All that the page's requests are answered from. For several threads."""

    def __init__(
        self, context: FilmContext, project: Project, target: str, options: RunOptions
    ) -> None:
        """`options` are those of the command line, for a run."""
        self.board, self.turn = Board(), Turn()
        self.pages = Pages(_PAGE_SECONDS)
        self.project, self.options, self.target = project, options, target
        self.table = Table(context, project.folder, self.turn)
        self.ways = Ways(self.table, project.folder / "shots")
        self.painter = Painter(self.table, self.ways)
        self.pictures = Kept(_PICTURE_BYTES)
        self.models = tuple(
            path.stem for path, card in available_models() if not card.descriptor.is_upscaler
        )
        self.changer = Changer(project, self.ways, self.table.times, self.models)
        self.worker = Worker(
            self.table,
            self.ways,
            self.painter,
            self.pictures,
            self.board,
            self.turn,
            self._on_shots,
            self._on_look,
        )
        self.renderer = Renderer(
            context.source, target, _for_run(options, project.path), self.board.tell
        )
        self._way: tuple[str, Way] | None = None
        self._way_error = ""
        self._looked = 0
        self._way_lock = threading.Lock()
        self._over = threading.Event()

    def start(self) -> None:
        """Begin to work."""
        self.project.look()
        self.worker.start()
        threading.Thread(target=self._watch, name="filmcolor-plan", daemon=True).start()

    def stop(self) -> None:
        """End all work."""
        self._over.set()
        self.board.tell()
        self.renderer.stop()
        self.worker.stop()
        self.table.close()

    def _watch(self) -> None:
        """Tell of changes that people make in the file of the plan."""
        while not self._over.wait(_LOOK_SECONDS):
            if self.table.is_whole and self.project.look():
                self._again()
                self.board.tell()

    def _on_shots(self) -> None:
        """All shots are found: a plan of them is written if there is none."""
        table = self.table
        assert table.film is not None
        if not self.project.is_there and not self.project.holder:
            names = [""] * len(table.film.shots)
            context, times = table.context, table.times()
            screen = Screen.of(context.reader.info, context.view)
            things = listed(table.film, times, screen, context.model)
            path = str(self.project.path)
            with suppress(FilmcolorError):
                write_found(context.source, path, table.film, times, things, names, context.options)
        self.project.look()
        self._again()
        self.look(self._looked)

    def _on_look(self) -> None:
        """The film was looked at in another way: what was made of the plan so far is not right."""
        self.ways.forget()
        with self._way_lock:
            self._way = None
        self.look(self._looked)
        self.board.tell()

    @property
    def plan(self) -> PlanFile | None:
        """The plan, once the film's shots are known."""
        return self.project.plan if self.table.is_whole else None

    @property
    def way(self) -> Way | None:
        """How the plan colours the film; None before the shots are known, and for a plan that the
        film cannot be coloured by (see `plan_error`).
        """
        plan, mark = self.plan, self.project.mark
        if plan is None:
            return None
        with self._way_lock:
            if self._way is None or self._way[0] != mark:
                try:
                    self._way = mark, self.ways.of(plan, mark)
                    self._way_error = ""
                except FilmcolorError as error:
                    self._way_error = str(error)
                    return None if self._way is None else self._way[1]
            return self._way[1]

    @property
    def plan_error(self) -> str:
        """What is wrong with the plan; empty for nothing."""
        return self.project.error or (self._way_error if self.table.is_whole else "")

    def look(self, index: int) -> None:
        """A frame is looked at."""
        self._looked = index
        if (way := self.way) is not None and index < way.film.frames:
            self.worker.look(way, index)

    def _again(self) -> None:
        """The plan is another: what is looked at is coloured by it."""
        with self._way_lock:
            self._way_error = ""
        self.look(self._looked)

    def change(self, asked: Mapping[str, Any]) -> str:
        """Make a change that a page asks for; raises `FilmcolorError` and `ValueError`."""
        page = asked.get("page")
        if not isinstance(page, str) or not self.pages.is_writer(page):
            raise ReadOnlyError("another page works on this film; this one shows it only")
        with self.turn.first():
            way, plan = self.way, self.plan
            if way is None or plan is None:
                raise OptionError(self.plan_error or "the shots are still being found")
            label = self.changer.make(asked, way, plan)
            self._again()
        self.board.tell()
        return label

    def picture(self, kind: str, index: int, *, small: bool) -> tuple[bytes, bool]:
        """A frame as JPEG, before or after, and whether it is as a run would have it.

        Raises `FilmcolorError`.
        """
        size = THUMB if small else 0
        if kind == "before":
            key: tuple[object, ...] = ("before", index, size)
            return self._kept(key, lambda: self.painter.before(index), size), True
        way = self.way
        if way is None:
            key = ("after", index, size)
            return self._kept(key, lambda: self.painter.at_once(None, index), size), False
        shot_key = way.keys[way.shot_at(index)]
        exact = self.pictures.get(("exact", index, shot_key))
        if exact is not None and not small:
            return exact, True
        key = ("after", index, shot_key, size)
        return self._kept(key, lambda: self.painter.at_once(way, index), size), False

    def _kept(self, key: tuple[object, ...], made: Any, size: int) -> bytes:
        found = self.pictures.get(key)
        if found is None:
            with self.turn.first():
                picture = made()
                found = jpeg(picture, size) if size else jpeg(picture)
            self.pictures.put(key, found)
        return found

    def region(self, index: int, point: tuple[float, float], reach: str) -> dict[str, Any]:
        """What lies under a click, for the page: with a `reach` of "thing" the thing of the film,
        "alike" what looks alike in the picture, "place" the place alone. Where no thing is known,
        it is what looks alike. Raises `FilmcolorError`, `ValueError`.
        """
        way = self.way
        if way is None:
            raise OptionError(self.plan_error or "the shots are still being found")
        with self.turn.first():
            _, field, _ = self.painter.field(way, index)
            thing = self._thing(way, index, point) if reach == "thing" else None
            if thing is None:
                light = reduced(field.lightness, way.screen.grid)
                features = None if reach == "place" else self.painter.features(way, index)
                found = region_at(way.screen, point, light, features)
                shown, what = (
                    displayed(way.screen, found.mask),
                    {"points": list(map(list, found.points))},
                )
            else:
                shown, what = thing
            picture = self.painter.at_once(way, index)
        ys, xs = shown.nonzero()
        scale = picture.shape[0] / shown.shape[0]
        rows = (ys * scale).astype(int).clip(0, picture.shape[0] - 1)
        columns = (xs * scale).astype(int).clip(0, picture.shape[1] - 1)
        red, green, blue = picture[rows, columns].mean(axis=0).round().astype(int).tolist()
        return {
            "outline": outline(shown),
            **what,
            "color": f"#{red:02x}{green:02x}{blue:02x}",
            "share": round(float(shown.mean()), 4),
        }

    def _thing(
        self, way: Way, index: int, point: tuple[float, float]
    ) -> tuple[NDArray[np.uint8], dict[str, Any]] | None:
        """The thing of the film under a click: where it is, and how the page calls it."""
        plan, color = self.plan, way.color(way.shot_at(index))
        model, view = way.context.model_for(color)
        if plan is None or not way.things or not needs_things(model, color):
            return None
        film = way.film if way.edits is None else replace(way.film, cast=way.edits.cast)
        frame = replace(self.table.frame(index), index=index)
        found = thing_at(frame, point, film, way.screen, model, view)
        if found is None:
            return None
        times, seen = self.table.times(), film.cast.things[found.number]
        names = [thing_name(film, times, each) for each in seen]
        listed_as = [each for each in plan.things if each.name in names]
        listed_as.sort(key=lambda each: each.color is None)
        name = listed_as[0].name if listed_as else thing_name(film, times, found.seen)
        mask = np.rot90(found.mask >= 0.5, -way.screen.turns)
        if not mask.any():
            return None
        shown = displayed(way.screen, np.ascontiguousarray(mask))
        if not shown[int(point[1]), int(point[0])]:  # it may be this thing, or another
            return None
        return shown, {"thing": name, "shots": len({shot for shot, _ in seen})}


def _for_run(options: RunOptions, plan: Path) -> RunOptions:
    return replace(options, plan=str(plan))
