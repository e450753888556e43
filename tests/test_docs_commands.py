"""Every command line that the pages show is run, with small inputs, or it is said why not."""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from filmcolor.cli import main
from filmcolor.events import Event
from filmcolor.media.images.decoded import encoded_codes
from filmcolor.models import registry
from filmcolor.options import TrainOptions
from filmcolor.train.build import resolve_recipe
from tests.helpers.clips import luma_picture, make_clip
from tests.helpers.pages import PAGES, ROOT, blocks
from tests.helpers.scenes import write_photographs
from tests.helpers.tiny_model import tiny_model

pytestmark = pytest.mark.e2e

ELSEWHERE = {
    r"(docker|mkdir) ": "needs a container engine",
    r"(pipx|uvx) ": "downloads packages",
    r"python3 -m venv |\. \.venv/": "makes an environment; see tests/scripts/test_setup.py",
    r"scripts/(docs|test)": "runs for minutes",
    r"\.venv/bin/(pre-commit|python -m build|twine) ": "downloads packages, or checks a release",
    r"ray |.* --ray": "needs a cluster; see tests/jobs/test_ray.py",
    r"filmcolor watch (?!.*--once)": "goes on until it is stopped; see tests/cli/test_watch.py",
    r".* --workers": "starts processes; see tests/segments/test_shards.py",
    r"ffmpeg |man ": "another program",
    r"[A-Z_]+=": "sets variables of the shell",
}
"""Beginnings of lines that are not run here, and why."""

SHORTER = {
    r"/shared/": "shared/",
    r"scan/frame_\[000001-000240\]": "tiff/frame_[000001-000012]",
    r"\$SLURM_ARRAY_TASK_ID": "1",
    r"^scripts/run ": "filmcolor run --size 64 --duration 0.1 ",
    r"^torchrun .* -m filmcolor ": "filmcolor ",
    r"^\.venv/bin/": "",
}
"""What stands for what a line says."""


def reason_to_skip(line: str) -> str | None:
    return next((why for start, why in ELSEWHERE.items() if re.match(start, line)), None)


def _films(folder: Path) -> None:
    """The films that the pages name; the old one lasts 80 seconds in 20 frames."""
    slow: dict[str, Any] = {"frames": 20, "rate": Fraction(1, 4), "cuts": (8, 14)}
    make_clip(folder / "old_film.mp4", codec="libx264", sound=1, **slow)
    for name in (
        "silent.mp4",
        "small.mp4",
        "more.mp4",
        "feature.mkv",
        "reels/1.mp4",
        "incoming/1.mp4",
    ):
        make_clip(folder / name, codec="libx264", frames=6)
    make_clip(folder / "FILM", codec="libx264", frames=3, container="matroska")
    make_clip(folder / "shared" / "reels" / "1.mp4", codec="libx264", frames=6)
    for name in ("reel.mkv", "reel1.mp4", "reel2.avi"):
        make_clip(folder / name, codec="mpeg4", frames=3)
    make_clip(folder / "scan.mxf", codec="mpeg2video", frames=6, width=256, height=144)
    pixels: dict[str, Any] = {"width": 96, "height": 64, "pix_fmt": "yuv444p"}
    for name in ("old_film.mp4", "old_film_truth.mp4"):
        make_clip(folder / "samples" / name, codec="libx264", frames=12, colored=True, **pixels)
    make_clip(folder / "scan.mov", codec="libx264", frames=6, pix_fmt="yuv422p10le")
    large: dict[str, Any] = {"width": 256, "height": 144, "pix_fmt": "yuv422p10le"}
    make_clip(folder / "telecine.mov", codec="prores_ks", frames=4, **large)
    for name in ("holiday_1985.mp4", "city_tour.mkv", "color_film.mp4"):
        make_clip(folder / name, codec="libx264", frames=6, colored=True, **pixels)


def _frames(folder: Path) -> None:
    """The same scan as DPX and, in a folder beside it, as TIFF."""
    for name in ("scan", "tiff"):
        (folder / name).mkdir()
    for number in range(1, 13):
        codes = np.stack([luma_picture(number, 48, 64, 10).astype(np.uint16)] * 3, axis=-1)
        name = f"frame_{number:06}"
        (folder / "scan" / f"{name}.dpx").write_bytes(encoded_codes(codes, "DPX", 10))
        cv2.imwrite(str(folder / "tiff" / f"{name}.tif"), codes * np.uint16(64))


def _train(
    sources: Sequence[str], output: str, options: TrainOptions, **_more: object
) -> Iterator[Event]:
    """Stands for training: looks whether all is there, and leaves a model."""
    resolve_recipe(options)
    for name in (*sources, options.card):
        assert name is None or Path(name).exists(), name
    upscales = "sr" in options.recipe
    Path(output).mkdir(parents=True, exist_ok=True)
    for name in ("best", "last"):
        made = registry.find_checkpoint("sr-fast" if upscales else "default")
        shutil.copy(made, Path(output) / f"{name}.safetensors")
    yield from ()


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A tiny model is the default one; the page in the browser ends by Ctrl-C; nothing trains."""
    weights = tmp_path_factory.mktemp("stand-ins") / "weights"
    shutil.copytree(ROOT / "filmcolor" / "weights", weights)
    shutil.copy(tiny_model(), weights / "default.safetensors")

    def close(_address: str) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "_weights_folder", lambda: weights)
        patch.setattr("filmcolor.train.run.train_run", _train)
        patch.setattr("filmcolor.train.run.resume_run", lambda *_args, **_more: iter(()))
        patch.setattr("filmcolor.cli.review.webbrowser.open", close)
        yield


def _make_room(target: Path) -> None:
    """A reader who goes through a page takes other names than those of the block before."""
    if target.is_dir():
        shutil.rmtree(target)
    target.unlink(missing_ok=True)


def _run(line: str) -> None:
    """Run a line, as far as it can be run here."""
    for found, instead in SHORTER.items():
        line = re.sub(found, instead, line)
    words = shlex.split(line.partition(" > ")[0])
    if words[0] == "pip":
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        for name in re.findall(r"\[(\w+)\]", line):
            assert name in extras["optional-dependencies"], line
    elif words[0] == "python":
        script = (ROOT / words[1]).read_text(encoding="utf-8")
        for name in words[2:]:
            assert not name.startswith("-") or f'"{name}"' in script, f"{line}: {name}"
    else:
        assert words[0] == "filmcolor", f"{line}: say in ELSEWHERE why it is not run"
        if "-o" in words:
            _make_room(Path(words[words.index("-o") + 1]))
        assert main(words[1:]) == (130 if words[1] == "review" else 0), line


EARLIER = (
    "filmcolor run old_film.mp4 -o color.mp4",
    "filmcolor run old_film.mp4 -o try.mp4 --start 1:00 --duration 10",
    "filmcolor run samples/old_film.mp4 -o before.mp4",
    "filmcolor run samples/old_film.mp4 -o after.mp4",
    "filmcolor run scan.mov -o archive.mkv --codec ffv1",
    "filmcolor run scan.mov -o chroma.mov --codec prores --output-chroma",
    "filmcolor run telecine.mov -o color.mov --codec prores",
    "filmcolor plan old_film.mp4 -o old_film.plan.toml",
    "filmcolor plan old_film.mp4 -o film.toml",
    "filmcolor stills old_film.mp4 -o stills/",
    "filmcolor train frames/ -o runs/mine",
    "filmcolor train photos/ -o runs/sr --recipe sr",
    "filmcolor train photos/ -o runs/film --recipe sr-film",
)
"""What a page begins from that another page, or an earlier block, has made."""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory, stand_ins: None) -> Path:
    """A folder with all that the pages begin from."""
    folder = tmp_path_factory.mktemp("inputs")
    for name in ("incoming", "reels", "runs", "samples", "shared/reels"):
        (folder / name).mkdir(parents=True)
    _films(folder)
    _frames(folder)
    for name in ("photos", "pool", "val", "others", "frames", "frames_of_another_reel"):
        write_photographs(folder / name, 4, 64, 80)
    shutil.copytree(ROOT / "scripts" / "recipes", folder / "scripts" / "recipes")
    (folder / "archive.toml").write_text('[run]\nlook = "restrained"\n')
    with contextlib.chdir(folder):
        for line in EARLIER:
            _run(line)
    return folder


def shown(page: Path) -> Iterator[list[str]]:
    """The blocks of a page, and by itself each whole command that stands within its text."""
    yield from blocks(page)
    text = page.read_text(encoding="utf-8")
    for line in re.findall(r"`(filmcolor \w+ \w[^`\n]* -o [^`\n]+)`", text):
        yield [line]


LINES = {page: list(shown(page)) for page in PAGES}
CASES = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page, groups in LINES.items()
    for number, block in enumerate(groups, start=1)
    if any(reason_to_skip(line) is None for line in block)
    and not any(block in LINES[earlier] for earlier in PAGES[: PAGES.index(page)])
]
"""Every block once, whatever number of pages shows it."""


@pytest.mark.parametrize("block", CASES)
def test_every_line_does_what_it_is_shown_for(
    block: list[str],
    inputs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "here"
    shutil.copytree(inputs, folder)
    monkeypatch.chdir(folder)
    for line in block:
        if reason_to_skip(line) is None:
            _run(line)


def test_what_is_passed_over_is_little() -> None:
    lines = {line for groups in LINES.values() for block in groups for line in block}
    passed_over = {line for line in lines if reason_to_skip(line)}
    assert len(lines) > 80 and len(passed_over) < len(lines) / 4
