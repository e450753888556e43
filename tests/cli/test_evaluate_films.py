"""`filmcolor evaluate` on films: what it shows, writes, and refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import pytest

from filmcolor.cli import main
from tests.helpers.clips import make_clip, make_sound
from tests.helpers.color_films import grey, pan, write_film
from tests.helpers.play import shell

SAMPLE = Path(__file__).parents[2] / "samples" / "old_film.mp4"


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two shots, of 8 and of 7 frames."""
    folder = tmp_path_factory.mktemp("films")
    return str(write_film(folder / "color.mkv", [*pan(1, 8), *pan(2, 7)]))


@pytest.fixture(scope="module")
def pale(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same with half of the colour."""
    pictures = [0.5 * picture + 0.5 * grey(picture) for picture in [*pan(1, 8), *pan(2, 7)]]
    folder = tmp_path_factory.mktemp("a folder with a name that is long enough for a line")
    return str(write_film(folder / "a_film_with_a_name_that_is_long_enough.mkv", pictures))


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("│┃").replace("┃", "│").split("│")]


def rows(out: str, first: str) -> list[list[str]]:
    """The rows of a table whose first cell is `first`."""
    return [found for line in out.splitlines() if (found := cells(line))[0] == first]


def test_a_table_of_films_beside_truth_and_grey(
    truth: str, pale: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--truth", truth, "--result", pale, "--files-only"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    out, blotches = out.split("against the truth")
    above = ["", "chroma on", "blotched,", "skin off,", "drift of", "across"]
    assert above in rows(blotches, "")
    assert rows(blotches, "film")[0][1:] == ["neutral", "of even", "%", "things", "shots"]
    (floor,) = rows(blotches, "grey")
    assert float(floor[1]) == pytest.approx(0, abs=0.05)
    assert floor[3:] == ["", "", ""]  # no face; shots too short; none that comes back
    assert out.splitlines()[0].strip() == "15 frames, 2 shots, measured at 96x64"
    (heads,), above = rows(out, "film"), rows(out, "")
    assert above[0] == ["", "PSNR", "colour-", "CDC", "warp", "", "still", ""]
    assert heads == ["film", "dB", "fulness", "x 1000", "error", "flicker", "noise", "bleeding"]
    json_command = ["evaluate", "--truth", truth, "--result", pale, "--files-only", "--json"]
    assert main(json_command) == 0
    of_json = json.loads(capsys.readouterr().out)["films"][2]
    assert 0 <= of_json["total"]["even"] <= 1 and len(of_json["by_frame"]["blotched"]) == 15
    (floor,), (true,), (ours,) = (rows(out, name) for name in ("grey", "truth", Path(pale).name))
    assert true[1] == ""
    assert float(ours[1]) > float(floor[1]) + 4
    assert float(ours[2]) == pytest.approx(float(true[2]) / 2, rel=0.15)
    assert float(floor[2]) < 0.05
    assert float(ours[4]) < float(true[4])
    assert len(rows(out, Path(pale).name)) == 1


def test_without_truth_and_shot_by_shot(truth: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--result", truth, "--files-only", "--by-shot"]) == 0
    out = capsys.readouterr().out
    assert "PSNR" not in out
    total, shots = out.split("by shot")
    assert len(rows(total, "color.mkv")) == 1
    (first,), (second,) = (
        rows(shots, head)
        for head in ("shot 1, from 0:00.00, 8 frames", "shot 2, from 0:00.67, 7 frames")
    )
    assert set(first[1:]) == set(second[1:]) == {""}
    ours = rows(shots, "color.mkv")
    assert len(ours) == 2 and ours[0] != ours[1]


@pytest.mark.process
def test_nothing_is_cut_off_in_a_pipe(truth: str, pale: str) -> None:
    ran = shell("evaluate", "--truth", truth, "--result", pale, "--files-only", "--by-shot")
    assert ran.returncode == 0, ran.stderr
    out = ran.stdout.decode()
    assert "…" not in out
    assert out.count(Path(pale).name) == 4
    table = [line for line in out.splitlines() if line[:1] in "┏┃┡│├└"]
    assert {len(cells(line)) for line in table if line[0] in "┃│"} == {8, 6}
    assert max(len(line) for line in table) > 100


def test_a_narrow_terminal_loses_nothing_either(
    truth: str, pale: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names are folded, numbers are whole."""
    command = ["evaluate", "--truth", truth, "--result", pale, "--files-only", "--quiet"]
    assert main(command) == 0
    wide = capsys.readouterr().out
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    assert main(command) == 0
    out = re.sub("\x1b\\[[0-9;]*m", "", capsys.readouterr().out)
    assert max(map(len, out.splitlines())) == 80 and "…" not in out
    lines = [cells(line) for line in out.splitlines() if line.startswith("│")]
    assert "".join(line[0] for line in lines) == 2 * ("greytruth" + Path(pale).name)
    ours = rows(wide, Path(pale).name)
    assert len(ours) == 2 and all(one[1:] in [line[1:] for line in lines] for one in ours)


def test_json_and_a_plot(
    truth: str, pale: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", "--truth", truth, "--result", pale, "--files-only", "--json"]
    plot = tmp_path / "time.png"
    part = ["--start", "0.25", "--duration", "0.5", "--short-side", "32"]
    assert main([*command, *part, "--plot", str(plot)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    report = json.loads(out)
    assert (report["frames"], report["width"], report["height"]) == (6, 48, 32)
    assert report["seconds"] == pytest.approx([(3 + n) / 12 for n in range(6)], abs=5e-4)
    assert [film["source"] for film in report["films"]] == [truth, truth, pale]
    drawn = cv2.imread(str(plot))
    assert drawn.shape[1] == 1100 and drawn.std() > 5


@pytest.mark.e2e
def test_a_real_film_with_smoothing_and_without(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["evaluate", "--result", str(SAMPLE), "--duration", "0.125", "--device", "cpu"]
    assert main([*command, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == f"Warning: {SAMPLE}: has no colour\n"
    report = json.loads(out)
    films = {film["name"]: film for film in report["films"]}
    assert list(films) == ["grey", "old_film.mp4", "default", "default, --smooth none"]
    assert films["default"]["smooth"] == "flow" and report["frames"] == 3
    warp = {name: film["total"]["warp_error"] for name, film in films.items()}
    assert warp["default"] < 0.5 * warp["default, --smooth none"]
    color = {name: film["total"]["colorfulness"] for name, film in films.items()}
    assert color["grey"] == color["old_film.mp4"] < 0.01
    assert color["default"] == pytest.approx(color["default, --smooth none"], rel=0.1)


def test_a_film_without_color_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = tmp_path / "old.mkv"
    make_clip(film, frames=3)
    assert main(["evaluate", "--result", str(film), "--files-only"]) == 0
    assert capsys.readouterr().err == f"Warning: {film}: has no colour\n"


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ([], 2, "--val is missing: give a folder, shard or film with colour (or, to measure"),
        (["--val", "x", "--truth", "FILM"], 2, "--val does not go with --truth or --result"),
        (["--val", "x", "--plot", "a.png"], 2, "--plot: for films (--truth, --result), not"),
        (["--val", "x", "--start", "1", "--by-shot"], 2, "--by-shot, --start: for films"),
        (["--truth", "FILM", "--sheet", "a.png"], 2, "--sheet: for photographs (--val), not"),
        (["--truth", "FILM", "--pictures", "3"], 2, "--pictures: for photographs (--val), not"),
        (["--truth", "FILM", "--plot", "a.jpg"], 2, "--plot a.jpg: give a name that ends in .png"),
        (["--truth", "FILM", "--plot", "no/a.png", "--files-only"], 3, "does not exist"),
        (["--result", "FILM", "--files-only", "--model", "default"], 2, "--model does not go with"),
        (["--result", "FILM", "--result", "FILM"], 2, "--result: the same one was given twice"),
        (["--truth", "-"], 2, "-: films are compared as files"),
        (["--truth", "FILM", "--start", "soon"], 2, "'soon' is no time"),
        (["--truth", "FILM", "--duration", "0"], 2, "--duration 0: must be greater than zero"),
        (["--truth", "FILM", "--files-only", "--start", "1:00"], 3, "no frame at 60 s"),
        (["--truth", "gone.mp4"], 3, "gone.mp4: no such file"),
        (["--truth", "."], 3, ".: "),
        (["--truth", "sound.mp4"], 3, "sound.mp4: "),
        (["--truth", "grey.mkv"], 3, "grey.mkv: has no colour; --truth takes the film in colour"),
        (["--truth", "FILM", "--model", "nobody"], 4, "unknown model 'nobody'"),
        (
            ["--truth", "FILM", "--result", "grey.mkv", "--files-only"],
            3,
            "grey.mkv: 64x48, but FILM is 96x64: films are compared in one size",
        ),
        (
            ["--truth", "FILM", "--result", "short.mkv", "--files-only"],
            3,
            "short.mkv: 4 frames, but FILM has 15: films are compared frame by frame",
        ),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str],
    code: int,
    text: str,
    truth: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    make_clip(Path("grey.mkv"), frames=3)
    make_sound(Path("sound.mp4"))
    write_film(Path("short.mkv"), pan(1, 4))
    there = set(tmp_path.iterdir())
    filled = [truth if word == "FILM" else word for word in arguments]
    assert main(["evaluate", *filled]) == code
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if not line.startswith("Warning: ")]
    assert out == "" and len(lines) == 1
    assert lines[0].startswith("Error: ") and text.replace("FILM", truth) in lines[0]
    assert set(tmp_path.iterdir()) == there


def test_the_help_names_both_uses(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--help"]) == 0
    out = capsys.readouterr().out
    assert "--val DATA | --truth FILM | --result FILM" in out
    for heading in ("Photographs, made grey", "Films, frame by frame:", "For both:"):
        assert heading in out
    assert "filmcolor evaluate --truth color.mp4" in out


def test_ctrl_c_says_so(
    truth: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from filmcolor.evaluate import film_report

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(film_report, "_pictures", stop)
    assert main(["evaluate", "--truth", truth, "--files-only"]) == 130
    assert capsys.readouterr() == ("", "Stopped.\n")
