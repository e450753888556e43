"""What a run has read besides its film, each file with the digest of the very bytes that were used.

So what is said of a result later is what it was made from, whatever has become of the files since;
and a file that is read twice is the same both times. It must not know what is in them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from filmcolor.errors import JobError
from filmcolor.hashing import sha256


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What tells the content of a file from any other."""

    path: str
    """As it was named."""
    size: int
    """Bytes."""
    sha256: str

    @classmethod
    def of(cls, path: str | Path, content: bytes) -> FileFacts:
        """Those of a file whose content was read."""
        return cls(str(path), len(content), sha256(content))


class FilesRead:
    """The files that one run has read."""

    def __init__(self) -> None:
        self._facts: dict[str, FileFacts] = {}

    def note(self, path: str | Path, content: bytes) -> FileFacts:
        """Take note of what was read from a file; raises as `add`."""
        facts = FileFacts.of(path, content)
        self.add(facts)
        return facts

    def add(self, facts: FileFacts | None) -> None:
        """Take note of a file; raises `JobError` if it was read before with another content."""
        if facts is None:
            return
        before = self._facts.setdefault(os.path.abspath(facts.path), facts)
        if before.sha256 != facts.sha256:
            raise JobError(
                f"{facts.path}: was changed while the run went on; run the same command again"
            )

    def without(self, facts: FileFacts | None) -> list[FileFacts]:
        """All files but this one, by name."""
        left = (each for each in self._facts.values() if facts is None or each.path != facts.path)
        return sorted(left, key=lambda each: each.path)
