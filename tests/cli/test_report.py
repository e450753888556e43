"""`filmcolor report`: what it writes, what it says, what it exits with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from filmcolor.cli import main
from tests.helpers.coloring import color, options


@pytest.fixture(scope="module")
def result(clip: Path) -> Path:
    path = clip.with_name("color.mp4")
    color(clip, path, options())
    return path


def test_a_page_beside_the_result(
    clip: Path, result: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = result.with_name("color.report.html")
    assert main(["report", str(clip), str(result)]) == 0
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == "" and page.read_bytes().startswith(b"<!DOCTYPE html>")
    assert lines[0] == f"{clip} -> {page}: before and after of {result}"
    assert lines[-1].startswith(f"{page}: 24 frames in 0:0")
    assert main(["report", str(clip), str(result)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert main(["report", str(clip), str(result), "--overwrite", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_as_json(
    clip: Path, result: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "page.html"
    assert main(["report", str(clip), str(result), "-o", str(target), "--json"]) == 0
    kinds = [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()]
    assert kinds[0] == "planned" and kinds[-1] == "finished"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["{clip}", "nowhere.mp4"], 3, "no such file"),
        (["-", "{clip}"], 2, "report needs the film and its result"),
        (["{clip}", "{clip}"], 2, "is the source itself"),
        (["{clip}", "{result}", "-o", "page.pdf"], 2, "ends in .html"),
        (["{clip}", "{result}", "--start", "soon"], 2, "no time"),
        (["{clip}", "{result}", "--fps", "fast"], 2, "no rate"),
        (["{clip}"], 2, "Missing argument 'RESULT'"),
    ],
)
def test_bad_input(
    clip: Path,
    result: Path,
    arguments: list[str],
    code: int,
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    named = [each.format(clip=clip, result=result) for each in arguments]
    assert main(["report", *named]) == code
    err = capsys.readouterr().err
    assert words in err and len(err.splitlines()) == 1
