"""Whether a film is still the one that work on it began with: nothing that is made of it before it
was changed or exchanged may be joined with what is made of it after.

A film is a file, or the files of a sequence. It must not know what is in them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from filmcolor.errors import JobError, MediaError, refusals
from filmcolor.hashing import blake2
from filmcolor.media.images.sequence import FrameSequence, find_sequence

_SAMPLES = 33
_SAMPLE_BYTES = 128 << 10
"""Of a film, so often, from its head to its tail: of 4 MB and less, all."""


def source_fingerprint(path: str) -> str:
    """Size, time of the last change, and a digest of samples from all over the file; of a sequence,
    a digest of the names, sizes and times of all files, and of samples of some. Raises `MediaError`
    if it cannot be read.
    """
    sequence = find_sequence(path)
    if sequence is not None:
        return _of_sequence(path, sequence)
    return _of_file(path)


def _of_sequence(path: str, sequence: FrameSequence) -> str:
    """Where the files lie does not count."""
    found = blake2()
    files = list(sequence.paths())
    for name, facts in zip(files, _stats(files), strict=True):
        found.update(f"{os.path.basename(name)} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    for number in range(_SAMPLES):
        name = files[(len(files) - 1) * number // (_SAMPLES - 1)]
        try:
            with open(name, "rb") as file:
                found.update(file.read(_SAMPLE_BYTES))
        except OSError as error:
            raise MediaError(f"{name}: cannot be read ({error.strerror})") from error
    return f"{len(files)} files of {path}, {found.hexdigest()}"


def _stats(files: Iterable[str]) -> Iterator[os.stat_result]:
    for name in files:
        try:
            yield os.stat(name)
        except OSError as error:
            raise MediaError(f"{name}: cannot be read ({error.strerror})") from error


def _of_file(path: str) -> str:
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
        self._seen: int | None = None

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

    def _facts(self) -> int:
        """What changes with whatever is done to the files, and with what has their names."""
        sequence = find_sequence(self._path)
        files = [self._path] if sequence is None else sequence.paths()
        facts: list[int] = []
        for found in _stats(files):
            facts += (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
            facts.append(found.st_ctime_ns)
        return hash(tuple(facts))
