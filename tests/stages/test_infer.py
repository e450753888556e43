"""The colouring stage: one field for every frame, whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from filmcolor.color import lightness, normalize_luma
from filmcolor.errors import JobError, OptionError
from filmcolor.models.base import Generator, Hint
from filmcolor.models.card import Descriptor, ModelCard
from filmcolor.models.checkpoint import LoadedModel
from filmcolor.models.coherence import Seen, find_things
from filmcolor.models.device import one_of_several, resolve_device
from filmcolor.stages.infer import Together, View, infer, infer_sparsely, show_lightness
from filmcolor.stages.look import look_at
from filmcolor.stages.things import pack
from filmcolor.types import AbMap, Box, Frame, KnownColors, Luma, Uncolored


class Slope(Generator):
    """ab from lightness and place, so that a test can tell where a value came from."""

    def __init__(self, largest_batch: int = 99) -> None:
        super().__init__()
        self.batches: list[int] = []
        self.largest_batch = largest_batch

    def forward(self, lightness: Tensor, hint: Hint | None = None) -> Tensor:
        self.batches.append(len(lightness))
        if len(lightness) > self.largest_batch:
            raise torch.OutOfMemoryError("made up")
        small = lightness[..., ::4, ::4]
        return torch.cat([small, torch.arange(small.shape[-1]).expand_as(small) * 1.0], dim=1)


def loaded(generator: Generator) -> LoadedModel:
    return LoadedModel(generator, ModelCard(name="t", architecture="none"), torch.device("cpu"))


def frames(count: int, height: int = 64, width: int = 96) -> Iterator[Frame]:
    for index in range(count):
        yield Frame(index, index * 7, np.full((height, width), 20 + index, np.uint8))


def test_every_frame_gets_its_own_field_in_order() -> None:
    generator = Slope()
    pairs = list(infer(frames(11), loaded(generator), View(8, True, 64, 96), 4))
    assert generator.batches == [4, 4, 3]
    assert [frame.pts for frame, _ in pairs] == [i * 7 for i in range(11)]
    for frame, field in pairs:
        expected = lightness(normalize_luma(torch.tensor(20 + frame.index), 8, True)).item()
        assert field.index == frame.index
        assert field.ab.shape == (2, 16, 24)
        assert np.allclose(field.ab[0], expected, atol=1e-3)
        assert np.allclose(field.lightness, expected, atol=1e-3)


def test_out_of_memory_halves_the_batch_and_loses_no_frame() -> None:
    generator = Slope(largest_batch=2)
    pairs = list(infer(frames(13), loaded(generator), View(8, True, 64, 96), 8))
    assert generator.batches[:3] == [8, 4, 2]
    assert [frame.index for frame, _ in pairs] == list(range(13))
    assert [field.index for _, field in pairs] == list(range(13))


def test_a_single_frame_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(JobError, match="smaller --size"):
        list(infer(frames(3), loaded(Slope(largest_batch=0)), View(8, True, 64, 96), 2))


def test_a_field_that_is_not_finite_is_an_error_and_not_a_grey_frame() -> None:
    class Broken(Generator):
        def forward(self, lightness: Tensor, hint: Hint | None = None) -> Tensor:
            return torch.full((len(lightness), 2, 16, 24), float("nan"))

    with pytest.raises(JobError, match="frames 0 to 1"):
        list(infer(frames(3), loaded(Broken()), View(8, True, 64, 96), 2))


def test_bars_are_cut_away() -> None:
    luma = np.zeros((80, 96), np.uint16)
    luma[8:72] = 512
    view = View(10, False, 64, 96, box=Box(8, 0, 72, 96))
    shown = view.show(luma)
    assert shown.shape == (64, 96)
    assert (shown == 512).all()


class Doubtful(Slope):
    """The further to the right, the surer."""

    def with_confidence(
        self, lightness: Tensor, hint: Hint | None = None
    ) -> tuple[Tensor, Tensor | None]:
        ab = self(lightness, hint)
        return ab, ab[:, 1:] / ab.shape[-1]


def test_how_sure_the_model_is_comes_with_its_colours() -> None:
    ((_, doubtful),) = infer(frames(1), loaded(Doubtful()), View(8, True, 96, 64, 90), 1)
    ((_, silent),) = infer(frames(1), loaded(Slope()), View(8, True, 96, 64, 90), 1)
    assert silent.confidence is None
    assert doubtful.confidence is not None and doubtful.confidence.shape == (16, 24)
    assert np.allclose(doubtful.confidence, doubtful.ab[1] / 16)  # turned back as ab is
    assert np.array_equal(doubtful.ab, silent.ab)


def test_what_somebody_said_is_certain() -> None:
    known = KnownColors(
        0, np.full((2, 16, 24), 9.0, np.float32), np.full((16, 24), 0.5, np.float32)
    )
    view = View(8, True, 64, 96)
    ((_, told),) = infer(frames(1), loaded(Doubtful()), view, 1, lambda frame: known)
    ((_, guessed),) = infer(frames(1), loaded(Doubtful()), view, 1)
    assert told.confidence is not None and guessed.confidence is not None
    assert np.allclose(told.confidence, 0.5 + 0.5 * guessed.confidence)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_turned_film_is_shown_upright_and_its_field_turned_back(rotation: int) -> None:
    upright = np.zeros((64, 96), np.uint8)
    upright[:16] = 200
    stored = np.ascontiguousarray(np.rot90(upright, -(rotation // 90)))
    view = View(8, True, 64, 96, rotation)
    assert np.array_equal(view.show(stored), upright)
    (pair,) = infer([Frame(0, 0, stored)], loaded(Slope()), view)
    bright = pair[1].ab[0] > 40
    assert bright.shape == (stored.shape[0] // 4, stored.shape[1] // 4)
    assert np.array_equal(bright, stored[::4, ::4] == 200)
    assert pair[1].lightness.shape == stored.shape


def test_a_small_film_is_enlarged_and_a_large_one_averaged() -> None:
    checker = np.indices((256, 256)).sum(axis=0) % 2 * 200
    view = View(8, True, 64, 64)
    assert np.all(view.show(checker.astype(np.uint8)) == 100)
    assert view.show(np.full((10, 12), 7, np.uint8)).shape == (64, 64)


@pytest.mark.parametrize(
    "name", ["gpu", "cpu:1", "cuda:x", "cuda:99", "mps:0", "xpu:y", "xpu:9", ""]
)
def test_devices_that_are_not_there(name: str) -> None:
    with pytest.raises(OptionError, match="--device"):
        resolve_device(name)


def test_auto_finds_a_device() -> None:
    assert resolve_device("auto").type in ("cpu", "cuda", "mps", "xpu")
    assert resolve_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("kind", ["cuda", "xpu"])
def test_processes_are_spread_over_the_cards(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    here = torch.device(kind)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda **_: here)
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    assert resolve_device("auto") == resolve_device(kind) == here
    assert [one_of_several(here, number).index for number in range(4)] == [0, 1, 0, 1]
    named = resolve_device(f"{kind}:1")
    assert one_of_several(named, 0) == named
    with pytest.raises(OptionError, match=f"2 {kind.upper()} devices usable here"):
        resolve_device(f"{kind}:2")
    assert one_of_several(torch.device("cpu"), 3) == torch.device("cpu")


def two_shots(first: int, second: int) -> Iterator[Frame]:
    for frame in frames(first + second):
        later = frame.index >= first
        yield replace(frame, shot=int(later), place=frame.index - first * later)


@pytest.mark.parametrize("batch_size", [1, 4, 50])
def test_every_nth_frame_of_a_shot_is_seen_and_the_others_come_with_their_lightness(
    batch_size: int,
) -> None:
    generator = Slope()
    view = View(8, True, 64, 96)
    pairs = list(infer_sparsely(two_shots(8, 7), loaded(generator), view, batch_size, 3))
    full = [field for _, field in infer(two_shots(8, 7), loaded(Slope()), view)]
    assert [frame.index for frame, _ in pairs] == list(range(15))
    seen = [frame.index for frame, field in pairs if isinstance(field, AbMap)]
    assert seen == [0, 3, 6, 8, 11, 14]
    # Batches are filled up: a field does not depend on how many frames come with it.
    assert generator.batches == [max(1, batch_size // 3)] * (1 if batch_size == 50 else 6)
    for (frame, field), whole in zip(pairs, full, strict=True):
        assert field.index == frame.index
        assert np.array_equal(field.lightness, whole.lightness)
        if isinstance(field, Uncolored):
            assert field.grid == whole.ab.shape[1:]
        else:
            assert np.array_equal(field.ab, whole.ab)


def test_a_stride_of_one_shows_every_frame() -> None:
    pairs = list(infer_sparsely(two_shots(3, 2), loaded(Slope()), View(8, True, 64, 96), 2, 1))
    assert all(isinstance(field, AbMap) for _, field in pairs)
    assert len(pairs) == 5


def test_uncoloured_frames_are_turned_as_the_coloured_ones() -> None:
    view = View(8, True, 96, 64, rotation=90)
    (_, key), (_, between) = infer_sparsely(two_shots(2, 0), loaded(Slope()), view, 4, 2)
    assert isinstance(key, AbMap) and isinstance(between, Uncolored)
    assert between.grid == key.ab.shape[1:]
    assert between.lightness.shape == key.lightness.shape


class Following(Slope):
    """Gives what it is told where it is told something."""

    def __init__(self) -> None:
        super().__init__()
        self.hints: list[Hint] = []

    def forward(self, lightness: Tensor, hint: Hint | None = None) -> Tensor:
        plain = super().forward(lightness)
        if hint is None:
            return plain
        self.hints.append(hint)
        return torch.full_like(plain, 33.0)


def known_at(*indices: int, whole: bool) -> Callable[[Frame], KnownColors | None]:
    sure = np.zeros((16, 24), np.float32)
    sure[4:8, 4:8] = 1
    sure[8:, :] = 0.5
    ab = np.full((2, 16, 24), -50, np.float32)

    def known(frame: Frame) -> KnownColors | None:
        return KnownColors(frame.index, ab, sure, whole) if frame.index in indices else None

    return known


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("accepts", [False, True])
def test_known_colors_stand_and_other_frames_are_as_without_them(
    whole: bool, accepts: bool
) -> None:
    generator, view = Following(), View(8, True, 64, 96)
    card = ModelCard(name="t", architecture="none", descriptor=Descriptor(accepts_hints=accepts))
    model = LoadedModel(generator, card, torch.device("cpu"))
    known = known_at(2, 3, 6, whole=whole)
    plain = list(infer_sparsely(two_shots(5, 4), model, view, 4))
    guided = list(infer_sparsely(two_shots(5, 4), model, view, 4, hint_source=known))
    for (_, before), (frame, after) in zip(plain, guided, strict=True):
        assert isinstance(before, AbMap) and isinstance(after, AbMap)
        if frame.index not in (2, 3, 6):
            assert np.array_equal(before.ab, after.ab) and after.hint_map is None
            continue
        unknown = np.full_like(before.ab, 33.0) if whole and accepts else before.ab
        assert (after.ab[:, 4:8, 4:8] == -50).all()
        assert np.array_equal(after.ab[:, :4], unknown[:, :4])
        assert np.allclose(after.ab[:, 8:], (unknown[:, 8:] - 50) / 2)
        assert (
            after.hint_map is not None and after.hint_map[0, 0] == 0 and after.hint_map[5, 5] == 1
        )
    assert len(generator.hints) == (2 if whole and accepts else 0)
    for hint in generator.hints:  # filled up as every batch is
        assert hint.ab.shape == (4, 2, 64, 96)
        assert float(hint.confidence[0, 0, 24, 24]) == 1


@pytest.mark.parametrize("rotation", [90, 270])
def test_a_hint_is_turned_as_the_picture_is(rotation: int) -> None:
    generator, view = Following(), View(8, True, 96, 64, rotation)
    card = ModelCard(name="t", architecture="none", descriptor=Descriptor(accepts_hints=True))
    model = LoadedModel(generator, card, torch.device("cpu"))
    list(infer_sparsely(frames(1), model, view, 1, hint_source=known_at(0, whole=True)))
    (hint,) = generator.hints
    upright = hint.confidence[0, 0].numpy()
    assert upright.shape == (96, 64)
    stored = np.rot90(upright, -(rotation // 90))
    assert stored[24, 24] == 1 and stored[4, 4] == 0 and stored[60, 50] == 0.5


class Deciding(Slope):
    """Places are alike by lightness, and decide on the mean of what each would be: its column."""

    is_coherent = True

    def see(self, lightness: Tensor, hint: Hint | None = None) -> Seen:
        by_place = self(lightness, hint)
        light = F.avg_pool2d(lightness, 4)
        ab = torch.cat([light, by_place[:, 1:]], dim=1)
        coarse = F.avg_pool2d(light, 4) / 100
        features = F.normalize(torch.cat([coarse, 1 - coarse], dim=1), dim=1)
        return Seen(ab, features, light, ab, torch.full_like(light, 2000.0))

    def answer(self, decoded: Tensor) -> tuple[Tensor, Tensor]:
        return decoded, torch.ones_like(decoded[:, :1])


def of_shot(shot: int, code: int) -> Frame:
    return Frame(0, 0, np.full((64, 96), code, np.uint8), shot=shot)


def test_places_that_look_alike_decide_together_as_far_as_it_is_wanted() -> None:
    view, model = View(8, True, 64, 96), loaded(Deciding())
    spreads = []
    for together in (None, Together(0.0), Together(0.5), Together(1.0)):
        ((_, field),) = infer([of_shot(0, 90)], model, view, together=together)
        spreads.append(float(field.ab[1].std()))
    alone, off, half, whole = spreads
    assert alone == off > 6  # columns 0 to 23
    assert half == pytest.approx(alone / 2, rel=0.05)
    assert whole < 0.05 * alone


def test_every_frame_of_a_shot_is_drawn_to_the_things_of_the_shot() -> None:
    view, model = View(8, True, 64, 96), loaded(Deciding())
    things = {3: pack(find_things([look_at(of_shot(3, 90), model, view)]))}
    together = Together(1.0, things)
    darker = of_shot(3, 80)  # decides on the lightness that the things have, not on its own
    ((_, field),) = infer([darker], model, view, together=together)
    ((_, own),) = infer([replace(darker, shot=4)], model, view, together=together)
    light = [lightness(normalize_luma(torch.tensor(code), 8, True)).item() for code in (90, 80)]
    assert field.ab[0].mean() == pytest.approx(light[0], abs=0.2)
    assert own.ab[0].mean() == pytest.approx(light[1], abs=0.2)


def test_a_batch_of_frames_of_several_shots_is_coloured_as_each_by_itself() -> None:
    view, model = View(8, True, 64, 96), loaded(Deciding())
    things = {3: pack(find_things([look_at(of_shot(3, 90), model, view)]))}
    shown = [replace(of_shot(3 + n % 2, 80 + n), index=n) for n in range(5)]
    at_once = [field for _, field in infer(shown, model, view, 8, together=Together(0.8, things))]
    for frame, field in zip(shown, at_once, strict=True):
        ((_, alone),) = infer([frame], model, view, 1, together=Together(0.8, things))
        assert np.array_equal(field.ab, alone.ab)


@pytest.mark.parametrize("full_range", [True, False])
@pytest.mark.parametrize("bits", [8, 10, 12])
def test_lightness_of_codes_is_that_of_the_color_module(bits: int, full_range: bool) -> None:
    view = View(bits, full_range, 32, 64)
    kind = np.uint8 if bits == 8 else np.uint16
    codes: Luma = np.arange(32 * 64).reshape(32, 64).astype(kind)  # of 10 bits: beyond the last one
    found = show_lightness(Frame(0, 0, codes), view, torch.device("cpu"))
    wanted = lightness(normalize_luma(torch.from_numpy(codes.astype(np.int32)), bits, full_range))
    assert np.array_equal(found, wanted.numpy())
