"""The film as the page shows it, in values for JSON: what stays, and what changes."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filmcolor.film.plan import FilmPlan
from filmcolor.guide.plan_file import COLOR_KEYS
from filmcolor.options import ColorOptions, Stroke
from filmcolor.options.facts import facts_of
from filmcolor.review.changes import KEYS, WORDS, stroke_facts
from filmcolor.review.session import Session
from filmcolor.review.ways import Way
from filmcolor.timecode import clock_text
from filmcolor.types import Shot

_NAMES = {
    "skip": "Leave grey",
    "look": "Look",
    "saturation": "Saturation",
    "hue_shift": "Hue, degrees",
    "coherence": "Coherence",
    "stability": "Stability",
    "model": "Model",
    "restore": "Repair",
    "restore_strength": "Repair strength",
}
"""Of settings that are called otherwise than by their key."""
_STEPS = {"hue_shift": 1.0}
_STEP = 0.05


def film_facts(session: Session) -> dict[str, Any]:
    """What does not change while the page is open."""
    table, info = session.table, session.table.context.reader.info
    height, width = table.size
    return {
        "name": Path(info.path).name,
        "width": width,
        "height": height,
        "rate": float(info.rate or 24),
        "device": table.context.device,
        "target": Path(session.target).name,
        "plan": session.project.path.name,
        "command": command(session),
        "controls": [_control(key, session) for key in KEYS],
    }


def command(session: Session) -> str:
    """How the same film is made without the page."""
    words = ["filmcolor", "run", session.table.context.source, "--plan", str(session.project.path)]
    return shlex.join([*words, "-o", session.target, "--keep-work", "--overwrite"])


def _control(key: str, session: Session) -> dict[str, Any]:
    """How a setting is shown: its name, help, range and default."""
    control: dict[str, Any] = {
        "key": key,
        "name": _NAMES.get(key, key.replace("_", " ").capitalize()),
    }
    if key == "skip":
        return control | {"kind": "switch", "default": False, "help": "Leave the shot grey."}
    facts = facts_of(ColorOptions)[key]
    default = getattr(session.options.color, key)
    control |= {"default": default, "help": facts.help}
    if facts.range is not None:
        low, high = facts.range
        return control | {
            "kind": "range",
            "least": low,
            "most": high,
            "step": _STEPS.get(key, _STEP),
        }
    names = session.models if key == "model" else WORDS.get(key, (default,))
    return control | {"kind": "choice", "choices": list(names)}


def state(session: Session, *, may_write: bool) -> dict[str, Any]:
    """What changes."""
    version, table, project = session.board.version, session.table, session.project
    way = session.way
    why = project.holder or ("" if may_write else "another page")
    rendering, settled = session.renderer.now, session.worker.settled
    return {
        "version": version,
        "reads": f"{why} works on this film; this page shows it only." if why else "",
        "finding": {"done": table.done, "total": table.total, "whole": table.is_whole},
        "error": table.error or session.plan_error or session.worker.error,
        "exact": None if settled is None else {"frame": settled[0], "key": settled[1]},
        "mark": project.mark,
        "undo": project.undo_label,
        "redo": project.redo_label,
        "things": [
            {"name": thing.name, "color": thing.color}
            for thing in (() if session.plan is None else session.plan.things)
            if thing.color is not None
        ],
        "film": {} if session.plan is None else _choices(session.plan.film),
        "shots": _found_shots(session) if way is None else _shots(session, way),
        "rendering": asdict(rendering) | {"replaces": session.renderer.would_replace},
    }


def _found_shots(session: Session) -> list[dict[str, Any]]:
    """Shots as far as they are found."""
    film = session.table.film
    if film is None:
        return []
    return [
        {
            "start": shot.start,
            "stop": shot.stop,
            "time": clock_text(
                (int(film.pts[shot.start]) - session.table.origin) * film.time_base, 1
            ),
            "key": "",
        }
        for shot in film.shots
    ]


def _time(session: Session, film: FilmPlan, shot: Shot) -> str:
    return clock_text((int(film.pts[shot.start]) - session.table.origin) * film.time_base, 1)


def _shots(session: Session, way: Way) -> list[dict[str, Any]]:
    plan = session.plan
    assert plan is not None
    found = []
    for number, (shot, key, entry) in enumerate(zip(way.shots, way.keys, way.entries, strict=True)):
        if entry > len(plan.shots):
            break  # the plan was changed in this moment
        choices, given = plan.shots[entry - 1].choices, way.hints.shots.get(number)
        strokes = [] if given is None else [_stroke(*pair) for pair in given.strokes]
        found.append(
            {
                "start": shot.start,
                "stop": shot.stop,
                "time": _time(session, way.film, shot),
                "key": key,
                "entry": entry,
                "chosen": _choices(choices),
                "strokes": strokes,
                "stills": 0 if given is None else len(given.stills),
                "marks": list(session.worker.marks.get(key, ())),
            }
        )
    return found


def _choices(choices: object) -> Mapping[str, Any]:
    """What is chosen of what the page can set."""
    chosen = {key: getattr(choices, key) for key in ("skip", *COLOR_KEYS)}
    return {key: value for key, value in chosen.items() if value is not None}


def _stroke(frame: int, stroke: Stroke) -> dict[str, Any]:
    return {"frame": frame, **stroke_facts(stroke)}
