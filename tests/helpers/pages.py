"""The command lines that the pages of the documentation show."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "samples" / "README.md",
        *(ROOT / "docs").glob("*.md"),
    ]
)

PROGRAMS = (
    "#!/bin/sh",
    ".venv/bin/pip",
    ".venv/bin/pre-commit",
    ".venv/bin/python",
    ".venv/bin/twine",
    "docker",
    "ffmpeg",
    "filmcolor",
    "man",
    "mkdir",
    "pip",
    "pipx",
    "python",
    "python3",
    "ray",
    "scripts/docs",
    "scripts/run",
    "scripts/test",
    "torchrun",
    "uvx",
)
"""What a block of command lines begins with."""


def blocks(page: Path) -> Iterator[list[str]]:
    """The blocks of a page that are for a shell, as whole lines without what is said of them: those
    that are indented by four and begin with one of the `PROGRAMS`, and those fenced as sh.
    """
    text = page.read_text(encoding="utf-8")
    fenced = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
    for language, body in fenced.findall(text):
        if language in ("sh", "bash", "shell", "console"):
            yield list(_lines(body.removeprefix("$ ").replace("\n$ ", "\n")))
    for match in re.finditer(r"(?:^\n|\A)((?:^ {4}.*\n|^\n(?= {4}))+)", fenced.sub("", text), re.M):
        if match[1].split()[0] in PROGRAMS:
            yield list(_lines(re.sub("^    ", "", match[1], flags=re.MULTILINE)))


def _lines(body: str) -> Iterator[str]:
    """Whole lines: a backslash at the end, or a quote that is open, goes on in the next."""
    whole = ""
    for line in body.splitlines():
        whole += line.removesuffix("\\").strip() + " "
        if line.endswith("\\"):
            continue
        try:
            shlex.split(whole, comments=True)
        except ValueError:
            continue
        if whole.strip() and not re.match(r"#|\d{4}-\d\d-\d\dT", whole):  # a log's line is none
            yield re.sub(r"\s+#\s.*", "", whole).strip()
        whole = ""
    assert not whole, f"an open quote: {whole}"
