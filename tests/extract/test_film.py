"""Frames to train on: sharp, in colour, a few a shot, no two alike, all others accounted for."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from filmcolor.errors import MediaError, OptionError
from filmcolor.events import FilmAdvanced, FrameCounts, Notice
from filmcolor.extract.film import PickedFrame, examine, pick_frames
from filmcolor.extract.frame_checks import Fingerprints
from filmcolor.extract.settings import ExtractSettings
from filmcolor.media.read.film_reader import FilmReader
from tests.helpers.clips import make_clip
from tests.helpers.color_films import (
    Picture,
    blurred,
    grey,
    pan,
    sepia,
    still,
    write_film,
)

MILLISECOND = Fraction(1, 1000)
"""Matroska's clock."""


def pick(
    path: Path, seen: Fingerprints | None = None, **chosen: object
) -> tuple[list[PickedFrame], FrameCounts]:
    """The frames that are picked, and counts that must add up."""
    counts = FrameCounts()
    settings = ExtractSettings(**chosen)  # type: ignore[arg-type]
    picked = list(pick_frames(str(path), settings, counts, seen))
    assert counts.kept == len(picked)
    assert counts.frames == counts.kept + sum(counts.rejected.values())
    return picked, counts


def test_a_few_of_each_shot(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.mkv", [*pan(1, 36), *pan(2, 24), *pan(3, 8)])
    picked, counts = pick(film)
    taken = [[frame.shot for frame in picked].count(shot) for shot in range(3)]
    assert taken[0] == 3
    assert taken[1] in (2, 3)
    assert taken[2] in (1, 2)
    assert (counts.frames, counts.shots) == (68, 3)
    assert counts.rejected == {"surplus": 68 - sum(taken)}
    for first, second in pairwise(picked):
        assert second.seconds - first.seconds >= Fraction(1, 2) or first.shot != second.shot
    assert all(abs(f.seconds - Fraction(f.index, 12)) <= MILLISECOND / 2 for f in picked)
    early, middle, late = (frame.index for frame in picked[:3])
    assert early < 12 <= middle < 24 <= late < 36


def test_pictures_are_the_films(tmp_path: Path) -> None:
    pictures = [*pan(1, 12), *pan(2, 12)]
    film = write_film(tmp_path / "a.mkv", pictures, pix_fmt="yuv444p")
    picked, _ = pick(film, per_shot=1)
    assert len(picked) == 2
    for frame in picked:
        assert np.abs(frame.rgb - 255 * pictures[frame.index]).max() < 2.5


def test_per_shot_is_a_limit(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.mkv", [*pan(1, 24), *pan(2, 24)])
    picked, counts = pick(film, per_shot=1)
    assert [frame.shot for frame in picked] == [0, 1]
    assert counts.rejected == {"surplus": 46}


def test_the_sharp_frames_are_taken(tmp_path: Path) -> None:
    """Every fourth frame is in focus, the others are somewhat, or very, out of it."""
    sharp = pan(1, 36)
    pictures = [p if n % 4 == 1 else blurred(p, 0.6) for n, p in enumerate(sharp)]
    picked, counts = pick(write_film(tmp_path / "a.mkv", pictures))
    assert [frame.index % 4 for frame in picked] == [1, 1, 1]
    assert "blurred" not in counts.rejected


def test_frames_that_are_soft_for_their_shot_are_not_taken(tmp_path: Path) -> None:
    pictures = pan(1, 36)
    pictures[12:] = [blurred(picture, 1.5) for picture in pictures[12:]]
    picked, counts = pick(write_film(tmp_path / "a.mkv", pictures))
    assert len(picked) == 1
    assert picked[0].index < 12
    assert counts.rejected["blurred"] >= 2


def test_a_still_shot_gives_one_frame(tmp_path: Path) -> None:
    picked, counts = pick(write_film(tmp_path / "a.mkv", still(1, 36)))
    assert len(picked) == 1
    assert counts.rejected["duplicate"] >= 2
    assert len(pick(tmp_path / "a.mkv", min_distance=0)[0]) == 3


def test_no_picture_comes_twice_in_one_film_or_several(tmp_path: Path) -> None:
    first = write_film(tmp_path / "a.mkv", [*still(1, 8), *still(2, 8), *still(1, 8)])
    second = write_film(tmp_path / "b.mkv", [*still(2, 8), *still(3, 8)])
    seen = Fingerprints()
    picked, _ = pick(first, seen)
    assert [frame.shot for frame in picked] == [0, 1]
    picked, counts = pick(second, seen)
    assert [frame.shot for frame in picked] == [1]
    assert counts.rejected["duplicate"] == 2
    assert len(seen) == 3


def test_what_cannot_be_learnt_from_is_counted(tmp_path: Path) -> None:
    black, white = np.zeros((64, 96, 3)), np.ones((64, 96, 3))
    pictures = [
        *[black] * 6,
        *[grey(picture) for picture in pan(1, 8)],
        *[white] * 6,
        *[sepia(picture) for picture in pan(2, 10)],
        *pan(3, 12),
    ]
    picked, counts = pick(write_film(tmp_path / "a.mkv", pictures))
    expected = {"black": 6, "blank": 6, "grey": 8, "tinted": 10}
    assert {k: v for k, v in counts.rejected.items() if k != "surplus"} == expected
    assert {frame.index >= 30 for frame in picked} == {True}


@pytest.mark.parametrize("make", [grey, sepia])
def test_a_film_without_colour_gives_nothing(tmp_path: Path, make: type[Picture]) -> None:
    film = write_film(tmp_path / "a.mkv", [make(picture) for picture in pan(1, 20)])
    picked, counts = pick(film)
    assert picked == []
    assert counts.frames == 20


def test_a_long_shot_counts_as_several(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.mkv", pan(1, 72))
    once, _ = pick(film, per_shot=1)
    often, counts = pick(film, per_shot=1, every_seconds=2.0)
    assert len(once) == 1
    assert [frame.index // 24 for frame in often] == [0, 1, 2]
    assert counts.shots == 1


def test_a_limit_is_spread_over_the_film(tmp_path: Path) -> None:
    pictures = [picture for seed in range(12) for picture in pan(seed, 8)]
    film = write_film(tmp_path / "a.mkv", pictures)
    everything, _ = pick(film, per_shot=1)
    picked, counts = pick(film, per_shot=1, max_frames=4)
    assert len(everything) == 12
    assert len(picked) == 4
    assert [frame.shot // 3 for frame in picked] == [0, 1, 2, 3]
    assert counts.rejected["limit"] > 0


def test_a_part_of_the_film(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.mkv", [*pan(1, 24), *pan(2, 24)])

    picked, counts = pick(
        film, per_shot=1, start_seconds=Fraction(1), duration_seconds=Fraction(5, 2)
    )
    assert counts.frames == 30
    assert [frame.shot for frame in picked] == [0, 1]
    assert all(12 <= frame.index < 42 for frame in picked)
    assert all(abs(f.seconds - Fraction(f.index, 12)) <= MILLISECOND / 2 for f in picked)
    with pytest.raises(MediaError, match="no frame at 60 s"):
        pick(film, start_seconds=Fraction(60))


def test_bars_are_cut_off(tmp_path: Path) -> None:
    pictures = []
    for picture in pan(1, 24):
        screen = np.zeros((96, 96, 3))
        screen[16:80] = picture
        pictures.append(screen)
    picked, _ = pick(write_film(tmp_path / "a.mkv", pictures))
    assert {frame.rgb.shape for frame in picked} == {(64, 96, 3)}
    assert min(float(frame.rgb[0].mean()) for frame in picked) > 60


def test_pictures_are_upright_square_and_small(tmp_path: Path) -> None:
    film = write_film(
        tmp_path / "a.mov",
        pan(1, 12),
        rotation=90,
        sample_aspect_ratio=Fraction(4, 3),
        codec="libx264",
    )
    picked, _ = pick(film, per_shot=1)
    assert picked[0].rgb.shape == (96, 48, 3)
    picked, _ = pick(film, per_shot=1, short_side=32)
    assert picked[0].rgb.shape == (64, 32, 3)


def test_an_hdr_film_is_refused(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.mkv", pan(1, 4), matrix=9, transfer=16, pix_fmt="yuv420p10le")
    with pytest.raises(MediaError, match="HDR"):
        pick(film)


def test_ten_bit_films_give_the_same_frames(tmp_path: Path) -> None:
    pictures = [*pan(1, 24), *pan(2, 12)]
    eight, _ = pick(write_film(tmp_path / "a.mkv", pictures))
    ten, _ = pick(write_film(tmp_path / "b.mkv", pictures, pix_fmt="yuv420p10le", matrix=1))
    assert [frame.index for frame in eight] == [frame.index for frame in ten]
    for first, second in zip(eight, ten, strict=True):
        assert np.abs(first.rgb.astype(int) - second.rgb).mean() < 1.0


def test_signs_of_life(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.mkv", pan(1, 20))
    with FilmReader(str(film)) as reader:
        items = list(examine(reader, ExtractSettings(), FrameCounts()))
    progress = [item for item in items if isinstance(item, FilmAdvanced)]
    assert [item.done for item in progress] == list(range(1, 21))
    assert {item.total for item in progress} == {20}
    assert not [item for item in items if isinstance(item, Notice)]


def test_an_interlaced_film_is_made_whole(tmp_path: Path) -> None:
    """Fields of different moments would be combs, which look sharp."""
    film = tmp_path / "a.mkv"
    make_clip(film, codec="libx264", frames=12, interlaced=True, colored=True, width=96, height=64)
    with FilmReader(str(film)) as reader:
        assert reader.info.interlaced
        items = list(examine(reader, ExtractSettings(per_shot=1), FrameCounts()))
    texts = [item.text for item in items if isinstance(item, Notice)]
    assert any("interlaced" in text for text in texts)
    assert sum(isinstance(item, FilmAdvanced) for item in items) == 12
    (picked,) = (item for item in items if isinstance(item, PickedFrame))
    assert picked.rgb.shape == (64, 96, 3)


@pytest.mark.parametrize(
    ("chosen", "text"),
    [
        ({"per_shot": 0}, "--per-shot 0"),
        ({"per_shot": 51}, "--per-shot 51"),
        ({"every_seconds": 0.0}, "--every 0"),
        ({"every_seconds": float("nan")}, "--every nan"),
        ({"max_frames": 0}, "--max-frames 0"),
        ({"short_side": 16}, "--short-side 16"),
        ({"min_distance": 65}, "--min-distance 65"),
        ({"start_seconds": Fraction(-1)}, "--start"),
        ({"duration_seconds": Fraction(0)}, "--duration"),
    ],
)
def test_settings_that_cannot_be(chosen: dict[str, object], text: str) -> None:
    with pytest.raises(OptionError, match=text):
        ExtractSettings(**chosen)  # type: ignore[arg-type]


def test_counts_add_up() -> None:
    sums = FrameCounts(10, 1, 2, {"grey": 8})
    sums.add(FrameCounts(5, 2, 1, {"grey": 1, "black": 3}))
    sums.reject("blank", 0)
    assert sums == FrameCounts(15, 3, 3, {"grey": 9, "black": 3})
