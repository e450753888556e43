"""Plans as files: what is written is read back, and what cannot be meant is named with its line."""

from __future__ import annotations

from dataclasses import fields
from fractions import Fraction
from pathlib import Path

import pytest

from filmcolor.errors import MediaError, OptionError
from filmcolor.guide.plan_file import (
    COLOR_KEYS,
    FILM_KEYS,
    Choices,
    PlanFile,
    PlanShot,
    PlanStill,
    read_plan,
)
from filmcolor.guide.plan_text import plan_text, write_plan
from filmcolor.options import ColorOptions, Stroke
from filmcolor.options.facts import facts_of

STROKES = (
    Stroke(Fraction(5, 2), "#8b1a1a", points=((320.0, 200.5), (1.0, 2.0))),
    Stroke(Fraction(3), "#1a8B1a", box=(0.0, 1.0, 20.0, 30.0), radius=4.0),
)


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = str(tmp_path)
    odd = f'{folder}/he said "no"\\\x7f\tü.png'
    plan = PlanFile(
        Choices(
            look="restrained",
            stability=0.25,
            stills=f"{folder}/stills",
            strokes=STROKES,
            upscale=3,
            upscale_for="clean",
            upscale_model=f"{folder}/larger.safetensors",
        ),
        (
            PlanShot(Fraction(0), Fraction("1.001"), Choices(skip=True), "a cut", "a.png"),
            PlanShot(
                Fraction("1.001"),
                Fraction("3600.000000001"),
                Choices(
                    skip=False,
                    look="vivid",
                    saturation=0.1 + 0.2,
                    hue_shift=-12.5,
                    stability=1.0,
                    model=f"{folder}/mine.safetensors",
                    stills=(PlanStill(odd, Fraction("2.5")), PlanStill(f"{folder}/b.png")),
                    strokes=STROKES,
                    reference="",
                ),
            ),
            PlanShot(
                Fraction(3601),
                None,
                Choices(
                    model="default",
                    stills=(),
                    strokes=f"{folder}/strokes.json",
                    reference=f"{folder}/a.jpg",
                ),
            ),
            PlanShot(Fraction(4000), None, Choices(stills=(PlanStill(odd),), strokes=())),
        ),
    )
    path = tmp_path / "film.toml"
    write_plan(path, plan, title="two\nlines", command="filmcolor\x1b run")
    assert read_plan(path) == plan
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# two?lines\n#\n#   filmcolor? run\n#\n")
    assert 'start = "00:00:01.001"\nend = "01:00:00.000000001"\nskip = false' in text
    assert text.splitlines()[text.splitlines().index("[[shot]]  # 1") + 1 :][:4] == [
        'start = "00:00:00.000"',
        'end = "00:00:01.001"  # a cut',
        "# still: a.png",
        "skip = true",
    ]


def test_names_count_from_the_folder_of_the_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plans").mkdir()
    choices = Choices(stills=(PlanStill("stills/a.png"),), model="mine.safetensors")
    plan = PlanFile(Choices(stills="stills"), (PlanShot(Fraction(0), None, choices),))
    write_plan("plans/film.toml", plan)
    text = Path("plans/film.toml").read_text(encoding="utf-8")
    assert 'stills = "../stills"' in text and 'stills = "../stills/a.png"' in text
    read = read_plan("plans/film.toml")
    assert read.film.stills == "plans/../stills"
    assert read.shots[0].choices.model == "plans/../mine.safetensors"


def test_everything_is_explained_in_comments_alone(tmp_path: Path) -> None:
    text = plan_text(PlanFile(shots=(PlanShot(Fraction(0)),)))
    path = tmp_path / "film.toml"
    path.write_text(text, encoding="utf-8")
    assert read_plan(path) == PlanFile(shots=(PlanShot(Fraction(0)),))
    head = text.partition("[film]\n")[0]
    for key in (
        "skip",
        "look",
        "saturation",
        "hue_shift",
        "stability",
        "model",
        "stills",
        "reference",
        "upscale",
    ):
        assert f"#   {key} = " in head
    assert max(map(len, text.splitlines())) <= 100


def test_every_choice_is_read_and_explained() -> None:
    assert {"skip", *FILM_KEYS} == {field.name for field in fields(Choices)}
    page = Path(__file__).parents[2] / "docs" / "guiding.md"
    table = page.read_text(encoding="utf-8").partition("| key |")[2]
    head = plan_text(PlanFile(shots=(PlanShot(Fraction(0)),))).partition("[film]\n")[0]
    for field in fields(Choices):
        assert f"`{field.name}`" in table and field.name in head, field.name


def test_ranges_are_those_of_the_options(tmp_path: Path) -> None:
    ranges = {key: facts.range for key, facts in facts_of(ColorOptions).items() if facts.range}
    file = tmp_path / "film.toml"
    for key in ranges.keys() & set(COLOR_KEYS):
        least, most = ranges[key]
        assert most is not None
        for value in (least, most):
            file.write_text(f"[film]\n{key} = {float(value)}\n{SHOT}", encoding="utf-8")
            assert getattr(read_plan(file).film, key) == value
        for value in (least - 0.01, most + 0.01):
            file.write_text(f"[film]\n{key} = {value}\n{SHOT}", encoding="utf-8")
            with pytest.raises(OptionError, match=f"is not within {least} to {most}"):
                read_plan(file)


HEAD = "# a comment\n[film]\n\n"
SHOT = '[[shot]]\nstart = "00:00:00.000"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[film\n", "(at line 1, column 6); correct it there, it must be TOML"),
        ("a = 1\n" + SHOT, "a: no such key; a plan has [film], and a [[shot]] for each shot"),
        (HEAD, "no shots in it; begin each with [[shot]]"),
        ("shot = 3", "no shots in it"),
        ("shot = [3]", "shot 1: must be a table"),
        ("film = 3\n" + SHOT, "film: must be a table; write [film]"),
        ("[film]\nlok = 1\n" + SHOT, "line 2: [film]: lok: no such key (known: skip, look, "),
        ("[film]\nstart = 1\n" + SHOT, "line 2: [film]: start: no such key"),
        (HEAD + "[[shot]]\nlook = 'vivid'", "line 4: shot 1: start: missing"),
        (HEAD + "[[shot]]\nstart = 'soon'", "line 5: shot 1: start: 'soon' is no time"),
        (HEAD + "[[shot]]\nstart = true", "line 5: shot 1: start: no number"),
        (HEAD + "[[shot]]\nstart = -1", "line 5: shot 1: start: must not be negative"),
        (HEAD + SHOT + "end = 0", "line 6: shot 1 (start 00:00:00.000): end: 00:00:00.000 is not"),
        (
            HEAD + SHOT + "# end = 1\n" + SHOT,
            "line 8: shot 2 (start 00:00:00.000): start: 00:00:00.000 is not after that of the",
        ),
        (HEAD + SHOT + "skip = 1", "line 6: shot 1 (start 00:00:00.000): skip: must be true or f"),
        (HEAD + SHOT + "look = 'dull'", "look: must be one of restrained, natural, vivid"),
        (HEAD + SHOT + "saturation = 'a'", "line 6: shot 1 (start 00:00:00.000): saturation: must"),
        (HEAD + SHOT + "saturation = 4.1", "saturation: 4.1 is not within 0 to 4"),
        (HEAD + SHOT + "hue_shift = nan", "hue_shift: nan is not within -180 to 180"),
        (HEAD + SHOT + "stability = true", "stability: must be a number"),
        (HEAD + SHOT + "model = ''", "model: must be the name of a model, or a .safetensors file"),
        (HEAD + SHOT + "stills = [3]", "stills: must be a picture file, a list of them, or {"),
        (HEAD + SHOT + "stills = {file = 'a'}", "stills: must be a picture file"),
        (HEAD + SHOT + "stills = {file = 'a', at = 'x'}", "stills: at: 'x' is no time"),
        (HEAD + "[film.strokes]\nat = 1\n" + SHOT, "[film]: strokes: must be the name of a file"),
        (
            HEAD + SHOT + "[[shot.strokes]]\nat = 1\ncolor = '#12'",
            "line 6: shot 1 (start 00:00:00.000): strokes: stroke 1: color: '#12' is none",
        ),
        ("[film]\nupscale = 5\n" + SHOT, "line 2: [film]: upscale: must be 2, 3 or 4"),
        ("[film]\nupscale = true\n" + SHOT, "[film]: upscale: must be 2, 3 or 4"),
        ("[film]\nupscale_for = 'old'\n" + SHOT, "upscale_for: must be one of clean, film"),
        ("[film]\nupscale_model = 2\n" + SHOT, "upscale_model: must be the name of a model"),
        (
            HEAD + SHOT + "upscale = 2",
            "line 6: shot 1 (start 00:00:00.000): upscale: all shots have one size; write it",
        ),
        (HEAD + SHOT + "color = 3", "color: no such key (known: start, end, skip, "),
        ("x = " + "[" * 5000, "nested too deeply"),
        ("x = " + "9" * 5000, "it must be TOML"),
        (HEAD + "[[shot]]\nstart = " + "9" * 400, "start: no number"),
        (HEAD + SHOT + "saturation = " + "9" * 400, "is not within 0 to 4"),
    ],
)
def test_what_cannot_be_meant_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "film.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(OptionError) as caught:
        read_plan(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and said in message and "\n" not in message


def test_lines_are_left_out_where_they_may_be_wrong(tmp_path: Path) -> None:
    path = tmp_path / "film.toml"
    path.write_text("shot = [{ start = 0, look = 3 }]\n", encoding="utf-8")
    with pytest.raises(OptionError, match=r"film.toml: shot 1 \(start 00:00:00.000\): look: must"):
        read_plan(path)


def test_files_that_are_no_plans(tmp_path: Path) -> None:
    for content in (b"\xff\xfe\x00", None):
        path = tmp_path / "film.toml"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(OptionError, match="`filmcolor plan` writes plans"):
            read_plan(path)
    with pytest.raises(MediaError, match="does not exist"):
        write_plan(tmp_path / "no" / "film.toml", PlanFile(shots=(PlanShot(Fraction(0)),)))
    with pytest.raises(OptionError, match="no text"):
        write_plan(path, PlanFile(Choices(stills="a\udcff"), (PlanShot(Fraction(0)),)))


def test_times_of_toml_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "film.toml"
    path.write_text("[[shot]]\nstart = 0\nend = 00:01:12.4\n[[shot]]\nstart = 72.4\n")
    first, second = read_plan(path).shots
    assert first.end == second.start == Fraction("72.4")


def test_lines_end_where_editors_end_them(tmp_path: Path) -> None:
    """Not at every character that Unicode says may end one."""
    path = tmp_path / "film.toml"
    path.write_text("# a\u2028b\x85c\n[[shot]]\nstart = 0\nlook = 3\n", encoding="utf-8")
    with pytest.raises(OptionError, match=r"film.toml: line 4: shot 1"):
        read_plan(path)
