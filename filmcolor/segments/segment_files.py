"""The finished segments of a film: their files in the work folder, and their lines in the ledger.

A segment counts where both are whole and are of the plan and the settings that it is to be made
with. It must not know who makes segments.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from filmcolor.errors import MediaError, refusals
from filmcolor.film.plan import Segment
from filmcolor.segments.ledger import Ledger, checksum
from filmcolor.segments.workplace import LEDGER


@dataclass(frozen=True, slots=True)
class Entry:
    """One finished segment, as the ledger has it."""

    segment: int
    frames: int
    bytes: int
    reorder: int
    """Frames by which its packets are out of order."""
    planes: str
    """Digest of the composed planes, before they were encoded."""
    file: str
    """Digest of the segment's file."""
    settings: str = ""
    """What its frames depend on beside what the whole film depends on; empty for nothing."""
    plan: str = ""
    """As `SegmentFiles.way`; set when it is recorded."""
    dust: int = 0
    """Px of its frames that hid dust and were repaired."""
    scratches: int = 0
    """The same of scratches."""


class SegmentFiles:
    """The segments of one film in a folder."""

    def __init__(self, path: Path, fingerprint: Mapping[str, str]) -> None:
        """`fingerprint` says by name what the work depends on: input, model, options."""
        self.path = path
        self.fingerprint = dict(fingerprint)
        self.settings: Mapping[int, str] | None = None
        """By number, what a segment must have been made with, nothing where none stands; None: with
        anything. To be set once the plan is known."""
        self._ledger = Ledger(path / LEDGER, Entry)

    @property
    def way(self) -> str:
        """What tells the work of this plan from that of any other; all that is made carries it."""
        return checksum(self.fingerprint)

    def segment_path(self, segment: int) -> Path:
        """File of a segment as it is to be made: no other plan's, nor one with other settings."""
        return self.path / f"{self._stem(segment)}.seg"

    def _stem(self, segment: int, settings: str | None = None) -> str:
        if settings is None:
            settings = (self.settings or {}).get(segment, "")
        return f"segment-{segment:05}-{checksum({'plan': self.way, 'settings': settings})}"

    def _file(self, entry: Entry) -> Path:
        return self.path / f"{self._stem(entry.segment, entry.settings)}.seg"

    def entries(self) -> dict[int, Entry]:
        """Finished segments by number: those whose last line in the ledger and whose file are
        whole, made with what they are to be made with.
        """
        return {number: entry for number, entry in self.recorded().items() if self._is_whole(entry)}

    def recorded(self) -> dict[int, Entry]:
        """As `entries`, but as the ledger has them: their files are not asked for."""
        way, wanted = self.way, self.settings
        return {
            entry.segment: entry
            for entry in self._ledger.lines()
            if entry.plan == way
            and (wanted is None or entry.settings == wanted.get(entry.segment, ""))
        }

    def _is_done(self, number: int) -> bool:
        entry = self.recorded().get(number)
        return entry is not None and self._is_whole(entry)

    def _is_whole(self, entry: Entry) -> bool:
        try:
            return self._file(entry).stat().st_size == entry.bytes
        except OSError:
            return False

    def missing(self, segments: Sequence[Segment]) -> list[Segment]:
        """Those that are not done."""
        entries = self.entries()
        return [segment for segment in segments if segment.number not in entries]

    def place(self, entry: Entry, file: Path) -> None:
        """Name a finished segment and enter it in the ledger; on the disk when this returns."""
        with self._writing():
            os.replace(file, self._file(entry))
        self.record(entry)

    def record(self, entry: Entry) -> None:
        """Add a finished segment to the ledger; on the disk when this returns."""
        with self._writing():
            self._ledger.append(asdict(replace(entry, plan=self.way)))

    def _writing(self) -> AbstractContextManager[None]:
        return refusals(MediaError, f"{self.path}: cannot be written", "; make room on the disk")
