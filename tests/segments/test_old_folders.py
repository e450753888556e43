"""Work folders of earlier versions: what they hold is told apart from what is gone on with, and the
work is begun anew with a line that says so.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from filmcolor.events import Notice, Progress
from filmcolor.jobs.film import color_film
from filmcolor.segments.ledger import checksum
from filmcolor.segments.unfinished import look_into
from filmcolor.segments.workplace import LEDGER, LOCK, MARK, PLAN, default_folder
from tests.durability.journals import TINY, facts
from tests.helpers.clips import make_clip

pytestmark = pytest.mark.e2e

OPTIONS = replace(TINY, keep_work=True)
"""So that the folder stays, with all that it holds."""


def of_plan(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / PLAN).read_text())
    return found


def lines(folder: Path, *left_out: str) -> None:
    """Rewrite the ledger without some fields, which were not yet known."""
    entries = [json.loads(line) for line in (folder / LEDGER).read_text().splitlines() if line]
    found = b""
    for entry in entries:
        kept = {k: v for k, v in entry.items() if k not in (*left_out, "sum")}
        found += f"{json.dumps({**kept, 'sum': checksum(kept)})}\n".encode()
    (folder / LEDGER).write_bytes(found)


def unmarked(folder: Path) -> None:
    """Without a mark, segments by their number alone, a plan without its layout."""
    (folder / MARK).unlink()
    for path in sorted(folder.glob("segment-*.seg")):
        path.rename(folder / f"{path.name[:13]}.seg")
    stored = of_plan(folder)
    del stored["layout"]
    (folder / PLAN).write_text(json.dumps(stored))
    lines(folder, "plan")


def first(folder: Path) -> None:
    """As the first version of all left it when it was killed."""
    unmarked(folder)
    lines(folder, "plan", "settings")
    stored = of_plan(folder)
    plan = stored["plan"]
    assert isinstance(plan, dict)
    for name in ("last_duration", "things", "stride", "drift"):
        del plan[name]
    (folder / PLAN).write_text(json.dumps(stored))
    (folder / LOCK).write_text(json.dumps({"host": "studio", "pid": 4711}))
    os.utime(folder / LOCK, (1.7e9, 1.7e9))


def second_layout(folder: Path) -> None:
    """With a mark, and another layout."""
    (folder / PLAN).write_text(json.dumps({**of_plan(folder), "layout": 1}))


def before_things(folder: Path) -> None:
    """Of this layout, from before shots had things."""
    stored = of_plan(folder)
    plan = stored["plan"]
    assert isinstance(plan, dict)
    del plan["things"]
    (folder / PLAN).write_text(json.dumps(stored))


LEFT: dict[str, tuple[Callable[[Path], None], str]] = {
    "the first": (first, "the layout of the work folder changed"),
    "unmarked": (unmarked, "the layout of the work folder changed"),
    "another layout": (second_layout, "the layout of the work folder changed"),
    "without things": (before_things, "its plan, which is damaged, changed"),
}


@pytest.mark.parametrize("name", LEFT)
def test_work_of_an_earlier_version_is_done_anew_with_a_line(name: str, tmp_path: Path) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out" / "film.mkv"
    make_clip(source, frames=12, rate=Fraction(1, 2), cuts=[4, 8], sound=1)
    target.parent.mkdir()
    list(color_film(str(source), str(target), OPTIONS))
    whole = facts(target.parent)["film.mkv"]
    target.unlink()
    rewrite, reason = LEFT[name]
    rewrite(default_folder(str(target)))
    state = look_into(default_folder(str(target)))
    assert state is not None and state.segments == 3 and state.holder is None
    said, made = [], set()
    for event in color_film(str(source), str(target), replace(OPTIONS, keep_work=False)):
        if isinstance(event, Notice):
            said.append(event.text)
        if isinstance(event, Progress):
            made.add(event.done)
    assert f"earlier work on this film does not fit any more ({reason}): it is done anew" in said
    assert not [text for text in said if "going on" in text]
    assert facts(target.parent) == {"film.mkv": whole}
