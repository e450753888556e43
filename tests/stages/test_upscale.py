"""The stage that raises the resolution: tiles, truth to the source, depths, ranges; whole runs."""

from __future__ import annotations

import struct
from collections import namedtuple
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from filmcolor import disk_space as disk_room
from filmcolor.errors import JobError, OptionError
from filmcolor.events import Notice
from filmcolor.jobs.film import color_film
from filmcolor.jobs.pictures import color_pictures
from filmcolor.models.checkpoint import load_upscaler
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions, VerifyOptions
from filmcolor.stages.upscale import Enlarger, area_reduced, enlarged, enlarged_frame
from filmcolor.types import Frame, Luma
from filmcolor.verify.check import verify_film
from filmcolor.verify.findings import VerifyReport
from filmcolor.verify.picture import brought_down
from tests.helpers.clips import decode_film, luma_picture, make_clip, plane_codes
from tests.helpers.stills import exif_block
from tests.helpers.tiny_model import tiny_model
from tests.helpers.upscalers import write_upscaler

Usage = namedtuple("Usage", "total used free")
QUICK = RunOptions(
    color=ColorOptions(device="cpu", model=tiny_model(), size=96),
    encode=EncodeOptions(codec="ffv1"),
)


@pytest.fixture(scope="module")
def upscaler(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_upscaler(tmp_path_factory.mktemp("models") / "mine.safetensors")


def enlarger(
    name: str, factor: int = 2, bit_depth: int = 8, *, full_range: bool = False, tile: int = 256
) -> Enlarger:
    return Enlarger(load_upscaler(name), factor, bit_depth, full_range=full_range, tile=tile)


def off(source: Luma, large: Luma, factor: int, bit_depth: int = 8) -> float:
    """Mean difference of what is brought back down, in 8-bit codes."""
    again = brought_down(large, factor).astype(float)
    return float(np.abs(again - source).mean()) / (1 << (bit_depth - 8))


@pytest.mark.parametrize("mirrored", [False, True])
def test_tiles_change_nothing(tmp_path: Path, *, mirrored: bool) -> None:
    """Of one picture of less than 20,480 px torch makes the first convolution in another way, whose
    last bits differ; tiles of films are larger.
    """
    name = write_upscaler(tmp_path / "mine.safetensors", mirrored=mirrored)
    luma = luma_picture(0, 330, 420)
    whole = enlarger(name, tile=1000).enlarge(luma)
    assert whole.shape == (660, 840)
    for tile in (48, 64, 100) if mirrored else (200, 256, 400):
        assert np.array_equal(enlarger(name, tile=tile).enlarge(luma), whole)
    plain = cv2.resize(luma, (840, 660), interpolation=cv2.INTER_CUBIC)
    assert np.abs(whole.astype(int) - plain).mean() > 2  # the network had something to say


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize(("bit_depth", "full_range"), [(8, False), (8, True), (10, False)])
def test_brought_back_down_it_is_the_source(
    tmp_path: Path, factor: int, bit_depth: int, full_range: bool
) -> None:
    """Even of a network that adds nonsense, and of a picture that is all texture."""
    name = write_upscaler(tmp_path / "wild.safetensors", strength=0.15)
    luma = luma_picture(3, 60, 80, bit_depth)
    large = enlarger(name, factor, bit_depth, full_range=full_range).enlarge(luma)
    assert large.dtype == luma.dtype
    assert large.shape == (60 * factor, 80 * factor)
    assert off(luma, large, factor, bit_depth) <= 1.0


@pytest.mark.parametrize("mirrored", [False, True])
def test_only_as_much_is_corrected_as_the_bound_asks_for(tmp_path: Path, *, mirrored: bool) -> None:
    """Correcting sharpens grain, so what is near enough is left as the network made it: of the
    picture alone, or of the picture and its mirror image.
    """
    luma = cv2.GaussianBlur(luma_picture(0, 60, 80), (0, 0), 3)
    name = write_upscaler(tmp_path / "mild.safetensors", strength=0.01, mirrored=mirrored)
    network = load_upscaler(name).network
    codes = torch.from_numpy(luma.astype(np.float32))[None, None]
    seen = (codes - 16) / 219
    found = network(seen)
    if mirrored:
        found = (found + network(seen.flip(-1)).flip(-1)) / 2
    bare = (found * 219 + 16).round().clamp(16, 235)[0, 0].numpy()
    large = enlarger(name).enlarge(luma)
    assert off(luma, bare.astype(np.uint8), 2) <= 0.9
    assert np.abs(large - bare).max() <= 1


def test_frames_enlarged_side_by_side_come_in_order_and_are_the_same(upscaler: str) -> None:
    made = enlarger(upscaler)
    frames = [Frame(index, 7 * index, luma_picture(index, 40, 60)) for index in range(7)]
    alone = list(enlarged(zip(frames, "abcdefg", strict=True), made))
    side_by_side = list(enlarged(zip(frames, "abcdefg", strict=True), made, threads=3))
    assert [along for _, along in side_by_side] == list("abcdefg")
    for (frame, _), (other, _) in zip(alone, side_by_side, strict=True):
        assert frame.pts == other.pts
        assert np.array_equal(frame.luma, other.luma)
        assert np.array_equal(frame.guide, other.guide)  # type: ignore[arg-type]


@pytest.mark.parametrize("bit_depth", [8, 10])
def test_colour_is_guided_by_the_source_with_less_grain(upscaler: str, bit_depth: int) -> None:
    rng = np.random.default_rng(0)
    codes = 120 + 4 * rng.normal(size=(40, 60))
    codes[:, 30:] += 80
    luma = np.rint(codes * (1 << (bit_depth - 8))).astype(np.uint8 if bit_depth == 8 else np.uint16)
    made = enlarger(upscaler, 3, bit_depth)
    frame = enlarged_frame(Frame(0, 0, luma), made)
    assert frame.guide is not None
    assert frame.guide.shape == frame.luma.shape
    assert frame.guide.dtype == luma.dtype
    guide = frame.guide / float(1 << (bit_depth - 8))
    assert guide[:, :80].std() < 2.5  # of 4: what is left of the grain
    assert abs(guide[:, :80].mean() - 120) < 1
    across = guide.mean(axis=0)
    assert across[84] < 130 < 190 < across[96]  # the edge, at 90, stays within two px of the source


def test_an_error_in_one_of_several_threads_comes_through(upscaler: str) -> None:
    frames = [Frame(index, index, luma_picture(index, 40, 60)) for index in range(5)]
    broken = enlarger(upscaler)
    broken.enlarge = lambda luma: 1 / 0  # type: ignore[assignment, method-assign]
    with pytest.raises(ZeroDivisionError):
        list(enlarged(zip(frames, frames, strict=True), broken, threads=2))


def test_a_mirrored_picture_is_enlarged_alike(tmp_path: Path) -> None:
    name = write_upscaler(tmp_path / "mirrored.safetensors", mirrored=True)
    luma = luma_picture(1, 40, 60)
    large = enlarger(name).enlarge(luma)
    mirrored = enlarger(name).enlarge(np.ascontiguousarray(luma[:, ::-1]))
    assert np.abs(large.astype(int) - mirrored[:, ::-1]).max() <= 1
    model = load_upscaler(name)
    codes = torch.from_numpy(luma.astype(np.float32) - 16)[None, None] / 219
    lone = [model.network(seen) for seen in (codes, codes.flip(-1))]
    assert float((lone[0] - lone[1].flip(-1)).abs().max()) * 219 > 4  # the network alone is not


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("bit_depth", [8, 10, 12])
def test_codes_beyond_the_range_stay(tmp_path: Path, bit_depth: int, *, full_range: bool) -> None:
    plain = write_upscaler(tmp_path / "plain.safetensors", strength=0.0)
    most = (1 << bit_depth) - 1
    for code in (0, 3, most // 3, most - 2, most):
        luma = np.full((9, 11), code, np.uint8 if bit_depth == 8 else np.uint16)
        large = enlarger(plain, 3, bit_depth, full_range=full_range).enlarge(luma)
        assert (large == code).all()


def test_nothing_overshoots_the_range(upscaler: str) -> None:
    luma = np.full((40, 40), 16, np.uint8)
    luma[:, 20:] = 235
    large = enlarger(upscaler).enlarge(luma)
    assert large.min() >= 16
    assert large.max() <= 235


def test_three_is_four_averaged() -> None:
    plane = np.random.default_rng(0).uniform(size=(24, 32)).astype(np.float32)
    made = area_reduced(torch.from_numpy(plane)[None, None], 4, 3)[0, 0].numpy()
    wanted = cv2.resize(plane, (24, 18), interpolation=cv2.INTER_AREA)
    assert np.allclose(made, wanted, atol=1e-5)


def test_a_network_for_three_makes_three_only(tmp_path: Path) -> None:
    name = write_upscaler(tmp_path / "three.safetensors", scale=3)
    assert enlarger(name, 3).enlarge(luma_picture(0, 20, 30)).shape == (60, 90)
    with pytest.raises(OptionError, match=r"--upscale 2: model three enlarges three times"):
        enlarger(name, 2)


def test_a_network_that_returns_no_numbers(upscaler: str) -> None:
    model = load_upscaler(upscaler)
    with torch.no_grad():
        next(model.network.parameters()).fill_(float("nan"))
    broken = Enlarger(model, 2, 8, full_range=True)
    with pytest.raises(JobError, match="returned no numbers"):
        broken.enlarge(luma_picture(0, 20, 30))


def run(source: Path, target: Path, options: RunOptions) -> None:
    for _ in color_film(str(source), str(target), options):
        pass


def verified(source: Path, target: Path, **chosen: object) -> VerifyReport:
    events = verify_film(str(source), str(target), VerifyOptions(**chosen))  # type: ignore[arg-type]
    while True:
        try:
            next(events)
        except StopIteration as end:
            report: VerifyReport = end.value
            return report


def chroma(path: Path) -> list[np.ndarray[tuple[int, int], np.dtype[np.uint8]]]:
    with av.open(str(path)) as film:
        return [plane_codes(frame, 1) for frame in film.decode(video=0)]  # type: ignore[misc]


@pytest.mark.smoke
@pytest.mark.e2e
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le"])
def test_a_film_made_larger(tmp_path: Path, upscaler: str, pix_fmt: str) -> None:
    """Frames, times and shape stay; luma is true to the source; colours are those of a run
    without it.
    """
    source, plain, large = tmp_path / "in.mkv", tmp_path / "plain.mkv", tmp_path / "large.mkv"
    make_clip(
        source,
        frames=7,
        width=96,
        height=80,
        pix_fmt=pix_fmt,
        cuts=[4],
        sample_aspect_ratio=Fraction(8, 9),
    )
    run(source, plain, QUICK)
    run(source, large, replace(QUICK, upscale=2, upscale_model=upscaler))
    report = verified(source, large)
    assert report.holds, report.findings
    assert any("2 times as many rows" in finding.text for finding in report.findings)
    times, lumas = decode_film(large)
    assert times == decode_film(plain)[0]
    assert {luma.shape for luma in lumas} == {(160, 192)}
    for before, after in zip(chroma(plain), chroma(large), strict=True):
        rows, columns = before.shape
        assert after.shape == (2 * rows, 2 * columns)
        reduced = cv2.resize(after, (columns, rows), interpolation=cv2.INTER_AREA)
        assert np.abs(before.astype(float) - reduced).mean() < (2 if before.itemsize == 1 else 8)


@pytest.mark.e2e
def test_without_colour_it_is_grey_and_said_to_be(tmp_path: Path, upscaler: str) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    make_clip(source, frames=4, width=96, height=80)
    run(source, target, replace(QUICK, upscale=3, upscale_model=upscaler, no_color=True))
    assert all((plane == 128).all() for plane in chroma(target))
    with av.open(str(target)) as film:
        assert film.metadata["COMMENT"].startswith("enlarged by filmcolor")
    assert verified(source, target).holds


def test_a_result_that_is_not_the_source_brought_down_is_found(
    tmp_path: Path, upscaler: str
) -> None:
    source, other = tmp_path / "in.mkv", tmp_path / "other.mkv"
    target = tmp_path / "out.mkv"
    make_clip(source, frames=4, width=96, height=80)
    make_clip(other, frames=4, width=96, height=80, cuts=[3])
    run(other, target, replace(QUICK, upscale=2, upscale_model=upscaler))
    report = verified(source, target)
    assert not report.holds
    luma = [finding for finding in report.findings if "brought back down" in finding.text]
    assert luma and luma[0].places[0].frame == 3


def test_an_untagged_film_that_grows_past_576_lines_says_what_it_is(
    tmp_path: Path, upscaler: str
) -> None:
    """Players would take it for BT.709 by its height."""
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    make_clip(source, frames=2, width=64, height=300)
    run(source, target, replace(QUICK, upscale=2, upscale_model=upscaler, no_color=True))
    with av.open(str(target)) as film:
        assert film.streams.video[0].codec_context.colorspace == 6
    assert verified(source, target).holds


def test_interlaced_film_is_refused(tmp_path: Path, upscaler: str) -> None:
    source = tmp_path / "in.mkv"
    make_clip(source, frames=4, width=96, height=96, interlaced=True)
    options = replace(QUICK, upscale=2, upscale_model=upscaler)
    with pytest.raises(OptionError, match=r"--upscale 2: the film is interlaced.*--deinterlace"):
        run(source, tmp_path / "out.mkv", options)
    run(source, tmp_path / "out.mkv", replace(options, deinterlace=True, no_color=True))
    assert verified(source, tmp_path / "out.mkv", deinterlace=True).holds


@pytest.mark.parametrize("no_color", [False, True])
def test_a_picture_made_larger(tmp_path: Path, upscaler: str, *, no_color: bool) -> None:
    luma = luma_picture(0, 45, 61)
    opacity = np.full_like(luma, 200)
    dpi, inch, wide = (5, struct.pack("<II", 300, 1)), (3, b"\2\0"), (3, b"\x3d\0")
    focal = 5, struct.pack("<II", 2001, 2)
    about = exif_block(
        {256: wide, 282: dpi, 283: dpi, 296: inch},
        {40962: wide, 40963: (4, b"\x2d\0\0\0"), 41486: focal},
    )
    Image.merge("LA", [Image.fromarray(luma), Image.fromarray(opacity)]).save(
        tmp_path / "in.png", dpi=(300, 300), exif=about
    )
    options = replace(QUICK, upscale=2, upscale_model=upscaler, no_color=no_color)
    for _ in color_pictures(str(tmp_path / "in.png"), str(tmp_path / "out.png"), options):
        pass
    with Image.open(tmp_path / "out.png") as made:
        assert made.size == (122, 90)
        assert round(made.info["dpi"][0]) == 600
        found = made.getexif()
        assert (found[282], found[283], found[296], found[256]) == (600, 600, 2, 122)
        details = found.get_ifd(34665)
        assert (details[40962], details[40963], details[41486]) == (122, 90, 2001)
        red, green, blue, alpha = (np.asarray(band) for band in made.split())
    assert (alpha == 200).all()
    assert np.array_equal(red, blue) == no_color
    grey = np.rint(0.299 * red + 0.587 * green + 0.114 * blue.astype(float)).astype(np.uint8)
    assert off(luma, grey, 2) <= 1.2


def test_too_little_room_for_the_larger_film_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, upscaler: str
) -> None:
    """ffv1 takes a quarter of a byte a pixel at least: 15 kB of the film as it is, 61 kB of it
    enlarged.
    """
    source = tmp_path / "in.mkv"
    make_clip(source, frames=4, width=96, height=80)
    usage = Usage(10**12, 0, 30_000)
    monkeypatch.setattr(disk_room.shutil, "disk_usage", lambda _: usage)
    options = replace(QUICK, upscale=2, upscale_model=upscaler)
    with pytest.raises(JobError, match="the disk is too small for this film"):
        run(source, tmp_path / "out.mkv", options)


@pytest.mark.e2e
def test_what_the_work_folder_goes_by(tmp_path: Path, upscaler: str) -> None:
    """Work of another factor or another upscaler is not gone on with; that of the same is."""
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    make_clip(source, frames=3, width=64, height=48)
    options = replace(
        QUICK, upscale=2, upscale_model=upscaler, no_color=True, keep_work=True, overwrite=True
    )
    other = write_upscaler(tmp_path / "other.safetensors", strength=0.02)

    def said(options: RunOptions) -> str:
        events = list(color_film(str(source), str(target), options))
        return " ".join(event.text for event in events if isinstance(event, Notice))

    said(options)
    assert "going on with earlier work" in said(options)
    assert "the upscaler" in said(replace(options, upscale_model=other))
    assert "the options" in said(replace(options, upscale_model=other, upscale=3))


@pytest.mark.process
@pytest.mark.slow
def test_workers_make_the_same_film(tmp_path: Path, upscaler: str) -> None:
    source = tmp_path / "in.mkv"
    cuts = [30, 60]
    make_clip(source, frames=90, rate=Fraction(5), width=64, height=48, cuts=cuts)
    shipped = replace(QUICK.color, model="default")  # workers are other processes
    options = replace(QUICK, color=shipped, upscale=2, upscale_model=upscaler, no_color=True)
    run(source, tmp_path / "one.mkv", options)
    run(source, tmp_path / "two.mkv", replace(options, workers=2))
    one, two = (decode_film(tmp_path / name) for name in ("one.mkv", "two.mkv"))
    assert one[0] == two[0]
    assert all(np.array_equal(a, b) for a, b in zip(one[1], two[1], strict=True))
