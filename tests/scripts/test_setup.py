"""The scripts that make their own virtual environment; nothing here is downloaded."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
FAST = "smoke or not (e2e or codec or train or process or slow or full)"

ECHO = '#!/bin/sh\nprintf "%s|" "$(pwd)" "$@"\nexit 7\n'
"""Stands for an installed program: says where it is and what it was given."""


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with these scripts, in a folder with spaces in its name."""
    root = tmp_path / "film color"
    shutil.copytree(SCRIPTS, root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "pyproject.toml").write_text("[project]\nname = 'nothing'\n")
    return root


def stamp(project: Path) -> str:
    checksum = subprocess.run(
        ["cksum"], input=(project / "pyproject.toml").read_bytes(), capture_output=True, check=True
    )
    return f"{project.resolve()} {checksum.stdout.decode().strip()}"


def finish(project: Path, name: str = "stamp-run") -> None:
    """Make the environment look as if it were whole."""
    for program in ("python", "filmcolor"):
        executable(project / ".venv" / "bin" / program, ECHO)
    (project / ".venv" / name).write_text(stamp(project) + "\n")


def run(
    project: Path, *arguments: str, cwd: Path, python: str | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHON": python} if python else dict(os.environ)
    command = [str(project / "scripts" / "run"), *arguments]
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_finished_environment_is_used_from_anywhere(project: Path, tmp_path: Path) -> None:
    finish(project)
    result = run(project, "my film.mp4", "-o", "a *.mp4", "", cwd=tmp_path)
    assert result.returncode == 7
    assert result.stdout == f"{tmp_path}|run|my film.mp4|-o|a *.mp4||"
    assert result.stderr == ""


@pytest.mark.parametrize("why", ["changed", "moved", "half made"])
def test_otherwise_it_is_made_again(project: Path, tmp_path: Path, why: str) -> None:
    finish(project)
    if why == "changed":
        (project / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    elif why == "moved":
        project = project.rename(tmp_path / "moved")
    else:
        (project / ".venv" / "stamp-run").unlink()
    python = executable(tmp_path / "python", '#!/bin/sh\n[ "$1" = -c ] || echo "called: $*"\n')
    result = run(project, "x.mp4", cwd=tmp_path, python=str(python))
    assert result.stderr == f"called: {project}/scripts/_setup.py {project} run {stamp(project)}\n"


def test_a_python_that_is_too_old_is_named(project: Path, tmp_path: Path) -> None:
    old = executable(tmp_path / "python2", "#!/bin/sh\nexit 1\n")
    result = run(project, "x.mp4", cwd=tmp_path, python=str(old))
    assert result.returncode == 1
    assert result.stderr == f"PYTHON={old} is no Python 3.11 or newer with the venv module\n"
    assert not (project / ".venv").exists()


@pytest.mark.process
def test_an_installation_that_fails_is_begun_again(project: Path, tmp_path: Path) -> None:
    (project / "pyproject.toml").write_text("this is no TOML")
    (project / ".venv" / "lib").mkdir(parents=True)
    (project / ".venv" / "lib" / "rest of an earlier try").write_text("")
    for _ in range(2):
        result = run(project, "x.mp4", cwd=tmp_path, python=sys.executable)
        assert result.returncode == 1
        assert result.stdout == ""
        assert result.stderr.startswith("filmcolor: first start, installing into .venv")
        assert result.stderr.splitlines()[-1].startswith("filmcolor: installing failed (exit code")
        assert not list((project / ".venv").glob("stamp-*"))
        assert not (project / ".venv" / "lib" / "rest of an earlier try").exists()


def test_a_second_start_waits_for_the_first(project: Path) -> None:
    finish(project, "stamp-dev")
    command = [sys.executable, str(project / "scripts" / "_setup.py"), str(project), "run"]
    with (project / ".venv" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with subprocess.Popen(
            [*command, stamp(project)], stdout=subprocess.PIPE, text=True
        ) as second:
            assert second.stdout is not None
            assert "waiting for another start" in second.stdout.readline()
            assert second.poll() is None
            finish(project)
            fcntl.flock(lock, fcntl.LOCK_UN)
            assert second.stdout.read() == ""
            assert second.wait(60) == 0


@pytest.mark.parametrize(
    ("chosen", "tests"),
    [([], "not full"), (["--fast"], FAST), (["--all"], "")],
)
def test_which_tests_are_run(project: Path, tmp_path: Path, chosen: list[str], tests: str) -> None:
    finish(project, "stamp-dev")
    for program in ("ruff", "mypy", "python"):
        executable(project / ".venv" / "bin" / program, f'#!/bin/sh\necho {program} "$@"\n')
    command = [str(project / "scripts" / "test"), *chosen, "tests/a b.py", "-x"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == [
        f"python -m pytest -n auto --dist loadfile -m {tests} tests/a b.py -x",
        "ruff check .",
        "ruff format --check .",
        "mypy",
    ]


@pytest.mark.parametrize("failing", ["ruff", "mypy", "python"])
def test_a_check_that_fails_is_the_exit_code(project: Path, tmp_path: Path, failing: str) -> None:
    finish(project, "stamp-dev")
    for program in ("ruff", "mypy", "python"):
        code = 3 if program == failing else 0
        executable(project / ".venv" / "bin" / program, f"#!/bin/sh\necho {program}\nexit {code}\n")
    command = [str(project / "scripts" / "test")]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 3
    assert "python" in result.stdout and failing in result.stdout
