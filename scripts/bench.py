"""Time `filmcolor run` beside its floor: the same decode and encode without any colour.

    python scripts/bench.py samples/old_film.mp4
    python scripts/bench.py film.mp4 --repeat 5 --preset veryfast --json

Both are run in turn, each as a process of its own, so that what else the machine does falls on
both. Frames a second are end to end without the start of Python; peak memory is the process's
resident maximum. Medians over the repeats.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from filmcolor.media.decode import FilmReader
from filmcolor.media.encode import FilmWriter, plan_output
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions
from filmcolor.pipeline import color_film
from filmcolor.prefetch import prefetch
from filmcolor.types import ColorFrame, Finished

JOBS = ("floor", "run")


def copy_without_color(source: str, target: str, options: RunOptions) -> int:
    """Decode and encode with neutral chroma, threaded as a run is; returns the frames."""
    with FilmReader(source) as reader:
        plan = plan_output(reader.info, target, options)
        size = plan.layout.chroma_size(reader.info.height, reader.info.width)
        neutral = np.full(size, 1 << (plan.layout.bit_depth - 1), plan.layout.dtype)

        def frames() -> Iterator[ColorFrame]:
            for frame in reader.frames():
                yield ColorFrame(
                    frame.index, frame.pts, frame.luma, neutral, neutral, frame.duration
                )

        count = 0
        with FilmWriter(plan, label="bench") as writer:
            for frame in prefetch(frames(), 8):
                writer.write(frame)
                count += 1
            writer.finish()
    return count


def work(job: str, source: str, options: RunOptions) -> dict[str, Any]:
    """One timed job in this process."""
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder) / "out.mp4")
        stages: dict[str, float] = {}
        started = time.monotonic()
        if job == "floor":
            count = copy_without_color(source, target, options)
        else:
            last = list(color_film(source, target, options))[-1]
            if not isinstance(last, Finished):
                raise TypeError(f"a run ended with {last}")
            count, stages = last.done, dict(last.stage_seconds)
        seconds = time.monotonic() - started
    return {
        "fps": count / seconds,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "stages": {name: 1000 * value / count for name, value in stages.items()},
    }


def main() -> None:
    """Run all jobs in turn and print medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("film")
    parser.add_argument("--repeat", type=int, default=3, help="rounds (default: 3)")
    parser.add_argument("--preset", help="the encoder's preset")
    parser.add_argument("--device", default="cpu", help="of `filmcolor run` (default: cpu)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--worker", choices=JOBS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        options = RunOptions(
            color=ColorOptions(device=args.device), encode=EncodeOptions(preset=args.preset)
        )
        print(json.dumps(work(args.worker, args.film, options)))
        return
    results: dict[str, list[dict[str, Any]]] = {job: [] for job in JOBS}
    for _ in range(args.repeat):
        for job in JOBS:
            command = [sys.executable, __file__, *sys.argv[1:], "--worker", job]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            results[job].append(json.loads(output))
    table = {
        job: {
            key: round(statistics.median(one[key] for one in ones), 1)
            for key in ("fps", "megabytes")
        }
        for job, ones in results.items()
    }
    ratios = [
        run["fps"] / floor["fps"]
        for floor, run in zip(results["floor"], results["run"], strict=True)
    ]
    stages = {
        name: round(statistics.median(one["stages"][name] for one in results["run"]), 2)
        for name in results["run"][0]["stages"]
    }
    if args.json:
        print(json.dumps({**table, "ratio": statistics.median(ratios), "stage_ms": stages}))
        return
    for job in JOBS:
        print(f"{job:6} {table[job]['fps']:7.1f} fps   {table[job]['megabytes']:7.0f} MB peak")
    print(f"ratio  {statistics.median(ratios):7.2f} of the floor")
    print("milliseconds a frame: " + ", ".join(f"{n} {v}" for n, v in stages.items()))


if __name__ == "__main__":
    main()
