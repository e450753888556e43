from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from filmcolor.errors import MediaError, NameTakenError, OptionError
from filmcolor.media.partfile import PartFile, check_target, long_name, write_bytes, write_if_free


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(params=["links", "no links"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on a file system that has hard links, and on one that has none."""

    def refused(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if request.param == "no links":
        monkeypatch.setattr(os, "link", refused)
    return tmp_path


def test_a_file_gets_its_name_and_nothing_else_is_left(folder: Path) -> None:
    write_bytes(folder / "a.txt", b"new")
    assert contents(folder) == {"a.txt": b"new"}
    assert (folder / "a.txt").stat().st_nlink == 1


def test_a_file_that_appears_meanwhile_stays_and_the_result_is_kept(folder: Path) -> None:
    target = folder / "film.mp4"
    part = PartFile(str(target))
    part.check()
    Path(part.path).write_bytes(b"whole")
    target.write_bytes(b"another's")
    (folder / "film~2.mp4").write_bytes(b"older")
    with pytest.raises(NameTakenError) as caught:
        part.commit()
    text = str(caught.value)
    assert text.startswith(f"{target}: ") and text.endswith(f"{folder / 'film~3.mp4'}")
    assert "\n" not in text
    assert caught.value.exit_code == 5
    assert contents(folder) == {
        "film.mp4": b"another's",
        "film~2.mp4": b"older",
        "film~3.mp4": b"whole",
    }


def test_a_link_that_appears_meanwhile_stays_and_so_does_what_it_names(folder: Path) -> None:
    part = PartFile(str(folder / "a.txt"))
    Path(part.path).write_bytes(b"new")
    (folder / "b.txt").write_bytes(b"another's")
    (folder / "a.txt").symlink_to(folder / "b.txt")
    with pytest.raises(NameTakenError, match=r"a~2\.txt$"):
        part.commit()
    assert (folder / "a.txt").is_symlink()
    assert contents(folder) == {"a.txt": b"another's", "a~2.txt": b"new", "b.txt": b"another's"}


def test_with_overwrite_it_is_replaced(folder: Path) -> None:
    (folder / "a.txt").write_bytes(b"old")
    write_bytes(folder / "a.txt", b"new", overwrite=True)
    assert contents(folder) == {"a.txt": b"new"}


def test_a_folder_that_appears_meanwhile_is_not_replaced(folder: Path) -> None:
    part = PartFile(str(folder / "a.txt"), overwrite=True)
    Path(part.path).write_bytes(b"new")
    (folder / "a.txt").mkdir()
    with pytest.raises(NameTakenError):
        part.commit()
    (folder / "a.txt").rmdir()
    assert contents(folder) == {"a~2.txt": b"new"}


def test_what_is_worth_nothing_beside_what_is_there_is_dropped(folder: Path) -> None:
    assert write_if_free(folder / "a.png", b"first")
    assert not write_if_free(folder / "a.png", b"second")
    assert contents(folder) == {"a.png": b"first"}


@pytest.mark.parametrize("size", [230, 248, 249, 250, 254, 255])
def test_names_as_long_as_file_systems_take_them(folder: Path, size: int) -> None:
    body = ("ж" * 125).encode()[: size - 4].decode(errors="ignore")
    name = body + "x" * (size - 4 - len(body.encode())) + ".tif"
    assert len(os.fsencode(name)) == size
    write_bytes(folder / name, b"new")
    part = PartFile(str(folder / name))
    part.check()
    Path(part.path).write_bytes(b"second")
    with pytest.raises(NameTakenError):
        part.commit()
    first, second = sorted(contents(folder).items(), key=lambda item: item[1])
    assert first == (name, b"new")
    assert second[0].endswith("~2.tif") and len(os.fsencode(second[0])) <= 255


def test_long_names_that_differ_at_their_end_stay_apart() -> None:
    assert long_name("a", ".part") == "a.part"
    one, other = (long_name("ж" * 125 + end, ".color.mp4") for end in "12")
    assert one != other and one.endswith(".color.mp4") and len(os.fsencode(one)) <= 255


def test_two_who_write_one_file_at_once_do_not_meet(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = PartFile.commit

    def slow(part: PartFile) -> None:
        monkeypatch.setattr(PartFile, "commit", commit)
        assert write_if_free(folder / "a.png", b"the other's")
        commit(part)

    monkeypatch.setattr(PartFile, "commit", slow)
    with pytest.raises(NameTakenError):
        write_bytes(folder / "a.png", b"first begun", keep=False)
    assert contents(folder) == {"a.png": b"the other's"}


def test_a_run_that_ended_while_it_named_its_film_does_not_endanger_it(tmp_path: Path) -> None:
    target = tmp_path / "film.mp4"
    target.write_bytes(b"whole film")
    os.link(target, PartFile(str(target)).path)
    check_target(target, overwrite=True)
    part = PartFile(str(target), overwrite=True)
    with open(part.path, "wb") as file:
        file.write(b"half")
    assert target.read_bytes() == b"whole film"


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "a.txt").write_bytes(b"old")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        with pytest.raises(MediaError, match=r"a\.txt: cannot be written \(No space left"):
            write_bytes(tmp_path / "a.txt", b"new", overwrite=True)
    assert contents(tmp_path) == {"a.txt": b"old"}


def test_targets_that_are_refused_before_any_work(tmp_path: Path) -> None:
    source, linked = tmp_path / "source.png", tmp_path / "linked.png"
    source.write_bytes(b"source")
    linked.symlink_to(source)
    (tmp_path / "folder.png").mkdir()
    for target, overwrite, words in (
        (source, False, "is the source itself"),
        (source, True, "is the source itself"),
        (linked, True, "is the source itself"),
        (tmp_path / "folder.png", True, "is a folder"),
    ):
        with pytest.raises(OptionError, match=words):
            check_target(target, overwrite=overwrite, sources=[source])
    with pytest.raises(OptionError, match=r"is there already; .* --overwrite"):
        check_target(linked, overwrite=False)
    with pytest.raises(MediaError, match="does not exist"):
        check_target(tmp_path / "none" / "a.png", overwrite=False)
    check_target(tmp_path / "new.png", overwrite=False, sources=[source])
