"""What is said of a result is what it was made from, whatever becomes of the files meanwhile."""

from __future__ import annotations

import hashlib
import pickle
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from filmcolor.cli import main
from filmcolor.errors import JobError
from filmcolor.events import Progress
from filmcolor.files_read import FileFacts, FilesRead
from filmcolor.film.shot_models import ModelCache
from filmcolor.guide.match import read_reference
from filmcolor.guide.plan_file import read_plan
from filmcolor.guide.strokes import read_strokes
from filmcolor.jobs.film import color_film
from filmcolor.jobs.sidecar import read_sidecar
from filmcolor.media.images.still_file import read_still
from filmcolor.models.checkpoint import load_generator, load_upscaler
from filmcolor.models.registry import find_checkpoint
from filmcolor.options import ColorOptions, RunOptions
from tests.helpers.bold_model import write_bold_model
from tests.helpers.clips import make_clip
from tests.helpers.play import QUICK
from tests.helpers.upscalers import write_upscaler

PLAN = "[film]\nsaturation = 0\n[[shot]]\nstart = 0\n"
STROKES = '[[stroke]]\nat = 0\npoint = [9, 9]\ncolor = "#8b1a1a"\n'


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def given(tmp_path: Path) -> dict[str, Path]:
    """A film, and all that a run may read besides."""
    make_clip(tmp_path / "in.mkv", frames=4, width=64, height=48)
    (tmp_path / "stills").mkdir()
    paths = {
        "film": tmp_path / "in.mkv",
        "plan": tmp_path / "film.toml",
        "strokes": tmp_path / "strokes.toml",
        "still": tmp_path / "stills" / "00-00-00.000.png",
        "reference": tmp_path / "reference.png",
        "model": tmp_path / "mine.safetensors",
        "upscaler": tmp_path / "large.safetensors",
    }
    paths["plan"].write_text(PLAN.replace("= 0\n[[", "= 1\n[["))
    paths["strokes"].write_text(STROKES)
    Image.new("RGB", (64, 48), (40, 70, 200)).save(paths["still"])
    Image.new("RGB", (80, 80), (200, 70, 40)).save(paths["reference"])
    shutil.copy(find_checkpoint("default"), paths["model"])
    write_upscaler(paths["upscaler"])
    return paths


def test_a_sidecar_attests_what_was_read(given: dict[str, Path], tmp_path: Path) -> None:
    before = {name: digest(path) for name, path in given.items()}
    options = RunOptions(
        color=ColorOptions(device="cpu", size=64, smooth="none", model=str(given["model"])),
        plan=str(given["plan"]),
        strokes=str(given["strokes"]),
        stills=str(given["still"].parent),
        reference=str(given["reference"]),
        upscale=2,
        upscale_model=str(given["upscaler"]),
        sidecar=True,
    )
    target = tmp_path / "out.mkv"
    for event in color_film(str(given["film"]), str(target), options):
        if isinstance(event, Progress):
            for name, path in given.items():
                if name != "film":
                    path.write_bytes(b"something else by now")
    facts = read_sidecar(str(target))
    assert facts is not None
    assert facts["model"]["sha256"] == before.pop("model")
    assert facts["source"]["sha256"] == before.pop("film") == digest(given["film"])
    assert {each["file"]: each["sha256"] for each in facts["given"]} == {
        str(given[name]): found for name, found in before.items()
    }


def test_what_is_read_twice_is_the_same_both_times(given: dict[str, Path]) -> None:
    files = FilesRead()

    def read_all() -> Iterator[str]:
        for name, read in (
            ("plan", read_plan),
            ("strokes", read_strokes),
            ("still", read_still),
            ("reference", read_reference),
        ):
            read(given[name], files)  # type: ignore[operator]
            yield name

    assert len(list(read_all())) == 4
    list(read_all())
    facts = {each.path: each.sha256 for each in files.without(None)}
    assert facts == {
        str(given[name]): digest(given[name]) for name in ("plan", "strokes", "still", "reference")
    }
    for name in ("plan", "strokes", "still", "reference"):
        content = given[name].read_bytes()
        given[name].write_bytes(content + b"\n")
        with pytest.raises(JobError, match=f"{given[name].name}: was changed while the run went"):
            list(read_all())
        given[name].write_bytes(content)
    copy = pickle.loads(pickle.dumps(files))  # as it goes to other processes
    given["still"].write_bytes(given["reference"].read_bytes())
    with pytest.raises(JobError, match=r"00-00-00\.000\.png"):
        read_still(given["still"], copy)


def test_a_model_tells_the_file_that_it_was_loaded_from(
    given: dict[str, Path], tmp_path: Path
) -> None:
    path = given["model"]
    model = load_generator(str(path))
    assert model.facts == FileFacts(str(path), path.stat().st_size, digest(path))
    upscaler = load_upscaler(str(given["upscaler"]))
    assert upscaler.facts is not None and upscaler.facts.sha256 == digest(given["upscaler"])
    cache, files, color = ModelCache(), FilesRead(), ColorOptions(model=str(path))
    files.add(cache.of_film(color, model.device).facts)
    write_bold_model(path)
    files.add(cache.of_film(color, model.device).facts)  # as it was loaded
    with pytest.raises(JobError, match=r"mine\.safetensors: was changed"):
        files.add(cache.get(color, model.device).facts)


def test_a_worker_refuses_another_model(
    given: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from filmcolor.film.setup import reopen_film
    from filmcolor.jobs.film import prepare_film
    from filmcolor.segments.processes import FilmTask
    from filmcolor.segments.workfolder import WorkFolder
    from filmcolor.segments.workplace import default_folder

    color = ColorOptions(device="cpu", size=64, smooth="none", model=str(given["model"]))
    options, target = RunOptions(color=color), tmp_path / "out.mkv"
    with WorkFolder(default_folder(str(target)), {}) as work:
        lease_key = work.lease_key
        steps = prepare_film(str(given["film"]), str(target), options, ModelCache(), lease_key)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                task: FilmTask = end.value
                break
        reopen_film(task.settings, ModelCache(), 1).reader.close()
        write_bold_model(given["model"])
        with pytest.raises(JobError, match=r"mine\.safetensors: was changed"):
            reopen_film(task.settings, ModelCache(), 1)


def test_verify_goes_by_the_plan_as_it_was_before_the_run(
    given: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The plan leaves all grey; by the end of the run it wants colour."""
    plan = given["plan"]
    plan.write_text(PLAN)

    def then_changed(source: str, target: str, options: RunOptions) -> Iterator[object]:
        yield from color_film(source, target, replace(options))
        plan.write_text(PLAN.replace("= 0\n[[", "= 1\n[["))

    monkeypatch.setattr("filmcolor.jobs.film.color_film", then_changed)
    command = ["run", str(given["film"]), "-o", str(tmp_path / "out.mkv"), "--plan", str(plan)]
    assert main([*command, "--verify", *QUICK]) == 0
    assert ": holds: 4 frames" in capsys.readouterr().err
