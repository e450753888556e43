"""Small jobs whose files are looked at after every power cut that might have come."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import tomli_w
from safetensors import safe_open

from filmcolor.durable import make_folders
from filmcolor.errors import OptionError
from filmcolor.events import Notice
from filmcolor.hashing import digest
from filmcolor.jobs.film import color_film
from filmcolor.jobs.pictures import color_pictures
from filmcolor.media.partfile import PartFile
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions, TrainOptions
from filmcolor.segments.segment_files import Entry, SegmentFiles
from filmcolor.train import loop, run
from filmcolor.train.recipes import RECIPES
from filmcolor.train.run import resume_run, train_run
from filmcolor.train.run_folder import RunFolder
from filmcolor.typed import to_mapping
from filmcolor.visual.sheets import write_png
from tests.helpers.clips import make_clip, plane_codes
from tests.helpers.power_cuts import Recorder
from tests.helpers.scenes import write_photographs
from tests.helpers.stills import ramp
from tests.helpers.tiny_model import tiny_model

SEGMENTS = 3
TINY = RunOptions(
    color=ColorOptions(device="cpu", model=tiny_model(), size=64),
    encode=EncodeOptions(codec="ffv1"),
)


@dataclass(frozen=True)
class Job:
    """Something that is done in a folder, and done again after a power cut."""

    root: Path
    do: Callable[[], list[str]]
    """Returns what was said meanwhile."""


def film_job(place: Path) -> Job:
    """A film of 96 frames in three segments, with sound."""
    source, root = place / "in.mkv", place / "root"
    make_clip(source, frames=96, width=64, height=48, rate=Fraction(4), cuts=[32, 64], sound=1)
    root.mkdir()
    target = root / "out" / "film.mkv"

    def do() -> list[str]:
        make_folders(target.parent)  # it is the user's, and there
        return _said(color_film(str(source), str(target), TINY))

    return Job(root, do)


def frames_job(place: Path) -> Job:
    """A film whose result is 12 frames, a file each, and a file of their sound."""
    source, root = place / "in.mkv", place / "root"
    make_clip(source, frames=12, width=64, height=48, rate=Fraction(1, 2), cuts=[4, 8], sound=1)
    root.mkdir()
    folder = root / "frames"
    options = replace(TINY, sound=str(folder / "sound.mka"), encode=EncodeOptions())
    return Job(root, lambda: _said(color_film(str(source), f"{folder}/%04d.png", options)))


def pictures_job(place: Path) -> Job:
    """A folder of six pictures, some of them in another."""
    source, root = place / "in", place / "root"
    (source / "more").mkdir(parents=True)
    root.mkdir()
    for number in range(6):
        folder = source if number < 3 else source / "more"
        name = f"{number}.{'png' if number % 2 else 'jpg'}"
        cv2.imwrite(str(folder / name), ramp(48, 64) // (1 + number))
    return Job(root, lambda: _said(color_pictures(str(source), str(root / "out"), TINY)))


def training_job(place: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """Six steps, with a report, an evaluation and a state every two."""
    photos, root = write_photographs(place / "photos", 6, 64, 64), place / "root"
    root.mkdir()
    recipe = place / "narrow.toml"
    narrow = replace(RECIPES["sr"], generator={"width": 4, "layers": 2})
    recipe.write_text(tomli_w.dumps({"recipe": to_mapping(narrow)}))
    options = TrainOptions(
        recipe=str(recipe),
        steps=6,
        evaluations=3,
        batch_size=2,
        size=64,
        device="cpu",
        val=(str(photos),),
        val_pictures=2,
        precision="fp32",
    )
    monkeypatch.setitem(loop.train.__kwdefaults__, "every", 2)
    monkeypatch.setattr(run, "REPORT_STEPS", 2)
    monkeypatch.setattr(RunFolder, "write_curves", _write_quick_curves)
    folder = root / "run"

    def do() -> list[str]:
        try:
            return _said(resume_run(str(folder)))
        except OptionError as error:
            assert "no training run there" in str(error)
            command = ["filmcolor", "train", "photos"]
            return _said(train_run([str(photos)], str(folder), options, command=command))

    return Job(root, do)


def _write_quick_curves(folder: RunFolder) -> None:
    """Another picture, as durable."""
    steps = [entry["step"] for entry in folder.read_metrics()]
    write_png(folder.path / "curves.png", np.full((1, 1, 3), len(steps), np.uint8))


def record(job: Job) -> Recorder:
    """Do it once, with a note of all that is done to its files, and of what is promised."""
    recorder = Recorder(job.root)
    commit, enter = PartFile.commit, SegmentFiles.record

    def committing(part: PartFile) -> None:
        commit(part)
        if Path(part.place).is_relative_to(job.root):
            recorder.promise(str(Path(part.place).relative_to(job.root)))

    def entering(folder: SegmentFiles, entry: Entry) -> None:
        enter(folder, entry)
        recorder.promise(f"segment {entry.segment}")

    with pytest.MonkeyPatch.context() as patched, recorder.recording():
        patched.setattr(PartFile, "commit", committing)
        patched.setattr(SegmentFiles, "record", entering)
        job.do()
    return recorder


def facts(root: Path) -> dict[str, str]:
    """What lies below a folder: of every file what must be the same each time."""
    return {
        str(path.relative_to(root)): _facts(path)
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def _facts(path: Path) -> str:
    content = path.read_bytes()
    if path.suffix == ".mkv":
        content = _film(path)
    elif path.name == "metrics.jsonl":
        entries = [json.loads(line) for line in content.splitlines()]
        kept = [{name: each.get(name) for name in ("step", "losses", "score")} for each in entries]
        return json.dumps(kept)
    elif path.suffix == ".safetensors":
        with safe_open(path, framework="pt") as file:
            said = sorted((file.metadata() or {}).items())  # in any order in the file
            names = sorted(file.keys())
            content = b"".join(file.get_tensor(name).numpy().tobytes() for name in names)
        if path.name != "state.safetensors":  # which says how long it took
            content += repr(said).encode()
    return digest(content)


def _film(path: Path) -> bytes:
    """Frames and times; in this container, numbers of its own differ each time."""
    found = b""
    try:
        with av.open(str(path)) as film:
            for frame in film.decode(video=0):
                found += f"{frame.pts} ".encode()
                found += b"".join(plane_codes(frame, at).tobytes() for at in range(3))
        with av.open(str(path)) as film:
            for packet in film.demux(audio=0):
                found += f"{packet.pts} ".encode() + bytes(packet)
    except av.FFmpegError as error:
        return str(error).encode()
    return found


def _said(events: object) -> list[str]:
    return [each.text for each in events if isinstance(each, Notice)]  # type: ignore[attr-defined]
