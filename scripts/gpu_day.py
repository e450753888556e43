"""Try and time everything that needs a CUDA card, in half an hour, and write it down.

    python scripts/gpu_day.py --out gpu/ --data photos/ shard.tar
    python scripts/gpu_day.py --out gpu/                     # begun again: goes on where it stopped

One step after another, each a process of its own with a limit of its own: the tests that need a
card, `scripts/bench.py` at three sizes, with and without `--stride auto`, enlarging, and the
training loop on DATA. What a step said lies in `--out`; a step that has ended well is not done
again. At the end, and after each step, docs/performance-gpu.md is written of what there is.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance-gpu.md"


@dataclass(frozen=True, slots=True)
class Step:
    """One of the things to try."""

    name: str
    title: str
    arguments: tuple[str, ...]
    """Of Python."""
    minutes: float
    """After which it is ended."""


def steps(out: Path, data: Sequence[str]) -> list[Step]:
    """All of them, the shortest first: each tells something if the rest must be left."""
    bench = ("scripts/bench.py", "--device", "cuda", "--repeat", "3")
    tests = ("-m", "pytest", "tests", "-q", "-k", "cuda", "-p", "no:cacheprovider")
    planned = [
        Step("tests", "Tests that need a card", tests, 4),
        Step(
            "480",
            "640x480",
            (*bench, "--stages", "--stride", "1", "auto", "--json", str(out / "480.json")),
            6,
        ),
        Step(
            "large",
            "1280x720 and 1920x1080",
            (
                *bench,
                *("--sizes", "1280x720", "1920x1080", "--frames", "192"),
                *("--stride", "1", "auto", "--json", str(out / "large.json")),
            ),
            8,
        ),
    ]
    if data:
        training = ("--device", "cuda", "--minutes", "1", "--json", str(out / "train.json"))
        planned += [
            Step(f"train-{number}", f"Training on {Path(source).name}", (*run, source), 4)
            for number, source in enumerate(data)
            for run in [("scripts/bench.py", *training, "--train")]
        ]
    return planned


def run(step: Step, out: Path) -> dict[str, Any]:
    """Do one step; what it printed lies beside what came of it."""
    began = time.monotonic()
    with (out / f"{step.name}.txt").open("w", encoding="utf-8") as log:
        try:
            code = subprocess.run(
                [sys.executable, *step.arguments],
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=60 * step.minutes,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            code = None
    result = {"code": code, "seconds": round(time.monotonic() - began, 1)}
    (out / f"{step.name}.result.json").write_text(json.dumps(result), encoding="utf-8")
    return result


def known(step: Step, out: Path) -> dict[str, Any] | None:
    """What came of it before, if it was done."""
    path = out / f"{step.name}.result.json"
    if not path.exists():
        return None
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return result


def ending(result: Mapping[str, Any] | None) -> str:
    """How a step ended, in words."""
    if result is None:
        return "not tried"
    if result["code"] is None:
        return f"ended after its limit, {result['seconds']:.0f} s"
    said = "passed" if result["code"] == 0 else f"failed with code {result['code']}"
    return f"{said} in {result['seconds']:.0f} s"


def page(planned: Sequence[Step], out: Path, card: str) -> str:
    """The page of figures."""
    lines = [
        "# Speed and correctness on a CUDA card",
        "",
        f"Written by `scripts/gpu_day.py` on {card}, PyTorch {torch.__version__}, CUDA "
        f"{torch.version.cuda}. Ratios are of the same round; [performance](performance.md) says "
        "what they are.",
    ]
    for step in planned:
        lines += ["", f"## {step.title}", "", f"`python {' '.join(step.arguments)}`: "]
        lines[-1] += f"{ending(known(step, out))}."
        said = out / f"{step.name}.txt"
        if said.exists():
            tail = said.read_text(encoding="utf-8", errors="replace").rstrip().splitlines()[-60:]
            lines += ["", "```", *tail, "```"]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Do what has not been done."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for what the steps say")
    parser.add_argument("--data", nargs="+", default=[], help="photographs to train on")
    given = parser.parse_args()
    if not torch.cuda.is_available():
        print("scripts/gpu_day.py: no CUDA card is usable here", file=sys.stderr)
        return 1
    out = given.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    planned = steps(out, [str(Path(source).resolve()) for source in given.data])
    for step in planned:
        before = known(step, out)
        if before is None or before["code"] != 0:
            print(f"{step.title}: {ending(run(step, out))}", flush=True)
        PAGE.write_text(page(planned, out, torch.cuda.get_device_name()), encoding="utf-8")
    return int(any((known(step, out) or {"code": 1})["code"] != 0 for step in planned))


if __name__ == "__main__":
    sys.exit(main())
