"""What a plan's choices come to for one film: its shots in frames, how each is coloured, what each
is given, and what work on it depends on.

Models are looked up, not loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

from filmcolor.errors import CheckpointError, OptionError
from filmcolor.files_read import FilesRead
from filmcolor.film.plan import FilmPlan
from filmcolor.guide.match import reference_for
from filmcolor.guide.plan_file import COLOR_KEYS, HINT_KEYS, UPSCALE_KEYS, Choices, PlanFile
from filmcolor.guide.shot_hints import Hints, ShotOverrides
from filmcolor.guide.strokes import read_strokes
from filmcolor.guide.times import FilmTimes
from filmcolor.guide.user_hints import named
from filmcolor.models.card import read_card
from filmcolor.models.checkpoint import LoadedModel
from filmcolor.models.registry import find_checkpoint
from filmcolor.options import ColorOptions, Look, RunOptions
from filmcolor.timecode import time_text
from filmcolor.types import Shot


def with_film(options: RunOptions, plan: PlanFile) -> RunOptions:
    """The options with what the plan chooses for the whole film.

    Options that are not at their default, or that were given explicitly, win over the plan's.
    """

    def chosen(keys: tuple[str, ...], now: object, default: object) -> dict[str, Any]:
        return {
            key: value
            for key in keys
            if (value := getattr(plan.film, key)) is not None
            and key not in options.explicit_options
            and getattr(now, key) == getattr(default, key)
        }

    color = replace(options.color, **chosen(COLOR_KEYS, options.color, ColorOptions()))
    return replace(options, color=color, **chosen(HINT_KEYS + UPSCALE_KEYS, options, RunOptions()))


def leaves_pale(plan: PlanFile, options: RunOptions, least: float) -> bool:
    """Whether any shot is left grey, or paler than a saturation of `least`."""
    color = with_film(options, plan).color
    return any(_color(shot.choices, plan.film, color).saturation < least for shot in plan.shots)


def check_names(plan: PlanFile, options: RunOptions, files: FilesRead | None = None) -> None:
    """Raise what `choose` or `find_hints` would, for models and files that there are not: before a
    film is analysed. `options` are those of the film, as `with_film` gives them; `files`
    takes note of all that is read.
    """
    models, color = _Models(files), options.color
    if plan.film.model == color.model or plan.film.look == color.look:
        models.digest(color, partial(plan.where, 0))
    _check_files(plan.film, partial(plan.where, 0), files)
    for entry, shot in enumerate(plan.shots, 1):
        where = partial(plan.where, entry)
        _differences(_color(shot.choices, plan.film, color), color, models, where)
        _check_files(shot.choices, where, files)


def check_references(plan: PlanFile, model: LoadedModel, files: FilesRead | None = None) -> None:
    """Raise, with the place in the plan, what is wrong with references of shots."""
    checked: set[str] = set()
    for entry, shot in enumerate(plan.shots, 1):
        name = shot.choices.reference
        if name and name not in checked:
            with named(plan.where(entry, "reference")):
                reference_for(name, model, files)
            checked.add(name)


def _check_files(choices: Choices, where: Callable[[str], str], files: FilesRead | None) -> None:
    if isinstance(choices.stills, str) and not Path(choices.stills).is_dir():
        raise OptionError(f"{where('stills')}: {choices.stills}: no such folder")
    for still in choices.stills if isinstance(choices.stills, tuple) else ():
        if not Path(still.file).is_file():
            raise OptionError(f"{where('stills')}: {still.file}: no such file")
    if isinstance(choices.strokes, str):
        with named(where("strokes")):
            read_strokes(choices.strokes, files)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is chosen for the shots of one film; by number of the shot, where anything is."""

    shots: tuple[Shot, ...]
    colors: Mapping[int, ColorOptions] = field(default_factory=dict)
    overrides: Mapping[int, ShotOverrides] = field(default_factory=dict)
    digests: Mapping[int, str] = field(default_factory=dict)
    """Of what makes the colours of a shot others than if it had been found and nothing chosen."""


def choose(
    plan: PlanFile,
    options: RunOptions,
    film: FilmPlan,
    times: FilmTimes,
    *,
    is_part: bool,
    files: FilesRead | None = None,
) -> Chosen:
    """The plan's choices for an analysed film, or for a part of it.

    `options` are those of the film, as `with_film` gives them. Raises `OptionError`, or
    `CheckpointError`, with the place in the plan, for shots that do not make up the film and for
    models and looks that there are not.
    """
    placed = _placed(plan, film, times, is_part=is_part)
    found = {(shot.start, shot.stop) for shot in film.shots}
    colors: dict[int, ColorOptions] = {}
    overrides: dict[int, ShotOverrides] = {}
    digests: dict[int, str] = {}
    models = _Models(files)
    for number, (entry, shot) in enumerate(placed):
        choices, where = plan.shots[entry - 1].choices, partial(plan.where, entry)
        color = _color(choices, plan.film, options.color)
        if choices.skip and choices.restore not in (None, "none"):
            raise OptionError(
                f"{where('restore')}: skip = true leaves the shot as it is; take one of them away"
            )
        parts = [] if (shot.start, shot.stop) in found else [f"to {shot.stop}"]
        if color != options.color:
            colors[number] = color
            parts += _differences(color, options.color, models, where)
        if any(getattr(choices, key) is not None for key in HINT_KEYS):
            overrides[number] = _own(choices, shot, where)
        if parts:
            digests[number] = ", ".join(parts)
    return Chosen(tuple(shot for _, shot in placed), colors, overrides, digests)


def segment_settings(film: FilmPlan, chosen: Chosen | None, hints: Hints) -> dict[int, str]:
    """By number of the segment: what its frames depend on beside the film and its options, shot by
    shot; nothing for segments whose shots were found and have nothing of their own.
    """
    own = {} if chosen is None else chosen.digests
    found = {}
    for segment in film.segments():
        parts = []
        for number in range(film.shot_at(segment.start), film.shot_at(segment.stop - 1) + 1):
            texts = [own[number]] if number in own else []
            texts += [hints.shots[number].digest] if number in hints.shots else []
            if texts:
                parts.append(f"{film.shots[number].start}: {', '.join(texts)}")
        if parts:
            found[segment.number] = "; ".join(parts)
    return found


def _placed(
    plan: PlanFile, film: FilmPlan, times: FilmTimes, *, is_part: bool
) -> list[tuple[int, Shot]]:
    """The shots in frames, each with its number in the plan, from 1; they make up the film."""

    def edge(entry: int, key: str) -> int:
        seconds = plan.shots[entry - 1].start if key == "start" else plan.shots[entry - 1].end
        assert seconds is not None
        try:
            return times.edge(seconds)
        except ValueError as error:
            raise OptionError(
                f"{plan.where(entry, key)}: {error}; is this the plan of another film?"
            ) from None

    count = len(plan.shots)
    starts = [edge(entry, "start") for entry in range(1, count + 1)]
    if starts[0] != 0:
        raise OptionError(
            f"{plan.where(1, 'start')}: the {'part' if is_part else 'film'} begins at "
            f"{_time(times, 0)}; let the first shot start there"
        )
    placed = []
    for entry, (shot, start) in enumerate(zip(plan.shots, starts, strict=True), 1):
        is_last = entry == count
        stop = film.frames if is_last else starts[entry]
        end = stop if shot.end is None else edge(entry, "end")
        if end != stop:
            what, then = (
                ("the film goes on to", "let the last shot end there")
                if is_last
                else ("the next one starts at", "let a shot end where the next one starts")
            )
            raise OptionError(
                f"{plan.where(entry, 'end')}: {time_text(shot.end or shot.start)}, but {what} "
                f"{_time(times, stop)}; {then}"
            )
        if start < stop:
            placed.append((entry, Shot(start, stop, "end" if stop == film.frames else "cut")))
        elif not is_part:
            raise OptionError(
                f"{plan.where(entry)}: no frame of the film is in it; make it longer, or take it "
                "away"
            )
    return placed


def _time(times: FilmTimes, edge: int) -> str:
    return time_text(Fraction(round(times.edge_seconds(edge) * 1000), 1000))


def _color(choices: Choices, film: Choices, color: ColorOptions) -> ColorOptions:
    """How a shot is coloured; of one that is left grey nothing else counts."""
    own = {key: value for key in COLOR_KEYS if (value := getattr(choices, key)) is not None}
    chosen = replace(color, **own)
    is_skipped = film.skip if choices.skip is None else choices.skip
    return replace(color, saturation=0.0) if is_skipped or not chosen.saturation else chosen


def _own(choices: Choices, shot: Shot, where: Callable[[str], str]) -> ShotOverrides:
    stills = None
    if isinstance(choices.stills, tuple):
        stills = tuple((Path(still.file), still.at) for still in choices.stills)
    return ShotOverrides(shot, where, stills, choices.strokes, choices.reference)


class _Models:
    """What tells one model in one look from another."""

    def __init__(self, files: FilesRead | None) -> None:
        self._files = files or FilesRead()
        self._known: dict[tuple[str, Look], str] = {}

    def digest(self, color: ColorOptions, where: Callable[[str], str]) -> str:
        """Of its content; raises `CheckpointError` or `OptionError` if there is none such."""
        name = color.model, color.look
        if name not in self._known:
            try:
                path = find_checkpoint(color.model)
                card = read_card(path)
                self._known[name] = self._files.note(path, path.read_bytes()).sha256
            except CheckpointError as error:
                raise CheckpointError(f"{where('model')}: {error}") from error
            try:
                card.config_for(color.look)
            except OptionError as error:
                raise OptionError(f"{where('look')}: {error}") from error
        return self._known[name]


def _differences(
    color: ColorOptions, film: ColorOptions, models: _Models, where: Callable[[str], str]
) -> list[str]:
    """What is other than in the film, a text each."""
    found = [
        f"{key} {getattr(color, key)}"
        for key in COLOR_KEYS
        if key != "model" and getattr(color, key) != getattr(film, key)
    ]
    if (color.model, color.look) != (film.model, film.look):
        found.append(f"model {models.digest(color, where)}")
    return found
