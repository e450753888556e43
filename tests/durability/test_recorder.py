"""The states of a power cut, of journals that can be told by hand."""

from __future__ import annotations

import os
from pathlib import Path

from tests.helpers.power_cuts import Recorder, states


def contents(root: Path, steps: int | None = None, *, do: object) -> dict[str, dict[str, bytes]]:
    recorder = Recorder(root)
    with recorder.recording():
        do(root)  # type: ignore[operator]
    journal = recorder.journal
    found = states(journal, len(journal) if steps is None else steps)
    return {how: {n: c for n, (f, c) in state.items() if f} for how, state in found.items()}


def careless(root: Path) -> None:
    (root / "a.part").write_bytes(b"12345678")
    os.replace(root / "a.part", root / "a")


def careful(root: Path) -> None:
    with open(root / "a.part", "wb") as file:
        file.write(b"12345678")
        file.flush()
        os.fsync(file.fileno())
    os.replace(root / "a.part", root / "a")
    handle = os.open(root, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def test_what_is_not_synced_may_be_lost_or_torn(tmp_path: Path) -> None:
    found = contents(tmp_path, do=careless)
    assert found["everything is there"] == {"a": b"12345678"}
    assert found["what was not synced is lost"] == {"a": b""}
    assert found["what was not synced is zeros"] == {"a": bytes(8)}
    assert found["what was not synced is torn"] == {"a": b"1234"}
    assert found["names are undone"] == {}


def test_what_is_synced_is_there(tmp_path: Path) -> None:
    assert all(state == {"a": b"12345678"} for state in contents(tmp_path, do=careful).values())


def test_names_are_undone_each_for_itself(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    with recorder.recording():
        for name in "ab":
            os.close(os.open(tmp_path / name, os.O_CREAT | os.O_WRONLY))
    found = {frozenset(state) for state in states(recorder.journal, 2).values()}
    assert found == {frozenset("ab"), frozenset("a"), frozenset("b"), frozenset()}
