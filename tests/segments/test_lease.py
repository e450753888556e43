"""Leases: one holder alone, told alive from dead on one machine and across several."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from filmcolor.segments import lease as module
from filmcolor.segments.lease import Lease, Watch, signature

ELSEWHERE = json.dumps({"host": "node7", "pid": 1, "machine": "node7 another start", "key": "k"})


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@contextmanager
def living() -> Iterator[int]:
    """Number of a process that lives inside the block."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        yield process.pid
    finally:
        process.kill()
        process.communicate()


def age(path: Path, seconds: float) -> None:
    """As if it had last been renewed so long ago."""
    moment = path.stat().st_mtime - seconds
    os.utime(path, (moment, moment))


def test_the_holder_renews_it_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_HEARTBEAT_SECONDS", 0.05)
    lease = Lease(tmp_path / "lease")
    assert lease.take() and lease.is_mine()
    age(lease.path, 1000)
    before = lease.beat()
    until = time.monotonic() + 20
    while lease.beat() == before:
        assert time.monotonic() < until
        time.sleep(0.02)
    lease.release()
    assert not lease.path.exists() and not lease.is_mine()


def test_numbers_of_processes_count_on_their_own_machine_alone(tmp_path: Path) -> None:
    """A host of the same name that was started anew, or another container, says nothing."""
    lease = Lease(tmp_path / "lease")
    gone = signature(dead_pid())
    lease.path.write_text(json.dumps(gone))
    assert lease.is_stale()
    lease.path.write_text(json.dumps({**gone, "machine": "another"}))
    assert not lease.is_stale() and not lease.take()
    lease.path.write_text(json.dumps({**signature(os.getpid()), "machine": "another"}))
    age(lease.path, 61)
    assert lease.is_stale()


def test_the_clock_is_the_file_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = Lease(tmp_path / "lease")
    lease.path.write_text(ELSEWHERE)
    monkeypatch.setattr(time, "time", lambda: 1e10)  # this machine's clock is far ahead
    assert not lease.is_stale()
    age(lease.path, 61)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert lease.is_stale()
    assert [path.name for path in tmp_path.iterdir()] == ["lease"]


def test_who_was_taken_for_dead_knows_it(tmp_path: Path) -> None:
    first, second = Lease(tmp_path / "lease"), Lease(tmp_path / "lease")
    assert first.take()
    values = json.loads(first.path.read_text())
    first.path.write_text(json.dumps({**values, "machine": "another"}))
    assert first.is_mine() and not second.take()
    age(first.path, 61)
    assert second.take()
    assert second.is_mine() and not first.is_mine()
    first.release()
    assert second.is_mine()


def test_a_lease_that_another_has_just_taken_over_stays_his(tmp_path: Path) -> None:
    lease = Lease(tmp_path / "lease")
    lease.path.write_text(ELSEWHERE)
    lease._remove({"key": "the one that was found stale"})
    assert lease.path.read_text() == ELSEWHERE
    lease._remove(json.loads(ELSEWHERE))
    assert list(tmp_path.iterdir()) == []


def test_the_living_are_those_who_are_seen_to_renew(tmp_path: Path) -> None:
    watch, lease = Watch(), Lease(tmp_path / "lease")
    assert not watch.is_alive(lease)
    lease.path.write_text(ELSEWHERE)
    assert not watch.is_alive(lease)
    assert not watch.is_alive(lease)
    os.utime(lease.path)
    assert watch.is_alive(lease)
    age(lease.path, 61)
    assert not watch.is_alive(lease)
    with living() as pid:
        lease.path.write_text(json.dumps(signature(pid)))
        assert watch.is_alive(lease)
    assert not watch.is_alive(lease)


def test_a_number_that_lives_again_holds_nothing(tmp_path: Path) -> None:
    """A process is its number and its start: the first of a container has always the same number,
    and the system gives those of the dead to others.
    """
    lease = Lease(tmp_path / "lease")
    with living() as pid:
        who = signature(pid)
        lease.path.write_text(json.dumps(who))
        assert lease.lives() is True and not lease.take()
        lease.path.write_text(json.dumps({**who, "started": who["started"] - 1}))
        assert lease.lives() is False and lease.take()
        lease.release()


def test_our_own_number_with_another_key_is_of_one_before(tmp_path: Path) -> None:
    first, second = Lease(tmp_path / "lease"), Lease(tmp_path / "lease")
    assert first.take()
    assert second.lives() is True and not second.take()  # within one process, too
    signed = json.loads(first.path.read_text())
    for before in (signature(os.getpid()), {**signed, "run": "another"}):
        first.path.write_text(json.dumps(before))
        assert second.lives() is False
    assert second.take() and not first.is_mine()
    second.release()


def test_a_process_that_was_not_waited_for_is_dead(tmp_path: Path) -> None:
    lease = Lease(tmp_path / "lease")
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    lease.path.write_text(json.dumps(signature(process.pid)))
    assert lease.lives() is True
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert lease.lives() is False and lease.is_stale()
    process.communicate()


@pytest.mark.parametrize("lacking", ["the system", "the lease"])
def test_a_number_alone_counts_while_it_is_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    """Where nothing says when the process began: on other systems, or an earlier version."""
    lease = Lease(tmp_path / "lease")
    with living() as pid:
        who = signature(pid)
        if lacking == "the system":
            monkeypatch.setattr(module, "_started", lambda _: None)
        else:
            del who["started"]
        lease.path.write_text(json.dumps(who))
        assert lease.lives() is None and not lease.is_stale()
        age(lease.path, 61)
        assert lease.is_stale()
    lease.path.write_text(json.dumps(who))
    assert lease.lives() is False


def test_who_is_cut_off_for_a_while_renews_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file server that does not answer says nothing about whose the lease is."""
    monkeypatch.setattr(module, "_HEARTBEAT_SECONDS", 0.01)
    lease, tries = Lease(tmp_path / "lease"), threading.Event()
    read = Path.read_bytes

    def away(path: Path) -> bytes:
        if path == lease.path and not tries.is_set():
            tries.set()
            raise OSError(errno.ESTALE, "Stale file handle")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", away)
    assert lease.take() and tries.wait(20)
    age(lease.path, 1000)
    before, until = lease.beat(), time.monotonic() + 20
    while lease.beat() == before:
        assert time.monotonic() < until
        time.sleep(0.005)
    lease.release()


def test_on_windows_nobody_is_asked_by_a_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There signal 0 is Ctrl-C for the process and its group. Who renews is known to live."""
    sent = []
    lease = Lease(tmp_path / "a.lease")
    assert lease.take()
    signed = json.loads(lease.path.read_text())
    lease.path.write_text(json.dumps({**signed, "pid": os.getppid(), "started": None}))
    monkeypatch.setattr(module, "_started", lambda pid: None)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os, "kill", lambda *given: sent.append(given))
    other = Lease(lease.path)
    assert other.lives() is None and not other.is_stale() and sent == []
    lease.release()
