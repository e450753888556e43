"""`--output-chroma`: Cb and Cr of an ordinary run, code for code, and mid-grey instead of luma."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from filmcolor.errors import OptionError
from filmcolor.jobs.film import color_film
from filmcolor.jobs.pictures import color_pictures
from filmcolor.media.images.frame_decoder import read_frame
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions
from filmcolor.types import ColorTags, Frame
from tests.helpers.clips import decode_film, make_clip
from tests.helpers.tampering import rewrite, without_color, without_frame
from tests.helpers.tiny_model import tiny_model
from tests.verify.test_check import faults, notes, verify

pytestmark = pytest.mark.e2e

OPTIONS = RunOptions(
    color=ColorOptions(device="cpu", model=tiny_model(), size=64, saturation=3.0),
    encode=EncodeOptions("ffv1"),
)
ALONE = replace(OPTIONS, output_chroma=True)
FULL = ColorTags(matrix=1, primaries=1, transfer=1, full_range=True)


def run(source: Path, target: Path, options: RunOptions) -> Path:
    list(color_film(str(source), str(target), options))
    return target


def frames(film: Path) -> list[Frame]:
    with FilmReader(str(film)) as reader:
        return list(reader.frames(with_chroma=True))


def chroma(frame: Frame) -> NDArray[np.int64]:
    assert frame.chroma is not None
    return np.stack(frame.chroma).astype(np.int64)


@pytest.mark.parametrize(
    ("pix_fmt", "tags", "middle", "interlaced"),
    [
        ("yuv420p", None, 128, False),
        ("yuv420p", None, 128, True),
        ("gray10le", FULL, 512, False),
        ("yuv422p10le", None, 512, False),
    ],
)
def test_chroma_is_that_of_an_ordinary_run(
    tmp_path: Path, pix_fmt: str, tags: ColorTags | None, middle: int, interlaced: bool
) -> None:
    source = tmp_path / "in.mkv"
    make_clip(
        source,
        frames=8,
        cuts=[4],
        pix_fmt=pix_fmt,
        tags=tags,
        interlaced=interlaced,
        codec="libx264" if interlaced else "ffv1",
        sound=1,
    )
    whole = frames(run(source, tmp_path / "whole.mkv", OPTIONS))
    film = run(source, tmp_path / "alone.mkv", replace(ALONE, sidecar=True))
    alone = frames(film)
    assert len(alone) == len(whole) == 8
    for ordinary, found in zip(whole, alone, strict=True):
        assert found.pts == ordinary.pts and found.interlaced == interlaced
        assert (found.luma == middle).all()
        assert np.array_equal(chroma(found), chroma(ordinary))
        assert np.ptp(chroma(found)) > 4
    report = verify(source, film)
    assert (report.holds, report.luma, report.worst_block_psnr) == (True, "left out", None)
    assert "colour alone" in notes(report)[0]
    assert json.loads((tmp_path / "alone.mkv.json").read_text())["options"]["output_chroma"]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A source, its colour alone, and an ordinary result."""
    folder = tmp_path_factory.mktemp("films")
    make_clip(folder / "in.mkv", frames=12, width=96, height=64)
    alone = run(folder / "in.mkv", folder / "alone.mkv", ALONE)
    return folder / "in.mkv", alone, run(folder / "in.mkv", folder / "whole.mkv", OPTIONS)


def test_what_is_wrong_with_it_is_found(films: tuple[Path, Path, Path], tmp_path: Path) -> None:
    source, alone, whole = films
    rewrite(alone, tmp_path / "grey.mkv", frames=without_color(3))
    (grey,) = faults(verify(source, tmp_path / "grey.mkv"))
    assert grey.startswith("without colour: frame 3")
    rewrite(alone, tmp_path / "short.mkv", frames=without_frame(5))
    (missing,) = faults(verify(source, tmp_path / "short.mkv"))
    assert missing.startswith("missing from the result: frame 5")
    (other,) = faults(verify(source, whole, output_chroma=True))
    assert other.startswith("luma is not mid-grey: frame 0")


def test_a_film_that_says_nothing_of_it_is_explained(
    films: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    source, alone, _ = films
    rewrite(alone, tmp_path / "bare.mkv", comment="colorized by filmcolor")
    (other,) = faults(verify(source, tmp_path / "bare.mkv"))
    assert other == "the result has no luma; if it was made with --output-chroma, say so here too"
    assert verify(source, tmp_path / "bare.mkv", output_chroma=True).holds


@pytest.mark.parametrize(("suffix", "bits"), [("tif", 16), ("png", 16), ("dpx", 10)])
def test_frames_are_a_matte(
    films: tuple[Path, Path, Path], tmp_path: Path, suffix: str, bits: int
) -> None:
    source = films[0]
    target = run(source, tmp_path / f"f_%03d.{suffix}", replace(ALONE, encode=EncodeOptions()))
    matte = read_frame(str(tmp_path / f"f_004.{suffix}")).picture.to_ndarray().astype(int)
    assert matte.shape == (64, 96, 3)
    half, peak = 1 << (bits - 1), (1 << bits) - 1
    assert (matte[..., 1] == half).all()
    # Of the 4:4:4 run that frames are made of, the mean is that of the film's 4:2:0.
    film = chroma(frames(films[1])[3]).mean(axis=(1, 2))
    cb, cr = ((matte[..., at].mean() - half) / peak * 224 + 128 for at in (2, 0))
    assert (cb, cr) == pytest.approx(tuple(film), abs=0.6)
    assert abs(cb - cr) > 1
    report = verify(source, target, output_chroma=True)
    assert report.holds, faults(report)
    assert not verify(source, target).holds


def test_a_pipe_has_it_too(
    films: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.BytesIO()
    monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=out))
    list(color_film(str(films[0]), "-", replace(ALONE, encode=EncodeOptions())))
    (tmp_path / "out.y4m").write_bytes(out.getvalue())
    lumas = decode_film(tmp_path / "out.y4m")[1]
    assert len(lumas) == 12 and all((luma == 128).all() for luma in lumas)


def test_pictures(tmp_path: Path) -> None:
    grey = np.add.outer(np.arange(32), np.arange(48)).astype(np.uint8) + 60
    Image.fromarray(grey).save(tmp_path / "in.png")

    def result(name: str, options: RunOptions) -> Image.Image:
        list(color_pictures(str(tmp_path / "in.png"), str(tmp_path / name), options))
        return Image.open(tmp_path / name)

    whole = np.asarray(result("whole.jpg", OPTIONS).convert("YCbCr")).astype(int)
    matte = np.asarray(result("alone.png", ALONE)).astype(int)
    assert (matte[..., 1] == 128).all()
    assert np.abs(matte[..., 2] - whole[..., 1]).max() <= 3  # JPEG is lossy
    assert np.abs(matte[..., 0] - whole[..., 2]).max() <= 3
    assert np.ptp(matte[..., 2]) > 4
    photo = result("alone.jpg", ALONE)
    photo.draft("YCbCr", None)
    planes = np.asarray(photo).astype(int)
    assert np.abs(planes[..., 0] - 128).max() <= 1
    assert np.abs(planes[..., 1] - matte[..., 2]).max() <= 3
    with pytest.raises(OptionError, match=r"BMP cannot hold colour alone; choose .png"):
        result("alone.bmp", ALONE)


def test_it_leaves_out_what_upscaling_makes() -> None:
    with pytest.raises(OptionError, match=r"--output-chroma: .* --upscale .* one of the two"):
        RunOptions(output_chroma=True, upscale=2)
    with pytest.raises(OptionError, match="--no-color"):
        RunOptions(output_chroma=True, no_color=True)


def test_work_begun_without_it_is_not_gone_on_with(tmp_path: Path) -> None:
    make_clip(tmp_path / "in.mkv", frames=12, rate=Fraction(2))
    events = color_film(str(tmp_path / "in.mkv"), str(tmp_path / "out.mkv"), OPTIONS)
    for event in events:
        if type(event).__name__ == "Progress":
            break
    events.close()
    film = run(tmp_path / "in.mkv", tmp_path / "out.mkv", ALONE)
    assert all((frame.luma == 128).all() for frame in frames(film))
