"""A plan is changed a value at a time: all else stays, byte for byte, or the change is refused."""

from __future__ import annotations

import tomllib
from fractions import Fraction

import pytest

from filmcolor.errors import OptionError
from filmcolor.guide.plan_edit import with_choice, with_strokes
from filmcolor.guide.plan_file import parse_plan
from filmcolor.options import Stroke

PLAN = """\
# My film. Do not lose me.

[film]
look = "vivid"  # agreed with Ann

# The street:
[[shot]]  # 1
start = "00:00:00.000"
end = "00:00:02.500"  # ends with a cut
# still: shot-0001.png
saturation = 0.5 # paler

# The house:
[[ shot ]]  # 2
start = "00:00:02.500"
stills = [
  "a.png",  # [[shot]]
]
"""
RED = Stroke(Fraction(1), "#ff0000", points=((1.0, 2.0),))
BLUE = Stroke(Fraction(2), "#0000ff", box=(1.0, 2.0, 30.0, 40.0))


def changed_lines(before: str, after: str) -> tuple[list[str], list[str]]:
    """Lines that are gone and lines that are new."""
    old, new = before.splitlines(), after.splitlines()
    return [line for line in old if line not in new], [line for line in new if line not in old]


def test_one_value_changes_and_its_comment_stays() -> None:
    found = with_choice(PLAN, 1, "saturation", 1.25)
    assert changed_lines(PLAN, found) == (
        ["saturation = 0.5 # paler"],
        ["saturation = 1.25 # paler"],
    )
    assert with_choice(found, 1, "saturation", 0.5) == PLAN


def test_a_new_value_stands_below_the_others_of_its_shot() -> None:
    found = with_choice(PLAN, 2, "skip", True)
    assert found == PLAN + "skip = true\n"
    assert with_choice(found, 2, "skip", None) == PLAN
    assert with_choice(PLAN, 1, "look", "natural").splitlines()[11] == 'look = "natural"'


def test_the_films_values_change_and_the_table_is_made() -> None:
    assert 'look = "restrained"  # agreed with Ann' in with_choice(PLAN, 0, "look", "restrained")
    bare = '# Only shots.\n\n# First:\n[[shot]]\nstart = "0"\n'
    found = with_choice(bare, 0, "saturation", 2.0)
    assert tomllib.loads(found)["film"] == {"saturation": 2.0}
    assert found.index("[film]") < found.index("# First:") < found.index("[[shot]]")


def test_strokes_come_and_go() -> None:
    one = with_strokes(PLAN, 1, (RED,))
    two = with_strokes(one, 1, (RED, BLUE))
    assert parse_plan("x", two).shots[0].choices.strokes == (RED, BLUE)
    assert parse_plan("x", two).shots[1].choices.strokes is None
    assert two.index("[[shot.strokes]]") < two.index("# The house:")
    assert with_strokes(two, 1, (RED,)) == one
    assert with_strokes(two, 1, (BLUE,)).count("[[shot.strokes]]") == 1
    assert with_strokes(one, 1, None) == PLAN
    assert parse_plan("x", with_strokes(one, 1, ())).shots[0].choices.strokes == ()


def test_comments_in_strokes_stay() -> None:
    one = with_strokes(PLAN, 1, (RED,)).replace('color = "#ff0000"', 'color = "#ff0000"  # her hat')
    assert "# her hat" in with_strokes(one, 1, (RED, BLUE))


def test_strokes_on_the_spot_become_tables() -> None:
    text = PLAN.replace("saturation = 0.5 # paler", 'strokes = "hat.toml"')
    found = with_strokes(text, 1, (RED,))
    assert parse_plan("x", found).shots[0].choices.strokes == (RED,)
    assert with_strokes(text, 1, "coat.toml").count('strokes = "coat.toml"') == 1


def test_line_ends_and_a_missing_last_one_stay() -> None:
    windows = PLAN.replace("\n", "\r\n")
    assert with_choice(windows, 1, "saturation", 2.0).count("\r\n") == PLAN.count("\n")
    cut = PLAN.removesuffix("\n")
    assert not with_choice(cut, 1, "saturation", 2.0).endswith("\n")


@pytest.mark.parametrize(
    "text",
    [
        'film = { look = "vivid" }\n[[shot]]\nstart = "0"\n',
        'shot = [{ start = "0" }]\n',
    ],
)
def test_what_cannot_be_changed_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="text editor"):
        with_choice(text, 0 if "film" in text else 1, "saturation", 1.5)
