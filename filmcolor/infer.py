"""The stage that makes colour: frames in, the same frames with an ab field each out.

All batching lives here. It must not know files, shots' meaning or the film's full size: what is
handed on is at model size.
"""

from __future__ import annotations

from collections.abc import Generator as Stage
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import cast

import cv2
import numpy as np
import torch
from torch import Tensor

from filmcolor.color import lightness, normalize_luma
from filmcolor.errors import JobError
from filmcolor.models.checkpoint import LoadedModel
from filmcolor.types import Box, ColorField, Field, Frame, Luma

_BATCH = {"cpu": 4, "cuda": 32, "mps": 8}


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

    def restore(self, plane: Field) -> Field:
        """Turn (..., h, w) back as the frame is stored."""
        return np.ascontiguousarray(np.rot90(plane, -(self.rotation // 90), axes=(-2, -1)))


def infer(
    frames: Iterable[Frame], model: LoadedModel, view: View, batch_size: int | None = None
) -> Stage[tuple[Frame, ColorField], None, None]:
    """Give every frame its ab field, in order; exactly one for each.

    On an accelerator: bfloat16 where the model allows it. When memory runs out the batch is halved
    and the same frames are tried again; with a single frame that does not fit, `JobError`. A field
    that is not finite is a `JobError` too: no frame is ever passed on without its colour.
    """
    size = batch_size or _BATCH[model.device.type]
    source = iter(frames)
    while waiting := list(islice(source, size)):
        while waiting:
            batch, rest = waiting[:size], waiting[size:]
            try:
                fields = list(_run(batch, model, view))
            except (torch.OutOfMemoryError, MemoryError) as error:
                if size == 1:
                    raise JobError(
                        f"out of memory on {model.device} with a single frame at "
                        f"{view.width}x{view.height}; use a smaller --size or --device cpu"
                    ) from error
                size = max(1, size // 2)
                if model.device.type == "cuda":
                    torch.cuda.empty_cache()
                continue
            waiting = rest
            yield from zip(batch, fields, strict=True)


@torch.inference_mode()
def _run(frames: list[Frame], model: LoadedModel, view: View) -> Iterator[ColorField]:
    codes = torch.from_numpy(np.stack([view.show(frame.luma) for frame in frames])[:, None])
    if model.device.type == "cuda":
        codes = codes.pin_memory().to(model.device, non_blocking=True)
    shown = lightness(normalize_luma(codes.to(model.device), view.bit_depth, view.full_range))
    half = model.device.type == "cuda" and model.card.descriptor.half_precision
    with torch.autocast(model.device.type, torch.bfloat16, enabled=half):
        ab: Tensor = model.generator(shown.contiguous(memory_format=torch.channels_last))
    fields, guides = ab.float().cpu().numpy(), shown.float().cpu().numpy()
    if not np.isfinite(fields).all():
        raise JobError(
            f"the model gave no usable colour for frames {frames[0].index} to {frames[-1].index}; "
            "try --device cpu, or another --model"
        )
    for frame, field, guide in zip(frames, fields, guides, strict=True):
        yield ColorField(frame.index, view.restore(field), view.restore(guide[0]))
