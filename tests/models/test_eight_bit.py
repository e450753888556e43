"""The decoder in 8-bit integers: near the float's colours, taken where it is worth it, kept."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from filmcolor.models import checkpoint, openvino_engine
from filmcolor.models.checkpoint import LoadedModel, load_generator
from filmcolor.models.eight_bit import EightBit, built_in_pictures, judged, measured_ranges
from filmcolor.models.openvino_engine import OpenVinoInner
from filmcolor.options import Engine, Precision
from filmcolor.stages.infer import View
from filmcolor.stages.look import look_at
from filmcolor.types import Frame

needs_openvino = pytest.mark.skipif(
    find_spec("openvino") is None, reason="openvino is not installed"
)
PARTS = ("up16.join", "up16.refine", "up8.join", "up8.refine", "up4.join", "up4.refine")
GOOD = EightBit(dict.fromkeys(PARTS, (-40.0, 60.0)), 0.4, 2.0)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A user's cache folder, in which the model is converted once."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.setattr(openvino_engine, "built_in_pictures", lambda: built_in_pictures()[:1])
        load("openvino-int8")
        yield folder / "filmcolor" / "openvino"


def load(engine: Engine, precision: Precision = "fp32") -> LoadedModel:
    return load_generator("default", precision=precision, engine=engine)


def test_built_in_pictures_are_the_same_each_time() -> None:
    first, again = built_in_pictures()[:2], built_in_pictures()[:2]
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    assert first[0].shape == (1, 1, 192, 256)
    assert not torch.equal(*first)
    assert 0 <= first[0].min() < 20 < 80 < first[0].max() <= 100


def test_ranges_reach_further_than_what_was_seen() -> None:
    network = load("torch").generator
    seen: list[tuple[float, float]] = []
    network.get_submodule("up4.refine").register_forward_pre_hook(
        lambda module, given: seen.append((given[0].min().item(), given[0].max().item()))
    )
    ranges = measured_ranges(network, built_in_pictures()[:1])
    assert tuple(ranges) == PARTS
    ((least, greatest),) = seen
    low, high = ranges["up4.refine"]
    assert (least, low) == (0, 0)  # behind a ReLU
    assert greatest * 1.6 <= high < greatest * 1.6 + 0.25
    assert all(edge % 0.25 == 0 for edges in ranges.values() for edge in edges)


@needs_openvino
def test_colors_are_near_those_of_floats_and_not_the_same(cache: Path) -> None:
    exact, coarse = load("openvino"), load("openvino-int8")
    assert (exact.engine, coarse.engine, coarse.remark) == ("openvino", "openvino-int8", "")
    picture = built_in_pictures()[3]
    with torch.inference_mode():
        off = (coarse.generator(picture) - exact.generator(picture)).norm(dim=1)
        again = coarse.generator(picture.repeat(2, 1, 1, 1))[1:]
        assert torch.equal(again, coarse.generator(picture))  # whatever is beside it
    assert 0 < off.mean() < 1  # Lab units


@needs_openvino
def test_things_are_found_without_integers(cache: Path) -> None:
    view, frame = (
        View(8, True, 64, 96),
        Frame(0, 0, np.tile(np.arange(96, dtype=np.uint8), (64, 1))),
    )
    exact, coarse = load("openvino"), load("openvino-int8")
    assert coarse.looker is not coarse.generator
    assert exact.looker is exact.generator
    places, others = look_at(frame, exact, view), look_at(frame, coarse, view)
    assert torch.equal(places.decoded, others.decoded)


@needs_openvino
def test_what_was_found_out_is_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (kept,) = cache.glob("*.int8")
    calls = []

    def counted(*given: object) -> tuple[float, float]:
        calls.append(given)
        return 0.0, 9.0

    monkeypatch.setattr(openvino_engine, "judged", counted)
    load("openvino-int8")
    assert not calls
    kept.write_bytes(kept.read_bytes()[:-1] + b"?")
    load("openvino-int8")
    load("openvino-int8")
    assert len(calls) == 1


def test_what_is_judged() -> None:
    class Network:
        @staticmethod
        def exact(picture: torch.Tensor) -> torch.Tensor:
            return picture

        @staticmethod
        def answer(decoded: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return decoded, decoded

    def slow(shown: torch.Tensor) -> tuple[torch.Tensor, ...]:
        torch.rand(400, 400) @ torch.rand(400, 400)
        return (torch.zeros(1, 2, 3, 3),)

    def quick(shown: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (torch.full((1, 2, 3, 3), 3.0),)

    off, gain = judged(Network(), slow, quick, [torch.zeros(1)] * 4)  # type: ignore[arg-type]
    assert off == pytest.approx(18**0.5)
    assert gain > 1.3


@pytest.mark.parametrize(
    ("off", "gain", "worth"), [(0.99, 1.3, True), (1.0, 9.0, False), (0.1, 1.29, False)]
)
def test_worth_it(off: float, gain: float, worth: bool) -> None:
    found = EightBit(GOOD.ranges, off, gain)
    assert found.is_worth_it is worth
    assert EightBit.from_json(found.to_json().encode()) == found


@needs_openvino
@pytest.mark.parametrize(
    ("asked", "precision", "has_half", "found", "taken"),
    [
        ("auto", "auto", False, GOOD, "openvino-int8"),
        ("auto", "auto", False, EightBit(GOOD.ranges, 2.0, 2.0), "openvino"),
        ("auto", "auto", True, GOOD, "openvino"),  # bfloat16 is quick enough
        ("auto", "fp32", False, GOOD, "openvino"),  # the same on every machine
        ("openvino", "auto", False, GOOD, "openvino"),
        ("openvino-int8", "fp32", True, EightBit(GOOD.ranges, 2.0, 0.5), "openvino-int8"),
    ],
)
def test_when_it_is_taken(
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: Engine,
    precision: Precision,
    has_half: bool,
    found: EightBit,
    taken: Engine,
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr("filmcolor.models.device.half_is_quicker", lambda device: has_half)
    monkeypatch.setattr(OpenVinoInner, "in_eight_bits", lambda self, network: (self, found))
    assert load(asked, precision).engine == taken
    assert checkpoint.load_generator("default", engine="torch").engine == "torch"
