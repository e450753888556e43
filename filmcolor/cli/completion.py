"""`filmcolor completion`: what a shell needs to complete filmcolor's commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from filmcolor.cli.display.terminal import write_text

_VARIABLE = "_FILMCOLOR_COMPLETE"

_EPILOG = """\b
Examples:
  filmcolor completion bash > ~/.local/share/bash-completion/completions/filmcolor
      for bash, with the package bash-completion; in the next shell, press Tab
  filmcolor completion zsh > ~/.zfunc/_filmcolor
      for zsh, where ~/.zshrc has: fpath+=~/.zfunc; autoload -U compinit; compinit
  filmcolor completion fish > ~/.config/fish/completions/filmcolor.fish
      for fish
"""


@click.command(
    "completion", epilog=_EPILOG, short_help="Write what a shell needs to complete commands."
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion_command(ctx: click.Context, /, shell: str) -> None:
    """Write a script for SHELL, with which the Tab key completes filmcolor's commands, options and
    the names of files.
    """
    kind = get_completion_class(shell)
    assert kind is not None  # one of click's own
    root = ctx.find_root().command
    script = kind(root, {}, "filmcolor", _VARIABLE)
    write_text(script.source_template % script.source_vars())
