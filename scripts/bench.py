"""Time `filmcolor run` beside its floor, the same decode and encode without any colour.

    python scripts/bench.py                                  # 640x480, on the CPU
    python scripts/bench.py --sizes 640x480 1280x720 1920x1080 --stride 1 auto --stages
    python scripts/bench.py --device cuda --precision bf16 --preset veryfast --json speed.json
    python scripts/bench.py my_film.mp4 --sizes own
    python scripts/bench.py --train photos/                  # the training loop instead

The floor and every setting are run in turn, each as a process of its own, as often as `--repeat`
says, so that what else the machine does falls on all; figures are medians, ratios are of the same
round. Seconds are from the call to its end, the loading of the model included, the start of Python
not. Peak memory is the most that the process itself had resident (Linux's VmHWM; what
`getrusage` tells of a process begins at the peak of the one that started it). `--stages` times each
stage by itself: nothing runs beside it.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path
from typing import Any, TypeVar

import av
import cv2
import numpy as np
import torch

from filmcolor.analysis.shots import ShotFinder
from filmcolor.color import ChromaTable, resolve_tags
from filmcolor.events import Finished
from filmcolor.film.analyze import settle_stride
from filmcolor.jobs.film import color_film
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.write.film_writer import FilmWriter, plan_output
from filmcolor.models.checkpoint import load_generator
from filmcolor.options import ColorOptions, EncodeOptions, Precision, RunOptions
from filmcolor.prefetch import prefetch
from filmcolor.stages.compose import compose
from filmcolor.stages.infer import infer_sparsely
from filmcolor.stages.smooth import smooth
from filmcolor.stages.view import film_view
from filmcolor.types import ColorFrame

T = TypeVar("T")

SAMPLE = Path(__file__).parents[1] / "samples" / "old_film.mp4"
GRAIN = 3.0
"""Codes: deviation of the grain that an enlarged film gets, for enlarging smooths its own."""
STAGE_FRAMES = 48


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to run, or the floor."""

    precision: str
    stride: str

    @property
    def name(self) -> str:
        return "floor" if not self.precision else f"{self.precision}, stride {self.stride}"


FLOOR = Setting("", "")


def options_of(setting: Setting, device: str, preset: str | None) -> RunOptions:
    """What `filmcolor run` is told."""
    precision: Precision = "bf16" if setting.precision == "bf16" else "fp32"
    stride = "auto" if setting.stride == "auto" else int(setting.stride or 1)
    return RunOptions(
        color=ColorOptions(device=device, precision=precision, stride=stride),  # type: ignore[arg-type]
        encode=EncodeOptions(preset=preset),
    )


def make_film(
    source: str, size: tuple[int, int], frames: int, target: str, grain: float = GRAIN
) -> None:
    """A film of (width, height) with the pictures of `source` again and again, in grey, with grain
    of so many codes.
    """
    rng = np.random.default_rng(0)
    width, height = size
    with av.open(source) as container:
        pictures = [
            cv2.resize(picture.to_ndarray(format="gray"), size, interpolation=cv2.INTER_CUBIC)
            for picture in container.decode(video=0)
        ]
        own = (container.streams.video[0].width, container.streams.video[0].height) == size
    with av.open(target, "w") as container:
        stream = container.add_stream("libx264", 24, options={"preset": "veryfast", "crf": "14"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number, picture in enumerate(islice(cycle(pictures), frames)):
            noise = 0 if own else rng.normal(0, grain, picture.shape)
            luma = np.clip(picture + noise, 16, 235).astype(np.uint8)
            neutral = np.full((height // 2, width), 128, np.uint8)
            made = av.VideoFrame.from_ndarray(np.vstack([luma, neutral]), format="yuv420p")
            made.pts, made.time_base = number, Fraction(1, 24)
            container.mux(stream.encode(made))
        container.mux(stream.encode(None))


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


def peak_megabytes() -> float:
    """The most that this process has had resident, MB; NaN where the system does not tell (only
    Linux does).
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return math.nan
    found = re.search(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 / 1e6 if found else math.nan


def work(setting: Setting, source: str, device: str, preset: str | None) -> dict[str, Any]:
    """One timed job in this process."""
    options = options_of(setting, device, preset)
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder) / "out.mp4")
        stages: dict[str, float] = {}
        cpu, started = time.process_time(), time.monotonic()
        if setting == FLOOR:
            count = copy_without_color(source, target, options)
        else:
            last = list(color_film(source, target, options))[-1]
            if not isinstance(last, Finished):
                raise TypeError(f"a run ended with {last}")
            count, stages = last.done, dict(last.stage_seconds)
        seconds, cpu = time.monotonic() - started, time.process_time() - cpu
    return {
        "fps": count / seconds,
        "cpu_ms": 1000 * cpu / count,
        "megabytes": peak_megabytes(),
        "device_megabytes": torch.cuda.max_memory_allocated() / 2**20
        if device.startswith("cuda")
        else 0.0,
        "stages": {name: 1000 * value / count for name, value in stages.items()},
    }


def time_stages(setting: Setting, source: str, device: str, preset: str | None) -> dict[str, Any]:
    """Milliseconds a frame of each stage by itself, on the same frames, and the stride that they
    were coloured with: the setting's, or what auto comes to.
    """
    options = options_of(setting, device, preset)
    found: dict[str, float] = {}

    def timed(name: str, job: Callable[[], T]) -> T:
        begun = time.perf_counter()
        result = job()
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        found[name] = 1000 * (time.perf_counter() - begun) / STAGE_FRAMES
        return result

    with FilmReader(source) as reader, tempfile.TemporaryDirectory() as folder:
        info = reader.info
        color = options.color
        model = load_generator("default", device, precision=color.precision, engine=color.engine)
        view = film_view(info, model, None, color)
        frames = timed("decode", lambda: list(islice(reader.frames(), STAGE_FRAMES)))
        finder = ShotFinder(info.layout.bit_depth)
        timed("shots", lambda: [finder.add(frame.luma) for frame in frames])
        frames = [replace(frame, shot=0, place=frame.index) for frame in frames]
        chosen = color.stride
        stride = settle_stride(frames, model, view, color) if chosen == "auto" else chosen
        list(infer_sparsely(frames[:8], model, view, stride=stride))
        fields = timed("infer", lambda: list(infer_sparsely(frames, model, view, stride=stride)))
        steady = timed("smooth", lambda: list(smooth(iter(fields), "flow", stride=stride)))
        plan = plan_output(info, str(Path(folder) / "out.mp4"), options)
        tags = resolve_tags(info.tags, info.height)
        table = ChromaTable.build(tags.matrix, tags.primaries).to(model.device)
        colored = timed(
            "compose",
            lambda: list(
                compose(
                    iter(steady),
                    source_layout=info.layout,
                    layout=plan.layout,
                    tags=tags,
                    siting=plan.siting,
                    box=None,
                    table=table,
                    device=model.device,
                )
            ),
        )

        def encode() -> None:
            with FilmWriter(plan, label="bench") as writer:
                for frame in colored:
                    writer.write(frame)
                writer.finish()

        timed("encode", encode)
    return {"stride": stride, "stages": found}


def time_training(data: str, device: str, precision: str, minutes: float) -> dict[str, float]:
    """Images a second of the training loop, recipe `film` at 128 px, without its first steps; what
    it evaluates at the end is no part of them.
    """
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        command = [sys.executable, "-m", "filmcolor", "train", data, "-o", str(run)]
        command += ["--size", "128", "--minutes", str(minutes), "--quiet"]
        command += ["--evaluations", "1", "--val-pictures", "1"]
        command += ["--device", device, "--precision", precision]
        subprocess.run(command, check=True)
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    steps = [line for line in lines if "images_per_second" in line]
    told = steps[1:] or steps
    return {
        name: statistics.median(line[name] for line in told)
        for name in ("images_per_second", "data_share")
    }


def machine(device: str) -> str:
    """What it was measured on, in words."""
    threads = f"{torch.get_num_threads()} threads of a {platform.machine()} processor"
    flags = getattr(torch.cpu, "get_capabilities", dict)()
    has = [name for name in ("avx2", "avx512_f", "avx512_bf16", "amx_bf16") if flags.get(name)]
    card = f", {torch.cuda.get_device_name()}" if device.startswith("cuda") else ""
    return (
        f"{threads} ({', '.join(has) or 'no wide vectors told'}){card}, torch {torch.__version__}"
    )


def measure(
    film: str, settings: list[Setting], args: argparse.Namespace
) -> dict[str, dict[str, Any]]:
    """Medians over the rounds, by the setting's name."""
    rounds: dict[Setting, list[dict[str, Any]]] = {each: [] for each in (FLOOR, *settings)}
    for _ in range(args.repeat):
        for setting, found in rounds.items():
            command = [sys.executable, __file__, film, "--device", args.device]
            command += ["--preset", args.preset] if args.preset else []
            command += ["--worker", json.dumps([setting.precision, setting.stride])]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            found.append(json.loads(output))
    result = {}
    for setting, found in rounds.items():
        pairs = zip(found, rounds[FLOOR], strict=True)
        keys = [key for key in found[0] if key != "stages"]
        result[setting.name] = {
            **{key: statistics.median(one[key] for one in found) for key in keys},
            "ratio": statistics.median(one["fps"] / floor["fps"] for one, floor in pairs),
            "stages": {
                name: statistics.median(one["stages"].get(name, 0.0) for one in found)
                for name in found[0]["stages"]
            },
        }
    return result


def print_table(size: str, result: dict[str, dict[str, Any]]) -> None:
    """What was measured at one size."""
    print(f"\n{size:20} {'fps':>7} {'of floor':>9} {'CPU ms':>7} {'MB':>6} {'device MB':>10}")
    for name, row in result.items():
        print(
            f"{name:20} {row['fps']:7.1f} {row['ratio']:9.2f} {row['cpu_ms']:7.1f} "
            f"{row['megabytes']:6.0f} {row['device_megabytes']:10.0f}"
        )
    for name, row in result.items():
        alone = row.get("alone", {"stages": {}})
        for what, stages in (("in the run", row["stages"]), ("each alone", alone["stages"])):
            if stages:
                told = ", ".join(f"{stage} {value:.1f}" for stage, value in stages.items())
                what += f" (stride {alone['stride']})" if stages is alone["stages"] else ""
                print(f"  {name}, ms a frame, {what}: {told}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("film", nargs="?", default=str(SAMPLE), help="default: the sample film")
    parser.add_argument("--sizes", nargs="+", default=["640x480"], help="WxH, or own")
    parser.add_argument("--frames", type=int, default=384, help="of the films made (default: 384)")
    parser.add_argument(
        "--grain", type=float, default=GRAIN, help=f"of the films made, codes (default: {GRAIN:g})"
    )
    parser.add_argument("--repeat", type=int, default=3, help="rounds (default: 3)")
    parser.add_argument("--precision", nargs="+", default=["fp32", "bf16"])
    parser.add_argument("--stride", nargs="+", default=["1"], help="1, 2, ... or auto")
    parser.add_argument("--preset", help="the encoder's preset")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument("--stages", action="store_true", help="time each stage by itself too")
    parser.add_argument("--train", metavar="DATA", help="time the training loop on DATA instead")
    parser.add_argument("--minutes", type=float, default=1.0, help="of training (default: 1)")
    parser.add_argument("--json", metavar="FILE", help="write everything as JSON")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Run everything in turn and print medians."""
    args = arguments()
    if args.worker:
        job = Setting(*json.loads(args.worker)[:2])
        alone = len(json.loads(args.worker)) > 2
        what = time_stages if alone else work
        print(json.dumps(what(job, args.film, args.device, args.preset)))
        return
    found: dict[str, Any] = {"machine": machine(args.device)}
    print(found["machine"])
    if args.train:
        for precision in args.precision:
            found[precision] = time_training(args.train, args.device, precision, args.minutes)
            rate, share = found[precision]["images_per_second"], found[precision]["data_share"]
            print(f"training, {precision}: {rate:.0f} images a second, {share:.1%} on crops")
    settings = [Setting(p, s) for p in args.precision for s in args.stride]
    with tempfile.TemporaryDirectory() as folder:
        for size in [] if args.train else args.sizes:
            film = args.film
            if size != "own":
                width, height = map(int, size.split("x"))
                film = str(Path(folder) / f"{size}.mp4")
                make_film(args.film, (width, height), args.frames, film, args.grain)
            found[size] = measure(film, settings, args)
            for setting in settings if args.stages else []:
                command = [sys.executable, __file__, film, "--device", args.device]
                command += ["--worker", json.dumps([setting.precision, setting.stride, "alone"])]
                output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                found[size][setting.name]["alone"] = json.loads(output)
            print_table(size, found[size])
    if args.json:
        Path(args.json).write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
