"""Leases: one holder alone, told alive from dead on one machine and across several."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from filmcolor import lease as module
from filmcolor.lease import Lease, Watch, signature

ELSEWHERE = json.dumps({"host": "node7", "pid": 1, "machine": "node7 another start", "key": "k"})


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


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
    lease.path.write_text(json.dumps(signature(os.getpid())))
    assert watch.is_alive(lease)
