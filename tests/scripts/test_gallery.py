"""The strips of the gallery show the moments that were asked for."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np

from tests.helpers.clips import make_clip
from tests.helpers.pages import ROOT


def test_a_strip_has_a_row_a_film_and_a_column_a_moment(tmp_path: Path) -> None:
    path = ROOT / "scripts" / "make_gallery.py"
    spec = importlib.util.spec_from_file_location("make_gallery", path)
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    for name in ("a", "b"):
        make_clip(tmp_path / f"{name}.mkv", frames=12, cuts=(6,))
    films = [f"{tmp_path / name}.mkv=film {name}" for name in ("a", "b")]
    strip = tmp_path / "strip.jpg"
    script.main([*films, "--at", "0", "0.3", "--height", "48", "-o", str(strip)])
    picture = cv2.imread(str(strip))
    assert picture is not None
    cells = picture[:, -128 - 4 :].astype(int)  # two of 64 x 48 px, with a gap
    first, second = cells[:48, :64], cells[:48, -64:]
    assert np.abs(first - cells[-48:, :64]).mean() < 8  # both films are the same
    assert np.abs(first - second).mean() > 20  # another scene
