"""Which thing is at a place of a frame."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from filmcolor.film.plan import FilmPlan
from filmcolor.guide.geometry import Screen
from filmcolor.guide.thing_at import thing_at
from filmcolor.models.base import Generator, Hint
from filmcolor.models.card import ModelCard
from filmcolor.models.checkpoint import LoadedModel
from filmcolor.models.coherence import Seen
from filmcolor.stages.cast import Cast
from filmcolor.stages.infer import View
from filmcolor.stages.look import look_at
from filmcolor.stages.things import ThingFinder, sighting
from filmcolor.types import Box, Frame, Shot


class Seeing(Generator):
    """Its places are alike by lightness."""

    is_coherent = True

    def forward(self, lightness: Tensor, hint: Hint | None = None) -> Tensor:
        small = lightness[..., ::4, ::4]
        return torch.cat([small * 0.3, small * 0.2], dim=1)

    def see(self, lightness: Tensor, hint: Hint | None = None) -> Seen:
        ab, light = self(lightness, hint), lightness[..., ::4, ::4]
        coarse = light[..., ::4, ::4] / 100
        features = torch.nn.functional.normalize(torch.cat([coarse, 1 - coarse], dim=1), dim=1)
        return Seen(ab, features, light, ab, torch.full_like(light, 50.0))


def test_the_thing_at_a_place_and_where_else_it_is() -> None:
    """In a film with bars above and below, shown lying on its side."""
    model = LoadedModel(Seeing(), ModelCard(name="t", architecture="none"), torch.device("cpu"))
    box = Box(32, 0, 96, 128)
    luma = np.full((128, 128), 16, np.uint8)
    luma[32:96] = 60
    luma[32:96, 64:] = 200
    view = View(8, False, 128, 64, rotation=90, box=box)
    screen = Screen((128, 128), (128, 128), 1, box, (16, 32))
    shown = View(8, False, 128, 64)
    finder = ThingFinder()
    frame = Frame(4, 4, luma, place=4)
    assert finder.wants(0, 4)
    small = Frame(4, 4, view.show(luma), place=4)
    finder.add(look_at(small, model, shown), (128, 64))
    cast = Cast.of(finder.found())
    film = FilmPlan(
        (Shot(0, 9, "end"),), np.arange(9), Fraction(1, 24), things=cast.shown(), cast=cast
    )
    # Turned to the left: what was on the right is above.
    bright = thing_at(frame, (64.0, 20.0), film, screen, model, view)
    dark = thing_at(frame, (64.0, 100.0), film, screen, model, view)
    assert bright is not None and dark is not None and bright.number != dark.number
    assert bright.mask.shape == (32, 16)
    assert (bright.mask[:14] > 0.9).all() and (bright.mask[18:] < 0.1).all()
    assert thing_at(frame, (10.0, 20.0), film, screen, model, view) is None  # a bar
    where = sighting(cast.rows[0][bright.seen[1]])
    assert where.place == 4 and np.allclose(where.box, (0, 0, 1, 0.5), atol=0.01)
    assert np.allclose(screen.displayed_box(where.box), (32, 0, 96, 64), atol=1)
