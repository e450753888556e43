"""Where the work on a film lies: whose a folder is, and what in it may be removed.

A folder is ours by a mark that we put there. Of what is in it, files of our own names alone are
removed, and the folder itself only if we made it. It must not know what the files hold.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from filmcolor.durable import create, make_folders, sync_folder
from filmcolor.errors import JobError, OptionError, refusals
from filmcolor.guide.hint_file import NAME as HINT_FILE
from filmcolor.media.partfile import file_key, long_name
from filmcolor.typed import parse_json

PLAN, LEDGER, LOCK = "plan.json", "ledger.jsonl", "run.lock"
JOINING = "joining"
"""Is there while a result of many files is put under its names."""
MARK = ".filmcolor-work"
ELSEWHERE = "; choose another --work"
"""The way out of a folder that cannot be used."""
_FORMAT = "filmcolor-work-1"
_ROUNDS = 3
"""How often files are removed, since those who are still at work may put others down."""

_LEASE = r"(run\.lock|ledger\.lock|shard-\d{5}\.lease|segment-\d{5}(-[0-9a-f]{16})?\.lease)"
_FILES = (
    rf"plan\.json|ledger\.jsonl|{JOINING}"
    r"|segment-\d{5}(-[0-9a-f]{16})?\.seg(\.[0-9a-f]{16})?"
    rf"|{HINT_FILE}"
    r"|(shot|drift|things)-\d+-\d+-.+-[0-9a-f]{32}\.json"
)
_HIDDEN = re.compile(r"\..+\.work")
"""What a folder is called that stands beside its target."""
_LOCK_FILE = re.compile(r"\.(lock|lease)$")
_OWN = re.compile(
    rf"{re.escape(MARK)}|{_FILES}|\.({_FILES})(\.[0-9a-f]{{16}})?\.part"
    rf"|{_LEASE}(\.[0-9a-f]{{8}}\.stale)?|\.clock-\w+"
)


def default_folder(target: str) -> Path:
    """The default work folder of a target: hidden, beside it."""
    path = Path(os.path.realpath(target))
    return path.with_name(long_name(f".{path.name}", ".work"))


def check_apart(folders: Iterable[Path], files: Iterable[tuple[str, str | Path]]) -> None:
    """Raise `OptionError` where a file of a run is a work folder or lies in one.

    Each of `files` comes with what it is, for people. Links are followed.
    """
    places = {Path(os.path.realpath(folder)): folder for folder in folders}
    states = {file_key(place): folder for place, folder in places.items()}
    states.pop(None, None)
    apart: set[Path] = set()
    for what, file in files:
        path = Path(os.path.realpath(file))
        above = [place for place in (path, *path.parents) if place not in apart]
        for place in above:
            # Where capital letters count for nothing, or a disk is mounted twice, names differ.
            folder = places.get(place) or (states.get(file_key(place)) if states else None)
            if folder is not None:
                raise OptionError(
                    f"{file}: {what} must not be the work folder {folder}, nor lie in it; choose "
                    "another --work"
                )
        apart.update(above)


def check_place(path: Path) -> None:
    """Raise `JobError` for something that is no folder of ours and cannot become one."""
    with refusals(JobError, f"{path}: cannot be used", ELSEWHERE):
        if path.exists() and not path.is_dir():
            raise JobError(f"{path}: is no folder{ELSEWHERE}")
        # In this order, since whoever is done there may remove it in this very moment.
        foreign = not is_own(path) and bool(_names(path))
    if foreign:
        raise JobError(f"{path}: holds something else than filmcolor's work{ELSEWHERE}")


def enter_place(path: Path) -> None:
    """See that a folder of ours is there, with its mark, durable; raises as `check_place`, and
    `OSError`.
    """
    check_place(path)
    make_folders(path.parent)
    # Several may make it at once; only we give such names to folders.
    made = _HIDDEN.fullmatch(path.name) is not None
    with contextlib.suppress(FileExistsError):
        path.mkdir()
        made = True
    with contextlib.suppress(FileExistsError):
        # On the disk before anything else is: without it, the folder would be a stranger's.
        create(path / MARK, json.dumps({"format": _FORMAT, "made": made}).encode())
    if made:
        sync_folder(path.parent)


def is_own(path: Path) -> bool:
    """Whether a folder is one of ours: marked, or as versions without the mark left it."""
    names = _names(path)
    if MARK in names:
        return True
    if not all(map(is_own_name, names)):
        return False
    if names and _HIDDEN.fullmatch(path.name):
        return True  # a power cut came while it was emptied
    try:
        if PLAN in names:
            return "filmcolor's version" in parse_json((path / PLAN).read_bytes())["fingerprint"]
        holders = [
            parse_json((path / name).read_bytes()) for name in names if _LOCK_FILE.search(name)
        ]
        return bool(holders) and all({"host", "pid", "machine"} <= {*each} for each in holders)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def empty_place(path: Path) -> None:
    """Remove what is ours of a folder of ours, and the folder if we made it and it holds nothing
    else. What cannot be removed stays.
    """
    made = _was_made(path)
    left: set[str] = set()
    for _ in range(_ROUNDS):
        for name in _names(path) - {MARK, LOCK}:
            _remove(path, name)
        left = _names(path) - {MARK, LOCK}
    if not (made and left) and not any(map(is_own_name, left)):
        sync_folder(path)  # after a power cut nothing of ours is there without its mark
        _remove(path, MARK)
    # As long as the lock is there, nobody else is inside.
    _remove(path, LOCK)
    if made:
        with contextlib.suppress(OSError):
            path.rmdir()


def own_files(path: Path) -> list[Path]:
    """What lies in a folder under names of ours, in order."""
    return [path / name for name in sorted(_names(path)) if is_own_name(name)]


def is_own_name(name: str) -> bool:
    """Whether we give such names to the files of a work folder, and hardly anybody else."""
    return _OWN.fullmatch(name) is not None


def _was_made(path: Path) -> bool:
    try:
        return parse_json((path / MARK).read_bytes())["made"] is True
    except (OSError, ValueError, KeyError, TypeError):
        return _HIDDEN.fullmatch(path.name) is not None


def _remove(path: Path, name: str) -> None:
    if is_own_name(name):
        with contextlib.suppress(OSError):
            (path / name).unlink()


def _names(path: Path) -> set[str]:
    try:
        return set(os.listdir(path))
    except FileNotFoundError:
        return set()
