"""Which thing is at a place of a frame, and where else it is in it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from filmcolor.film.plan import FilmPlan
from filmcolor.guide.geometry import Screen
from filmcolor.models.checkpoint import LoadedModel
from filmcolor.models.coherence import IN_SHOT, decided, shares
from filmcolor.stages.cast import Thing
from filmcolor.stages.infer import View
from filmcolor.stages.look import see
from filmcolor.stages.things import unpack
from filmcolor.types import FloatPlane, Frame


@dataclass(frozen=True, slots=True, eq=False)
class FoundThing:
    """A thing in one frame."""

    number: int
    """Of the film's things: a key of `film.cast.things`."""
    seen: Thing
    """What of the shot it is, for `thing_name`."""
    mask: FloatPlane
    """(h, w), 0..1: where it is, on the grid of the ab field, upright, of the part that the model
    sees (`Screen.shown_box`)."""


def thing_at(
    frame: Frame,
    place: tuple[float, float],
    film: FilmPlan,
    screen: Screen,
    model: LoadedModel,
    view: View,
) -> FoundThing | None:
    """Which thing of a film is at a `place` (x, y) of a frame, in px of the displayed film.

    `frame` knows its number (`index`) in the film, as those of `PlannedFrames` do; `film` is the
    plan, `screen` that of the film and `view` how `model` is shown it, which has to be the one that
    the film was analysed with. None where no thing is known: outside of what the model sees, in a
    shot that people have set, or whose things are not known, or where the picture is like none.
    """
    found = film.found or film.shots
    shots = [n for n, shot in enumerate(found) if shot.start <= frame.index < shot.stop]
    left, top, wide, tall = screen.shown_box
    across, down = (place[0] - left) / wide, (place[1] - top) / tall
    shot = shots[0] if shots else -1
    if shot not in film.cast.found or not (0 <= across < 1 and 0 <= down < 1):
        return None
    parts = place_shares(frame, shot, film, model, view)
    height, width = parts.shape[1:]
    row = int(parts[:, int(down * height), int(across * width)].argmax())
    numbers = film.cast.members[shot]
    if row == len(numbers):
        return None
    own = [n for n, number in enumerate(numbers) if number == numbers[row]]
    return FoundThing(numbers[row], (shot, row), parts[own].sum(dim=0).numpy())


@torch.inference_mode()
def place_shares(
    frame: Frame, shot: int, film: FilmPlan, model: LoadedModel, view: View
) -> torch.Tensor:
    """(K + 1, h, w), 0..1: how far each place of a frame, upright, is each of the K things that
    were found in its shot; last, how far it is none.
    """
    things, _ = unpack(film.cast.found[shot], model.device)
    seen = see(frame, model, view)
    share = decided(shares(seen, things, IN_SHOT)).cpu()
    return share.T.reshape(-1, *seen.decoded.shape[-2:])
