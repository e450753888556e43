"""`filmcolor models`: the models that came with the package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from filmcolor.cli.display.terminal import printable, write_json, write_line, write_lines

if TYPE_CHECKING:
    from filmcolor.models.card import ModelCard


_EPILOG = """\b
Examples:
  filmcolor models
      the models, with their licences and figures
  filmcolor run old_film.mp4 --model default
      use one by its name
"""


@click.command("models", epilog=_EPILOG, short_help="List the models that came with filmcolor.")
@click.option("--json", "as_json", is_flag=True, help="Write everything as one JSON list.")
def models_command(as_json: bool) -> None:
    """List the models that came with filmcolor: what each is, its licence, its measured figures.

    Use one with `filmcolor run --model NAME`, an upscaler with `--upscale-model NAME`. A checkpoint
    of your own is given by its file name, and `filmcolor info FILE` shows its card.
    """
    from filmcolor.models.registry import available_models

    models = available_models()
    if as_json:
        write_json([card_fields(path, card) for path, card in models], indent=2)
        return
    if not models:
        write_line("No models came with this installation; give `run` a file with --model FILE.")
    for number, (path, card) in enumerate(models):
        write_lines([*([""] if number else []), *card_lines(path, card, path.stem)])


def card_fields(path: Path, card: ModelCard) -> dict[str, Any]:
    """A model's card for programs."""
    from dataclasses import asdict

    return {
        "model": path.stem,
        "file": str(path),
        "bytes": path.stat().st_size,
        **asdict(card),
    }


def card_lines(path: Path, card: ModelCard, title: str) -> list[str]:
    """A model's card for people: its name, then one indented line a fact."""
    native, upscales = card.descriptor.native_size, card.descriptor.is_upscaler
    figures = (f"{name.replace('_', ' ')} {value:g}" for name, value in card.metrics.items())
    facts = {
        "name": card.name,
        "what": card.description,
        "network": f"{card.architecture}, {parameters_text(card.parameters)}",
        "looks at": "" if upscales else f"{native}x{native} pixels' worth of each frame",
        "makes": f"{card.descriptor.scale} times as many rows and columns" if upscales else "",
        "hints": "follows given colours" if card.descriptor.accepts_hints else "",
        "figures": ", ".join(figures),
        "weak at": card.weaknesses,
        "licence": card.license,
        "trained on": card.training_data,
        "made by": card.provenance,
        "file": f"{click.format_filename(path)} ({path.stat().st_size / 1e6:.1f} MB)",
    }
    return [title, *fact_lines(facts)]


def parameters_text(count: int) -> str:
    """How many parameters a network has."""
    size = f"{count / 1e6:.1f} M" if count >= 50_000 else f"{count / 1e3:.0f} k"
    return f"{size} parameters"


def fact_lines(facts: Mapping[str, str], width: int = 96) -> list[str]:
    """One indented, wrapped paragraph a fact; facts without text are left out."""
    label = max(len(name) for name in facts) + 2
    lines: list[str] = []
    for name, fact in facts.items():
        if text := printable(" ".join(fact.split())):
            head = f"  {printable(name):<{label}}"
            wrapped = click.wrap_text(
                text, width, initial_indent=head, subsequent_indent=" " * len(head)
            )
            lines += wrapped.splitlines()
    return lines
