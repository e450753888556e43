"""The report as one HTML page, from the template beside this module; all text is escaped here."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from filmcolor._version import __version__
from filmcolor.report.chart import (
    color_top,
    draw_timeline,
    flicker_top,
    flicker_word,
    level_share,
    weak_word,
)
from filmcolor.report.facts import Films, made_with, run_facts, verdict_text
from filmcolor.report.gather import MEASURED_SIDE, ShotFacts
from filmcolor.report.pictures import Pair
from filmcolor.report.remarks import FLICKER, WEAK_COLORFULNESS, Remark
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


def make_page(contents: Contents) -> bytes:
    """The whole page, UTF-8."""
    shots = contents.shots
    name = Path(contents.films.result.path).name
    length = shots[-1].stop - shots[0].start
    tops = color_top(shots), flicker_top(shots)
    values = {
        "version": _text(__version__),
        "title": _text(f"{name}: before and after"),
        "style": _asset("page.css"),
        "script": _asset("page.js"),
        "name": _text(name),
        "about": _text(_about(contents.films)),
        "summary": "\n".join(_summary(contents, length)),
        "chart": draw_timeline(shots),
        "color_top": f"{tops[0]:g}",
        "color_at": level_share(tops[0], tops[0], upper=True),
        "weak": f"{WEAK_COLORFULNESS:g}",
        "weak_at": level_share(WEAK_COLORFULNESS, tops[0], upper=True),
        "flicker_top": f"{tops[1]:g}",
        "flicker_at": level_share(tops[1], tops[1], upper=False),
        "unsteady": f"{FLICKER:g}",
        "unsteady_at": level_share(FLICKER, tops[1], upper=False),
        "times": "".join(f"<span>{mark}</span>" for mark in _marks(length)),
        "remarks": _remarks(contents.remarks),
        "missing": _missing(contents),
        "shots": "\n".join(_card(shot, contents.pairs.get(shot.number)) for shot in shots),
        "verify": _verdict(contents.verified),
        "facts": "\n".join(
            f"<dt>{_text(fact)}</dt><dd>{_text(value)}</dd>"
            for fact, value in run_facts(contents.films)
        ),
        "method": _method(contents),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "size": "few" if len(shots) <= _FEW else "many",
    }
    return Template(_asset("template.html")).substitute(values).encode("utf-8", "replace")


def _asset(name: str) -> str:
    return files("filmcolor.report").joinpath(name).read_text(encoding="utf-8")


def _text(text: str) -> str:
    """Safe between tags and in attributes, whatever bytes or control characters are in it."""
    plain = "".join(c if c.isprintable() or c == " " else "\ufffd" for c in text)
    return escape(plain, quote=True)


def _marks(length: float) -> list[str]:
    """Five moments along the film; whole seconds in a long one."""
    marks = [clock_text(length * part / 4, 1) for part in range(5)]
    return marks if length < 600 else [mark.partition(".")[0] for mark in marks]


def _about(films: Films) -> str:
    label = made_with(films.result)
    by = "" if label is None else f" by filmcolor {label[0]}, model {label[1]}"
    return f"{Path(films.film.path).name}, coloured{by}"


def _summary(contents: Contents, length: float) -> Iterator[str]:
    shots, verified, remarks = contents.shots, contents.verified, contents.remarks
    frames = sum(shot.frames for shot in shots)
    count = "1 shot" if len(shots) == 1 else f"{len(shots)} shots"
    yield f"<li><b>{count}</b><span>{frames} frames, {clock_text(length, 1)}</span></li>"
    if verified.holds:
        yield '<li class="good"><b>Same film</b><span>only colour was added</span></li>'
    else:
        yield '<li class="bad"><b>Not the same film</b><span>see below</span></li>'
    colors = [shot.colorfulness for shot in shots if shot.telling]
    if colors:
        mean = sum(colors) / len(colors)
        yield (
            f"<li><b>{mean:.1f}</b><span>mean colourfulness; shots from {min(colors):.1f} to "
            f"{max(colors):.1f}</span></li>"
        )
    if remarks:
        things = "1 thing stands" if len(remarks) == 1 else f"{len(remarks)} things stand"
        names = _text(", ".join(remark.title.lower() for remark in remarks))
        yield f'<li class="warn"><b>{things} out</b><span>{names}</span></li>'
    else:
        yield '<li class="good"><b>Nothing stands out</b><span>no warnings</span></li>'


def _remarks(remarks: Sequence[Remark]) -> str:
    if not remarks:
        return "<p>Nothing: no shot has weak colour, none flickers.</p>"
    return f'<ul class="remarks">{"".join(_remark(remark) for remark in remarks)}</ul>'


def _remark(remark: Remark) -> str:
    links = "".join(f'<a href="#shot-{number + 1}">{number + 1}</a>' for number in remark.shots)
    parts = [f"<h3>{_text(remark.title)}</h3><p>{_text(remark.text)}</p>"]
    if remark.advice:
        parts.append(f'<p class="advice">{_text(remark.advice)}</p>')
    if links:
        word = "Shot" if len(remark.shots) == 1 else "Shots"
        parts.append(f'<p class="where">{word} {links}</p>')
    return f"<li>{''.join(parts)}</li>"


def _missing(contents: Contents) -> str:
    missing = len(contents.shots) - len(contents.pairs)
    if not missing:
        return ""
    return (
        f'<p class="hint">There are too many shots for pictures of all: {missing} of '
        f"{len(contents.shots)} have none.</p>"
    )


def _card(shot: ShotFacts, pair: Pair | None) -> str:
    number = shot.number + 1
    flags = [word for word in (weak_word(shot), flicker_word(shot)) if word]
    if not shot.telling:
        figures = "shows nothing (black, white or leader)"
    else:
        figures = f"colourfulness <b>{shot.colorfulness:.1f}</b>"
        if not math.isnan(shot.flicker):
            figures += f", flicker <b>{shot.flicker:.2f}</b>"
    badges = "".join(f'<span class="flag">{word.capitalize()}</span>' for word in flags)
    return (
        f'<article class="shot" id="shot-{number}" aria-labelledby="shot-{number}-title" '
        f'tabindex="-1">{_wipe(shot, pair)}<div class="text">'
        f'<h3 id="shot-{number}-title">Shot {number}<span>{clock_text(shot.start, 1)} to '
        f"{clock_text(shot.stop, 1)}</span></h3><p>{figures}</p>{badges}</div></article>"
    )


def _wipe(shot: ShotFacts, pair: Pair | None) -> str:
    if pair is None:
        return '<p class="none">No picture of this shot</p>'
    number, size = shot.number + 1, f'width="{pair.width}" height="{pair.height}"'
    before, after = (
        f"data:image/webp;base64,{base64.b64encode(content).decode()}"
        for content in (pair.before, pair.after)
    )
    return (
        '<div class="wipe">'
        f'<img {size} src="{before}" alt="Shot {number} at {clock_text(shot.shown, 1)}, before" '
        'draggable="false" decoding="sync">'
        f'<img class="after" {size} src="{after}" alt="The same frame, coloured" '
        'draggable="false" decoding="sync"><i></i>'
        f'<input type="range" min="0" max="100" value="50" step="any" aria-label="Shot {number}: '
        'where the film ends and its colours begin, per cent from the left"></div>'
    )


def _verdict(report: VerifyReport) -> str:
    kind, word = ("good", "Yes.") if report.holds else ("bad", "No.")
    lines = [
        f"<li>{'Fault: ' if each.severity == 'fault' else ''}{_text(each.line)}</li>"
        for each in report.findings
    ]
    found = f'<ul class="found">{"".join(lines)}</ul>' if lines else ""
    return (
        f'<p><span class="verdict {kind}">{word}</span> {_text(verdict_text(report))}</p>{found}'
        "<p>Frames, times, luma, sound, subtitles, chapters and tags were compared, by decoding "
        "both files from end to end, as <code>filmcolor verify</code> does.</p>"
    )


def _method(contents: Contents) -> str:
    frames = sum(shot.frames for shot in contents.shots)
    return (
        "Every frame was decoded and compared. Colour was measured three frames at a time, every "
        f"{contents.step} frames of a shot and once at least in each: {contents.measured} of "
        f"{frames} frames, reduced to a short side of {MEASURED_SIDE} px. "
        "Colourfulness is Hasler and Süsstrunk's (2003); its authors' viewers called 15 slightly, "
        "33 moderately and 59 quite colourful. Flicker is how far, in units of Lab's a and b, the "
        "colours of a frame are off the mean of the frames before and after it, along the motion. "
        "A shot's figure is the mean, or root mean square, over its places; its pictures are from "
        "near its middle."
    )
