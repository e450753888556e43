"""The ledger is read line by line, each once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from filmcolor.segments.ledger import Ledger, ledger_line
from filmcolor.segments.workfolder import WorkFolder
from tests.segments.test_workfolder import PLAN, PRINT, finished


class Counted:
    """A ledger of numbers, and how many lines it has made them of."""

    def __init__(self, path: Path) -> None:
        self.path, self.made = path, 0
        self.ledger = Ledger(path, self._made)

    def _made(self, number: int) -> int:
        self.made += 1
        return number

    def add(self, *numbers: int) -> None:
        with self.path.open("ab") as file:
            for number in numbers:
                file.write(ledger_line({"number": number}))

    def lines(self) -> list[int]:
        return list(self.ledger.lines())


def test_only_what_was_added_is_read(tmp_path: Path) -> None:
    counted = Counted(tmp_path / "ledger.jsonl")
    assert counted.lines() == []
    counted.add(*range(100))
    for _ in range(3):
        assert counted.lines() == list(range(100))
    assert counted.made == 100
    counted.add(100)
    assert counted.lines() == list(range(101)) and counted.made == 101


def test_a_line_counts_when_it_is_whole(tmp_path: Path) -> None:
    counted = Counted(tmp_path / "ledger.jsonl")
    counted.add(0)
    line = ledger_line({"number": 1})
    for part, found in ((line[:9], [0]), (line[9:-3], [0]), (line[-3:], [0, 1])):
        with counted.path.open("ab") as file:
            file.write(part)
        assert counted.lines() == found
    with counted.path.open("ab") as file:  # torn, forged, and something else altogether
        file.write(line[:12] + line.replace(b"1", b"7", 1) + b"\n\xff\x00\n[3]\n3\nnull\n")
        file.write(b"[" * 100_000 + b"\n")
    counted.add(2)
    assert counted.lines() == [0, 1, 2]


def test_another_ledger_is_read_from_its_beginning(tmp_path: Path) -> None:
    counted = Counted(tmp_path / "ledger.jsonl")
    counted.add(0, 1, 2)
    assert counted.lines() == [0, 1, 2]
    counted.path.unlink()
    assert counted.lines() == []
    counted.add(0, 1)
    assert counted.lines() == [0, 1]
    counted.path.unlink()
    counted.add(*range(5, 25))  # longer than the one before
    assert counted.lines() == list(range(5, 25))


def test_several_threads_read_while_it_grows(tmp_path: Path) -> None:
    counted = Counted(tmp_path / "ledger.jsonl")
    wrong: list[list[int]] = []

    def read() -> None:
        for _ in range(200):
            found = counted.lines()
            if found != list(range(len(found))):
                wrong.append(found)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(100):
        counted.add(number)
    for thread in threads:
        thread.join()
    assert not wrong
    assert counted.lines() == list(range(100)) and counted.made == 100


def test_to_take_a_part_only_its_own_file_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    stat = Path.stat

    def counting(path: Path, **how: bool) -> object:
        asked.append(path.name)
        return stat(path, **how)

    with WorkFolder(tmp_path / "work", PRINT) as folder:
        folder.begin(PLAN)
        for number in (0, 1):
            finished(folder, number)
        with monkeypatch.context() as patched:
            patched.setattr(Path, "stat", counting)
            assert set(folder.recorded()) == {0, 1}
            assert not [name for name in asked if name.endswith(".seg")]
            assert [segment.number for segment, _ in folder.take(PLAN.segments())] == [2, 3]
            parts = [name for name in asked if name.endswith(".seg")]
        assert sorted(parts) == [folder.segment_path(number).name for number in (0, 1)]
