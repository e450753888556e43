"""Write a man page for each command: `python scripts/make_man.py build/man`.

They say what `--help` says. click-man leaves out what a command's help ends with, its examples and
exit codes; here they are added. The same version gives the same bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
from click_man.core import generate_man_page

from filmcolor import __version__
from filmcolor.cli import commands


def escaped(line: str) -> str:
    """A line as roff shows it: a backslash and a hyphen as they are, no dot that would command."""
    text = line.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text


def closing(epilog: str) -> str:
    """The paragraphs that the help ends with, in lines as they are there."""
    lines = [line for line in epilog.strip().splitlines() if line.strip() != "\b"]
    return "\n".join([".SH NOTES", ".nf", *map(escaped, lines), ".fi", ""])


def pages() -> Iterator[tuple[str, str]]:
    """Name and content of every page."""
    top = click.Context(commands, info_name="filmcolor")
    contexts = [top]
    for name, command in commands.commands.items():
        contexts.append(click.Context(command, info_name=name, parent=top))
    for context in contexts:
        page = generate_man_page(context, version=__version__, date=" ")
        page = page.rstrip("\n") + "\n"
        if context.command.epilog:
            page += closing(context.command.epilog)
        yield f"{context.command_path.replace(' ', '-')}.1", page


def main() -> int:
    """Write them into the folder that is named."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in pages():
        (folder / name).write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
