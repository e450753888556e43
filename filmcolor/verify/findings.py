"""What a comparison finds: one finding for each kind of thing, with the first few places of it.

Words only; it opens nothing and prints nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal

from filmcolor.events import Event

Severity = Literal["fault", "note"]
"""A promise that does not hold, or something that is said and allowed."""

_NAMED = 3
"""Places that are named; the others are counted."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was found, in the source's own count and clock."""

    seconds: Fraction | None = None
    frame: int | None = None
    """Counted from 0 at the first frame that is compared."""
    detail: str = ""

    def __str__(self) -> str:
        time = "" if self.seconds is None else f"{float(self.seconds):.3f} s"
        inside = "; ".join(part for part in (time, self.detail) if part)
        if self.frame is None:
            return inside
        return f"frame {self.frame} ({inside})" if inside else f"frame {self.frame}"


class Finding(Event, json="finding"):
    """All that was found of one kind."""

    kind: str
    """One of a few words, for programs: "frame missing", "luma", "packet changed"."""
    severity: Severity
    text: str
    """For people, without the places."""
    places: tuple[Place, ...] = ()
    """The first few."""
    count: int = 1

    @property
    def line(self) -> str:
        """Everything in one line."""
        if not self.places:
            return self.text
        rest = self.count - len(self.places)
        more = f" and {rest} more" if rest else ""
        return f"{self.text}: {', '.join(str(place) for place in self.places)}{more}"


class Findings:
    """Gathers findings, in the order in which each kind was first met."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Finding] = {}

    def fault(self, kind: str, text: str, place: Place | None = None) -> None:
        """A promise that does not hold; repeated ones of one kind and text are counted."""
        self._add(Finding(kind, "fault", text, () if place is None else (place,)))

    def note(self, text: str) -> None:
        """Something worth saying that is no fault."""
        self._add(Finding("note", "note", text))

    def extend(self, others: Findings) -> None:
        """Add all of another gathering."""
        for finding in others.all():
            self._found.setdefault((finding.kind, finding.text), finding)

    def only(self, kind: str, text: str) -> None:
        """A fault beside which no other counts."""
        self._found.clear()
        self.fault(kind, text)

    def all(self) -> tuple[Finding, ...]:
        """Every finding, faults first."""
        return tuple(sorted(self._found.values(), key=lambda each: each.severity != "fault"))

    def _add(self, finding: Finding) -> None:
        key = finding.kind, finding.text
        before = self._found.get(key)
        if before is None:
            self._found[key] = finding
            return
        places = (*before.places, *finding.places)[:_NAMED]
        self._found[key] = replace(before, places=places, count=before.count + 1)


class VerifyReport(Event, json="verified"):
    """What a whole comparison has shown."""

    source: str
    result: str
    frames: int
    """Of the source, or of the part of it, that were compared."""
    findings: tuple[Finding, ...]
    luma: Literal["exact", "lossy", "left out"]
    """Whether every code of luma is the source's own, or as near as a lossy codec comes; left out
    where mid-grey has to stand in its place, which the two measures below are of then.
    """
    worst_block_codes: float
    """Largest difference of the means of a block of 16x16 px, in 8-bit codes."""
    worst_block_psnr: float | None
    """Of the block that fits least, in dB; None where all codes are equal."""
    seconds: float
    """That it took."""

    @property
    def holds(self) -> bool:
        """Whether everything that filmcolor promises is kept."""
        return not any(finding.severity == "fault" for finding in self.findings)

    def objects(self) -> Iterator[dict[str, Any]]:
        """Every finding, then the verdict and the measures."""
        for finding in self.findings:
            yield from finding.objects()
        (values,) = super().objects()
        del values["source"], values["findings"]
        yield {**values, "holds": self.holds}
