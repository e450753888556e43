"""Brings the packets of two streams together, in order, and tells what does not fit.

It knows items only (see `packet_items`), no files.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction

from filmcolor.verify.findings import Findings, Place
from filmcolor.verify.packet_items import PacketItem


@dataclass(slots=True)
class PacketMatch:
    """Brings the items of one pair of streams together and tells what does not fit."""

    name: str
    offset: Fraction
    tolerance: Fraction
    findings: Findings
    wanted: deque[PacketItem] = field(default_factory=deque)
    found: deque[PacketItem] = field(default_factory=deque)
    shift: Fraction = Fraction(0)
    """Seconds by which what comes now is moved."""
    is_silent: bool = False
    """Whether the items prove nothing."""

    def settle(self, *, final: bool = False) -> None:
        """Compare what can be compared; two of each are held to see which one is missing."""
        wanted, found = self.wanted, self.found
        while wanted and found and (final or (len(wanted) > 1 and len(found) > 1)):
            self._compare(wanted[0], found[0])
        while final and wanted:
            self._drop_missing()
        while final and found:
            self._drop_added()

    def _compare(self, first: PacketItem, other: PacketItem) -> None:
        late = other.seconds - first.seconds - self.offset
        is_equal = first.digest == other.digest
        follows = len(self.wanted) > 1 and self.wanted[1].digest == other.digest
        precedes = len(self.found) > 1 and self.found[1].digest == first.digest
        if not is_equal and (first.may_go or other.may_go):
            (self.wanted if first.may_go else self.found).popleft()
        elif not is_equal and (follows or (not precedes and late - self.shift > self.tolerance)):
            self._drop_missing()
        elif not is_equal and (precedes or late - self.shift < -self.tolerance):
            self._drop_added()
        else:
            if is_equal and not first.is_cut:
                self._check_times(first, other, late)
            elif not is_equal:
                self._fault("changed", "with other bytes", first.seconds)
            self.wanted.popleft()
            self.found.popleft()

    def _drop_missing(self) -> None:
        item = self.wanted.popleft()
        if not item.may_go:
            self._fault("missing", "missing from the result", item.seconds)

    def _drop_added(self) -> None:
        item = self.found.popleft()
        if not item.may_go:
            self._fault("added", "not in the source", item.seconds - self.offset)

    def _check_times(self, first: PacketItem, other: PacketItem, late: Fraction) -> None:
        self.shift = late if abs(late) > self.tolerance else Fraction(0)
        if self.shift:
            way = "late" if late > 0 else "early"
            detail = f"{float(abs(late)):.6g} s too {way}"
            self._fault("time", "at another time", first.seconds, detail)
        elif first.lasts and other.lasts and abs(first.lasts - other.lasts) > 2 * self.tolerance:
            detail = f"for {float(other.lasts):.6g} s instead of {float(first.lasts):.6g} s"
            self._fault("time", "shown for another time", first.seconds, detail)

    def _fault(self, kind: str, text: str, seconds: Fraction, detail: str = "") -> None:
        if self.is_silent:
            return
        place = Place(seconds, detail=detail)
        self.findings.fault(f"packet {kind}", f"{self.name}, packet {text}", place)
