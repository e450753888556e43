"""`--restore`: the same film however it is divided, told in label and sidecar, held by `verify`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from filmcolor.errors import FilmcolorError, OptionError
from filmcolor.jobs.film import color_film
from filmcolor.jobs.plan_file import plan_film
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions
from tests.helpers.clips import decode_film, probe
from tests.helpers.tampering import rewrite
from tests.helpers.tiny_model import tiny_model
from tests.verify.test_check import faults, notes, verify

pytestmark = pytest.mark.e2e

Codes = NDArray[np.uint8]
CUT, FRAMES, RATE = 14, 44, 2
"""Two frames a second, so that few frames make several parts."""


def chosen(kinds: str = "dust", **more: object) -> RunOptions:
    color = ColorOptions(
        device="cpu", model=tiny_model(), size=64, saturation=3.0, coherence=0.0, restore=kinds
    )
    return replace(RunOptions(color=color, encode=EncodeOptions("ffv1")), **more)  # type: ignore[arg-type]


def scene(seed: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    field = cv2.GaussianBlur(rng.normal(0, 1, (96, 128)), (0, 0), 4)
    return np.asarray(120 + 40 * field / field.std())


def planes() -> list[Codes]:
    """Two shots whose exposure wavers, with a speck in every third frame."""
    rng = np.random.default_rng(7)
    made = []
    for number in range(FRAMES):
        level = scene(1 if number < CUT else 2) + rng.normal(0, 1, (96, 128))
        plane = np.clip(np.rint(level * rng.uniform(0.93, 1.07)), 16, 235).astype(np.uint8)
        if number % 3 == 1:
            place = int(rng.integers(15, 112)), int(rng.integers(15, 80))
            cv2.circle(plane, place, 4, 16 if number % 2 else 235, -1)
        made.append(plane)
    return made


def write(path: Path, frames: Sequence[Codes]) -> Path:
    with av.open(str(path), "w") as film:
        stream = film.add_stream("ffv1", rate=Fraction(RATE))
        stream.height, stream.width = frames[0].shape
        stream.pix_fmt = "gray"
        for plane in frames:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(plane, "gray")))
        film.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("film") / "in.mkv", planes())


def run(source: Path, target: Path, options: RunOptions) -> Path:
    list(color_film(str(source), str(target), options))
    return target


def lumas(path: Path) -> list[Codes]:
    return [np.asarray(plane, np.uint8) for plane in decode_film(path)[1]]


@pytest.fixture(scope="module")
def whole(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = chosen("all", sidecar=True)
    return run(film, tmp_path_factory.mktemp("whole") / "out.mkv", options)


def test_dust_is_repaired_told_and_held(film: Path, tmp_path: Path) -> None:
    map_file = tmp_path / "map.mkv"
    options = chosen("dust", sidecar=True, restore_map=str(map_file))
    result = run(film, tmp_path / "out.mkv", options)
    masks = [plane > 100 for plane in lumas(map_file)]
    for before, after, mask in zip(planes(), lumas(result), masks, strict=True):
        assert np.array_equal(before[~mask], after[~mask])
    count = sum(int(mask.sum()) for mask in masks)
    assert json.loads((tmp_path / "out.mkv.json").read_text())["restored"] == {"dust": count}
    assert count > 200
    assert "restored: dust" in str(probe(str(result)).metadata)
    report = verify(film, result)
    assert faults(report) == []
    assert any("8% of a frame's pixels" in line for line in notes(report))


def test_all_of_it_holds(film: Path, whole: Path) -> None:
    assert faults(verify(film, whole)) == []
    facts = json.loads(Path(f"{whole}.json").read_text())
    assert list(facts["restored"]) == ["dust", "scratches", "flicker", "weave", "noise"]
    before, after = (np.array([p.mean() for p in each]) for each in (planes(), lumas(whole)))
    for shot in (slice(0, CUT), slice(CUT, FRAMES)):
        assert np.std(after[shot]) < 0.4 * np.std(before[shot])


def test_a_film_that_was_not_restored_may_not_be_so(
    film: Path, whole: Path, tmp_path: Path
) -> None:
    rewrite(whole, tmp_path / "bare.mkv", comment="colorized by filmcolor 0.1.0, default")
    assert any("luma" in line for line in faults(verify(film, tmp_path / "bare.mkv")))


def test_another_picture_is_a_fault_of_a_restored_film(film: Path, tmp_path: Path) -> None:
    result = run(film, tmp_path / "out.mkv", chosen("dust"))

    def mirrored(index: int, frame: av.VideoFrame) -> av.VideoFrame:
        if index != 20:
            return frame
        made = av.VideoFrame.from_ndarray(frame.to_ndarray()[:, ::-1].copy(), frame.format.name)
        made.pts, made.time_base = frame.pts, frame.time_base
        return made

    rewrite(result, tmp_path / "wrong.mkv", frames=mirrored)
    assert any("frame 20" in line for line in faults(verify(film, tmp_path / "wrong.mkv")))


@pytest.mark.parametrize("how", ["workers", "killed"])
def test_the_same_frames_however_it_is_divided(film: Path, tmp_path: Path, how: str) -> None:
    options = chosen("dust,flicker", no_color=True)
    options = replace(options, color=replace(options.color, model="default"))
    whole = run(film, tmp_path / "whole.mkv", options)
    options = replace(options, workers=2 if how == "workers" else 1)
    target = tmp_path / "out.mkv"
    if how == "killed":
        events = color_film(str(film), str(target), options)
        for event in events:
            if type(event).__name__ == "Progress" and event.done > 15:  # type: ignore[union-attr]
                break
        events.close()
        assert not target.exists()
    run(film, target, options)
    for one, other in zip(lumas(whole), lumas(target), strict=True):
        assert np.array_equal(one, other)


def test_a_plan_restores_single_shots(film: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    list(plan_film(str(film), str(plan), chosen("none")))
    text = plan.read_text()
    first = text.index("[[shot]]")
    end = text.index("\n", text.index("end =", first))
    plan.write_text(f'{text[:end]}\nrestore = "dust"{text[end:]}')
    result = run(film, tmp_path / "out.mkv", chosen("none", plan=str(plan)))
    same = [np.array_equal(a, b) for a, b in zip(planes(), lumas(result), strict=True)]
    assert not all(same[:CUT])
    assert all(same[CUT:])
    assert faults(verify(film, result)) == []
    plan.write_text(f'{text[:end]}\nskip = true\nrestore = "dust"{text[end:]}')
    with pytest.raises(OptionError, match=r"plan\.toml.*restore.*skip = true"):
        run(film, tmp_path / "other.mkv", chosen("none", plan=str(plan)))


def test_a_restorer_alone(film: Path, tmp_path: Path) -> None:
    result = run(film, tmp_path / "out.mkv", chosen("flicker", no_color=True))
    assert "restored by filmcolor" in str(probe(str(result)).metadata)
    assert faults(verify(film, result)) == []


@pytest.mark.parametrize(
    ("kinds", "more", "said"),
    [
        ("dirt", {}, "'dirt': give any of dust, scratches"),
        ("dust,all", {}, "give any of"),
        ("", {}, "give any of"),
        ("dust", {"output_chroma": True}, "leaves out the luma"),
        ("none", {"no_color": True}, "needs --upscale 2, 3 or 4, or --restore"),
        ("none", {"restore_map": "map.mkv"}, "needs --restore"),
    ],
)
def test_what_cannot_be_is_refused(kinds: str, more: dict[str, object], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        chosen(kinds, **more)


def test_a_map_takes_no_other_name(film: Path, tmp_path: Path) -> None:
    for name in (tmp_path / "out.mkv", film):
        options = chosen("dust", restore_map=str(name))
        with pytest.raises(FilmcolorError):
            run(film, tmp_path / "out.mkv", options)
    assert lumas(film)
