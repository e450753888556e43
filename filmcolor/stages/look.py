"""What a coherent model sees of a frame before it decides, and what it says of things: for those
who look for things, or ask for their colours, outside of a run's batches.
"""

from __future__ import annotations

import torch
from torch import Tensor

from filmcolor.models.checkpoint import LoadedModel
from filmcolor.models.coherence import Places, Seen
from filmcolor.stages.infer import View, guide_of
from filmcolor.types import Frame


@torch.inference_mode()
def see(frame: Frame, model: LoadedModel, view: View) -> Seen:
    """What a model that is coherent sees of a frame."""
    light = guide_of(view.show(frame.luma)[None, None], view, model.device)
    with torch.autocast(model.device.type, torch.bfloat16, enabled=model.half):
        return model.looker.see(light.contiguous(memory_format=torch.channels_last))


@torch.inference_mode()
def look_at(frame: Frame, model: LoadedModel, view: View) -> Places:
    """What is seen of a frame, for `ThingFinder`; only of models that are coherent."""
    return Places.of(see(frame, model, view))


@torch.inference_mode()
def colors_of(decoded: Tensor, model: LoadedModel) -> tuple[Tensor, Tensor]:
    """The colours ab (K, 2), Lab units, and confidences (K,), 0..1, that things get of which this
    (K, C) is decoded.
    """
    with torch.autocast(model.device.type, torch.bfloat16, enabled=model.half):
        ab, confidence = model.generator.answer(decoded.to(model.device).T[None, :, :, None])
    return ab.float().cpu()[0, :, :, 0].T, confidence.float().cpu().flatten()
