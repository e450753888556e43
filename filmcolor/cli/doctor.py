"""`filmcolor doctor`: what is here to compute with, what is slow, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from filmcolor.cli.display.terminal import write_json, write_line, write_lines
from filmcolor.cli.models import fact_lines
from filmcolor.disk_space import size_text

if TYPE_CHECKING:
    from filmcolor.jobs.machine import Machine

_EPILOG = """\b
Examples:
  filmcolor doctor
      what is here, what is slow and why, in one screen
  filmcolor doctor --json > doctor.json
      the same for a report of a fault
"""


@click.command("doctor", epilog=_EPILOG, short_help="Say what is here, and what is slow.")
@click.option("--json", "as_json", is_flag=True, help="Write everything as one JSON object.")
def doctor_command(as_json: bool) -> None:
    """Say what filmcolor finds on this machine: versions, processor, graphics cards, models,
    encoders, room on the disk; and what makes it slow, with what to do about it.

    Nothing is changed or sent anywhere.
    """
    from filmcolor.jobs.machine import look

    machine = look()
    if as_json:
        write_json(machine, indent=2)
        return
    write_lines(_lines(machine))
    write_line("")
    for text in machine.advice or ("Nothing is amiss.",):
        write_lines(click.wrap_text(text, 96, "- ", "  ").splitlines())


def _lines(machine: Machine) -> Iterator[str]:
    have = [f"{name} {text}" for name, text in machine.packages.items() if text]
    lack = [name for name, text in machine.packages.items() if not text]
    half = "bfloat16" if machine.half else "float32"
    features = f" ({', '.join(machine.features)})" if machine.features else ""
    facts = {
        "system": f"{machine.system}, Python {machine.python}",
        "packages": ", ".join([*have, f"libavcodec {machine.ffmpeg}"]),
        "not installed": ", ".join(lack),
        "processor": f"{machine.processor}{features}; {machine.cores} of {machine.machine_cores} "
        f"cores, PyTorch computes in {machine.threads} threads",
        "cards": "; ".join(machine.devices) or "none that PyTorch can use",
        "computes": f"on {machine.device} in {half}, by {machine.engine}",
        "models": ", ".join(machine.models),
        "encoders": ", ".join(machine.encoders),
        "no encoders": ", ".join(machine.missing_encoders),
        "free": "; ".join(f"{size_text(n)} in {name}" for name, n in machine.disk_free.items()),
        "cache": f"{machine.cache or 'none'}, {size_text(machine.cache_bytes)}",
    }
    yield f"filmcolor {machine.filmcolor}"
    yield from fact_lines(facts)
