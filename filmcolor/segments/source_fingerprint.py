"""Whether a film is still the one that work on it began with: nothing that is made of it before it
was changed or exchanged may be joined with what is made of it after.

It must not know what films are.
"""

from __future__ import annotations

import os

from filmcolor.errors import JobError, MediaError, refusals
from filmcolor.hashing import blake2

_SAMPLES = 33
_SAMPLE_BYTES = 128 << 10
"""Of a film, so often, from its head to its tail: of 4 MB and less, all."""


def source_fingerprint(path: str) -> str:
    """Size, time of the last change, and a digest of samples from all over the file; raises
    `MediaError` if it cannot be read.
    """
    found = blake2()
    with refusals(MediaError, f"{path}: cannot be read"), open(path, "rb") as file:
        facts = os.fstat(file.fileno())
        last = max(0, facts.st_size - _SAMPLE_BYTES)
        for number in range(_SAMPLES):
            file.seek(last * number // (_SAMPLES - 1))
            found.update(file.read(_SAMPLE_BYTES))
    return f"{facts.st_size} bytes, changed {facts.st_mtime_ns}, {found.hexdigest()}"


class SourceWatch:
    """Looks at a film now and then; as long as its file was not touched, that costs nothing."""

    def __init__(self, path: str, fingerprint: str) -> None:
        """`fingerprint` is what `source_fingerprint` said of it before it was opened."""
        self._path, self._fingerprint = path, fingerprint
        self._seen: tuple[int, ...] | None = None

    def check(self) -> None:
        """Raise `JobError` if the film is another now, and `MediaError` if it cannot be read."""
        seen = self._facts()
        if seen == self._seen:
            return
        if source_fingerprint(self._path) != self._fingerprint:
            raise JobError(
                f"{self._path}: was changed while it was coloured, and what was made of it does "
                "not go with what it is now; put it back as it was, or run the same command again, "
                "which begins anew"
            )
        self._seen = seen

    def _facts(self) -> tuple[int, ...]:
        """What changes with whatever is done to the file, and with what has its name."""
        with refusals(MediaError, f"{self._path}: cannot be read"):
            found = os.stat(self._path)
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
