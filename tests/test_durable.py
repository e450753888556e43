"""Files and names that outlast a power cut: each is synced, its folder too, and those above it."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from pathlib import Path

import pytest

from filmcolor import durable
from tests.helpers.power_cuts import Recorder, states


def lasting(recorder: Recorder) -> set[frozenset[tuple[str, bytes]]]:
    """What may be there after a power cut at the end."""
    found = states(recorder.journal, len(recorder.journal)).values()
    return {frozenset((name, content) for name, (_, content) in each.items()) for each in found}


def test_all_that_is_made_is_there_after_a_power_cut(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    with recorder.recording():
        durable.make_folders(tmp_path / "one" / "two")
        durable.create(tmp_path / "one" / "two" / "mark", b"ours")
        durable.append(tmp_path / "lines", b"first\n")
        durable.append(tmp_path / "lines", b"second\n")
        (tmp_path / "part").write_bytes(b"whole")
        durable.replace(tmp_path / "part", tmp_path / "lines")
    files = {("one", b""), ("one/two", b""), ("one/two/mark", b"ours"), ("lines", b"whole")}
    assert lasting(recorder) == {frozenset(files)}


def test_folders_are_made_as_often_as_wanted(tmp_path: Path) -> None:
    durable.make_folders(tmp_path / "one")
    durable.make_folders(tmp_path / "one")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        durable.make_folders(tmp_path / "file" / "one")
    with pytest.raises(FileExistsError):
        durable.make_folders(tmp_path / "file")


def test_nothing_is_made_over_another(tmp_path: Path) -> None:
    (tmp_path / "mark").write_bytes(b"theirs")
    with pytest.raises(FileExistsError):
        durable.create(tmp_path / "mark", b"ours")
    assert (tmp_path / "mark").read_bytes() == b"theirs"


def test_a_disk_that_takes_a_part_is_given_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, content: write(handle, bytes(content)[:3]))
    durable.append(tmp_path / "lines", b"a whole line\n")
    assert (tmp_path / "lines").read_bytes() == b"a whole line\n"


def test_a_disk_that_is_full_leaves_no_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int, __: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        durable.create(tmp_path / "mark", b"ours")
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("can", [True, False])
def test_macos_is_asked_to_write_through_the_disks_own_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can: bool
) -> None:
    asked: list[int | str] = []

    def ask(handle: int, what: int) -> int:
        asked.append(what)
        if not can:
            raise OSError(errno.ENOTSUP, "Operation not supported")
        return 0

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", ask)
    monkeypatch.setattr(os, "fsync", lambda handle: asked.append("fsync"))
    (tmp_path / "film").write_bytes(b"frames")
    durable.sync_file(tmp_path / "film")
    assert asked == ([51] if can else [51, "fsync"])
