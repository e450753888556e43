"""`--log FILE`, and what the library gives to `logging`."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from filmcolor.cli import main
from filmcolor.events import Failed, Notice, Progress, Started
from filmcolor.log import LOGGER, log_event
from tests.helpers.play import Job

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (DEBUG|INFO|WARNING|ERROR) \d+ (.+)")


def lines(path: Path) -> list[tuple[str, str]]:
    """Level and text of each line that begins one."""
    found = map(LINE.match, path.read_text(encoding="utf-8").splitlines())
    return [(match[1], match[2]) for match in found if match]


def test_a_log_says_what_was_asked_and_what_happened(
    job: Job, film: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "run.log"
    assert main(["run", film, "--log", str(log), "--quiet"]) == 0
    found = lines(log)
    assert found[0][1].startswith("filmcolor ") and "Python 3." in found[0][1]
    assert found[1][1].startswith("command: filmcolor run ") and "--quiet" in found[1][1]
    assert any(text.startswith('finished {"target": ') for _, text in found)
    assert found[-1][1].startswith("exit code 0 after ")
    assert LOGGER.handlers[1:] == []
    assert main(["run", film, "--log", str(log), "--quiet"]) == 0
    assert len(lines(log)) == 2 * len(found)  # the second run's stand below the first's


def test_an_error_is_logged_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "run.log"
    assert main(["run", "no film.mp4", "--log", str(log), "--log-level", "error"]) == 3
    found = lines(log)
    assert {level for level, _ in found} == {"ERROR"}
    assert any("no film.mp4: no such file or folder" in text for _, text in found)
    assert "Traceback (most recent call last):" in log.read_text()
    assert "Traceback" not in capsys.readouterr().err


def test_levels(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LOGGER, "disabled", False)  # import-linter disables all there are
    caplog.set_level(logging.DEBUG, "filmcolor")
    log_event(Notice("so it is"))
    log_event(Notice("mind this", warning=True))
    log_event(Failed("no", 5))
    log_event(Progress(3, 10, {"infer": 0.5}))
    log_event(Started("a", "b", "m", "cpu", "s", None))
    assert [record.levelname for record in caplog.records] == [
        *("INFO", "WARNING", "ERROR", "DEBUG", "INFO")
    ]
    assert caplog.records[1].message == 'notice {"text": "mind this", "warning": true}'
    assert caplog.records[3].message == (
        'progress {"done": 3, "total": 10, "stage_seconds": {"infer": 0.5}}'
    )


def test_a_film_is_not_added_to(
    job: Job, film: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Path(film).read_bytes()
    for name, words in (
        (film, "is there and is no log"),
        (str(tmp_path), "name another file"),
        (str(tmp_path / "no" / "run.log"), "cannot be written"),
        ("-", "name a file"),
    ):
        assert main(["run", film, "--log", name]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert words in line
    assert Path(film).read_bytes() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_told_of_once(
    job: Job, film: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", film, "--log", "/dev/full", "--quiet"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: --log /dev/full: cannot be written to")


def test_a_name_that_is_no_text_can_be_logged_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    log = tmp_path / "run.log"
    assert main(["run", "not\udcffthere.mp4", "--log", str(log)]) == 3
    assert "not\\udcffthere.mp4" in log.read_text(encoding="utf-8")
    assert "not\\udcffthere.mp4" in caplog.text
    assert caplog.text.encode("utf-8")
