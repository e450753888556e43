"""Several runs share a film by way of its work folder: each takes a part, the last joins."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from filmcolor.cli import main
from filmcolor.errors import JobError
from filmcolor.events import Analyzing, Event, Finished
from filmcolor.jobs.film import color_film
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions
from filmcolor.segments import lease
from filmcolor.segments.workfolder import WorkFolder
from filmcolor.segments.workplace import default_folder
from tests.helpers.clips import Plane, make_clip
from tests.helpers.play import start
from tests.segments.test_run import in_ledger, planes, same

pytestmark = pytest.mark.process

FRAMES = 160
OPTIONS = RunOptions(color=ColorOptions(device="cpu", size=64), encode=EncodeOptions(codec="ffv1"))
ARGUMENTS = ["--device", "cpu", "--size", "64", "--codec", "ffv1", "-q"]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "in.mkv"
    cuts = [22, 50, 53, 80]
    make_clip(path, frames=FRAMES, width=64, height=48, rate=Fraction(4), cuts=cuts)
    return path


@pytest.fixture(scope="module")
def unbroken(film: Path, tmp_path_factory: pytest.TempPathFactory) -> list[list[Plane]]:
    target = tmp_path_factory.mktemp("unbroken") / "out.mkv"
    list(color_film(str(film), str(target), OPTIONS))
    return planes(target)


def shard(film: Path, target: Path, number: int, count: int = 2) -> Iterator[Event]:
    return color_film(str(film), str(target), replace(OPTIONS, shard=(number, count)))


def run_until_ledger_has(events: Iterator[Event], folder: Path, done: int) -> None:
    while not (folder / "ledger.jsonl").exists() or len(in_ledger(folder)) < done:
        next(events)


def end(events: Iterator[Event]) -> Finished:
    *_, last = events
    assert isinstance(last, Finished)
    return last


def test_the_last_of_two_joins(
    film: Path,
    unbroken: list[list[Plane]],
    tmp_path: Path,
) -> None:
    target = tmp_path / "out.mkv"
    folder = default_folder(str(target))
    first, second = shard(film, target, 1), shard(film, target, 2)
    run_until_ledger_has(first, folder, 1)
    assert in_ledger(folder)[0] == 0
    events = list(second)
    assert not any(isinstance(event, Analyzing) for event in events)  # the first has looked
    count = json.loads((folder / "plan.json").read_text())["segments"]
    by_second = in_ledger(folder)[1:]
    # It begins in its own half: at its first segment, or where the first, which looks ahead, has
    # taken that one already, at the next. The first may have finished one more meanwhile.
    assert {count // 2, count // 2 + 1} & set(by_second[:2])
    left = events[-1]
    assert isinstance(left, Finished) and not left.whole and 0 < left.done < FRAMES
    assert not target.exists() and folder.exists()
    whole = end(first)
    assert whole.whole and whole.done == FRAMES
    assert same(planes(target), unbroken)
    assert [path.name for path in tmp_path.iterdir()] == ["out.mkv"]


def test_what_a_dead_shard_was_at_is_taken_over(
    film: Path,
    unbroken: list[list[Plane]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One on another machine, which is known to be dead only by its silence."""
    target = tmp_path / "out.mkv"
    folder = default_folder(str(target))
    first = shard(film, target, 1)
    run_until_ledger_has(first, folder, 1)
    first.close()  # type: ignore[attr-defined]
    dead = json.dumps({"host": "node7", "pid": 1, "machine": "node7", "key": "k"})
    (part,) = folder.glob("segment-00000-*.seg")
    name = part.stem.replace("00000", "00002")
    for lease_name in ("shard-00001.lease", f"{name}.lease"):
        (folder / lease_name).write_text(dead)
    (folder / f".{name}.seg.{'0' * 16}.part").write_bytes(b"half")
    monkeypatch.setattr(lease, "_STALE_SECONDS", 3.0)
    last = end(shard(film, target, 2))
    assert last.whole and last.done == FRAMES
    assert same(planes(target), unbroken)


def test_who_was_taken_for_dead_changes_nothing(
    film: Path,
    unbroken: list[list[Plane]],
    tmp_path: Path,
) -> None:
    target = tmp_path / "out.mkv"
    folder = default_folder(str(target))
    first = shard(film, target, 1)
    until = iter(first)
    while not list(folder.glob("segment-*.lease")):
        next(until)
    for path in folder.glob("segment-*.lease"):
        path.unlink()
    assert end(shard(film, target, 2)).done > 0
    end(first)
    assert same(planes(target), unbroken)


def test_in_a_folder_that_was_there_before_the_end_is_seen_too(film: Path, tmp_path: Path) -> None:
    """The folder stays when the film is whole; nothing else tells from it that there was work."""
    target, folder = tmp_path / "out.mkv", tmp_path / "work"
    folder.mkdir()
    options = replace(OPTIONS, work=str(folder))
    first = color_film(str(film), str(target), replace(options, shard=(1, 2)))
    run_until_ledger_has(first, folder, 1)
    for path in folder.glob("segment-*.lease"):
        path.unlink()
    assert end(color_film(str(film), str(target), options)).whole
    assert not end(first).whole
    assert target.exists() and not list(folder.iterdir())


def test_a_run_in_another_way_waits(film: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mkv"
    folder = default_folder(str(target))
    first = shard(film, target, 1)
    run_until_ledger_has(first, folder, 1)
    other = replace(OPTIONS, color=replace(OPTIONS.color, saturation=0.5))
    with pytest.raises(JobError, match="is at work on this film, but not in the same way"):
        list(color_film(str(film), str(target), other))
    with pytest.raises(JobError, match="is at work on shard 1 of this film"):
        list(shard(film, target, 1))
    assert in_ledger(folder)
    with ThreadPoolExecutor() as pool:
        left = pool.submit(end, first)
        last = end(color_film(str(film), str(target), OPTIONS))  # a plain run just helps
        assert last.whole and target.exists()
        assert not left.result().whole


def test_shards_as_commands(
    film: Path,
    unbroken: list[list[Plane]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = tmp_path / "out.mkv"
    command = ["run", str(film), "-o", str(target), *ARGUMENTS]
    runs = [start(*command, "--shard", f"{number}/2") for number in (1, 2)]
    assert [run.communicate(timeout=180)[1] for run in runs] == [b"", b""]
    assert [run.returncode for run in runs] == [0, 0]
    assert same(planes(target), unbroken)
    assert main([*command[:-1], "--shard", "2/2"]) == 0  # a late one
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("skipped") and lines[0].endswith("is there already")


def test_a_folder_that_is_gone_has_nothing_to_take(tmp_path: Path) -> None:
    folder = WorkFolder(tmp_path / "work", {}, 1)
    with folder:
        shutil.rmtree(folder.path)
        assert list(folder.take([])) == []
        with pytest.raises(FileNotFoundError):
            folder.lock.take()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--shard", "3"], "write it as 2/8"),
        (["--shard", "0/2"], "must be 1/n to n/n"),
        (["--shard", "3/2"], "must be 1/n to n/n"),
        (["--shard", "1/2", "--overwrite"], "a late shard would begin anew"),
        (["--shard", "1/2", "-o", "-"], "need files on both sides"),
    ],
)
def test_shards_that_make_no_sense(
    film: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(["run", str(film), "-o", "x.mkv", *arguments]) == 2
    assert words in capsys.readouterr().err
