"""Check that a wheel and an sdist are whole: all that filmcolor needs is in them, as it is here.

    python -m build --no-isolation
    python scripts/check_dist.py dist/

Needs nothing but Python. Exits with 1, and a line for each fault, if something is amiss.
"""

from __future__ import annotations

import re
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MOST_BYTES = 20_000_000
"""Size of a wheel at most."""
NEEDED = (
    "filmcolor/py.typed",
    "filmcolor/weights/default.safetensors",
    "filmcolor/weights/sr-fast.safetensors",
    "filmcolor/weights/sr-fast-film.safetensors",
    "filmcolor/color/chroma_tables.npz",
    "filmcolor/analysis/frontal_face.npz",
    "filmcolor/report/template.html",
    "filmcolor/report/page.css",
    "filmcolor/report/page.js",
    "filmcolor/review/page/index.html",
    "filmcolor/train/recipes.py",
)
"""What no code imports but filmcolor does not work without; the tree is compared besides."""
IN_SDIST = (
    *("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "NOTICE"),
    *("samples/old_film.mp4", "tests/conftest.py", "docs/quick-start.md", "scripts/recipes"),
)


def package_files(root: Path) -> dict[str, bytes]:
    """Every file of the package, by its name in a wheel."""
    found = (path for path in sorted((root / "filmcolor").rglob("*")) if path.is_file())
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in found
        if "__pycache__" not in path.parts and path.suffix != ".pyc"
    }


def wheel_faults(wheel: Path, files: Mapping[str, bytes]) -> Iterator[str]:
    """What is amiss with a wheel that should hold these files."""
    if wheel.stat().st_size > MOST_BYTES:
        yield f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB, more than {MOST_BYTES / 1e6:g}"
    with zipfile.ZipFile(wheel) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    for name in {*files, *NEEDED} - set(held):
        yield f"{wheel.name}: {name} is missing"
    for name in sorted(set(files) & set(held)):
        if files[name] != held[name]:
            yield f"{wheel.name}: {name} is another than here"
    about = f"{'-'.join(wheel.name.split('-')[:2])}.dist-info/"
    for name in sorted(set(held) - set(files)):
        if not name.startswith(about):
            yield f"{wheel.name}: {name} does not belong there"
    for name in ("METADATA", "entry_points.txt", "licenses/LICENSE", "licenses/NOTICE"):
        if about + name not in held:
            yield f"{wheel.name}: {about}{name} is missing"
    metadata = held.get(f"{about}METADATA", b"").decode()
    for line in re.findall(r"^Requires-Dist: (.+)$", metadata, re.MULTILINE):
        if "extra == 'dev'" not in line and not (">=" in line and "<" in line):
            yield f"{wheel.name}: {line} has no bounds"


def sdist_faults(sdist: Path, files: Mapping[str, bytes]) -> Iterator[str]:
    """What is amiss with an sdist that should hold these files."""
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    for name in sorted({*files, *IN_SDIST}):
        if name not in held and not any(each.startswith(f"{name}/") for each in held):
            yield f"{sdist.name}: {name} is missing"


def main(arguments: list[str]) -> int:
    """Check all of a folder; whether something is amiss."""
    folder = Path(arguments[0] if arguments else "dist")
    wheels, sdists = sorted(folder.glob("*.whl")), sorted(folder.glob("*.tar.gz"))
    files = package_files(ROOT)
    faults = [fault for wheel in wheels for fault in wheel_faults(wheel, files)]
    faults += [fault for sdist in sdists for fault in sdist_faults(sdist, files)]
    if not (wheels and sdists):
        faults.append(f"{folder}: holds no wheel, or no sdist")
    for fault in faults:
        print(fault)
    for path in (*wheels, *sdists) if not faults else ():
        print(f"{path.name}: whole, {path.stat().st_size / 1e6:.1f} MB")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
