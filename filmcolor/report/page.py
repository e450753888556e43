"""The report as one HTML page, from the Jinja2 template beside this module; it escapes all text."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from filmcolor._version import __version__
from filmcolor.report import chart
from filmcolor.report.facts import Films, made_with, run_facts, verdict_text
from filmcolor.report.gather import MEASURED_SIDE, ShotFacts
from filmcolor.report.pictures import Pair
from filmcolor.report.remarks import FLICKER, WEAK_COLORFULNESS, Remark, flags
from filmcolor.report.things import ThingStrip
from filmcolor.timecode import clock_text
from filmcolor.verify.findings import VerifyReport

_FEW = 12
"""Up to so many shots, their pictures are shown large."""


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything that stands on the page."""

    films: Films
    shots: Sequence[ShotFacts]
    pairs: Mapping[int, Pair]
    """Pictures by the shot's number."""
    remarks: Sequence[Remark]
    verified: VerifyReport
    step: int
    """Frames from one look to the next."""
    measured: int
    """Frames that were measured."""
    things: Sequence[ThingStrip] = ()


def make_page(contents: Contents) -> bytes:
    """The whole page, UTF-8."""
    shots, films = contents.shots, contents.films
    length = shots[-1].stop - shots[0].start
    environment = Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        finalize=_printable,
    )
    environment.filters.update(
        clock=partial(clock_text, digits=1),
        fixed=_fixed,
        base64=lambda content: base64.b64encode(content).decode(),
    )
    environment.tests["nan"] = math.isnan
    page = environment.from_string(_asset("template.html")).render(
        version=__version__,
        style=Markup(_asset("page.css")),
        script=Markup(_asset("page.js")),
        name=Path(films.result.path).name,
        film=Path(films.film.path).name,
        made_with=made_with(films.result),
        length=length,
        marks=_marks(length),
        timeline=chart.Timeline(shots),
        chart=chart,
        weak=WEAK_COLORFULNESS,
        unsteady=FLICKER,
        shots=shots,
        frames=sum(shot.frames for shot in shots),
        colors=[shot.colorfulness for shot in shots if shot.telling],
        flags=flags,
        few=len(shots) <= _FEW,
        pairs=contents.pairs,
        remarks=contents.remarks,
        verified=contents.verified,
        verdict=verdict_text(contents.verified),
        facts=run_facts(films),
        things=contents.things,
        step=contents.step,
        measured=contents.measured,
        side=MEASURED_SIDE,
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    return page.encode("utf-8", "replace")


def _asset(name: str) -> str:
    return files("filmcolor.report").joinpath(name).read_text(encoding="utf-8")


def _printable(value: object) -> object:
    """Text without control characters and undecodable bytes; other values as they are."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return "".join(c if c.isprintable() or c == " " else "\ufffd" for c in value)


def _fixed(value: float, places: int = 1) -> str:
    return f"{value:.{places}f}"


def _marks(length: float) -> list[str]:
    """Five times along the film; whole seconds in a long one."""
    marks = [clock_text(length * part / 4, 1) for part in range(5)]
    return marks if length < 600 else [mark.partition(".")[0] for mark in marks]
