"""Fixtures of the command line's tests."""

from __future__ import annotations

import sys
from collections.abc import Generator
from pathlib import Path
from types import ModuleType

import pytest

from filmcolor.events import Event
from filmcolor.options import RunOptions
from tests.helpers.clips import make_clip
from tests.helpers.play import Job


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Job:
    """Puts a `Job` in the pipeline's place, but not in that of several films."""
    import filmcolor.jobs.batch  # noqa: F401 (it keeps the pipeline that it finds when it is loaded)

    played = Job()
    for kind, name in (("film", "filmcolor.jobs.film"), ("pictures", "filmcolor.jobs.pictures")):
        module = ModuleType(name)

        def color(
            source: str, target: str, options: RunOptions, kind: str = kind
        ) -> Generator[Event, None, None]:
            return played.play(kind, source, target, options)

        setattr(module, f"color_{kind}", color)
        monkeypatch.setitem(sys.modules, name, module)
    return played


@pytest.fixture
def film(tmp_path: Path) -> str:
    """A file that no test with a `Job` reads."""
    path = tmp_path / "old film.mp4"
    path.write_bytes(b"not looked into")
    return str(path)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of film with a sound track and chapters."""
    path = tmp_path_factory.mktemp("clip") / "reel.mp4"
    make_clip(
        path,
        codec="libx264",
        frames=24,
        width=96,
        height=64,
        sound=1,
        chapters=[(0.0, 0.5, "The street"), (0.5, 1.0, "The sea")],
    )
    return path
