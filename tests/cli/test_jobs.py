"""`filmcolor jobs`: what stopped runs have left, and giving the room back."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from filmcolor.cli import main
from filmcolor.film.plan import FilmPlan
from filmcolor.hashing import file_digest
from filmcolor.segments.segment_files import Entry
from filmcolor.segments.unfinished import find_work
from filmcolor.segments.workfolder import WorkFolder
from filmcolor.types import Shot

PLAN = FilmPlan(
    tuple(Shot(200 * n, 200 * (n + 1)) for n in range(4)),
    np.arange(800, dtype=np.int64),
    Fraction(1, 25),
)


def begun(path: Path) -> WorkFolder:
    """A folder in which one of four segments is done; its run goes on until it is left."""
    folder = WorkFolder(path, {})
    folder.__enter__()
    folder.begin(PLAN, "old.mp4 -> color.mp4")
    file = folder.segment_path(0)
    file.write_bytes(b"x" * 3_000_000)
    folder.record(Entry(0, 200, 3_000_000, 2, "planes", file_digest(file)))
    return folder


def test_runs_that_were_not_finished(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stopped, running = begun(tmp_path / ".a.mp4.work"), begun(tmp_path / ".b.mp4.work")
    (tmp_path / "photos").mkdir()
    stopped.__exit__()
    assert main(["jobs", str(tmp_path)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{stopped.path}: old.mp4 -> color.mp4: 1 of 4 parts, 3.0 MB, stopped")
    assert second.endswith("is at work")
    assert main(["jobs", str(stopped.path), "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["done"], told["segments"], told["holder"]) == (1, 4, None)
    running.__exit__()


def test_cleaning_spares_what_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stopped, running = begun(tmp_path / ".a.mp4.work"), begun(tmp_path / ".b.mp4.work")
    stopped.__exit__()
    assert main(["jobs", "--clean", str(tmp_path)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"{stopped.path}: removed, 3.0 MB" and second.endswith("is at work")
    assert not stopped.path.exists() and running.path.exists()
    running.__exit__()


def test_nothing_to_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "No unfinished runs here.\n"
    assert main(["jobs", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_folder_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", str(tmp_path / "gone")]) == 5
    assert "is no folder" in capsys.readouterr().err


def test_cleaning_spares_what_is_somebodys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another program's plan.json makes no folder ours, and of ours only our files go."""
    theirs, empty, mixed = tmp_path / "theirs", tmp_path / "empty", tmp_path / "mixed"
    theirs.mkdir()
    head = {"title": "my house", "segments": 3, "fingerprint": {}, "plan": {}}
    (theirs / "plan.json").write_text(json.dumps(head))
    empty.mkdir()
    for path in (empty, mixed):
        begun(path).__exit__()
    (mixed / "letters.txt").write_text("mine")
    assert main(["jobs", "--clean", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    emptied = "emptied, 3.0 MB; the folder is kept, for filmcolor did not make all of it"
    assert lines == [f"{empty}: {emptied}", f"{mixed}: {emptied}"]
    assert json.loads((theirs / "plan.json").read_text()) == head
    assert list(empty.iterdir()) == []
    assert {path.name for path in mixed.iterdir()} == {".filmcolor-work", "letters.txt"}


def test_a_run_that_begins_while_others_are_looked_at_is_spared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun(tmp_path / "a").__exit__()
    seen = find_work(tmp_path)
    running = WorkFolder(tmp_path / "a", {}).__enter__()
    monkeypatch.setattr("filmcolor.segments.unfinished.find_work", lambda _: seen)
    assert main(["jobs", "--clean", str(tmp_path)]) == 0
    assert "removed" not in capsys.readouterr().out
    assert running.is_alone() and set(running.entries()) == {0}
    running.__exit__()
