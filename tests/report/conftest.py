"""A report that the tests of this folder look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from filmcolor.options import ReportOptions
from filmcolor.report.make import write_report
from tests.report.films import make_pair


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A film of four shots, and its result."""
    return make_pair(tmp_path_factory.mktemp("films"))


@pytest.fixture(scope="session")
def page(films: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their report."""
    target = tmp_path_factory.mktemp("page") / "report.html"
    for _ in write_report(str(films[0]), str(films[1]), str(target), ReportOptions()):
        pass
    return target
