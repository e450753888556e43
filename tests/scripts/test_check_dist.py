"""`scripts/check_dist.py`: what it finds in wheels and sdists made here, and its lists are true."""

from __future__ import annotations

import importlib.util
import io
import tarfile
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
ABOUT = "filmcolor-1.0.dist-info/"
METADATA = "Requires-Dist: av<19,>=18\nRequires-Dist: pytest>=8; extra == 'dev'\n"


@pytest.fixture(scope="module")
def check() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_dist", ROOT / "scripts" / "check_dist.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_wheel(path: Path, check: ModuleType, **changes: str | None) -> Path:
    held: dict[str, str | None] = dict.fromkeys(check.NEEDED, "x")
    held |= {ABOUT + name: "" for name in ("entry_points.txt", "licenses/LICENSE")}
    held |= {ABOUT + "licenses/NOTICE": "", ABOUT + "METADATA": METADATA} | changes
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in held.items():
            if content is not None:
                archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, None),
        ({"filmcolor/py.typed": None}, "filmcolor/py.typed is missing"),
        ({"filmcolor/py.typed": "y"}, "filmcolor/py.typed is another than here"),
        ({"tests/conftest.py": "x"}, "tests/conftest.py does not belong there"),
        ({ABOUT + "licenses/NOTICE": None}, ABOUT + "licenses/NOTICE is missing"),
        ({ABOUT + "METADATA": "Requires-Dist: av>=18\n"}, "av>=18 has no bounds"),
    ],
)
def test_what_a_wheel_lacks_is_named(
    changes: dict[str, str | None], fault: str | None, tmp_path: Path, check: ModuleType
) -> None:
    wheel = make_wheel(tmp_path / "filmcolor-1.0-py3-none-any.whl", check, **changes)
    files = dict.fromkeys(check.NEEDED, b"x")
    found = list(check.wheel_faults(wheel, files))
    assert found == ([] if fault is None else [f"{wheel.name}: {fault}"])


def test_a_wheel_that_is_too_large(
    tmp_path: Path, check: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "MOST_BYTES", 1000)
    wheel = make_wheel(tmp_path / "filmcolor-1.0-py3-none-any.whl", check)
    (found,) = check.wheel_faults(wheel, dict.fromkeys(check.NEEDED, b"x"))
    assert "MB, more than" in found


def test_what_an_sdist_lacks_is_named(tmp_path: Path, check: ModuleType) -> None:
    path = tmp_path / "filmcolor-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in check.IN_SDIST:
            if name != "NOTICE":
                name += "/x" if name == "scripts/recipes" else ""
                archive.addfile(tarfile.TarInfo(f"filmcolor-1.0/{name}"), io.BytesIO())
    assert list(check.sdist_faults(path, {})) == [f"{path.name}: NOTICE is missing"]


def test_the_lists_name_what_is_here(check: ModuleType) -> None:
    files = check.package_files(ROOT)
    assert set(check.NEEDED) <= set(files)
    assert all((ROOT / name).exists() for name in check.IN_SDIST)
    data = {Path(name).suffix for name in files} - {".py"}
    assert {".safetensors", ".npz", ".html", ".css", ".js", ".svg", ".typed"} <= data | {".typed"}


def test_every_dependency_has_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [
        *project["dependencies"],
        *(x for name in extras if name != "dev" for x in extras[name]),
    ]
    assert [line for line in wanted if not (">=" in line and "<" in line)] == []
