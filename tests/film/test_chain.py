"""Where seeking cannot be trusted, each worker decodes a film once, whatever segments it takes."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from filmcolor.film.chain import PlannedFrames
from filmcolor.film.plan import FilmPlan
from filmcolor.film.shot_models import ShotColors
from filmcolor.film.stage_timer import StageTimer
from filmcolor.jobs.ray_actors import FilmActor
from filmcolor.media.read.damage import Damage, Decoded
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions
from filmcolor.segments.workfolder import WorkFolder
from filmcolor.segments.workplace import default_folder
from filmcolor.stages.chroma_drift import Drift
from filmcolor.types import Shot
from tests.helpers.clips import make_clip

RATE = Fraction(4)
FRAMES = 240  # a minute
CODECS = {".avi": "mpeg4", ".vob": "mpeg2video", ".ts": "mpeg2video", ".mkv": "mpeg4"}


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one for each picture that a decoder gives, and that is not told apart by reader."""
    count: list[int] = []
    note = Damage.note

    def counting(damage: Damage, decoded: Decoded) -> Decoded:
        count.append(1)
        return note(damage, decoded)

    monkeypatch.setattr(Damage, "note", counting)
    monkeypatch.setattr("filmcolor.film.chain._NEAR_FRAMES", 10)
    return count


def plan_of(reader: FilmReader) -> FilmPlan:
    """Shots of 5 seconds."""
    pts = np.array([frame.pts for frame in reader.frames()], np.int64)
    edges = [*range(0, len(pts), 20), len(pts)]
    shots = tuple(Shot(a, b, "cut") for a, b in pairwise(edges))
    return FilmPlan(shots, pts, reader.info.time_base, 0, 1, Drift({}))


@pytest.mark.parametrize("suffix", [".avi", ".vob", ".ts"])
@pytest.mark.parametrize("workers", [1, 3])
def test_a_worker_decodes_a_film_once(
    tmp_path: Path, decoded: list[int], suffix: str, workers: int
) -> None:
    path = tmp_path / f"in{suffix}"
    make_clip(path, codec=CODECS[suffix], frames=FRAMES, rate=RATE, width=64, height=48)
    with FilmReader(str(path)) as reader:
        film = plan_of(reader)
        whole, segments = len(decoded), film.segments()
        assert film.frames == whole >= 235 and len(segments) >= 9
        context: Any = SimpleNamespace(
            reader=reader,
            timer=StageTimer(),
            options=RunOptions(),
            shots=ShotColors(ColorOptions(), {}),
            restored=lambda frames: frames,
        )
        for worker in range(workers):
            decoded.clear()
            with closing(PlannedFrames(context, film)) as source:
                for segment in segments[worker::workers]:
                    start, stop = film.needed(segment)
                    got = [frame.pts for frame in source.needed(segment)]
                    assert got == film.pts[start:stop].tolist()
            assert len(decoded) <= whole


def test_an_actor_keeps_the_film_open(tmp_path: Path, decoded: list[int]) -> None:
    """As a Ray cluster calls it: one segment a call."""
    source, target = tmp_path / "in.avi", tmp_path / "out.mkv"
    make_clip(source, codec="mpeg4", frames=90, rate=RATE, cuts=[30, 60], width=64, height=48)
    color = ColorOptions(device="cpu", size=64, smooth="none", saturation=0.0)
    options = RunOptions(color=color, encode=EncodeOptions(codec="ffv1"))
    hand = FilmActor(1)
    with WorkFolder(default_folder(str(target)), {}) as work:
        prepared = hand.prepare(str(source), str(target), options, work.lease_key)
        assert isinstance(prepared, tuple), prepared
        _, task = prepared
        _, film = task.open_folder()
        decoded.clear()
        segments = range(len(film.segments()))
        assert len(segments) >= 3
        made = [hand.make(replace(task), number) for number in segments]
        assert sum(each for each in made if isinstance(each, int)) == 90
        assert len(decoded) == 90
        assert hand.join(task) == 90


def test_where_seeking_can_be_trusted_a_far_place_is_sought(
    tmp_path: Path, decoded: list[int]
) -> None:
    path = tmp_path / "in.mkv"
    make_clip(
        path, codec="mpeg4", frames=FRAMES, rate=RATE, width=32, height=32, options={"g": "12"}
    )
    with FilmReader(str(path)) as reader:
        film = plan_of(reader)
        decoded.clear()
        context: Any = SimpleNamespace(
            reader=reader,
            timer=StageTimer(),
            options=RunOptions(),
            shots=ShotColors(ColorOptions(), {}),
            restored=lambda frames: frames,
        )
        with closing(PlannedFrames(context, film)) as source:
            assert [frame.pts for frame in source.between(220, 222)] == film.pts[220:222].tolist()
        assert len(decoded) < 60
