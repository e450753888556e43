"""The work folder: what is done is kept, what is damaged is done again, one run at a time."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from filmcolor.errors import JobError
from filmcolor.job import FilmPlan
from filmcolor.lease import Lease, signature
from filmcolor.types import Shot
from filmcolor.workfolder import (
    Entry,
    WorkFolder,
    default_folder,
    digest_of,
)

PLAN = FilmPlan(
    tuple(Shot(200 * n, 200 * (n + 1)) for n in range(4)),
    np.arange(800, dtype=np.int64),
    Fraction(1, 25),
)
PRINT = {"the film": "a", "the model": "b"}


def dead_pid() -> int:
    """Number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def finished(folder: WorkFolder, number: int, content: bytes = b"packets") -> Entry:
    path = folder.segment_path(number)
    path.write_bytes(content)
    entry = Entry(number, 200, len(content), 2, "planes", digest_of(path))
    folder.record(entry)
    return entry


def test_what_is_finished_is_found_again(tmp_path: Path) -> None:
    with WorkFolder(tmp_path / "work", PRINT) as folder:
        assert folder.plan() == (None, [])
        folder.begin(PLAN)
        entries = {number: finished(folder, number) for number in (0, 2)}
    with WorkFolder(tmp_path / "work", PRINT) as folder:
        plan, changed = folder.plan()
        assert plan is not None and plan.shots == PLAN.shots and not changed
        assert folder.entries() == entries
        taken = [segment.number for segment, _ in folder.take(PLAN.segments())]
        assert taken == [1, 3]


def test_a_segment_made_with_something_else_is_done_again(tmp_path: Path) -> None:
    with WorkFolder(tmp_path / "work", PRINT) as folder:
        folder.begin(PLAN)
        plain = finished(folder, 0)
        path = folder.segment_path(1)
        for content, settings in ((b"packets", "green"), (b"baggage", "red")):
            path.write_bytes(content)
            folder.record(Entry(1, 200, 7, 2, "planes", digest_of(path), settings))
    with WorkFolder(tmp_path / "work", PRINT) as folder:
        assert set(folder.entries()) == {0, 1}  # whoever only looks
        folder.settings = {1: "green"}  # its file is the red one's, as long as the other
        assert folder.entries() == {0: plain}
        folder.settings = {1: "red"}
        assert set(folder.entries()) == {0, 1}
        folder.settings = {0: "red", 1: "red"}
        assert set(folder.entries()) == {1}
        folder.settings = {}
        assert set(folder.entries()) == {0}
        folder.check()
        assert not path.exists() and folder.segment_path(0).exists()


def test_what_is_different_now_is_told(tmp_path: Path) -> None:
    with WorkFolder(tmp_path / "work", PRINT) as folder:
        folder.begin(PLAN)
        finished(folder, 0)
    with WorkFolder(tmp_path / "work", {**PRINT, "the model": "c", "more": "d"}) as folder:
        assert folder.plan() == (None, ["the model", "more"])
        folder.begin(PLAN)
        assert folder.entries() == {}
        assert not folder.segment_path(0).exists()


@pytest.mark.parametrize(
    "harm",
    [
        lambda file: file.write_bytes(b"packet?"),
        lambda file: file.write_bytes(b"pack"),
        lambda file: file.unlink(),
    ],
    ids=["changed", "cut", "gone"],
)
def test_a_damaged_segment_is_done_again(tmp_path: Path, harm: object) -> None:
    with WorkFolder(tmp_path / "work", PRINT) as folder:
        folder.begin(PLAN)
        finished(folder, 0)
        finished(folder, 1)
        harm(folder.segment_path(1))  # type: ignore[operator]
        (folder.path / ".segment-00002.seg.part").write_bytes(b"half")
        folder.check()
        assert set(folder.entries()) == {0}
        names = {path.name for path in folder.path.iterdir()}
        assert names == {"plan.json", "ledger.jsonl", "run.lock", "segment-00000.seg"}


def test_a_torn_or_forged_line_of_the_ledger_does_not_count(tmp_path: Path) -> None:
    with WorkFolder(tmp_path / "work", PRINT) as folder:
        folder.begin(PLAN)
        finished(folder, 0)
        ledger = folder.path / "ledger.jsonl"
        whole = ledger.read_text()
        finished(folder, 1)
        ledger.write_text(ledger.read_text()[:-20])
        assert set(folder.entries()) == {0}
        finished(folder, 2)  # after a torn line
        assert set(folder.entries()) == {0, 2}
        ledger.write_text(whole.replace('"frames": 200', '"frames": 100'))
        assert folder.entries() == {}
        ledger.write_bytes(b"\xff\x00" * 40)
        assert folder.entries() == {}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"fingerprint": 3, "plan": {}}'])
def test_a_damaged_plan_is_made_anew(tmp_path: Path, content: bytes) -> None:
    with WorkFolder(tmp_path / "work", PRINT) as folder:
        folder.begin(PLAN)
        (folder.path / "plan.json").write_bytes(content)
        plan, changed = folder.plan()
        assert plan is None and len(changed) == 1


def test_one_run_at_a_time(tmp_path: Path) -> None:
    with WorkFolder(tmp_path / "work", PRINT) as folder:
        folder.begin(PLAN)
        finished(folder, 0)
        with (
            pytest.raises(JobError, match=f"process {os.getpid()} on .* is at work on this film"),
            WorkFolder(tmp_path / "work", PRINT),
        ):
            pass
    with WorkFolder(tmp_path / "work", PRINT):
        pass


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    folder = WorkFolder(tmp_path / "work", PRINT)
    folder.path.mkdir()
    (folder.path / "run.lock").write_text(json.dumps(signature(dead_pid())))
    with folder:
        assert json.loads((folder.path / "run.lock").read_text())["pid"] == os.getpid()


def test_a_segment_is_taken_by_one_alone(tmp_path: Path) -> None:
    with WorkFolder(tmp_path / "work", PRINT) as folder:
        folder.begin(PLAN)
        other = WorkFolder(tmp_path / "work", PRINT)
        mine = folder.take(PLAN.segments())
        theirs = other.take(PLAN.segments())
        assert [next(mine)[0].number, next(theirs)[0].number] == [0, 1]
        segment, lease = next(mine)
        assert segment.number == 2
        lease.path.write_text(json.dumps(signature(dead_pid())))
        assert [each.number for each, _ in theirs] == [2, 3]


def test_a_lease_from_elsewhere_is_stale_when_it_was_long_silent(tmp_path: Path) -> None:
    lease = Lease(tmp_path / "lease")
    lease.path.write_text(json.dumps({"host": "another.host", "pid": 1}))
    assert not lease.take()
    old = lease.path.stat().st_mtime - 120
    os.utime(lease.path, (old, old))
    assert lease.take()
    assert lease.holder() == f"process {os.getpid()} on {socket.gethostname()}"


def test_nothing_of_another_plan_stays(tmp_path: Path) -> None:
    """Whatever else lies in the folder that cannot be removed, as file servers leave it."""
    with WorkFolder(tmp_path / "work", PRINT) as folder:
        folder.begin(PLAN)
        finished(folder, 0)
        for name in ("@eaDir", ".nfs", "a", "m", "z"):
            (folder.path / name).mkdir()
    with WorkFolder(tmp_path / "work", {**PRINT, "the model": "c"}) as folder:
        folder.begin(PLAN)
        assert folder.entries() == {}
        assert not folder.segment_path(0).exists()


def test_a_folder_with_nothing_worth_keeping_is_removed(tmp_path: Path) -> None:
    with WorkFolder(tmp_path / "work", PRINT) as folder:
        folder.begin(PLAN)
    assert not folder.path.exists()


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(JobError, match="holds something else"), WorkFolder(tmp_path, PRINT):
        pass
    with (
        pytest.raises(JobError, match="is no folder"),
        WorkFolder(tmp_path / "letters.txt", PRINT),
    ):
        pass
    assert (tmp_path / "letters.txt").read_text() == "mine"


def test_the_folder_stands_hidden_beside_the_target(tmp_path: Path) -> None:
    assert default_folder(str(tmp_path / "color.mp4")) == tmp_path / ".color.mp4.work"
