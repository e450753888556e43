"""Films with a file for each frame: which names are frames, in which order, and what is missing.

A sequence is named by a pattern (`scan/frame_%06d.dpx`), a range
(`scan/frame_[000001-000240].tif`), a glob (`"scan/*.png"`) or its folder. Opens no file.
"""

from __future__ import annotations

import fnmatch
import os
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from filmcolor.errors import MediaError
from filmcolor.media.images.formats import format_of_suffix

_PATTERN = re.compile(r"%(?:0(?P<width>\d{1,2}))?d")
_RANGE = re.compile(r"\[(?P<first>\d+)-(?P<last>\d+)\]")
_NUMBERED = re.compile(r"(?P<head>.*?)(?P<digits>\d+)(?P<tail>\D*)", re.DOTALL)
_NAMED = 5
"""Runs of missing numbers, or sequences, that are named in a line."""


@dataclass(frozen=True, slots=True)
class FrameNames:
    """Names that differ in a number."""

    folder: str
    """As it was given; empty for the current one."""
    head: str
    width: int
    """Digits that a number has at least; 0 where none is padded."""
    tail: str

    @classmethod
    def of(cls, text: str) -> FrameNames | None:
        """Those of a pattern with one `%06d` or `%d` in the name of a picture; None for another
        name, and where there is something of just that name.
        """
        folder, name = os.path.split(text)
        found = list(_PATTERN.finditer(name))
        is_picture = format_of_suffix(Path(name)) is not None
        if len(found) != 1 or not is_picture or os.path.lexists(text):
            return None
        start, stop = found[0].span()
        return cls(folder, name[:start], int(found[0]["width"] or 0), name[stop:])

    def __str__(self) -> str:
        digits = f"%0{self.width}d" if self.width else "%d"
        return os.path.join(self.folder, f"{self.head}{digits}{self.tail}")

    def path(self, number: int) -> str:
        """The file of a frame."""
        return os.path.join(self.folder, f"{self.head}{self.text(number)}{self.tail}")

    def text(self, number: int) -> str:
        """A number as the names have it."""
        return f"{number:0{self.width}}"

    def numbers(self) -> tuple[int, ...]:
        """Those of the files that are there, in order; none where the folder is not."""
        try:
            names = os.listdir(self.folder or ".")
        except OSError:
            return ()
        return tuple(sorted(self._numbers_in(names)))

    def _numbers_in(self, names: Iterable[str]) -> Iterator[int]:
        start, stop = len(self.head), len(self.tail)
        for name in names:
            digits = name[start : len(name) - stop]
            if not (name.startswith(self.head) and name.endswith(self.tail)):
                continue
            if digits.isascii() and digits.isdigit() and self.text(int(digits)) == digits:
                yield int(digits)


@dataclass(frozen=True)
class FrameSequence:
    """The frames of a film, a file each, by number."""

    names: FrameNames
    first: int
    last: int
    numbers: tuple[int, ...]
    """Of the files that are there, in order."""

    def __len__(self) -> int:
        return self.last - self.first + 1

    def path(self, index: int) -> str:
        """The file of a frame, counted from 0, be it there or not."""
        return self.names.path(self.first + index)

    def has(self, index: int) -> bool:
        """Whether the file of a frame is there."""
        at = bisect_left(self.numbers, self.first + index)
        return at < len(self.numbers) and self.numbers[at] == self.first + index

    def paths(self) -> Iterator[str]:
        """All files that are there, in order."""
        return map(self.names.path, self.numbers)

    @property
    def missing(self) -> int:
        """How many numbers have no file."""
        return len(self) - len(self.numbers)

    @cached_property
    def missing_text(self) -> str:
        """Which numbers have no file, for people: "000005, 000017 to 000019"."""
        runs = []
        expected = self.first
        for number in (*self.numbers, self.last + 1):
            if number > expected:
                ends = dict.fromkeys((expected, number - 1))
                runs.append(" to ".join(map(self.names.text, ends)))
            expected = number + 1
        more = "" if len(runs) <= _NAMED else ", ..."
        return ", ".join(runs[:_NAMED]) + more


def find_sequence(text: str) -> FrameSequence | None:
    """The sequence that a name means; None where it means something else (a file, or a folder
    without numbered pictures).

    Raises `MediaError` for a pattern, a range or a glob without frames, and for names that are
    those of several sequences.
    """
    if text == "-" or os.path.isfile(text):
        return None
    if os.path.isdir(text):
        return _among(text, text, sorted(os.listdir(text)))
    folder, name = os.path.split(text)
    if (names := FrameNames.of(text)) is not None:
        return _checked(text, names, names.numbers())
    if not (os.path.isdir(folder or ".") and any(sign in name for sign in "*?[")):
        return None
    limits = _RANGE.search(name)
    if limits is not None and not any(sign in name for sign in "*?"):
        first, last = limits["first"], limits["last"]
        width = len(first) if first.startswith("0") or len(first) == len(last) else 0
        names = FrameNames(folder, name[: limits.start()], width, name[limits.end() :])
        return _checked(text, names, names.numbers(), (int(first), int(last)))
    files = [file for file in sorted(os.listdir(folder or ".")) if fnmatch.fnmatchcase(file, name)]
    found = _among(text, folder, files)
    if found is None:
        raise MediaError(f"{text}: no numbered pictures of this name: check the spelling")
    return found


def is_sequence_name(text: str) -> bool:
    """Whether a name that is no file and no folder is a pattern, a range or a glob of frames."""
    if os.path.lexists(text):
        return False
    name = os.path.basename(text)
    return FrameNames.of(text) is not None or any(sign in name for sign in "*?[")


def sequence_of_files(files: Iterable[str]) -> str | None:
    """The range that pictures which were named one by one make up, as a shell has them of a glob;
    None where they are not one sequence.
    """
    folders = {os.path.dirname(file) for file in files}
    names = sorted(os.path.basename(file) for file in files)
    if len(folders) != 1:
        return None
    folder = folders.pop()
    try:
        found = _among(folder, folder, names)
    except MediaError:
        return None
    if found is None or len(found.numbers) != len(names):
        return None
    own = found.names
    limits = f"[{own.text(found.first)}-{own.text(found.last)}]"
    return os.path.join(own.folder, f"{own.head}{limits}{own.tail}")


def _among(text: str, folder: str, files: Iterable[str]) -> FrameSequence | None:
    """The one sequence that there is among files of a folder."""
    groups: dict[tuple[str, str], list[str]] = {}
    for file in files:
        path = Path(file)
        match = _NUMBERED.fullmatch(path.stem)
        if match is not None and format_of_suffix(path) is not None and file[0] != ".":
            groups.setdefault((match["head"], match["tail"] + path.suffix), []).append(
                match["digits"]
            )
    if not groups:
        return None
    sequences = []
    for (head, tail), digits in groups.items():
        lengths = {len(each) for each in digits}
        is_padded = len(lengths) == 1 or any(each[0] == "0" and len(each) > 1 for each in digits)
        names = FrameNames(folder, head, min(lengths) if is_padded else 0, tail)
        sequences.append((names, tuple(sorted({int(each) for each in digits}))))
    if len(sequences) > 1:
        known = ", ".join(os.path.basename(str(names)) for names, _ in sequences[:_NAMED])
        more = "" if len(sequences) <= _NAMED else ", ..."
        raise MediaError(
            f"{text}: numbered pictures of {len(sequences)} kinds of names ({known}{more}): name "
            "one of them"
        )
    return _checked(text, *sequences[0])


def _checked(
    text: str, names: FrameNames, numbers: tuple[int, ...], limits: tuple[int, int] | None = None
) -> FrameSequence:
    """The sequence of these numbers, of which the `limits` count."""
    if limits is not None:
        numbers = tuple(number for number in numbers if limits[0] <= number <= limits[1])
    if not numbers:
        raise MediaError(
            f"{text}: no frames of this name: check the folder, the spelling, and how many digits "
            "the numbers have"
        )
    first, last = limits or (numbers[0], numbers[-1])
    found = FrameSequence(names, first, last, numbers)
    if 2 * len(numbers) + 1 < len(found):
        raise MediaError(
            f"{text}: most of the numbers {names.text(first)} to {names.text(last)} are missing: "
            "name a range, such as [000001-000240] in place of the number"
        )
    return found
