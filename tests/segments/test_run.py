"""A film is coloured segment by segment: it may stop anywhere and goes on, with the same result."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from filmcolor.errors import FilmcolorError, JobError
from filmcolor.events import Analyzing, Event, Joining, Notice, Progress, Started
from filmcolor.jobs.film import color_film
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions
from filmcolor.segments.run import fingerprint
from filmcolor.segments.workplace import default_folder
from tests.helpers.clips import Plane, make_clip, plane_codes
from tests.helpers.play import is_running, start
from tests.helpers.tiny_model import tiny_model
from tests.segments.test_workfolder import content

pytestmark = pytest.mark.e2e

RATE = Fraction(4)  # frames a second, so that few frames make several segments
CUTS = [22, 50, 53, 80]
FRAMES = 200  # the last shot, of half a minute, is divided
OPTIONS = RunOptions(
    color=ColorOptions(device="cpu", model=tiny_model(), size=64),
    encode=EncodeOptions(codec="ffv1"),
)
SHIPPED = replace(OPTIONS, color=replace(OPTIONS.color, model="default"))
"""For what other processes do as well."""
ARGUMENTS = ["--device", "cpu", "--size", "64", "--codec", "ffv1", "--json"]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "in.mkv"
    make_clip(path, frames=FRAMES, width=64, height=48, rate=RATE, cuts=CUTS, sound=1)
    return path


@pytest.fixture(scope="module")
def unbroken(film: Path, tmp_path_factory: pytest.TempPathFactory) -> list[list[Plane]]:
    """All planes of the film coloured in one go."""
    target = tmp_path_factory.mktemp("unbroken") / "out.mkv"
    list(color_film(str(film), str(target), OPTIONS))
    return planes(target)


@pytest.fixture(scope="module")
def shipped(film: Path, tmp_path_factory: pytest.TempPathFactory) -> list[list[Plane]]:
    """The same with the model that ships."""
    target = tmp_path_factory.mktemp("shipped") / "out.mkv"
    list(color_film(str(film), str(target), SHIPPED))
    return planes(target)


def planes(path: Path) -> list[list[Plane]]:
    with av.open(str(path)) as film:
        return [[plane_codes(f, at) for at in range(3)] for f in film.decode(video=0)]


def same(first: list[list[Plane]], second: list[list[Plane]]) -> bool:
    return len(first) == len(second) and all(
        np.array_equal(a, b)
        for mine, theirs in zip(first, second, strict=True)
        for a, b in zip(mine, theirs, strict=True)
    )


def notices(events: list[Event]) -> str:
    return "\n".join(event.text for event in events if isinstance(event, Notice))


def run_until(source: Path, target: Path, options: RunOptions, done: int) -> None:
    """Colour until so many segments are done, then stop as Ctrl-C does."""
    folder = default_folder(str(target)) if options.work is None else Path(options.work)
    job = color_film(str(source), str(target), options)
    for _ in job:
        if len(list(folder.glob("segment-*.seg"))) >= done:
            break
    job.close()


def stamps(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("segment-*.seg")}


@pytest.mark.process
def test_a_film_in_segments_is_the_film_in_one_stream(
    film: Path, shipped: list[list[Plane]], tmp_path: Path
) -> None:
    """Pipes are not divided: what they give is the measure."""
    target = tmp_path / "out.y4m"
    process = start("run", str(film), "-o", "-", *ARGUMENTS)
    stream, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    target.write_bytes(stream)
    assert same(planes(target), shipped)


@pytest.mark.smoke
def test_a_stopped_run_goes_on_where_it_was(
    film: Path, unbroken: list[list[Plane]], tmp_path: Path
) -> None:
    target = tmp_path / "out.mkv"
    folder = default_folder(str(target))
    options = replace(OPTIONS, keep_work=True)
    run_until(film, target, options, 2)
    assert not target.exists()
    before = stamps(folder)
    assert len(before) >= 2
    events = list(color_film(str(film), str(target), options))
    assert f"going on with earlier work: {len(before)} of" in notices(events)
    assert not any(isinstance(event, Analyzing) for event in events)
    after = stamps(folder)
    assert {name: after[name] for name in before} == before
    assert len(after) > len(before)
    assert same(planes(target), unbroken)
    joined = [event for event in events if isinstance(event, Joining)]
    assert joined[-1] == Joining(FRAMES, FRAMES)


def test_the_folder_goes_when_the_film_is_whole(film: Path, tmp_path: Path) -> None:
    target, folder = tmp_path / "out.mkv", tmp_path / "elsewhere"
    events = list(color_film(str(film), str(target), replace(OPTIONS, work=str(folder))))
    (planned,) = (event for event in events if isinstance(event, Started))
    assert planned.work == str(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["out.mkv"]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"color": replace(OPTIONS.color, saturation=1.5)}, "the options"),
        ({"encode": EncodeOptions(codec="libx264")}, "the options"),
    ],
)
def test_other_options_begin_anew(
    film: Path, tmp_path: Path, change: dict[str, object], name: str
) -> None:
    target = tmp_path / "out.mkv"
    run_until(film, target, OPTIONS, 1)
    events = list(color_film(str(film), str(target), replace(OPTIONS, **change)))  # type: ignore[arg-type]
    assert f"({name} changed)" in notices(events)
    assert len(planes(target)) == FRAMES


def test_another_film_begins_anew(film: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    source.write_bytes(film.read_bytes())
    run_until(source, target, OPTIONS, 1)
    make_clip(source, frames=60, width=64, height=48, rate=RATE)
    events = list(color_film(str(source), str(target), OPTIONS))
    assert "(the film changed)" in notices(events)
    assert len(planes(target)) == 60


def test_a_damaged_segment_is_made_again(
    film: Path, unbroken: list[list[Plane]], tmp_path: Path
) -> None:
    target = tmp_path / "out.mkv"
    run_until(film, target, OPTIONS, 3)
    victim = sorted(default_folder(str(target)).glob("segment-*.seg"))[0]
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 0xFF
    victim.write_bytes(content)
    list(color_film(str(film), str(target), OPTIONS))
    assert same(planes(target), unbroken)


@pytest.mark.process
def test_two_workers_give_the_same_frames(
    film: Path, shipped: list[list[Plane]], tmp_path: Path
) -> None:
    target = tmp_path / "out.mkv"
    events = list(color_film(str(film), str(target), replace(SHIPPED, workers=2)))
    assert same(planes(target), shipped)
    assert events[-1].stage_seconds["infer"] > 0  # type: ignore[union-attr]


@pytest.mark.process
def test_an_error_in_a_worker_ends_the_run_and_keeps_what_is_done(
    film: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out.mkv"
    folder = default_folder(str(target))
    run_until(film, target, replace(SHIPPED, workers=1), 1)
    model = tmp_path / "gone.safetensors"
    job = color_film(str(film), str(target), replace(SHIPPED, workers=2))
    for event in job:
        if isinstance(event, Notice) and "going on" in event.text:
            break
    plan = folder / "plan.json"
    text = plan.read_text()
    plan.write_text("{}")
    with pytest.raises(FilmcolorError, match="plan cannot be used"):
        list(job)
    plan.write_text(text)
    assert not model.exists() and not target.exists()
    list(color_film(str(film), str(target), SHIPPED))
    assert len(planes(target)) == FRAMES


@pytest.mark.process
def test_a_killed_run_goes_on_where_it_was(
    film: Path, shipped: list[list[Plane]], tmp_path: Path
) -> None:
    """SIGKILL at random moments; every finished segment is kept, and none is made twice."""
    target = tmp_path / "out.mkv"
    folder = default_folder(str(target))
    chance = random.Random(7)
    kept: dict[str, int] = {}
    for _ in range(4):
        process = start("run", str(film), "-o", str(target), "--keep-work", *ARGUMENTS)
        until = time.monotonic() + 60
        while len(stamps(folder)) <= len(kept) and process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 0.4))
        process.kill()
        process.communicate()
        found = stamps(folder)
        assert all(found.get(name) == stamp for name, stamp in kept.items())
        done = in_ledger(folder)
        kept = {name: stamp for name, stamp in found.items() if int(name.split("-")[1]) in done}
    process = start("run", str(film), "-o", str(target), "--keep-work", "--overwrite", *ARGUMENTS)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    after = stamps(folder)
    assert all(after[name] == stamp for name, stamp in kept.items())
    assert same(planes(target), shipped)


def in_ledger(folder: Path) -> list[int]:
    """Segments whose lines in the ledger are whole."""
    numbers = []
    for line in (folder / "ledger.jsonl").read_text().splitlines():
        try:
            numbers.append(int(json.loads(line)["segment"]))
        except ValueError:
            continue
    return numbers


def wait_for_workers(process: subprocess.Popen[bytes], target: Path) -> list[int]:
    """Numbers of a run's two workers, when one has begun a part."""
    until = time.monotonic() + 120
    workers: list[str] = []
    while len(workers) < 2 or not list(default_folder(str(target)).glob("segment-*.lease")):
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.02)
        workers = subprocess.run(
            ["pgrep", "-P", str(process.pid), "-f", "spawn_main"], capture_output=True, text=True
        ).stdout.split()
    assert len(workers) == 2
    return [int(number) for number in workers]


@pytest.mark.process
def test_a_killed_workers_segment_is_taken_again(
    film: Path, shipped: list[list[Plane]], tmp_path: Path
) -> None:
    target = tmp_path / "out.mkv"
    process = start("run", str(film), "-o", str(target), "--workers", "2", *ARGUMENTS)
    workers = wait_for_workers(process, target)
    os.kill(workers[0], signal.SIGKILL)
    _, error = process.communicate(timeout=180)
    assert process.returncode == 0, error
    assert same(planes(target), shipped)


@pytest.mark.process
def test_workers_of_a_killed_run_end_and_leave_the_next_alone(
    film: Path, shipped: list[list[Plane]], tmp_path: Path
) -> None:
    target = tmp_path / "out.mkv"
    process = start(
        "run", str(film), "-o", str(target), "--workers", "2", "--hue-shift", "90", *ARGUMENTS
    )
    workers = wait_for_workers(process, target)
    process.kill()
    process.communicate()
    until = time.monotonic() + 10
    while any(is_running(pid) for pid in workers):
        assert time.monotonic() < until
        time.sleep(0.01)
    folder = default_folder(str(target))
    assert json.loads((folder / "plan.json").read_text())["segments"] > 4
    assert len(list(folder.glob("segment-*.seg"))) <= 2  # neither has taken another
    events = list(color_film(str(film), str(target), SHIPPED))
    assert "(the options changed)" in notices(events)
    assert same(planes(target), shipped)


def test_a_run_that_slept_through_another_changes_nothing(
    film: Path, unbroken: list[list[Plane]], tmp_path: Path
) -> None:
    """It wakes up in the middle of a part, when its claim has long gone to a run in another way."""
    target = tmp_path / "out.mkv"
    folder = default_folder(str(target))
    turned = replace(OPTIONS, color=replace(OPTIONS.color, hue_shift=90.0))
    slept = color_film(str(film), str(target), turned)
    while not isinstance(next(slept), Progress):
        pass
    lock = folder / "run.lock"
    lock.write_text(json.dumps({**json.loads(lock.read_text()), "machine": "node7", "key": "k"}))
    os.utime(lock, (0, 0))
    list(color_film(str(film), str(target), replace(OPTIONS, keep_work=True)))
    before = content(tmp_path)
    with pytest.raises(JobError, match="was silent for long and has lost the film"):
        list(slept)
    assert content(tmp_path) == before
    assert same(planes(target), unbroken)
    options = replace(OPTIONS, overwrite=True)
    assert "parts are done" in notices(list(color_film(str(film), str(target), options)))


def test_the_options_of_a_fingerprint_are_what_earlier_versions_wrote() -> None:
    """Else work that was begun with one of them would not be gone on with."""
    options = replace(OPTIONS, workers=3, strokes="a.toml", explicit_options=("look",))
    facts = SimpleNamespace(facts=None, device=SimpleNamespace(type="cpu"))
    context: Any = SimpleNamespace(
        options=options,
        output=SimpleNamespace(target="a/b.MKV"),
        enlarger=None,
        source_print="film",
        model=facts,
    )
    assert fingerprint(context)["the options"] == (
        '{"color": {"batch_size": null, "coherence": 0.85, "hue_shift": 0.0, "look": "natural", '
        '"precision": "auto", "saturation": 1.0, "size": 64, "smooth": "flow", '
        '"stability": 0.7, "stride": 1}, "deinterlace": false, "duration_seconds": null, '
        '"encode": {"codec": "ffv1", "crf": null, "lossless": false, "preset": null}, '
        '"insisted": [], "keep_work": false, "no_color": false, "on_error": "stop", '
        '"overwrite": false, "plan": null, "reference": null, "shard": null, "sidecar": false, '
        '"siting": "auto", "start_seconds": null, "stills": null, "strokes": null, '
        '"target": ".mkv", "upscale": null, "upscale_for": "film", "upscale_model": null, '
        '"verify": false, "work": null, "workers": 1}'
    )
    context.options = replace(options, color=replace(options.color, engine="openvino"))
    assert '"engine": "openvino"' in fingerprint(context)["the options"]
