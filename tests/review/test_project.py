"""The project on the disk: undo and redo, hands that change the file too, one who writes at a time,
and a process that is killed at any moment.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from filmcolor.errors import OptionError
from filmcolor.guide.plan_file import PlanFile, parse_plan
from filmcolor.review.journal import Change, Journal
from filmcolor.review.project import Project, ReadOnlyError, StaleError

PLAN = """\
[film]

[[shot]]  # 1
start = "00:00:00.000"

# mine
[[shot]]  # 2
start = "00:00:02.500"
"""
RED = {"at": "00:00:01.000", "color": "#ff0000", "points": [[1.0, 2.0]]}
BLUE = {"at": "00:00:01.000", "color": "#0000ff", "points": [[3.0, 2.0]]}


def fine(plan: PlanFile, mark: str) -> None:
    """Any plan will do."""


def opened(folder: Path) -> Project:
    path = folder / "film.plan.toml"
    if not path.exists():
        path.write_text(PLAN)
    return Project(path, folder / "review")


def test_undo_and_redo_without_end(tmp_path: Path) -> None:
    with opened(tmp_path) as project:
        texts = []
        for value in (0.5, 0.75, 1.0):
            project.set(2, "saturation", value, f"to {value}", fine)
            texts.append(project.path.read_text())
        assert project.undo(fine) == "to 1.0" and project.path.read_text() == texts[1]
        assert project.undo(fine) == "to 0.75" and project.path.read_text() == texts[0]
        assert (project.undo_label, project.redo_label) == ("to 0.5", "to 0.75")
    with opened(tmp_path) as project:  # as after another start
        project.look()
        assert project.redo(fine) == "to 0.75" and project.path.read_text() == texts[1]
        project.set(1, "skip", True, "grey", fine)
        with pytest.raises(OptionError, match="nothing to do again"):
            project.redo(fine)
        for _ in range(3):
            project.undo(fine)
        assert project.path.read_text() == PLAN
        with pytest.raises(OptionError, match="nothing to undo"):
            project.undo(fine)


def test_what_hands_have_changed_stays(tmp_path: Path) -> None:
    with opened(tmp_path) as project:
        project.set(1, "strokes", [RED], "red", fine)
        mark = project.mark
        text = project.path.read_text()
        blue = '[[shot.strokes]]\nat = 1\npoints = [[3.0, 2.0]]\ncolor = "#0000ff"\n\n'
        other = text.replace("[[shot.strokes]]", f"{blue}[[shot.strokes]]")
        project.path.write_text(other)
        with pytest.raises(StaleError):
            project.set(2, "skip", True, "grey", fine, mark)
        assert project.path.read_text() == other
        project.undo(fine)
        (stroke,) = parse_plan("x", project.path.read_text()).shots[0].choices.strokes or ()
        assert getattr(stroke, "color", "") == BLUE["color"]


def test_a_plan_that_cannot_be_read_is_not_touched(tmp_path: Path) -> None:
    with opened(tmp_path) as project:
        project.look()
        project.path.write_text("[[shot]\n")
        with pytest.raises(OptionError, match="must be TOML"):
            project.set(1, "skip", True, "grey", fine)
        assert project.path.read_text() == "[[shot]\n" and "TOML" in project.error
        project.path.write_text(PLAN)
        project.set(1, "skip", True, "grey", fine)
        assert project.error == ""


def test_a_change_that_is_refused_leaves_nothing(tmp_path: Path) -> None:
    def refuse(plan: PlanFile, mark: str) -> None:
        raise OptionError("no")

    with opened(tmp_path) as project:
        with pytest.raises(OptionError):
            project.set(1, "saturation", 0.5, "paler", refuse)
        assert project.path.read_text() == PLAN and project.undo_label == ""


def test_the_second_one_reads_only(tmp_path: Path) -> None:
    with opened(tmp_path) as first, opened(tmp_path) as second:
        assert first.holder == "" and "process" in second.holder
        with pytest.raises(ReadOnlyError):
            second.set(1, "skip", True, "grey", fine)
        assert second.path.read_text() == PLAN
    with opened(tmp_path) as third:
        assert third.holder == ""


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    change = Change("film", "skip", None, True, "grey")
    journal.add(change)
    with path.open("ab") as file:
        file.write(b'{"change": {"pla')
    again = Journal(path)
    assert again.to_undo == change
    again.step(-1)
    assert Journal(path).to_redo == change and Journal(path).to_undo is None


SCRIPT = """\
import sys
from pathlib import Path
from filmcolor.review.project import Project
fine = lambda plan, mark: None
with Project(Path(sys.argv[1]), Path(sys.argv[2])) as project:
    for number in range(1, 400):
        if number % 7 == 0:
            project.undo(fine)
            project.redo(fine)
        point = {"at": "00:00:01.000", "color": "#%06x" % number, "points": [[1.0, 2.0]]}
        project.set(1, "saturation", number / 100, str(number), fine)
        project.set(2, "strokes", [point], "stroke", fine)
        print(number, flush=True)
"""


@pytest.mark.process
def test_a_kill_at_any_moment_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    rolls = random.Random(7)
    for moment in range(20):
        folder = tmp_path / str(moment)
        folder.mkdir()
        path = folder / "film.plan.toml"
        path.write_text(PLAN)
        command = [sys.executable, "-c", SCRIPT, str(path), str(folder / "review")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            last = [process.stdout.readline() for _ in range(rolls.randrange(1, 9))][-1]
            time.sleep(rolls.random() * 0.02)
            process.send_signal(signal.SIGKILL)
            last = ([last, *process.stdout.readlines()])[-1]
        done = int(last)
        plan = parse_plan(path, path.read_text())
        value = plan.shots[0].choices.saturation
        assert value in (done / 100, (done + 1) / 100)
        strokes = plan.shots[1].choices.strokes
        assert isinstance(strokes, tuple)
        undone = {done - 1} if (done + 1) % 7 == 0 else set()  # and not yet done again
        assert int(strokes[0].color[1:], 16) in {done, done + 1} | undone
        with Project(path, folder / "review") as project:
            assert project.holder == ""
            steps = 0
            while project.undo_label:
                project.undo(fine)
                steps += 1
            assert steps >= 2 * done - len(undone)
            assert parse_plan(path, path.read_text()).shots[1].choices.strokes in (None, strokes)
        for line in (folder / "review" / "journal.jsonl").read_bytes().splitlines():
            assert not line or json.loads(line)
