"""How much quicker two workers are than one: `filmcolor run` with --workers 1 and 2, in turn.

    python scripts/bench_workers.py film.mp4
    python scripts/bench_workers.py film.mp4 --repeat 5 --size 128

The film should last a few minutes: it is divided into parts of 5 to 20 seconds, and a second worker
takes a few seconds to begin.

Every worker has one processor core: all processes of a run are held to as many cores as it has
workers. `all` is the whole run without the start of Python; `colouring` leaves out looking through
the film, which one process does before the others begin. Medians over the repeats.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

COUNTS = (1, 2)


def seconds(film: str, workers: int, more: list[str]) -> tuple[float, float]:
    """(whole run, what remains without looking through the film)."""
    cores = sorted(os.sched_getaffinity(0))[:workers]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "filmcolor", "run", film, "--json", *more]
        command += ["-o", str(Path(folder, "out.mkv")), "--workers", str(workers)]
        result = subprocess.run(
            command,
            capture_output=True,
            check=True,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )
    end = json.loads(result.stdout.splitlines()[-1])
    return end["seconds"], end["seconds"] - end["stage_seconds"].get("plan", 0.0)


def main() -> None:
    """Print seconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("film")
    parser.add_argument("--repeat", type=int, default=3, help="rounds (default: 3)")
    parser.add_argument("--size", default="256", help="of `filmcolor run` (default: 256)")
    arguments = parser.parse_args()
    if len(os.sched_getaffinity(0)) < max(COUNTS):
        parser.error("needs two processor cores")
    more = ["--device", "cpu", "--size", arguments.size]
    runs: dict[int, list[tuple[float, float]]] = {count: [] for count in COUNTS}
    for _ in range(arguments.repeat):
        for count in COUNTS:
            runs[count].append(seconds(arguments.film, count, more))
    for place, name in enumerate(("all", "colouring")):
        one, two = (statistics.median(run[place] for run in runs[count]) for count in COUNTS)
        print(f"{name}: {one:.1f} s by one, {two:.1f} s by two: {one / two:.2f} times as quick")


if __name__ == "__main__":
    main()
