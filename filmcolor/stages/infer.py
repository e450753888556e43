"""The stage that makes colour: frames in, the same frames with an ab field each out.

All batching lives here. It must not know files, shots' meaning or the film's full size: what is
handed on is at model size.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Self, cast

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from filmcolor.color import lightness, normalize_luma
from filmcolor.errors import JobError
from filmcolor.memory import is_out_of_memory
from filmcolor.models.base import Hint
from filmcolor.models.checkpoint import LoadedModel
from filmcolor.models.coherence import IN_SHOT, Places, Seen, decided, find_things, pooled, shares
from filmcolor.models.transfer import Fetched, sent
from filmcolor.options import ColorOptions
from filmcolor.stages.known import with_known, with_said
from filmcolor.stages.things import PackedThings, ShotThings, unpack
from filmcolor.types import AbMap, Box, FloatPlane, Frame, KnownColors, Luma, Uncolored

_BATCH = {"cpu": 4, "cuda": 32, "mps": 8, "xpu": 16}
_THREAD_BATCH = 2
"""Pictures that one of several threads of a CPU takes at once."""
_LISTED_BITS = 10
"""Bits of codes whose lightness is computed once for all codes rather than for each place."""
_FRAMES_AT_ONCE = 8
"""Frames that all of them together hold, at most, where a thread needs no more by itself."""

HintSource = Callable[[Frame], KnownColors | None]
"""What people have said of the colours of a frame, None for nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Together:
    """How places that look alike decide on their colour together, if the model can."""

    share: float
    """0 (each for itself) to 1."""
    things: Mapping[int, PackedThings] = field(default_factory=dict)
    """By number of the shot. A picture of a shot without, or one of which people have said
    something, decides by itself."""

    def of(self, picture: Frame, device: torch.device) -> ShotThings | None:
        """The things of a picture's shot."""
        packed = self.things.get(picture.shot)
        return None if packed is None else _unpacked(packed, device)


def needs_things(model: LoadedModel, color: ColorOptions) -> bool:
    """Whether places decide together under these options."""
    return model.generator.is_coherent and color.coherence > 0 and color.saturation > 0


@lru_cache(maxsize=4)
def _unpacked(packed: PackedThings, device: torch.device) -> ShotThings:
    return unpack(packed, device)


@dataclass(frozen=True, slots=True)
class View:
    """How the network is shown a frame's luma."""

    bit_depth: int
    full_range: bool
    height: int
    """Rows of the picture as the network sees it, upright, at model size."""
    width: int
    rotation: int = 0
    """Degrees counter-clockwise that bring the stored frame upright: 0, 90, 180, 270."""
    box: Box | None = None
    """The part that holds picture; bars around it are not shown."""

    def show(self, luma: Luma) -> Luma:
        """Cut out, reduce (area average of the codes) and turn upright: (height, width) codes."""
        if self.box is not None:
            luma = luma[self.box.top : self.box.bottom, self.box.left : self.box.right]
        turned = self.rotation % 180 != 0
        rows, columns = (self.width, self.height) if turned else (self.height, self.width)
        shrinks = luma.shape[0] >= rows and luma.shape[1] >= columns
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        small = cv2.resize(luma, (columns, rows), interpolation=how)
        return cast("Luma", np.ascontiguousarray(np.rot90(small, self.rotation // 90)))

    def restore(self, plane: FloatPlane) -> FloatPlane:
        """Turn (..., h, w) back as the frame is stored."""
        return np.ascontiguousarray(np.rot90(plane, -(self.rotation // 90), axes=(-2, -1)))


def infer(
    frames: Iterable[Frame],
    model: LoadedModel,
    view: View,
    batch_size: int | None = None,
    hint_source: HintSource | None = None,
    together: Together | None = None,
) -> Generator[tuple[Frame, AbMap], None, None]:
    """Give every frame its ab field, in order; exactly one for each. `hint_source` and `together`
    are as below.

    When memory runs out the batch is halved and the same frames are tried again; with a single
    frame that does not fit, `JobError`. A field that is not finite is a `JobError` too: no frame is
    ever passed on without its colour.
    """
    batches = _Batches(model, view, batch_size, together)
    source = iter(frames)
    while waiting := list(islice(source, batches.size)):
        yield from zip(waiting, batches.guided(waiting, hint_source), strict=True)


def infer_sparsely(
    frames: Iterable[Frame],
    model: LoadedModel,
    view: View,
    batch_size: int | None = None,
    stride: int = 1,
    hint_source: HintSource | None = None,
    threads: int = 1,
    together: Together | None = None,
) -> Generator[tuple[Frame, AbMap | Uncolored], None, None]:
    """As `infer`, but only for every `stride`-th frame of a shot, its first one included.

    The others come as `Uncolored`, for `smooth` to carry colour to. Every batch is filled up, so
    that a field is the same, bit for bit, whichever frames come before and after. `hint_source`
    gives the colours that people have stated for a frame; a frame without them is coloured exactly
    as without it. `together` says how places decide together; None: each for itself. On a
    CPU up to `threads` batches are worked on at the same time, each in one thread: with
    `one_thread_each` around it, a field is the same whatever their number.
    """
    on_cpu = model.device.type == "cpu"
    if model.engine != "torch":
        size = 1
    elif batch_size is None and on_cpu:
        size = _THREAD_BATCH if stride <= _THREAD_BATCH else 1
    else:
        size = max(1, (batch_size or _BATCH[model.device.type]) // stride)
    threads = min(threads, max(1, _FRAMES_AT_ONCE // (size * stride))) if on_cpu else 1
    source = iter(frames)
    grid = (0, 0)
    with _Batches(model, view, size, together, filled=True, threads=threads) as batches:
        while waiting := list(islice(source, size * stride * threads)):
            keys = [frame for frame in waiting if frame.place % stride == 0]
            fields = {field.index: field for field in batches.guided(keys, hint_source)}
            for frame in waiting:
                if field := fields.get(frame.index):
                    grid = (field.ab.shape[1], field.ab.shape[2])
                    yield frame, field
                elif grid == (0, 0):
                    raise ValueError(f"frame {frame.index} comes before the first of its shot")
                else:
                    light = show_lightness(frame, view, model.device)
                    yield frame, Uncolored(frame.index, light, grid)


@contextmanager
def one_thread_each() -> Iterator[int]:
    """Every call of torch computes in one thread; yields how many there were.

    How sums are split over threads changes their last bits, which bfloat16 and rounding to codes
    enlarge; so many threads do whole pictures instead (`threads` of `infer_sparsely`). It holds for
    the process, not only for its caller.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield before
    finally:
        torch.set_num_threads(before)


def show_lightness(frame: Frame, view: View, device: torch.device) -> FloatPlane:
    """L* of a frame (H, W) at model size, as it is stored: that of its `AbMap`."""
    guide = guide_of(view.show(frame.luma)[None, None], view, device)
    return view.restore(Fetched(guide[0, 0].float()).array())


class _Batches:
    """Runs the network in batches as large as memory allows."""

    def __init__(
        self,
        model: LoadedModel,
        view: View,
        batch_size: int | None,
        together: Together | None = None,
        *,
        filled: bool = False,
        threads: int = 1,
    ) -> None:
        """`filled`: every batch has the full size, since another gives slightly other colours.
        `threads`: how many are worked on at the same time.
        """
        self.model, self.view, self.filled = model, view, filled
        can = model.generator.is_coherent and together is not None and together.share > 0
        self.together = together if can else None
        self.size = batch_size or _BATCH[model.device.type]
        if model.engine != "torch":  # no quicker with more, and the same in each batch
            self.size = 1
        self._threads = threads
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        if self._threads > 1:
            pool = ThreadPoolExecutor(self._threads, "filmcolor-infer", torch.set_num_threads, (1,))
            self._pool = self._stack.enter_context(pool)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def guided(self, frames: list[Frame], hint_source: HintSource | None) -> list[AbMap]:
        """A field for every frame, with what is known of it.

        Known colours stand where they are certain. Where a whole picture was given, a model that
        takes hints gets them too and colours the rest to match; else the rest is automatic.
        """
        if hint_source is None:
            return self.run(frames)
        hinted = {
            frame.index: colors for frame in frames if (colors := hint_source(frame)) is not None
        }
        takes = self.model.card.descriptor.accepts_hints
        shown = {index: colors for index, colors in hinted.items() if colors.whole and takes}
        plain = [frame for frame in frames if frame.index not in shown]
        asked = [frame for frame in frames if frame.index in shown]
        found = self.run(plain) + self.run(asked, [shown[frame.index] for frame in asked])
        fields = {field.index: field for field in found}
        for index, colors in hinted.items():
            fields[index] = with_known(fields[index], colors)
        return [fields[frame.index] for frame in frames]

    def run(self, frames: list[Frame], hints: list[KnownColors] | None = None) -> list[AbMap]:
        """A field for every frame; raises `JobError` as `infer` says."""
        fields: list[AbMap] = []
        while len(fields) < len(frames):
            starts = range(len(fields), len(frames), self.size)[: self._threads]
            try:
                for found in self._side_by_side(frames, hints, starts):
                    fields += found
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                device = self.model.device
                if self.size == 1:
                    raise JobError(
                        f"out of memory on {device} with a single frame at "
                        f"{self.view.width}x{self.view.height}; use a smaller --size or "
                        "--device cpu"
                    ) from error
                self.size = max(1, self.size // 2)
                if device.type == "cuda":
                    torch.cuda.empty_cache()
        return fields

    def _side_by_side(
        self, frames: list[Frame], hints: list[KnownColors] | None, starts: Sequence[int]
    ) -> Iterator[list[AbMap]]:
        """The batches that begin at these frames."""
        least = self.size if self.filled else 0

        def batch(start: int) -> list[AbMap]:
            part = slice(start, start + self.size)
            part_hints = None if hints is None else hints[part]
            return _run(frames[part], self.model, self.view, least, part_hints, self.together)

        return self._pool.map(batch, starts) if len(starts) > 1 else map(batch, starts)


@torch.inference_mode()
def guide_of(codes: Luma, view: View, device: torch.device) -> Tensor:
    """L* of codes (N, 1, height, width), on the device."""
    given = sent(codes, device)
    if view.bit_depth > _LISTED_BITS:
        return lightness(normalize_luma(given, view.bit_depth, view.full_range))
    levels = torch.arange(1 << view.bit_depth, device=device)
    listed = lightness(normalize_luma(levels, view.bit_depth, view.full_range))
    places = given.flatten().int().clamp_(max=len(levels) - 1)  # pipes may hold any 16 bits
    return listed.index_select(0, places).view(given.shape)


@torch.inference_mode()
def _run(
    frames: list[Frame],
    model: LoadedModel,
    view: View,
    least: int,
    hints: list[KnownColors] | None,
    together: Together | None,
) -> list[AbMap]:
    pictures = [view.show(frame.luma) for frame in frames]
    pictures += [pictures[-1]] * (least - len(pictures))
    codes = cast("Luma", np.stack(pictures)[:, None])
    shown = guide_of(codes, view, model.device)
    hint = None if hints is None else _hint(hints, len(pictures), view, model.device)
    said: list[Tensor | None] = [None] * len(frames)
    with torch.autocast(model.device.type, torch.bfloat16, enabled=model.half):
        light = shown.contiguous(memory_format=torch.channels_last)
        if together is None:
            ab, confidence = model.generator.with_confidence(light, hint)
        else:
            seen = model.generator.see(light, hint)
            shots = [None if hints else together.of(frame, model.device) for frame in frames]
            whole, said = _pooled(seen, shots)
            decoded = torch.lerp(seen.decoded, whole, together.share)
            ab, confidence = model.generator.answer(decoded)
    answer = (
        ab.float() if confidence is None else torch.cat([ab.float(), confidence.float()], dim=1)
    )
    count = len(frames)
    answers, lights = Fetched(answer[:count]), Fetched(shown[:count].float())
    fields, guides = answers.array(), lights.array()
    if not np.isfinite(fields).all():
        raise JobError(
            f"the model gave no usable colour for frames {frames[0].index} to {frames[-1].index}; "
            "try --device cpu, or another --model"
        )
    return [
        with_said(
            AbMap(
                frame.index,
                view.restore(field[:2]),
                view.restore(guide[0]),
                None if confidence is None else view.restore(field[2]),
            ),
            None if own is None else view.restore(own.cpu().numpy()),
        )
        for frame, field, guide, own in zip(frames, fields, guides, said, strict=True)
    ]


def _pooled(seen: Seen, things: Sequence[ShotThings | None]) -> tuple[Tensor, list[Tensor | None]]:
    """What is pooled in pictures of shots with these things, or with none of their own; what fills
    the batch up is as the last. And ab (3, h, w) that people have given things in each, the last
    how far a place is one of them.
    """
    made: list[Tensor] = []
    said: list[Tensor | None] = []
    with torch.autocast(seen.decoded.device.type, enabled=False):
        for number, own in enumerate(things):
            picture, colors = seen.picture(number), None
            if own is None:
                found = find_things([Places.of(picture)])
                share = shares(picture, found)
            else:
                found, colors = own
                share = shares(picture, found, IN_SHOT)
            made.append(pooled(picture, found, share))
            size = picture.decoded.shape[-2:]
            given = None if colors is None else decided(share)[:, :-1] @ colors
            said.append(None if given is None else given.T.reshape(3, *size))
    made += made[-1:] * (len(seen.decoded) - len(made))
    return torch.cat(made), said


def _hint(known: list[KnownColors], count: int, view: View, device: torch.device) -> Hint:
    """What is known of some frames as a hint for so many, the last one repeated; at model size."""
    planes = [
        np.rot90(np.stack([*each.ab, each.confidence]), view.rotation // 90, axes=(-2, -1))
        for each in known
    ]
    planes += [planes[-1]] * (count - len(planes))
    small = sent(np.stack(planes), device)
    size = (view.height, view.width)
    large = F.interpolate(small, size, mode="bilinear", align_corners=False)
    return Hint(large[:, :2], large[:, 2:])
