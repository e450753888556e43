"""A film whose frames are a file each is coloured into a film, or into frames again."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import av
import numpy as np
import pytest

from filmcolor.api import verify_film
from filmcolor.errors import FilmcolorError, JobError, OptionError
from filmcolor.events import Event, Joining, Notice
from filmcolor.jobs.film import color_film
from filmcolor.jobs.plan_file import plan_film
from filmcolor.media.images.decoded import encoded_codes
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions, VerifyOptions
from filmcolor.segments.source_fingerprint import source_fingerprint
from filmcolor.segments.workplace import default_folder
from tests.helpers.clips import luma_picture, make_clip, probe
from tests.helpers.tiny_model import tiny_model

pytestmark = pytest.mark.e2e

RATE = Fraction(2)  # frames a second, so that few frames make several segments
FRAMES = 24
FIRST = 86_400
OPTIONS = RunOptions(color=ColorOptions(device="cpu", model=tiny_model(), size=64), fps=RATE)


@pytest.fixture
def scan(tmp_path: Path) -> str:
    """10-bit DPX, full range, two shots."""
    folder = tmp_path / "scan"
    folder.mkdir()
    for index in range(FRAMES):
        codes = luma_picture(index, 48, 64, 10, scene=index // 13)
        content = encoded_codes(np.stack([codes] * 3, axis=-1), "DPX", 10)
        (folder / f"r_{FIRST + index:07}.dpx").write_bytes(content)
    return str(folder / "r_%07d.dpx")


def run(source: str, target: Path | str, options: RunOptions = OPTIONS) -> list[Event]:
    return list(color_film(source, str(target), options))


def words(events: list[Event]) -> str:
    return "\n".join(event.text for event in events if isinstance(event, Notice))


def is_proved(source: str, target: Path | str) -> bool:
    report = verify_film(Path(source), Path(target), VerifyOptions(fps=RATE))
    return report.holds and report.luma == "exact"


def stamps(folder: Path) -> dict[str, tuple[int, bytes]]:
    files = (path for path in sorted(folder.iterdir()) if path.is_file())
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_a_sequence_becomes_a_film_with_every_code_and_the_rate(scan: str, tmp_path: Path) -> None:
    target = tmp_path / "color.mov"
    run(scan, target, replace(OPTIONS, encode=EncodeOptions("libx264", lossless=True)))
    info = probe(str(target))
    assert (info.rate, info.duration, info.layout.bit_depth) == (RATE, Fraction(FRAMES, 2), 10)
    with FilmReader(str(target)) as reader:
        for index, frame in enumerate(reader.frames()):
            assert np.array_equal(frame.luma, luma_picture(index, 48, 64, 10, scene=index // 13))
    assert is_proved(scan, target)


@pytest.mark.parametrize(("suffix", "bits"), [(".dpx", 10), (".tif", 16), (".png", 16)])
def test_frames_keep_number_depth_and_luma(
    scan: str, tmp_path: Path, suffix: str, bits: int
) -> None:
    target = tmp_path / "color" / f"f_%07d{suffix}"
    run(scan, target)
    names = [f"f_{FIRST + index:07}{suffix}" for index in range(FRAMES)]
    assert sorted(os.listdir(target.parent)) == names  # and no work is left
    assert probe(str(target)).layout.bit_depth == bits
    assert b"colorized by filmcolor" in (target.parent / names[0]).read_bytes()
    assert is_proved(scan, target)
    (target.parent / names[5]).write_bytes((target.parent / names[17]).read_bytes())
    assert not is_proved(scan, target)


def test_a_film_becomes_frames_with_its_sound_beside_them(tmp_path: Path) -> None:
    source, target = tmp_path / "film.mkv", tmp_path / "out" / "f_%03d.tif"
    make_clip(source, frames=10, width=64, height=48, rate=Fraction(10), sound=1)
    sound = tmp_path / "out" / "sound.mka"
    options = replace(OPTIONS, fps=None)
    events = run(str(source), target, replace(options, sound=str(sound)))
    assert "frames cannot hold" in words(events)
    assert "sound" not in words(events)
    assert len(list(target.parent.glob("f_*.tif"))) == 10
    assert (target.parent / "f_001.tif").exists()
    assert verify_film(source, target).luma == "exact"
    with av.open(str(source)) as before, av.open(str(sound)) as after:
        packets = [
            [(float(p.pts * p.time_base), bytes(p)) for p in film.demux(audio=0) if p.size]
            for film in (before, after)
        ]
    assert [content for _, content in packets[0]] == [content for _, content in packets[1]]
    assert [at for at, _ in packets[1]] == pytest.approx([at for at, _ in packets[0]], abs=0.001)
    with pytest.raises(OptionError, match="--sound"):
        run(str(source), tmp_path / "color.mov", replace(options, sound=str(tmp_path / "x.mka")))


def test_what_is_missing_is_repeated_under_its_own_number(scan: str, tmp_path: Path) -> None:
    (tmp_path / "scan" / f"r_{FIRST + 7:07}.dpx").unlink()
    target = tmp_path / "color" / "f_%07d.dpx"
    with pytest.raises(FilmcolorError, match="0086407"):
        run(scan, target)
    assert not target.parent.exists()
    assert "0086407" in words(run(scan, target, replace(OPTIONS, on_error="repeat")))
    assert len(os.listdir(target.parent)) == FRAMES
    assert is_proved(scan, target)


def test_a_part_keeps_its_numbers(scan: str, tmp_path: Path) -> None:
    target = tmp_path / "color" / "f_%07d.dpx"
    run(scan, target, replace(OPTIONS, start_seconds=Fraction(2), duration_seconds=Fraction(1)))
    assert sorted(os.listdir(target.parent)) == ["f_0086404.dpx", "f_0086405.dpx"]


def until(events: Iterator[Event], kind: type) -> None:
    for event in events:
        if isinstance(event, kind):
            return


def test_a_run_that_was_stopped_among_its_frames_makes_only_what_is_missing(
    scan: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "color" / "f_%07d.dpx"
    monkeypatch.setattr("filmcolor.media.write.frame_files._REPORT_FRAMES", 10)
    job = color_film(scan, str(target), OPTIONS)
    until(job, Joining)
    job.close()
    folder = default_folder(str(target))
    done = stamps(target.parent)
    assert len(done) == 10
    segments = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.seg")}
    run(scan, target, replace(OPTIONS, keep_work=True))
    after = stamps(target.parent)
    assert {name: after[name] for name in done} == done
    assert len(after) == FRAMES
    assert {p.name: p.stat().st_mtime_ns for p in folder.glob("*.seg")} == segments
    assert is_proved(scan, target)
    with pytest.raises(OptionError, match=r"f_0086400.dpx: is there already"):
        run(scan, target)


def test_frames_of_two_settings_are_never_mixed(
    scan: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "color" / "f_%07d.dpx"
    monkeypatch.setattr("filmcolor.media.write.frame_files._REPORT_FRAMES", 10)
    plan = tmp_path / "plan.toml"
    list(plan_film(scan, str(plan), OPTIONS))
    job = color_film(scan, str(target), OPTIONS)
    until(job, Joining)
    job.close()
    before = stamps(target.parent)
    plan.write_text(plan.read_text(encoding="utf-8").replace("end =", "saturation = 2\nend =", 1))
    for other in (replace(OPTIONS, on_error="repeat"), replace(OPTIONS, plan=str(plan))):
        with pytest.raises(OptionError, match=r"f_0086400\.dpx: is there already"):
            run(scan, target, other)  # said before anything is made
        assert stamps(target.parent) == before
    run(scan, target)
    assert {name: stamps(target.parent)[name] for name in before} == before
    assert is_proved(scan, target)


def test_a_run_that_was_killed_as_a_frame_got_its_name_leaves_no_part(
    scan: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "color" / "f_%07d.dpx"
    monkeypatch.setattr("filmcolor.media.write.frame_files._REPORT_FRAMES", 10)
    job = color_film(scan, str(target), OPTIONS)
    until(job, Joining)
    job.close()
    frame = target.parent / f"f_{FIRST:07}.dpx"
    os.link(frame, frame.with_name(f".{frame.name}.part"))
    run(scan, target)
    assert sorted(os.listdir(target.parent)) == [f"f_{FIRST + n:07}.dpx" for n in range(FRAMES)]


def test_a_run_that_was_killed_after_its_sound_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "film.mkv", tmp_path / "out" / "f_%03d.tif"
    make_clip(source, frames=4, width=64, height=48, rate=Fraction(4), sound=1)
    sound = tmp_path / "out" / "sound.mka"
    options = replace(OPTIONS, fps=None, sound=str(sound))
    with monkeypatch.context() as patch:
        patch.setattr("filmcolor.segments.join.WorkFolder.end_join", killed)
        with pytest.raises(KeyboardInterrupt):
            run(str(source), target, options)
    before = stamps(target.parent)
    run(str(source), target, options)
    assert stamps(target.parent) == before
    assert not default_folder(str(target)).exists()
    for path in target.parent.glob("*.tif"):
        path.unlink()
    with pytest.raises(OptionError, match=r"sound\.mka: is there already"):
        run(str(source), target, options)


def killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_frames_that_are_there_need_no_room(
    scan: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "color" / "f_%07d.dpx"
    monkeypatch.setattr("filmcolor.media.write.frame_files._REPORT_FRAMES", 20)
    job = color_film(scan, str(target), OPTIONS)
    until(job, Joining)
    job.close()
    usage = shutil.disk_usage(tmp_path)._replace(free=5 * 64 * 48 * 4)  # four frames are left
    monkeypatch.setattr("filmcolor.disk_space.shutil.disk_usage", lambda _: usage)
    run(scan, target)
    assert is_proved(scan, target)


def test_a_disk_that_is_full_leaves_no_half_of_a_frame(
    scan: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "color" / "f_%07d.dpx"
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.name != f".f_{FIRST + 3:07}.dpx.part":
            return write(path, content)
        write(path, content[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(FilmcolorError, match="after 3 frames"):
            run(scan, target)
    assert not list(target.parent.glob(".f_*.part"))
    run(scan, target)
    assert is_proved(scan, target)


def test_what_comes_under_the_name_of_a_frame_stays_and_work_is_kept(
    scan: str, tmp_path: Path
) -> None:
    target = tmp_path / "color" / "f_%07d.dpx"
    folder, foreign = default_folder(str(target)), tmp_path / "color" / "f_0086410.dpx"
    events = color_film(scan, str(target), OPTIONS)
    with pytest.raises(JobError, match=r"f_0086410\.dpx"):
        for event in events:
            del event
            if not foreign.exists() and any(folder.glob("*.seg")):
                foreign.write_bytes(b"mine")
    assert foreign.read_bytes() == b"mine"
    foreign.unlink()
    run(scan, target)
    assert is_proved(scan, target)


def test_overwrite_replaces_frames_and_never_the_source(scan: str, tmp_path: Path) -> None:
    target = tmp_path / "color" / "f_%07d.dpx"
    target.parent.mkdir()
    (target.parent / "f_0086401.dpx").write_bytes(b"old")
    with pytest.raises(OptionError, match="is there already"):
        run(scan, target)
    run(scan, target, replace(OPTIONS, overwrite=True))
    assert is_proved(scan, target)
    before = stamps(tmp_path / "scan")
    with pytest.raises(OptionError, match="is the source itself"):
        run(scan, scan, replace(OPTIONS, overwrite=True))
    with pytest.raises(OptionError, match="would lie among the frames"):
        run(str(tmp_path / "scan"), tmp_path / "scan" / "color_%07d.dpx")
    assert stamps(tmp_path / "scan") == before


def test_a_sequence_that_changes_is_another(scan: str, tmp_path: Path) -> None:
    before = source_fingerprint(scan)
    assert source_fingerprint(scan) == before
    file = tmp_path / "scan" / f"r_{FIRST + 3:07}.dpx"
    stat = file.stat()
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert source_fingerprint(scan) != before
    before = source_fingerprint(scan)
    file.rename(file.with_name("r_0086424.dpx"))
    assert source_fingerprint(scan) != before


def test_the_sidecar_names_the_digest_of_all_files(scan: str, tmp_path: Path) -> None:
    target = tmp_path / "color" / "f_%07d.dpx"
    run(scan, target, replace(OPTIONS, sidecar=True))
    facts = json.loads((target.parent / "f_%07d.dpx.json").read_text())
    for key, folder in (("source", tmp_path / "scan"), ("result", target.parent)):
        whole = b"".join(path.read_bytes() for path in sorted(folder.glob("*.dpx")))
        assert facts[key]["sha256"] == sha256(whole).hexdigest()
        assert facts[key]["bytes"] == len(whole)
    assert facts["options"]["fps"] == "2"


def test_what_frames_cannot_be(scan: str, tmp_path: Path) -> None:
    for name, options, why in (
        ("f_%d.jpg", OPTIONS, ".png, .tif or .dpx"),
        ("f_%d.tif", replace(OPTIONS, encode=EncodeOptions("ffv1")), "--codec"),
        ("f_%d.tif", replace(OPTIONS, sound="s.mka"), "has no sound"),
    ):
        with pytest.raises(OptionError, match=why):
            run(scan, tmp_path / "color" / name, options)
    film = tmp_path / "film.mkv"
    make_clip(film, frames=2, width=64, height=48)
    with pytest.raises(OptionError, match=r"--fps: frames .* hold no times"):
        run(str(film), tmp_path / "color" / "f_%d.tif")


@pytest.mark.parametrize("name", ["r_%d.dpx", "r_%08d.dpx"])
def test_names_that_may_be_the_sources_are_refused(scan: str, tmp_path: Path, name: str) -> None:
    before = stamps(tmp_path / "scan")
    options = replace(OPTIONS, overwrite=True)
    with pytest.raises(OptionError, match=r"may be those of the source, .*r_%07d.dpx"):
        run(scan, tmp_path / "scan" / name, options)
    assert stamps(tmp_path / "scan") == before
