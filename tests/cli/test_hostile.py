"""Input that means harm, or only looks like it: names, links, pipes, bombs."""

from __future__ import annotations

import os
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from PIL import Image

from filmcolor.cli import main
from filmcolor.media.folders import find_pictures, is_picture
from filmcolor.media.read.packets import strictly
from tests.helpers.clips import decode_film, luma_picture, make_clip, y4m_bytes
from tests.helpers.play import QUICK
from tests.helpers.stills import chunk, ramp

NAMES = [
    "two words",
    'it\'s "quoted"',
    "-dash",
    "--overwrite",
    "line\nbreak",
    "$(touch harm)",
    "`touch harm`; touch harm | touch harm",
    "*?[a]{b}",
    "percent%d %s",
    "Фильм 映画 🎞",
    "concat:a|b",
    "http:..x",
    "trailing ",
    os.fsdecode(b"not\xffutf8"),
]


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder of its own, so that a name alone is a path."""
    monkeypatch.chdir(tmp_path)


def names_below(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*")}


@pytest.mark.e2e
@pytest.mark.parametrize("name", NAMES)
def test_names_are_only_names(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a film's, with a target of the same kind, with the default target, and as a picture's."""
    film, picture = f"{name}.mkv", f"{name}.png"
    make_clip(tmp_path / "plain.mkv", frames=2, width=32, height=32)
    (tmp_path / "plain.mkv").rename(tmp_path / film)
    Image.fromarray(ramp()).save(tmp_path / "plain.png")
    (tmp_path / "plain.png").rename(tmp_path / picture)
    assert main(["run", *QUICK, "-q", "-o", f"{name} 2.mkv", "--", film]) == 0
    assert main(["run", *QUICK, "-q", "--", film]) == 0
    assert main(["run", *QUICK, "-q", "--", picture]) == 0
    assert main(["info", "--", film]) == 0
    out, err = capsys.readouterr()
    assert err == "" and "would write" in out
    made = {f"{name} 2.mkv", f"{name}.color.mkv", f"{name}.color.png"}
    assert names_below(tmp_path) == {film, picture} | made


@pytest.mark.parametrize("name", NAMES)
def test_errors_about_odd_names_are_one_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / f"{name}.mp4").write_bytes(b"no film at all" * 9)
    assert main(["run", *QUICK, "-q", "--", f"{name}.mp4"]) == 3
    assert main(["info", "--", f"{name} which is not there"]) == 3
    err = capsys.readouterr().err
    assert err.count("\n") == 2 and err.count("Error: ") == 2
    assert names_below(tmp_path) == {f"{name}.mp4"}


# --- links ---------------------------------------------------------------------------------


def test_links_are_followed_and_loops_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outside, tree = tmp_path / "outside", tmp_path / "tree"
    for folder in (outside / "deep", tree / "sub"):
        folder.mkdir(parents=True)
    for place in (outside / "o.png", outside / "deep" / "d.png", tree / "sub" / "a.png"):
        Image.fromarray(ramp()).save(place)
    (tree / "file.png").symlink_to("../outside/o.png")
    (tree / "hop.png").symlink_to(tree / "file.png")
    (tree / "folder").symlink_to(outside)
    (outside / "back").symlink_to(tree)
    (tree / "loop").symlink_to(tree)
    (tree / "self.png").symlink_to(tree / "self.png")
    (tree / "again").symlink_to(tree / "sub")
    expected = {"sub/a.png", "file.png", "hop.png", "folder/o.png", "folder/deep/d.png"}
    found = {str(path.relative_to(tree)) for path in find_pictures(tree)}
    assert found == {*expected, "self.png"}
    code = main(["run", *QUICK, "-q", "tree", "-o", "done"])
    err = capsys.readouterr().err
    assert code == 1 and err.count("\n") == 1 and "self.png: cannot be read" in err
    written = {str(p.relative_to(tmp_path / "done")) for p in (tmp_path / "done").rglob("*.png")}
    assert written == expected
    (tree / "results").symlink_to(tmp_path / "done")
    assert main(["run", *QUICK, "-q", "tree", "-o", "done"]) == 2
    assert "a link in tree leads to it" in capsys.readouterr().err


def test_a_folder_that_is_a_link_itself_is_followed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    Image.fromarray(ramp()).save(tmp_path / "there" / "a.png")
    (tmp_path / "link").symlink_to("there")
    assert main(["run", *QUICK, "-q", "link", "-o", "done"]) == 0
    assert (tmp_path / "done" / "a.png").is_file()


# --- what is no file -----------------------------------------------------------------------


def test_named_pipes_and_devices_are_refused_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Opening a named pipe that nobody writes into would wait for ever."""
    os.mkfifo(tmp_path / "pipe.png")
    os.mkfifo(tmp_path / "pipe.mp4")
    for name in ("pipe.png", "pipe.mp4", "/dev/zero"):
        for command in (["run", *QUICK, "-q", "-o", "x.mkv"], ["info"]):
            assert main([*command, name]) == 3
            assert "not a regular file" in capsys.readouterr().err
    assert not is_picture(tmp_path / "pipe.png") and find_pictures(tmp_path) == []


def test_what_a_file_says_cannot_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "\x1b[2J\x1b]0;owned\x07 a title"
    make_clip(tmp_path / "a.mkv", frames=2, metadata={"title": evil}, width=32, height=32)
    (tmp_path / "\x1b[31mred.mkv").write_bytes(b"nothing")
    assert main(["info", "a.mkv"]) == 0
    assert main(["info", "\x1b[31mred.mkv"]) == 3
    out, err = capsys.readouterr()
    assert "a title" in out and "\x1b" not in out + err and "\x07" not in out


# --- bombs ---------------------------------------------------------------------------------


def bomb_png(width: int, height: int) -> bytes:
    """A few kilobytes that claim to be a picture of any size."""
    rows = zlib.compress(bytes(1 << 20), 9)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )


def bomb_tiff(width: int, height: int) -> bytes:
    entries = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (279, 100)]
    body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries)) + body + bytes(4)


def bomb_bmp(width: int, height: int) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 100, 0, 0, 54) + head + bytes(100)


@pytest.mark.parametrize("size", [(20_000, 20_000), (65_000, 65_000), (1 << 30, 1 << 30)])
@pytest.mark.parametrize("kind", ["png", "tiff", "bmp"])
def test_a_picture_that_claims_to_be_huge(
    kind: str, size: tuple[int, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make = {"png": bomb_png, "tiff": bomb_tiff, "bmp": bomb_bmp}[kind]
    (tmp_path / f"bomb.{kind}").write_bytes(make(*size))
    for command in (["run", *QUICK, "-q"], ["info"]):
        assert main([*command, f"bomb.{kind}"]) == 3
        (line,) = capsys.readouterr().err.splitlines()
        assert "megapixels" in line or "damaged" in line
    assert names_below(tmp_path) == {f"bomb.{kind}"}


def test_a_huge_file_that_begins_as_a_picture_is_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (tmp_path / "sparse.png").open("wb") as file:
        file.write(bomb_png(8, 8)[:64])
        file.truncate(1 << 40)
    assert main(["info", "sparse.png"]) == 3
    assert "more than 4 GB" in capsys.readouterr().err


def test_text_that_unpacks_to_more_than_it_should(tmp_path: Path) -> None:
    """A compressed text chunk of a PNG, of 64 MB."""
    Image.fromarray(ramp()).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(64 << 20), 9))
    (tmp_path / "a.png").write_bytes(content[:33] + text + content[33:])
    assert main(["info", "a.png"]) in (0, 3)


# --- standard input ------------------------------------------------------------------------


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[BinaryIO]:
    """The other end of standard input."""
    read_end, write_end = os.pipe()
    with os.fdopen(write_end, "wb", buffering=0) as sink, os.fdopen(read_end) as source:
        monkeypatch.setattr("sys.stdin", source)
        yield sink


@pytest.mark.process
def test_a_slow_pipe_is_waited_for(pipe: BinaryIO, tmp_path: Path) -> None:
    """Silence in the header, in a frame, and between frames."""
    content = y4m_bytes([luma_picture(index, 16, 16) for index in range(3)])

    def write() -> None:
        at = 0
        for stop in (10, 60, 200, 800, len(content)):
            time.sleep(0.7)
            pipe.write(content[at:stop])
            at = stop
        pipe.close()

    writer = threading.Thread(target=write)
    writer.start()
    assert main(["run", *QUICK, "-q", "-", "-o", "out.mkv"]) == 0
    writer.join()
    assert len(decode_film(tmp_path / "out.mkv")[0]) == 3


@pytest.mark.process
@pytest.mark.parametrize("kept", [30, 700])
def test_a_pipe_that_falls_silent_is_given_up(
    kept: int,
    pipe: BinaryIO,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In the header, or in a frame: never a part of a film that looks whole."""
    monkeypatch.setattr("filmcolor.media.open.PIPE_SECONDS", 0.5)
    pipe.write(y4m_bytes([luma_picture(index, 16, 16) for index in range(3)])[:kept])
    assert main(["run", *QUICK, "-q", "-", "-o", "out.mkv"]) == 3
    assert "standard input: nothing came for 0.5 seconds" in capsys.readouterr().err
    assert names_below(tmp_path) == set()


@pytest.mark.process
def test_a_decoder_that_hangs_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The decoder is not FFmpeg's here, which has none that hangs."""
    make_clip(tmp_path / "a.mkv", frames=8, width=32, height=32)
    hold = threading.Event()

    def stuck(*arguments: object) -> Iterator[object]:
        for number, decoded in enumerate(strictly(*arguments)):  # type: ignore[arg-type]
            if number == 5:
                hold.wait(30)
            yield decoded

    monkeypatch.setattr("filmcolor.media.read.passes.strictly", stuck)
    monkeypatch.setattr("filmcolor.media.read.film_reader.FILE_SECONDS", 0.5)
    assert main(["run", *QUICK, "-q", "a.mkv", "-o", "out.mkv"]) == 3
    assert "a.mkv: reading it hangs" in capsys.readouterr().err
    assert names_below(tmp_path) == {"a.mkv"}
    hold.set()


def test_memory_that_does_not_suffice_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def exhausted(path: str) -> None:
        raise np._core._exceptions._ArrayMemoryError((1 << 20, 1 << 20), np.dtype(np.uint8))

    Image.fromarray(ramp()).save(tmp_path / "a.png")
    monkeypatch.setattr("filmcolor.media.images.reader.read_picture", exhausted)
    assert main(["info", "a.png"]) == 1
    assert capsys.readouterr().err.startswith("Error: there is not enough memory")
