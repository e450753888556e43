"""The JSON file beside a result."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from filmcolor.errors import OptionError
from filmcolor.jobs.film import color_film
from filmcolor.jobs.sidecar import read_sidecar, sidecar_path
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.models.registry import find_checkpoint
from filmcolor.options import ColorOptions, RunOptions
from filmcolor.report.facts import Films, _sidecar_facts, run_facts
from filmcolor.report.things import find_strips
from tests.helpers.clips import make_clip
from tests.helpers.upscalers import write_upscaler

OPTIONS = RunOptions(color=ColorOptions(device="cpu", size=96, smooth="none"), sidecar=True)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A film and its result, with a sidecar."""
    folder = tmp_path_factory.mktemp("films")
    film, result = folder / "reel.mkv", folder / "color.mkv"
    make_clip(film, frames=6)
    for _ in color_film(str(film), str(result), OPTIONS):
        pass
    return film, result


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_it_says_what_was_run(films: tuple[Path, Path]) -> None:
    film, result = films
    facts = json.loads(sidecar_path(result).read_text())
    assert facts == read_sidecar(str(result))
    assert facts["source"] == {
        "file": "reel.mkv",
        "bytes": film.stat().st_size,
        "sha256": digest(film),
    }
    assert facts["result"]["sha256"] == digest(result) and facts["result"]["frames"] == 6
    assert facts["result"]["encoding"].startswith("64x48, 24 fps, 8-bit 4:2:0, libx264 crf 18")
    checkpoint = find_checkpoint("default")
    assert facts["model"]["name"] == "default" and facts["model"]["sha256"] == digest(checkpoint)
    assert facts["options"]["color"]["size"] == 96
    assert "overwrite" not in facts["options"] and "workers" not in facts["options"]
    assert facts["device"] == "cpu" and facts["given"] == []
    assert facts["things"]
    for thing in facts["things"]:
        ((start, stop, color),) = thing["seen"]
        assert thing["name"].startswith("00-00-00.000_")
        assert start == 0 and 0.2 <= stop <= 0.25 and color.startswith("#")
    strips = list(find_strips(str(result)))
    assert [strip.name for strip in strips] == [thing["name"] for thing in facts["things"]]
    assert strips[0].colors == [facts["things"][0]["seen"][0][2]]


@pytest.mark.parametrize(
    "things", [None, 4, [4], [{"name": "x"}], [{"name": "x", "seen": [[0, 1, "url(x)"]]}]]
)
def test_things_that_a_sidecar_cannot_mean_are_left_out(
    films: tuple[Path, Path], tmp_path: Path, things: object
) -> None:
    result = tmp_path / "color.mkv"
    facts = json.loads(sidecar_path(films[1]).read_text()) | {"things": things}
    sidecar_path(result).write_text(json.dumps(facts))
    assert list(find_strips(str(result))) == []


def test_a_report_names_options_that_are_zero(films: tuple[Path, Path]) -> None:
    result = films[1]
    facts = json.loads(sidecar_path(result).read_text())
    facts["options"]["color"] |= {"saturation": 0.0, "stability": 0, "hue_shift": 0.0}
    told = dict(_sidecar_facts(facts, result.stat().st_size))["Options"].split(", ")
    assert {"saturation 0.0", "stability 0", "hue shift 0.0"} <= set(told)
    assert not [text for text in told if text.endswith((" None", " False"))]


def test_it_says_what_was_given(films: tuple[Path, Path], tmp_path: Path) -> None:
    """What a plan names too: anyone who wants the same frames again needs these files."""
    film, result = films[0], tmp_path / "color.mkv"
    (tmp_path / "stills").mkdir()
    still, own = tmp_path / "stills" / "00-00-00.000.png", tmp_path / "own.png"
    for path in (still, own):
        Image.new("RGB", (64, 48), (40, 70, 200)).save(path)
    plan = tmp_path / "film.toml"
    plan.write_text(
        '[film]\nstills = "stills"\n'
        '[[shot]]\nstart = 0\nstills = { file = "own.png", at = 0.125 }\n'
    )
    upscaler = tmp_path / "mine.safetensors"
    options = replace(
        OPTIONS, plan=str(plan), upscale=2, upscale_model=write_upscaler(upscaler), overwrite=True
    )
    for _ in color_film(str(film), str(result), options):
        pass
    facts = read_sidecar(str(result))
    assert facts is not None
    assert {each["file"]: each["sha256"] for each in facts["given"]} == {
        str(path): digest(path) for path in (plan, still, own, upscaler)
    }


def test_the_report_reads_it(films: tuple[Path, Path], tmp_path: Path) -> None:
    with FilmReader(str(films[0])) as film, FilmReader(str(films[1])) as result:
        opened = Films(film.info, result.info, "grey")
    facts = dict(run_facts(opened))
    assert "size 96" in facts["Options"] and "smooth none" in facts["Options"]
    assert digest(find_checkpoint("default")) in facts["Model file"]
    with films[1].open("ab") as file:
        file.write(b"x")
    try:
        assert "of another size" in dict(run_facts(opened))["Options"]
    finally:
        with films[1].open("rb+") as file:
            file.truncate(films[1].stat().st_size - 1)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "other"}', "[" * 100_000])
def test_what_is_none_is_not_read(tmp_path: Path, text: str) -> None:
    assert read_sidecar(str(tmp_path / "color.mkv")) is None
    (tmp_path / "color.mkv.json").write_text(text)
    assert read_sidecar(str(tmp_path / "color.mkv")) is None


def test_one_that_is_there_is_kept(films: tuple[Path, Path], tmp_path: Path) -> None:
    target = tmp_path / "color.mkv"
    sidecar_path(target).write_text("mine")
    with pytest.raises(OptionError, match=r"color\.mkv\.json: is there already"):
        list(color_film(str(films[0]), str(target), OPTIONS))
    with pytest.raises(OptionError, match="--sidecar: needs files on both sides"):
        list(color_film(str(films[0]), "-", OPTIONS))
    assert sidecar_path(target).read_text() == "mine" and not target.exists()
