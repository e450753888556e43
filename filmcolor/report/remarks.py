"""What somebody who looks at a coloured film should know, in plain words, with the shots concerned.

The thresholds are stated here, and on the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from filmcolor.report.facts import Films
from filmcolor.report.gather import ShotFacts
from filmcolor.verify.findings import VerifyReport

WEAK_COLORFULNESS = 10.0
"""Colourfulness under which a shot of usual brightness counts as pale. Hasler and Süsstrunk's
viewers called 15 "slightly colourful"; the default model's shots are mostly between 18 and 40."""
_USUAL_LEVEL = 100.0
"""Mean luma above black, 8-bit codes: darker shots are held to less, in proportion."""
_BLACK = 16.0
FLICKER = 1.3
"""ab units from which a shot counts as unsteady. The default model gives 0.7 to 0.9 on the sample
film as it is shipped, and 1.4 to 3 without smoothing."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that stands out."""

    title: str
    text: str
    """What it is."""
    advice: str
    """What can be done."""
    shots: tuple[int, ...] = ()
    """Numbers, from 0; empty where it concerns the whole film."""


def is_weak(shot: ShotFacts) -> bool:
    """Whether a shot has little colour for its brightness."""
    limit = WEAK_COLORFULNESS * min(1.0, max(0.0, shot.level - _BLACK) / _USUAL_LEVEL)
    return shot.colorfulness < limit


def is_unsteady(shot: ShotFacts) -> bool:
    """Whether the colours of a shot flicker."""
    return shot.flicker > FLICKER


def flags(shot: ShotFacts) -> list[str]:
    """What stands out in a shot, in words."""
    found = (is_weak(shot), "weak colour"), (is_unsteady(shot), "flicker")
    return [word for stands_out, word in found if stands_out]


def find_remarks(
    shots: Sequence[ShotFacts], films: Films, verified: VerifyReport, notices: Sequence[str]
) -> Iterator[Remark]:
    """Everything that stands out, the gravest first; `notices` are warnings of the reading."""
    if not verified.holds:
        yield Remark(
            "Not the same film",
            "Compared with the film, something in the result does not hold.",
            "See “Is it the same film?” below, and colour the film again.",
        )
    weak = tuple(shot.number for shot in shots if is_weak(shot))
    if weak:
        yield Remark(
            "Weak colour",
            f"{_shots(len(weak), len(shots))} little colour for the brightness of the picture; "
            "often because the model was not sure what it saw.",
            "Try --look vivid, or correct the stills of these shots (filmcolor stills) and "
            "colour the film with --stills.",
            weak,
        )
    unsteady = tuple(shot.number for shot in shots if is_unsteady(shot))
    if unsteady:
        yield Remark(
            "Flicker",
            f"In {_shots(len(unsteady), len(shots), 'the colours change')} from frame to frame "
            "more than they should.",
            "Colour the film with --smooth flow (the default) and a higher --stability, up to "
            "1; where a still is given, the shot follows it.",
            unsteady,
        )
    yield from _film_remarks(films)
    for notice in notices:
        yield Remark("While reading", notice, "")


def _film_remarks(films: Films) -> Iterator[Remark]:
    if films.film.interlaced and films.result.interlaced:
        yield Remark(
            "Interlaced",
            "Each frame holds two moments, on its even and its odd rows. Both were kept, and "
            "coloured each by itself. The pictures on this page show both at once.",
            "Players take them apart; one that does not shows combs where something moves.",
        )
    elif films.film.interlaced:
        yield Remark(
            "Interlaced",
            "The film is interlaced, but the result does not say so.",
            "Unless it was coloured with --deinterlace, players will show combs where "
            "something moves; use another --codec (see filmcolor run --help).",
        )
    if films.state == "color":
        yield (
            Remark("In colour before", "The film already had colour; only its luma was used.", "")
        )


def _shots(count: int, total: int, what: str = "") -> str:
    """ "3 of 40 shots have", "1 of 4 shots has", or with other words after "shots"."""
    verb = what or ("has" if count == 1 else "have")
    return f"{count} of {total} shot{'' if total == 1 else 's'} {verb}"
