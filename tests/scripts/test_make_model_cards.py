"""`scripts/make_model_cards.py`: the cards beside the weights say what the checkpoints do."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from filmcolor.models.registry import available_models

ROOT = Path(__file__).parents[2]
MODELS = available_models()


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "make_model_cards.py"))


@pytest.mark.parametrize(("path", "card"), MODELS, ids=[card.name for _, card in MODELS])
def test_cards_are_up_to_date(script: dict[str, Any], path: Path, card: Any) -> None:
    """After a model was made anew, `python scripts/make_model_cards.py` writes its card."""
    text = path.with_suffix(".md").read_text(encoding="utf-8")
    assert text == script["card_text"](card, path.stat().st_size, script["read_sources"]())
    _, head, body = text.split("---\n", 2)
    assert head.startswith("license: apache-2.0\n") and f"  - name: {card.name}\n" in head
    assert card.weaknesses in body and f"| {card.metrics['psnr']:g} |" in body


def test_every_source_has_a_standing(script: dict[str, Any]) -> None:
    sources = script["read_sources"]()
    assert sum(source.photos for source in sources if source.part == "first") == 16_317
    standing = {source.name: source.standing for source in sources}
    assert standing["ikea-rooms"] == "non-commercial"
    assert standing["grocery"] == standing["cid22"] == "of the photographs"
    assert standing["idenprof"] == standing["faces-age"] == "of the repository"
    assert standing["lsp"] == standing["duts"] == "none"


def test_a_card_that_is_old_is_told(
    script: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script["main"](["--check"]) == 0
    monkeypatch.setitem(script["main"].__globals__, "card_text", lambda *_: "another")
    assert script["main"](["--check"]) == 1
    assert "default.md: not up to date" in capsys.readouterr().out
