"""How one version of the plan colours the film: its shots in frames, their options, what they are
given; and what a shot is made ready from before its frames are coloured as a run would.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from filmcolor.files_read import FilesRead
from filmcolor.film.analyze import settle_shots
from filmcolor.film.context import FilmContext
from filmcolor.film.plan import FilmPlan
from filmcolor.film.stage_timer import StageTimer
from filmcolor.guide.build_hints import make_hint_files
from filmcolor.guide.geometry import Screen
from filmcolor.guide.hint_file import HintFiles
from filmcolor.guide.plan_file import PlanFile
from filmcolor.guide.shot_choices import check_names, check_references, choose, with_film
from filmcolor.guide.shot_hints import Hints, ShotHints
from filmcolor.guide.thing_choices import ThingEdits, find_edits, with_edits
from filmcolor.guide.thing_hints import SaidOfThings, said_of_things
from filmcolor.guide.user_hints import find_hints
from filmcolor.hashing import digest
from filmcolor.media.partfile import make_folder
from filmcolor.options import ColorOptions
from filmcolor.review.table import Table, look_key, unseen
from filmcolor.stages.chroma_drift import Drift
from filmcolor.stages.things import PackedThings
from filmcolor.stages.view import film_view
from filmcolor.types import Shot

T = TypeVar("T")

_NOTHING = SaidOfThings({}, {})
_MOST_SHOTS = 400
"""Shots, or versions of them, whose files are kept."""


@dataclass(frozen=True, eq=False)
class Way:
    """How one version of the plan colours the film."""

    context: FilmContext
    """With the options of the film and of its shots."""
    film: FilmPlan
    """As it was analysed, with what people have said of its things."""
    shots: tuple[Shot, ...]
    """Of the plan."""
    things: Mapping[int, PackedThings]
    """Of shots of the plan, as far as they are known."""
    edits: ThingEdits | None
    """What was said of things."""
    is_looked: bool
    """Whether all is known that a run would know: the film was looked at as it is coloured now, and
    what strokes and stills say of things."""
    heard_key: str
    hints: Hints
    screen: Screen
    keys: tuple[str, ...]
    """Of each shot: tells its colours from all others that it could have."""
    entries: tuple[int, ...]
    """Of each shot: its number in the plan, from 1."""

    def color(self, shot: int) -> ColorOptions:
        """How a shot is coloured; shots count from 0."""
        return self.context.shots.of(shot)

    def shot_at(self, index: int) -> int:
        """Number of the shot that a frame is in."""
        return self.marked.shot_at(index)

    @cached_property
    def marked(self) -> FilmPlan:
        """The film with the shots of the plan."""
        return self.film.revised(self.shots, Drift(), {})


@dataclass(frozen=True, eq=False)
class Ready:
    """A shot made ready: frames of it can be coloured as a run would."""

    context: FilmContext
    film: FilmPlan


class Ways:
    """Makes ways of plans, and shots ready."""

    def __init__(self, table: Table, folder: Path) -> None:
        """`folder` keeps what is made of shots."""
        self._table, self._folder = table, folder
        self._lock = threading.Lock()
        self._last: tuple[str, Way] | None = None
        self._heard: dict[str, SaidOfThings] = {}
        self._last_heard = _NOTHING
        make_folder(folder)
        _prune(folder)

    def of(self, plan: PlanFile, mark: str = "") -> Way:
        """How a plan colours the film, all of whose shots are known; `mark` tells it from others.

        Raises `FilmcolorError` for a plan that this film cannot be coloured by.
        """
        with self._lock:
            if mark and self._last is not None and self._last[0] == mark:
                return self._last[1]
            way = self._made(plan)
            if mark:
                self._last = mark, way
            return way

    def forget(self) -> None:
        """The next way is made anew."""
        with self._lock:
            self._last = None

    def hear(self, way: Way) -> None:
        """Find out what strokes and stills say of things in other shots."""
        cast = way.film.cast if way.edits is None else way.edits.cast
        context = replace(way.context, files=FilesRead(), timer=StageTimer())
        heard = said_of_things(context, way.marked, way.hints, way.screen, cast)
        with self._lock:
            if len(self._heard) >= _MOST_SHOTS:
                self._heard.clear()
            self._heard[way.heard_key] = self._last_heard = heard

    def _made(self, plan: PlanFile) -> Way:
        table = self._table
        assert table.film is not None
        files, base = FilesRead(), table.context
        options = with_film(base.options, plan)
        options = replace(options, upscale=None, upscale_model=None)
        check_names(plan, options, files)
        color, model = options.color, base.model
        if (color.model, color.look) != (base.options.color.model, base.options.color.look):
            model = base.model_cache.get(color, base.model.device)
            color = replace(color, precision=model.precision)
        options = replace(options, color=color)
        view = film_view(base.reader.info, model, base.view.box, color)
        check_references(plan, model, files)
        times, screen = table.times(), Screen.of(base.reader.info, view)
        context = replace(base, options=options, model=model, view=view, files=files)
        found = table.looks.get(look_key(context))
        film = table.film if found is None else found
        chosen = choose(plan, options, film, times, is_part=table.is_part, files=files)
        context = replace(context, shot_options=chosen.colors)
        edits = find_edits(plan.things, film, times)
        marked = film.revised(chosen.shots, Drift(), {})
        hints = find_hints(options, marked, times, screen, chosen.overrides, files)
        heard_key = _heard_key(plan, hints, look_key(context))
        heard = self._heard.get(heard_key)
        if heard is None and not any(each.stills or each.strokes for each in hints.shots.values()):
            heard = _NOTHING
        edited = with_edits(
            film, edits, heard or self._last_heard, chosen.shots, context.shots.tone
        )
        own = {(shot.start, shot.stop): number for number, shot in enumerate(film.shots)}
        things: dict[int, PackedThings] = {}
        for number, shot in enumerate(chosen.shots):
            before = own.get((shot.start, shot.stop))
            if before is None or before not in edited.things:
                continue
            if _is_alike(context.shots.of(number), color):
                things[number] = edited.things[before]
        keys = tuple(
            _key(context.shots.of(number), shot, hints.shots.get(number), things.get(number))
            for number, shot in enumerate(chosen.shots)
        )
        entries = {times.edge(shot.start): number for number, shot in enumerate(plan.shots, 1)}
        return Way(
            context,
            edited,
            chosen.shots,
            things,
            edits,
            found is not None and heard is not None,
            heard_key,
            hints,
            screen,
            keys,
            tuple(entries[shot.start] for shot in chosen.shots),
        )

    def ready(self, way: Way, shot: int) -> Generator[None, None, Ready]:
        """Make a shot ready, or take what was made; yields now and then."""
        folder = self.folder_of(way.keys[shot])
        make_folder(folder)
        context = replace(way.context, files=FilesRead(), timer=StageTimer())
        blind = unseen(context.options.color)
        alone = dict.fromkeys(range(len(way.shots)), blind) | {shot: way.color(shot)}
        looked = replace(context, shot_options=alone)
        film = yield from _quietly(settle_shots(looked, way.film, way.shots, folder))
        given = way.hints.shots.get(shot)
        if given is None:
            return Ready(context, film)
        hints = Hints({shot: given})
        paths = yield from _quietly(make_hint_files(context, film, hints, way.screen, folder))
        return Ready(replace(context, hint_source=HintFiles(paths, way.context.shots.tone)), film)

    def folder_of(self, key: str) -> Path:
        """Where the files of a shot lie."""
        return self._folder / key


def _quietly(events: Generator[object, None, T]) -> Generator[None, None, T]:
    """What a generator returns; in place of its events nothing."""
    with closing(events):
        while True:
            try:
                next(events)
            except StopIteration as end:
                value: T = end.value
                return value
            yield


def _heard_key(plan: PlanFile, hints: Hints, look: str) -> str:
    given = [(number, each.digest) for number, each in sorted(hints.shots.items())]
    shots = [(shot.start, shot.choices.look, shot.choices.model) for shot in plan.shots]
    edits = [thing for thing in plan.things if thing.is_edited]
    return digest(repr((given, shots, edits, look)).encode(), 8)


def _is_alike(color: ColorOptions, film: ColorOptions) -> bool:
    """Whether a shot is looked at as the film is."""
    return (color.model, color.look) == (film.model, film.look)


def _key(
    color: ColorOptions, shot: Shot, hints: ShotHints | None, things: PackedThings | None
) -> str:
    parts: list[Any] = [color, shot.start, shot.stop, "" if hints is None else hints.digest]
    parts.append("" if things is None else digest(things, 8))
    return digest(repr(parts).encode(), 8)


def _prune(folder: Path) -> None:
    """Remove what was not used for longest."""
    there = sorted(folder.iterdir(), key=lambda each: each.stat().st_mtime, reverse=True)
    for each in there[_MOST_SHOTS:]:
        shutil.rmtree(each, ignore_errors=True)
