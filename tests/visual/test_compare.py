"""Two films in one picture: whose pixels are where, at which times, with whose sound."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from filmcolor.errors import MediaError, OptionError
from filmcolor.events import Event, Notice
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.options import CompareOptions, EncodeOptions, RunOptions
from filmcolor.types import ColorTags, Frame
from filmcolor.visual.compare import compare_films
from tests.helpers.clips import Plane, decode_film, make_clip
from tests.helpers.coloring import CB_8BIT, color, options
from tests.helpers.tampering import rewrite, without_frame

EXACT = RunOptions(encode=EncodeOptions(codec="ffv1"))
LINE = round(16 + 0.92 * 219)


def compare(first: Path, second: Path, target: Path, **chosen: object) -> list[Event]:
    made = CompareOptions(**{"run": EXACT, **chosen})  # type: ignore[arg-type]
    return list(compare_films(str(first), str(second), str(target), made))


def frames_of(path: Path) -> list[Frame]:
    with FilmReader(str(path)) as reader:
        return list(reader.frames(with_chroma=True))


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[Plane]]:
    """A film with uneven times and sound, its result in one colour, and its luma."""
    folder = tmp_path_factory.mktemp("films")
    film, result = folder / "reel.mp4", folder / "color.mkv"
    pts = [0, 1000, 2000, 4000, 4500, 7000, 8000, 9000]
    lumas = make_clip(
        film, codec="libx264", options={"qp": "0"}, time_base=Fraction(1, 24000), pts=pts, sound=1
    )
    color(film, result, options("ffv1"))
    return film, result, lumas


def test_left_is_the_first_and_right_the_second(
    films: tuple[Path, Path, list[Plane]], tmp_path: Path
) -> None:
    film, result, lumas = films
    compare(film, result, tmp_path / "split.mkv")
    shown = frames_of(tmp_path / "split.mkv")
    assert len(shown) == len(lumas)
    for frame, luma in zip(shown, lumas, strict=True):
        assert (frame.luma[:, 30:32] == luma[:, 30:32]).all()
        assert (frame.luma[:, 32:34] == LINE).all()
        rest = np.r_[0:32, 34:64]
        assert (frame.luma[:, rest] == luma[:, rest]).all()  # of one film, of both
        cb = frame.chroma[0]
        assert (cb[:, :17] == 128).all() and (cb[:, 17:] == CB_8BIT).all()


def test_times_and_sound_are_the_first_films(
    films: tuple[Path, Path, list[Plane]], tmp_path: Path
) -> None:
    run = RunOptions(encode=EncodeOptions(preset="ultrafast"))
    compare(films[0], films[1], tmp_path / "split.mp4", run=run)
    with av.open(str(films[0])) as before, av.open(str(tmp_path / "split.mp4")) as after:
        times = [
            [frame.pts * frame.time_base for frame in film.decode(video=0)]
            for film in (before, after)
        ]
        assert times[0] == times[1] and len(times[0]) == 8
        assert len(after.streams.audio) == 1
        assert after.metadata["comment"].startswith("reel.mp4 beside color.mkv, by filmcolor ")


def test_frames_meet_by_their_times(films: tuple[Path, Path, list[Plane]], tmp_path: Path) -> None:
    film, result, lumas = films
    rewrite(result, tmp_path / "short.mkv", frames=without_frame(3))
    compare(film, tmp_path / "short.mkv", tmp_path / "split.mkv")
    for index, frame in enumerate(frames_of(tmp_path / "split.mkv")):
        other = lumas[2 if index == 3 else index]  # the one before stays
        assert (frame.luma[:, :32] == lumas[index][:, :32]).all()
        assert (frame.luma[:, 34:] == other[:, 34:]).all()


def test_a_second_film_that_ends_early(
    films: tuple[Path, Path, list[Plane]], tmp_path: Path
) -> None:
    film, _, lumas = films
    make_clip(tmp_path / "short.mkv", frames=2, width=64, height=48)
    told = compare(film, tmp_path / "short.mkv", tmp_path / "split.mkv")
    warned = [each.text for each in told if isinstance(each, Notice) and each.warning]
    assert len(warned) == 1 and "ends 0.2" in warned[0] and "its last frame stays" in warned[0]
    last = frames_of(tmp_path / "split.mkv")[-1]
    assert (last.luma[:, 34:] == lumas[1][:, 34:]).all()


def test_a_part_begins_in_both(films: tuple[Path, Path, list[Plane]], tmp_path: Path) -> None:
    part = replace(EXACT, start_seconds=Fraction(4500, 24000), duration_seconds=Fraction(1, 8))
    compare(films[0], films[1], tmp_path / "part.mkv", run=part)
    shown = frames_of(tmp_path / "part.mkv")
    assert [round(frame.pts) for frame in shown] == [0, 104]
    assert (shown[1].luma[:, 40:] == films[2][5][:, 40:]).all()
    assert (shown[1].chroma[0][:, 20:] == CB_8BIT).all()


def test_a_wipe_goes_over_and_back(tmp_path: Path) -> None:
    make_clip(tmp_path / "a.mkv", frames=24, width=64, height=32)
    color(tmp_path / "a.mkv", tmp_path / "b.mkv", options("ffv1"))
    wipe = {"mode": "wipe", "period_seconds": Fraction(1)}
    compare(tmp_path / "a.mkv", tmp_path / "b.mkv", tmp_path / "wipe.mkv", **wipe)
    widths = [int((f.chroma[0][0] == CB_8BIT).sum()) for f in frames_of(tmp_path / "wipe.mkv")]
    assert widths[0] == 0 and widths[12] == 32
    assert widths[:13] == sorted(widths[:13]) and widths[12:] == sorted(widths[12:], reverse=True)
    steps = np.abs(np.diff(widths))
    assert steps.max() <= 6


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("mode", ["split", "side"])
def test_left_is_left_as_it_is_displayed(tmp_path: Path, rotation: int, mode: str) -> None:
    make_clip(tmp_path / "a.mp4", frames=2, codec="libx264", rotation=rotation)
    color(tmp_path / "a.mp4", tmp_path / "b.mp4", options())
    run = RunOptions(encode=EncodeOptions(lossless=True, preset="ultrafast"))
    compare(tmp_path / "a.mp4", tmp_path / "b.mp4", tmp_path / "c.mp4", mode=mode, run=run)
    with FilmReader(str(tmp_path / "c.mp4")) as reader:
        assert reader.info.rotation == rotation
        (frame, _) = reader.frames(with_chroma=True)
    displayed = np.rot90(frame.chroma[0], rotation // 90)
    middle = displayed.shape[1] // 2
    assert (displayed[:, : middle - 2] == 128).all()
    assert (np.abs(displayed[:, middle + 2 :].astype(int) - CB_8BIT) < 4).all()
    upright = (48, 64) if rotation % 180 == 0 else (64, 48)
    wide = upright[1] * (2 if mode == "side" else 1)
    assert np.rot90(frame.luma, rotation // 90).shape == (upright[0], wide)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv420p10le", "gray"])
def test_other_sizes_layouts_and_tags_are_brought_to_the_first(
    tmp_path: Path, pix_fmt: str
) -> None:
    first, second = ColorTags(6, 6, 6, False), ColorTags(1, 1, 1, True)
    make_clip(tmp_path / "a.mkv", frames=1, pix_fmt=pix_fmt, colored=True, tags=first)
    make_clip(
        tmp_path / "b.mkv",
        frames=1,
        width=128,
        height=96,
        pix_fmt="yuv420p",
        colored=True,
        tags=second,
    )
    told = compare(tmp_path / "a.mkv", tmp_path / "b.mkv", tmp_path / "c.mkv")
    assert any(isinstance(each, Notice) and "scaled to 64x48" in each.text for each in told)
    from filmcolor.visual.rgb import PictureMaker

    pictures = []
    for name in ("b.mkv", "c.mkv"):
        with FilmReader(str(tmp_path / name)) as reader:
            (frame,) = reader.frames(with_chroma=True)
            pictures.append(PictureMaker(reader.info, None, 48).picture(frame).astype(float))
    off = np.abs(pictures[0] - pictures[1])[:, 36:]
    assert off.mean() < 3 + 3 * (pix_fmt == "gray")


def test_bad_input(films: tuple[Path, Path, list[Plane]], tmp_path: Path) -> None:
    film, result, _ = films
    with pytest.raises(OptionError, match="compare needs files"):
        compare(film, Path("-"), tmp_path / "c.mkv")
    with pytest.raises(OptionError, match="is the source itself"):
        compare(film, result, film)
    with pytest.raises(OptionError, match="must end in"):
        compare(film, result, tmp_path / "c.avi")
    make_clip(tmp_path / "turned.mp4", codec="libx264", rotation=90)
    with pytest.raises(OptionError, match="turned by 90 degrees"):
        compare(film, tmp_path / "turned.mp4", tmp_path / "c.mkv")
    (tmp_path / "text.mkv").write_text("no film")
    with pytest.raises(MediaError):
        compare(film, tmp_path / "text.mkv", tmp_path / "c.mkv")
    with pytest.raises(OptionError, match="--period 0: must be"):
        CompareOptions(period_seconds=Fraction(0))
    assert not (tmp_path / "c.mkv").exists()


def test_the_second_film_is_protected(films: tuple[Path, Path, list[Plane]]) -> None:
    before = films[1].read_bytes()
    with pytest.raises(OptionError):
        compare(films[0], films[1], films[1], run=replace(EXACT, overwrite=True))
    assert films[1].read_bytes() == before
    assert len(decode_film(films[1])[0]) == 8
