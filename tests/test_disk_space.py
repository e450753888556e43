"""Too little room on the disk is said before the work, and in the middle nothing is lost by it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from filmcolor import disk_space as disk_room
from filmcolor.disk_space import check_room, least_bytes, missing_room, size_text
from filmcolor.errors import FilmcolorError, JobError
from filmcolor.events import Event, Notice, Progress
from filmcolor.guide.propagate import PLACE_BYTES, ShotCarry
from filmcolor.jobs.film import color_film
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions, Stroke
from filmcolor.segments.workplace import default_folder
from filmcolor.throttle import Throttle
from tests.helpers.clips import decode_film, make_clip
from tests.helpers.play import ONE_THREAD

Usage = namedtuple("Usage", "total used free")
OPTIONS = RunOptions(
    color=ColorOptions(device="cpu", size=64, smooth="none"), encode=EncodeOptions(codec="ffv1")
)

SMALL_DISK = 512 << 10


def with_free(monkeypatch: pytest.MonkeyPatch, free: float) -> None:
    monkeypatch.setattr(disk_room.shutil, "disk_usage", lambda _: Usage(10**12, 0, free))


def test_parts_and_film_share_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "film.mkv"
    with_free(monkeypatch, 1000)
    assert missing_room(tmp_path, target, 400, 600) is None
    assert missing_room(tmp_path, target, 500, 600) == (tmp_path, 100)
    with pytest.raises(JobError, match=r"at least 0\.1 MB more are needed"):
        check_room(tmp_path, target, 500, 600)


def test_sizes_for_people_and_of_frames() -> None:
    assert [size_text(size) for size in (3, 2.5e6, 12.34e9)] == ["0.1 MB", "2.5 MB", "12.3 GB"]
    lossless = least_bytes("libx264", lossless=True, width=100, height=10)
    assert lossless == least_bytes("ffv1", lossless=False, width=100, height=10) == 250
    assert least_bytes("libx264", lossless=False, width=100, height=10) < lossless / 10


def test_a_run_that_cannot_fit_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    make_clip(source, frames=30)
    with_free(monkeypatch, 1000)
    with pytest.raises(JobError, match="too small for this film"):
        list(color_film(str(source), str(target), OPTIONS))
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


@pytest.mark.e2e
def test_a_film_that_grows_too_large_is_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    make_clip(source, frames=100, rate=Fraction(4), cuts=[25, 50, 75])
    monkeypatch.setattr(disk_room, "_LEAST_BYTES", {"ffv1": 0.0})
    monkeypatch.setattr("filmcolor.segments.make.Throttle", partial(Throttle, 0.0))
    with_free(monkeypatch, 10_000)
    events: list[Event] = list(color_film(str(source), str(target), OPTIONS))
    told = [e for e in events if isinstance(e, Notice) and "more will be needed" in e.text]
    assert len(told) == 1 and told[0].warning
    assert len(decode_film(target)[1]) == 100


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of its own, which `grow` makes larger."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", str(place)],
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_colours_are_not_carried_where_there_is_no_room_for_it(small_disk: Path) -> None:
    """A mapped file whose pages the disk cannot store would end the process by a signal."""
    frames = SMALL_DISK // (48 * 48 * PLACE_BYTES)
    with pytest.raises(JobError, match="there is no room for the colours that are carried"):
        ShotCarry(frames + 1, (48, 48), lambda *_: None, small_disk)
    with ShotCarry(frames // 2, (48, 48), lambda *_: None, small_disk) as carried:
        carried.add(np.full((48, 48), 50, np.float32))
    assert list(small_disk.iterdir()) == []


def test_room_for_carried_colours_is_looked_for_before_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    make_clip(source, frames=30)
    stroke = Stroke(Fraction(0), "#8b1a1a", box=(0, 0, 20, 20))
    with_free(monkeypatch, 1000)
    events: list[Event] = []
    with pytest.raises(JobError, match="too small to carry the given colours through the longest"):
        for event in color_film(str(source), str(target), replace(OPTIONS, strokes=(stroke,))):
            events.append(event)
    assert not target.exists()
    assert [event.text for event in events if isinstance(event, Notice)][-1].startswith("1 of 1")


@pytest.mark.e2e
def test_a_full_disk_loses_nothing(small_disk: Path, tmp_path: Path) -> None:
    """It fills up among the parts; then among the film's own bytes; then there is room."""
    source, target = tmp_path / "in.mkv", small_disk / "out.mkv"
    make_clip(source, frames=100, width=96, height=80, rate=Fraction(4), cuts=[25, 50, 75])
    folder = default_folder(str(target))
    with pytest.raises(FilmcolorError, match="make room on the disk"):
        list(color_film(str(source), str(target), OPTIONS))
    assert not target.exists()
    done = [path.stat().st_size for path in folder.glob("segment-*.seg")]
    assert 1 <= len(done) < 4
    assert not list(folder.glob(".*.part"))

    whole = 6 * sum(done) // len(done)
    subprocess.run(["mount", "-o", f"remount,size={whole}", str(small_disk)], check=True)
    with pytest.raises(FilmcolorError, match="make room"):
        list(color_film(str(source), str(target), OPTIONS))
    assert len(list(folder.glob("segment-*.seg"))) == 4
    assert [path.name for path in small_disk.iterdir()] == [folder.name]

    subprocess.run(["mount", "-o", f"remount,size={4 * whole}", str(small_disk)], check=True)
    events = list(color_film(str(source), str(target), OPTIONS))
    assert any("4 of 4 parts are done" in e.text for e in events if isinstance(e, Notice))
    assert len(decode_film(target)[1]) == 100
    assert not folder.exists()


@pytest.mark.process
@pytest.mark.skipif(shutil.which("prlimit") is None, reason="needs prlimit (util-linux)")
def test_the_command_says_that_what_is_done_is_kept(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk: the parts fit, the film does not."""
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    make_clip(source, frames=100, width=96, height=80, rate=Fraction(4), cuts=[25, 50, 75])
    list(color_film(str(source), str(target), replace(OPTIONS, keep_work=True)))
    folder = default_folder(str(target))
    largest = max(path.stat().st_size for path in folder.iterdir())
    whole = target.stat().st_size
    assert largest < 0.5 * whole
    shutil.rmtree(folder)
    target.unlink()
    limit = (largest + whole) // 2
    run = [sys.executable, "-m", "filmcolor", "run", str(source), "-o", str(target)]
    run += ["--device", "cpu", "--size", "64", "--smooth", "none", "--codec", "ffv1"]
    full = subprocess.run(
        ["prlimit", f"--fsize={limit}", *run], capture_output=True, text=True, env=ONE_THREAD
    )
    assert full.returncode == 3
    assert f"what is done is kept in {folder}" in full.stderr
    assert "make room on the disk" in full.stderr.splitlines()[-1]
    assert not target.exists()
    events = list(color_film(str(source), str(target), OPTIONS))
    assert any("4 of 4 parts are done" in e.text for e in events if isinstance(e, Notice))
    assert target.stat().st_size == whole
    assert not folder.exists()


@pytest.mark.e2e
@pytest.mark.parametrize("gone", ["out", "work"])
def test_a_folder_that_goes_in_the_middle_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out" / "film.mkv"
    make_clip(source, frames=100, rate=Fraction(4), cuts=[25, 50, 75])
    monkeypatch.setattr("filmcolor.segments.make.Throttle", partial(Throttle, 0.0))
    options = replace(OPTIONS, work=str(tmp_path / "work"))
    target.parent.mkdir()
    job = color_film(str(source), str(target), options)
    for event in job:
        if isinstance(event, Progress) and event.done > 40:
            shutil.rmtree(tmp_path / gone)
            break
    with pytest.raises(FilmcolorError) as caught:
        list(job)
    assert str(tmp_path / gone) in str(caught.value) and "\n" not in str(caught.value)
    target.parent.mkdir(exist_ok=True)
    events = list(color_film(str(source), str(target), options))
    going_on = any("parts are done" in e.text for e in events if isinstance(e, Notice))
    assert going_on == (gone == "out")
    assert len(decode_film(target)[1]) == 100
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", "out"]
