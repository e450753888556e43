"""Settings survive a TOML file, and what does not fit is named."""

from __future__ import annotations

import tomllib

import pytest
import tomli_w

from filmcolor.errors import OptionError
from filmcolor.options import TrainOptions
from filmcolor.train.recipes import RECIPES, Recipe
from filmcolor.typed import from_mapping, to_mapping


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_survives(name: str) -> None:
    text = tomli_w.dumps(to_mapping(RECIPES[name]))
    assert from_mapping(Recipe, tomllib.loads(text), name) == RECIPES[name]


def test_options_survive() -> None:
    options = TrainOptions(steps=7, freeze=("encoder",), val=("a", "b"), minutes=None)
    text = tomli_w.dumps(to_mapping(options))
    assert from_mapping(TrainOptions, tomllib.loads(text), "x") == options


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nme": "x"}, "r: unknown entry 'nme'"),
        ({"batch_size": "many"}, "r.batch_size: must be a whole number, not 'many'"),
        ({"batch_size": True}, "r.batch_size: must be a whole number, not True"),
        (
            {"phases": [{"name": "a", "schedule": "steep"}]},
            r"r.phases\[0\].schedule: must be one of .*'steep'",
        ),
        ({"phases": [{"name": "a", "scale": [0.5]}]}, r"r.phases\[0\].scale: must be 2 values"),
        ({"phases": [{"size": 64}]}, r"r.phases\[0\]: entry 'name' is missing"),
        ({"phases": 3}, "r.phases: must be a list"),
        ({"adversary": 3}, "r.adversary: must be a table"),
        ({"phases": []}, "every phase needs a name"),
        ({"phases": [{"name": "a", "losses": {"adversarial": 1}}]}, "without an adversary"),
        ({"phases": [{"name": "a", "losses": {"classes": 1}}]}, "no heads for classes"),
        (
            {"phases": [{"name": "a", "losses": {"l1": "much"}}]},
            r"r.phases\[0\].losses.l1: must be a number, not 'much'",
        ),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, object], message: str) -> None:
    values = {
        "name": "r",
        "summary": "",
        "architecture": "pix2pix-unet",
        "phases": [{"name": "a"}],
        **change,
    }
    with pytest.raises(OptionError, match=message):
        from_mapping(Recipe, values, "r")
