"""The work folder: what is done is kept, what is damaged is done again, one run at a time."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from filmcolor.errors import JobError
from filmcolor.film.plan import FilmPlan
from filmcolor.hashing import file_digest
from filmcolor.segments import workplace
from filmcolor.segments.lease import Lease, signature
from filmcolor.segments.segment_files import Entry
from filmcolor.segments.unfinished import look_into
from filmcolor.segments.workfolder import WorkFolder
from filmcolor.segments.workplace import default_folder
from filmcolor.types import Shot

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
    entry = Entry(number, 200, len(content), 2, "planes", file_digest(path))
    folder.record(entry)
    return replace(entry, plan=folder.way)


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
        paths, made = {}, {}
        for content, settings in ((b"packets", "green"), (b"baggage", "red")):
            folder.settings = {1: settings}
            paths[settings] = path = folder.segment_path(1)
            path.write_bytes(content)
            entry = Entry(1, 200, 7, 2, "planes", file_digest(path), settings)
            folder.record(entry)
            made[settings] = replace(entry, plan=folder.way)
    with WorkFolder(tmp_path / "work", PRINT) as folder:
        assert folder.entries() == {0: plain, 1: made["red"]}  # whoever only looks
        for settings, content in (("green", b"packets"), ("red", b"baggage")):
            folder.settings = {1: settings}  # each has its own file, whatever came later
            assert folder.entries() == {0: plain, 1: made[settings]}
            assert folder.segment_path(1).read_bytes() == content
        folder.settings = {0: "red", 1: "red"}
        assert set(folder.entries()) == {1}
        folder.settings = {}
        assert set(folder.entries()) == {0}
        folder.check()
        assert not any(path.exists() for path in paths.values())
        assert folder.segment_path(0).exists()


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
        (folder.path / "segment-notes.seg").write_text("somebody's")
        folder.check()
        assert set(folder.entries()) == {0}
        names = {path.name for path in folder.path.iterdir()}
        names -= {".filmcolor-work", "plan.json", "ledger.jsonl", "run.lock"}
        assert names == {folder.segment_path(0).name, "segment-notes.seg"}


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
        other = WorkFolder(tmp_path / "work", PRINT, lease_key=folder.lease_key)
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


def test_parts_of_another_plan_never_count(tmp_path: Path) -> None:
    """Not even those that a worker of the run before, which was killed, puts there later."""
    path = tmp_path / "work"
    with WorkFolder(path, PRINT) as before:
        before.begin(PLAN)
        left = WorkFolder(path, PRINT, lease_key=before.lease_key)
        ((segment, lease), *_) = left.take(PLAN.segments())
        (path / "late").write_bytes(b"natural")
        late = Entry(segment.number, 200, 7, 2, "planes", file_digest(path / "late"))
        finished(before, 1)
    with WorkFolder(path, {**PRINT, "the options": "vivid"}) as now:
        now.begin(PLAN)
        assert not lease.is_mine() and not left.is_held()
        with pytest.raises(JobError, match="has lost the film"):
            next(left.take(PLAN.segments()))
        vivid = finished(now, 0, b"vivider")
        left.place(late, path / "late")  # had it looked a moment before
        assert now.entries() == {0: vivid}
        assert now.segment_path(0).read_bytes() == b"vivider"
        now.check()
        assert [each.name for each in path.glob("*.seg")] == [now.segment_path(0).name]


def test_workers_look_for_their_run(tmp_path: Path) -> None:
    path = tmp_path / "work"
    with WorkFolder(path, PRINT) as folder:
        folder.begin(PLAN)
        finished(folder, 0)
        worker = WorkFolder(path, PRINT, lease_key=folder.lease_key)
        assert worker.is_held()
        lock = (path / "run.lock").read_text()
        (path / "run.lock").write_text(json.dumps({**json.loads(lock), "pid": dead_pid()}))
        assert not worker.is_held()  # it was killed
        (path / "run.lock").write_text(lock)
        assert worker.is_held()
        worker.begin(PLAN)  # one on a cluster, which analyses the film for its run
        finished(folder, 0)
    with WorkFolder(path, PRINT):
        assert not worker.is_held()  # the same command, given again
        with pytest.raises(JobError, match=r"process \d+ on .* is at work on it now"):
            next(worker.take(PLAN.segments()))
        with pytest.raises(JobError):
            worker.begin(PLAN)


def test_who_lost_the_lock_changes_nothing(tmp_path: Path) -> None:
    """As one that was suspended and wakes up after another has taken its work over."""
    path = tmp_path / "work"
    with WorkFolder(path, PRINT) as slept:
        slept.begin(PLAN)
        (path / "run.lock").write_text(json.dumps({"host": "node7", "pid": 1, "key": "k"}))
        before = content(path)
        for change in (lambda: slept.begin(PLAN), slept.check, slept.check_alone):
            with pytest.raises(JobError, match="process 1 on node7 is at work on it now"):
                change()
        slept.remove()
        assert content(path) == before
    assert content(path) == before


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder; empty folders as such."""
    return {
        str(path.relative_to(folder)): b"" if path.is_dir() else path.read_bytes()
        for path in folder.rglob("*")
    }


def test_a_folder_that_vanishes_while_it_is_entered_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run before may be about to remove it."""
    folder = WorkFolder(tmp_path / "work", PRINT)
    take, turns = Lease.take, iter((True, False))

    def late(lease: Lease) -> bool:
        if next(turns, False):
            shutil.rmtree(folder.path)
        return take(lease)

    monkeypatch.setattr(Lease, "take", late)
    with folder:
        assert {".filmcolor-work", "run.lock"} == {path.name for path in folder.path.iterdir()}


def test_a_folder_that_vanishes_before_it_is_marked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = WorkFolder(tmp_path / "work", PRINT)
    mkdir, turns = Path.mkdir, iter((True, True, False))

    def vanishing(path: Path, *args: object, **named: object) -> None:
        mkdir(path, *args, **named)  # type: ignore[arg-type]
        if path == folder.path and next(turns, False):
            path.rmdir()

    monkeypatch.setattr(Path, "mkdir", vanishing)
    with folder:
        assert {".filmcolor-work", "run.lock"} == {path.name for path in folder.path.iterdir()}


def test_a_folder_that_vanishes_while_it_is_looked_at_is_not_taken_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with WorkFolder(tmp_path / "work", PRINT) as folder:

        def late(path: Path) -> bool:
            shutil.rmtree(path)
            return is_own(path)

        is_own = workplace.is_own
        monkeypatch.setattr(workplace, "is_own", late)
        workplace.check_place(folder.path)


@pytest.mark.parametrize(
    "theirs",
    [
        {"plan.json": "{}"},
        {"plan.json": '{"fingerprint": {}, "title": "mine", "segments": 3}'},
        {"plan.json": "{}", "ledger.jsonl": "cash", "letters.txt": "mine"},
        {"run.lock": "4711"},
        {"segment-00001.seg": "mine"},
    ],
)
def test_what_we_did_not_mark_is_not_ours(tmp_path: Path, theirs: dict[str, str]) -> None:
    for name, text in theirs.items():
        (tmp_path / name).write_text(text)
    before = content(tmp_path)
    with pytest.raises(JobError, match="holds something else"), WorkFolder(tmp_path, PRINT):
        pass
    assert content(tmp_path) == before and look_into(tmp_path) is None


def test_of_a_folder_of_ours_only_our_files_go(tmp_path: Path) -> None:
    theirs = {"letters.txt": "mine", "segment-00001.mkv": "mine", "notes/plan.json": "mine"}
    with WorkFolder(tmp_path / "work", PRINT) as folder:
        folder.begin(PLAN)
        finished(folder, 0)
        for name, text in theirs.items():
            (folder.path / name).parent.mkdir(exist_ok=True)
            (folder.path / name).write_text(text)
        folder.begin(PLAN)
        folder.remove()
    found = content(tmp_path / "work")
    assert found.pop("notes") == b"" and b"made" in found.pop(".filmcolor-work")
    assert found == {name: text.encode() for name, text in theirs.items()}
    with WorkFolder(tmp_path / "work", PRINT) as folder:  # it is ours still
        folder.remove()


def test_a_folder_that_we_did_not_make_stays(tmp_path: Path) -> None:
    theirs, link = tmp_path / "empty", tmp_path / "link"
    theirs.mkdir()
    link.symlink_to(theirs)
    for path in (theirs, link):
        with WorkFolder(path, PRINT) as folder:
            folder.begin(PLAN)
            finished(folder, 0)
            folder.remove()
        assert content(theirs) == {} and link.is_symlink()
        with WorkFolder(path, PRINT) as folder:
            folder.begin(PLAN)  # and nothing is done
        assert content(theirs) == {}


def test_a_folder_of_before_the_mark_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / ".color.mkv.work"
    path.mkdir()
    fingerprint = {**PRINT, "filmcolor's version": "0.1.0"}
    head = {"title": "old.mkv -> color.mkv", "segments": 4, "fingerprint": fingerprint}
    (path / "plan.json").write_text(json.dumps({**head, "plan": PLAN.to_json()}))
    (path / "ledger.jsonl").write_text("{}\n")
    (path / "segment-00000.seg").write_bytes(b"packets")
    state = look_into(path)
    assert state is not None and state.segments == 4
    before = content(path)
    with WorkFolder(path, fingerprint) as folder:
        assert folder.plan() == (None, ["the layout of the work folder"])
        assert before.items() <= content(path).items()
        folder.begin(PLAN)
        assert not (path / "segment-00000.seg").exists()
    assert not path.exists()


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
