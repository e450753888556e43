"""Work folders hold nothing but work: what a user names is never in them, or it is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from filmcolor.cli import main
from filmcolor.errors import OptionError
from filmcolor.segments.workplace import check_apart, check_place, is_own_name
from tests.helpers.clips import make_clip
from tests.segments.test_workfolder import content

QUICK = ["--device", "cpu", "--size", "64", "--smooth", "none"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "tiny.mkv"
    make_clip(path, frames=4)
    return path


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["tiny.mkv", "-o", "out/color.mkv", "--work", "out"],
            "out/color.mkv: the result must not",
        ),
        (["tiny.mkv", "-o", "out", "--work", "out"], "the result must not"),
        (["tiny.mkv", "-o", "color.mkv", "--work", "color.mkv"], "color.mkv: the result must not"),
        (["tiny.mkv", "--work", "."], "tiny.mkv: the source must not"),
        (
            ["out/tiny.mkv", "-o", "color.mkv", "--work", "link"],
            "out/tiny.mkv: the source must not",
        ),
        ([".c.mkv.work/tiny.mkv", "-o", "c.mkv"], ".c.mkv.work/tiny.mkv: the source must not"),
        (["tiny.mkv", "-o", "c.mkv", "--sidecar", "--work", "c.mkv.json"], "its sidecar must not"),
        (
            ["tiny.mkv", "-o", "c.mkv", "--reference", "out/p", "--work", "out"],
            "reference must not",
        ),
        (["tiny.mkv", "-o", "c.mkv", "--stills", "out", "--work", "out"], "stills must not"),
        (["films", "-o", "col", "--work", "col"], "a.mkv: the result must not"),
        (["films", "-o", "col", "--work", "films/w"], "--work films/w: must not lie in the folder"),
        (["films/a.mkv", "w/a.color.mkv/b.mkv", "-o", "col", "--work", "w"], "b.mkv: the source"),
        (
            ["tiny.mkv", "-o", "c.mkv", "--shard", "1/2", "--work", "."],
            "must not be the work folder",
        ),
        (
            ["tiny.mkv", "-o", "c.mkv", "--work", "mine"],
            "holds something else than filmcolor's work",
        ),
        (["tiny.mkv", "-o", "c.mkv", "--work", "mine/plan.json"], "plan.json: is no folder"),
    ],
)
def test_it_is_refused_before_any_work(
    tiny: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("tiny.mkv", "films/a.mkv", "out/tiny.mkv", ".c.mkv.work/tiny.mkv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(tiny, tmp_path / name)
    (tmp_path / "w/a.color.mkv").mkdir(parents=True)
    shutil.copy(tiny, tmp_path / "w/a.color.mkv/b.mkv")
    (tmp_path / "link").symlink_to("out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/plan.json").write_text("{}")
    (tmp_path / "out/p").touch()
    before = content(tmp_path)
    assert main(["run", *arguments, *QUICK, "-q"]) in (2, 5)
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert content(tmp_path) == before


def test_films_of_two_folders_do_not_share_a_work_folder(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        shutil.copy(tiny, tmp_path / name / "a.mkv")
    work = ["--work", "w", "--keep-work"]
    assert main(["run", "one", "two", "-o", "out", *work, *QUICK, "-q"]) == 0
    plans = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("plan.json"))
    assert plans == ["w/one/a.mkv/plan.json", "w/two/a.mkv/plan.json"]


def test_a_folder_is_itself_under_whatever_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on disks where capital letters count for nothing: another name, the same folder."""
    (tmp_path / "Out").mkdir()
    (tmp_path / "out").mkdir()
    files = [("the result", tmp_path / "out/new/color.mkv")]
    check_apart([tmp_path / "Out", tmp_path / "gone"], files)
    stat = Path.stat
    monkeypatch.setattr(Path, "stat", lambda path: stat(Path(str(path).replace("/out", "/Out"))))
    with pytest.raises(OptionError, match="/Out, nor lie in it"):
        check_apart([tmp_path / "Out", tmp_path / "gone"], files)


@pytest.mark.parametrize(
    ("name", "is_ours"),
    [
        ("segment-00001-0123456789abcdef.seg", True),
        (".segment-00001-0123456789abcdef.seg.0123456789abcdef.part", True),
        ("segment-00001-0123456789abcdef.lease.01234567.stale", True),
        ("run.lock.01234567.stale", True),
        ("known-00001-22-50-0123456789abcdef.colors", True),
        (f"drift-0-50-None-{'0' * 32}.json", True),
        (f"shot-0-50-natural-{'0' * 32}.json", True),
        (".plan.json.part", True),
        (".plan.json.0123456789abcdef.part", True),
        ("my plan.json", False),
        ("plan.json.bak", False),
        ("segment-00001.mkv", False),
        ("segment-1.seg", False),
        ("letters.txt", False),
    ],
)
def test_names_of_ours(name: str, is_ours: bool) -> None:
    assert is_own_name(name) is is_ours


def test_a_new_or_empty_folder_may_be_used(tmp_path: Path) -> None:
    check_place(tmp_path / "new")
    check_place(tmp_path)
    assert list(tmp_path.iterdir()) == []
