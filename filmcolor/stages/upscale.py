"""The stage that raises the resolution: a film's luma gets more lines, and stays true to its own.

decode -> infer -> smooth -> superres -> compose

It comes after the colours are found: the network that makes colour sees its own size anyway, frames
that are only looked at for their neighbours' sake need not be enlarged, and colours are exactly
those of a run without it. What is added is what the film may have lost; brought back down
bicubically, the result is the film again. It knows neither colour nor files.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from math import ceil, gcd
from typing import TypeVar, cast

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from filmcolor.color import normalize_luma, quantize_luma
from filmcolor.errors import JobError, OptionError
from filmcolor.media.images.exif import enlarged as enlarged_exif
from filmcolor.media.images.picture import Picture
from filmcolor.memory import is_out_of_memory
from filmcolor.models.checkpoint import LoadedUpscaler, load_upscaler
from filmcolor.models.device import runs_in_half
from filmcolor.models.resampling import enlarge, reduce
from filmcolor.models.transfer import Fetched, sent
from filmcolor.options import Precision, RunOptions
from filmcolor.types import Box, Frame, Luma, VideoInfo

T = TypeVar("T")

_TILES = {"cpu": 256, "cuda": 1024, "mps": 512, "xpu": 512}
"""Side of the part of a picture that the network sees at once, px of the source, at most."""
_TRUE_CODES = 0.91
"""Mean difference to the source, in codes of 8 bits, that the result may have when it is brought
back down: what is rounded afterwards takes it to less than one.
"""
_AIMED_CODES = 0.89
"""What a round of corrections would leave of it if none of them touched its neighbours."""
_AROUND = 8
"""Px of the source on each side over which it is judged where most is lacking."""
_LEAST_DETAIL = 0.1
"""Codes: standard deviation that even a blank place counts as having."""
_ROUNDS = 8
_CUT_STEPS = 14
_FULL_SPAN = 255.0


class Enlarger:
    """Enlarges luma planes by one whole factor, with one network, on its device."""

    def __init__(
        self,
        model: LoadedUpscaler,
        factor: int,
        bit_depth: int,
        *,
        full_range: bool,
        precision: Precision = "auto",
        tile: int | None = None,
    ) -> None:
        """Raises `OptionError` for a factor that the network cannot be brought to."""
        scale = model.card.descriptor.scale
        if scale == 3 and factor != 3:
            raise OptionError(
                f"--upscale {factor}: model {model.card.name} enlarges three times; use "
                "--upscale 3, or another --upscale-model"
            )
        self.factor, self.facts = factor, model.facts
        self._half = runs_in_half(
            precision, model.device, allowed=model.card.descriptor.half_precision
        )
        self._model, self._scale = model, scale
        self._tile = tile or _TILES[model.device.type]
        self._bit_depth, self._full_range = bit_depth, full_range

    @torch.inference_mode()
    def enlarge(self, luma: Luma) -> Luma:
        """Codes (height, width) to codes (factor height, factor width) of the same depth and range.

        Raises `JobError` when memory runs out or the network returns no numbers.
        """
        try:
            codes = sent(luma.astype(np.int32, copy=False), self._model.device)[None, None]
            small = normalize_luma(codes, self._bit_depth, self._full_range, clamped=False)
            low, high = small.min().clamp(max=0), small.max().clamp(min=1)
            found = self._back_project(small, self._repeated(small), low, high)
            made = quantize_luma(found, self._bit_depth, self._full_range, clamped=False)
            back, usable = Fetched(made[0, 0]), Fetched(found.isfinite().all())
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            is_card = self._model.device.type != "cpu"
            where = " on the graphics card" if is_card else ""
            then = "or --device cpu" if is_card else "or close other programs"
            raise JobError(
                f"--upscale: out of memory{where}; use a smaller factor, {then}"
            ) from error
        enlarged_codes = back.array()
        if not usable.array():
            raise JobError(
                f"--upscale: model {self._model.card.name} returned no numbers; use another "
                "--upscale-model"
            )
        return cast("Luma", enlarged_codes.astype(luma.dtype))

    def _repeated(self, small: Tensor) -> Tensor:
        """Y' as the network makes it: as often as it takes, then reduced to the factor."""
        large, reached = small, 1
        while reached < self.factor:
            large, reached = self._once(large), reached * self._scale
        return large if reached == self.factor else area_reduced(large, reached, self.factor)

    def _once(self, luma: Tensor) -> Tensor:
        """Y' (1, 1, H, W) to (1, 1, s H, s W), tile by tile.

        If the network is `mirrored`, the mean of what it makes of the picture and of its mirror
        image, which are wrong in different ways (Timofte et al. 2016, "Seven Ways to Improve
        Example-Based Single Image Super Resolution").
        """
        network, scale = self._model.network, self._scale
        facts = self._model.card.descriptor
        reach = facts.reach
        height, width = luma.shape[-2:]
        framed = F.pad(luma, (reach,) * 4, mode="replicate")
        large = enlarge(luma, scale)
        for top, bottom in _spans(height, self._tile):
            for left, right in _spans(width, self._tile):
                tile = framed[..., top : bottom + 2 * reach, left : right + 2 * reach]
                shown = torch.cat([tile, tile.flip(-1)]) if facts.mirrored else tile
                with torch.autocast(luma.device.type, torch.bfloat16, enabled=self._half):
                    detail = network.detail(shown).float()
                if facts.mirrored:
                    detail = (detail[:1] + detail[1:].flip(-1)) / 2
                place = slice(scale * top, scale * bottom), slice(scale * left, scale * right)
                large[..., *place] += detail
        return large

    def _back_project(self, small: Tensor, large: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """Back-projection (Irani and Peleg 1991, "Improving Resolution by Image Registration").

        What the result lacks when it is reduced again is added, enlarged; only as much of it as
        the bound asks for, and where most is lacking of most detail, since it sharpens grain, which
        is seen where the picture is flat. What comes out is within low..high.
        """
        large = large.clamp_(low, high)
        detail: Tensor | None = None
        for _ in range(_ROUNDS):
            lack = small - reduce(large, self.factor)
            if _codes(lack) <= _TRUE_CODES:
                break
            detail = _detail(small) if detail is None else detail
            share = _corrected_share(lack.abs(), detail, _AIMED_CODES / _FULL_SPAN)
            large = (large + enlarge(lack * share, self.factor)).clamp_(low, high)
        return large


def _codes(difference: Tensor) -> float:
    return _FULL_SPAN * float(difference.abs().mean())


def _around(planes: Tensor) -> Tensor:
    """Means over the places around each (1, 1, h, w)."""
    edge, side = F.pad(planes, (_AROUND,) * 4, mode="replicate"), 2 * _AROUND + 1
    return F.avg_pool2d(F.avg_pool2d(edge, (side, 1), stride=1), (1, side), stride=1)


def _detail(luma: Tensor) -> Tensor:
    """Standard deviation around each place of Y' (1, 1, h, w)."""
    variance = _around(luma.square()) - _around(luma).square()
    return variance.clamp(min=(_LEAST_DETAIL / _FULL_SPAN) ** 2).sqrt()


def _corrected_share(sizes: Tensor, detail: Tensor, left: float) -> Tensor:
    """How much of differences of these sizes (1, 1, h, w) to correct, 0..1, for `left` to remain on
    the mean: all where they are large and there is much detail, none where they are small or the
    picture is flat but for its grain.
    """
    score = _around(sizes) * detail
    high = 2 * score.max().double()  # bisected on the device: the host need not wait for each step
    low = torch.zeros_like(high)
    share = torch.ones_like(sizes)
    for _ in range(_CUT_STEPS):
        middle = (low + high) / 2
        tried = (2 * score / middle - 1.5).clamp(0, 1)
        is_enough = (sizes * (1 - tried)).mean() <= left
        low, high = torch.where(is_enough, middle, low), torch.where(is_enough, high, middle)
        share = torch.where(is_enough, tried, share)
    return share


def _spans(length: int, longest: int) -> list[tuple[int, int]]:
    """0..length in parts of equal length, but for one px, none longer than `longest`."""
    count = ceil(length / longest)
    ends = [length * number // count for number in range(count + 1)]
    return list(pairwise(ends))


def area_reduced(planes: Tensor, source: int, target: int) -> Tensor:
    """(N, C, source H, source W) to (N, C, target H, target W), averaged by area."""
    divisor = gcd(source, target)
    source, target = source // divisor, target // divisor
    count, channels, height, width = planes.shape
    edges = torch.arange(target + 1, dtype=torch.float64) * source / target
    cells = torch.arange(source, dtype=torch.float64)
    shared = torch.minimum(edges[1:, None], cells + 1) - torch.maximum(edges[:-1, None], cells)
    weights = (shared.clamp(min=0) * target / source).to(planes)
    parts = planes.reshape(count, channels, height // source, source, width // source, source)
    made = torch.einsum("nchiwj,ai,bj->nchawb", parts, weights, weights)
    return made.reshape(count, channels, height // source * target, width // source * target)


def load_enlarger(
    info: VideoInfo, options: RunOptions, device: torch.device | str
) -> Enlarger | None:
    """What raises this film's resolution as the options say; None if they do not ask for it.

    Raises `CheckpointError` for a network that cannot be used, and `OptionError` for interlaced
    film: its rows belong to two moments.
    """
    if options.upscale is None:
        return None
    if info.interlaced and not options.deinterlace:
        raise OptionError(
            f"--upscale {options.upscale}: the film is interlaced, and rows of two moments cannot "
            "be enlarged together; add --deinterlace"
        )
    model = load_upscaler(options.upscaler, device)
    return Enlarger(
        model,
        options.upscale,
        info.layout.bit_depth,
        full_range=bool(info.tags.full_range),
        precision=options.color.precision,
    )


def enlarged(
    frames: Iterable[tuple[Frame, T]], enlarger: Enlarger, threads: int = 1
) -> Generator[tuple[Frame, T], None, None]:
    """Every frame with its luma enlarged, in order; what comes with it goes on with it. A lone
    stage. `threads` frames are worked on at the same time, each in one thread, which changes none.
    """
    if threads == 1:
        for frame, along in frames:
            yield enlarged_frame(frame, enlarger), along
        return
    started: deque[tuple[Future[Frame], T]] = deque()
    name = "filmcolor-superres"
    with ThreadPoolExecutor(threads, name, torch.set_num_threads, (1,)) as pool:
        for frame, along in frames:
            started.append((pool.submit(enlarged_frame, frame, enlarger), along))
            if len(started) > threads:
                made, with_it = started.popleft()
                yield made.result(), with_it
        while started:
            made, with_it = started.popleft()
            yield made.result(), with_it


def enlarged_frame(frame: Frame, enlarger: Enlarger) -> Frame:
    """A frame with its luma enlarged.

    Its colour follows the source's own luma, smoothed (1 2 1) and enlarged bilinearly: what the
    network adds, and grain, tell nothing of colour and would make it flicker.
    """
    height, width = frame.luma.shape
    smoothed = cv2.GaussianBlur(frame.luma, (3, 3), 0, borderType=cv2.BORDER_REPLICATE)
    size = (enlarger.factor * width, enlarger.factor * height)
    guide = cv2.resize(smoothed, size, interpolation=cv2.INTER_LINEAR)
    return replace(frame, luma=enlarger.enlarge(frame.luma), guide=cast("Luma", guide))


def enlarged_picture(
    picture: Picture, model: LoadedUpscaler, factor: int, precision: Precision = "auto"
) -> Picture:
    """A still picture of so many times as many rows and columns, as large on paper as before."""
    depth = picture.layout.bit_depth
    enlarger = Enlarger(model, factor, depth, full_range=True, precision=precision)
    alpha, dpi = picture.alpha, picture.dpi
    if alpha is not None:
        height, width = alpha.shape
        size = (width * factor, height * factor)
        larger = cv2.resize(alpha, size, interpolation=cv2.INTER_LINEAR)
        alpha = cast("Luma", larger)
    if dpi is not None:
        dpi = (dpi[0] * factor, dpi[1] * factor)
    return replace(
        picture,
        luma=enlarger.enlarge(picture.luma),
        alpha=alpha,
        dpi=dpi,
        exif=enlarged_exif(picture.exif, factor),
    )


def enlarged_box(box: Box | None, factor: int) -> Box | None:
    """Where the picture lies in a frame that was enlarged."""
    return None if box is None else box.enlarged(factor)
