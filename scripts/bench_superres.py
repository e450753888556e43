"""Measure upscalers: on photographs, on grain, in the cascade with colour, and their speed.

    python scripts/bench_superres.py photos --val val/ --model sr-fast --model sr-fast-film
    python scripts/bench_superres.py grain --val val/ --model sr-fast --model sr-fast-film
    python scripts/bench_superres.py cascade --out work/ --model sr-fast-film
    python scripts/bench_superres.py speed --model sr-fast-film
    python scripts/bench_superres.py sheet pictures/*.jpg --out sheet.png --model sr-fast-film

`photos` prints the PSNR of luma over a bicubic enlargement at each factor, on clean photographs and
on worn ones, and how far the result is off when it is brought back down. `grain` prints how much
stronger grain is than a bicubic enlargement has it, where the photograph is flat, and how much
more of it changes from frame to frame, than of such an enlargement and than of the source.
`cascade` makes
the sample film 320x240, colours it made larger by the stage and made larger bicubically, and
measures both against the true colours. `speed` times the stage and the run it is in.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch
from make_upscalers import load_val, measure_stage

from filmcolor.color import luma_from_rgb
from filmcolor.evaluate.coloring import to_rgb
from filmcolor.events import Finished
from filmcolor.jobs.film import color_film
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.write.film_writer import FilmWriter, plan_output
from filmcolor.models.checkpoint import load_upscaler
from filmcolor.models.resampling import enlarge, reduce
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions
from filmcolor.stages.upscale import Enlarger
from filmcolor.train.degrade import SMALL_FILM, degrade_small
from filmcolor.types import ColorFrame, Luma
from filmcolor.visual.rgb import Rgb
from filmcolor.visual.sheets import make_sheet, write_png

SAMPLES = Path(__file__).parents[1] / "samples"
FLAT_CODES = 2.0
"""Standard deviation of the true luma around a pixel, below which a photograph is flat there."""


def bicubic(luma: Luma, factor: int) -> Luma:
    """Codes enlarged bicubically."""
    made = enlarge(torch.from_numpy(luma.astype(np.float32))[None, None], factor)
    return made.round().clamp(0, 255).to(torch.uint8)[0, 0].numpy()


def photos(chosen: argparse.Namespace) -> None:
    val = load_val(chosen.val, chosen.pictures)
    for name in chosen.model:
        model = load_upscaler(name)
        for film in (False, True):
            for factor in (2, 3, 4):
                report = measure_stage(model, val, factor=factor, film=film)
                print(
                    f"{name}, {'worn' if film else 'clean'}, x{factor}: {report.psnr:.3f} dB, "
                    f"bicubic {report.psnr_bicubic:.3f}, gain {report.psnr_gain:+.3f}; down again "
                    f"{report.down_error:.3f} codes (bicubic {report.down_error_bicubic:.3f})",
                    flush=True,
                )


def _roughness(luma: Luma, flat: np.ndarray) -> float:
    """Standard deviation of what is finer than 3 px, where it is flat."""
    values = luma.astype(np.float32)
    return float((values - cv2.GaussianBlur(values, (0, 0), 3))[flat].std())


def _regrained(still: np.ndarray, seed: int) -> Luma:
    """A picture, codes as floats, with grain of four codes, as codes."""
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=still.shape), (0, 0), 0.6)
    return np.clip(still + 4.0 / noise.std() * noise, 0, 255).round().astype(np.uint8)


def grain(chosen: argparse.Namespace) -> None:
    val = load_val(chosen.val, chosen.pictures)
    settings = replace(SMALL_FILM, chance=1.0)
    for name in chosen.model:
        enlarger = Enlarger(load_upscaler(name), 2, 8, full_range=True)
        ratios, shimmer, of_source, where_flat = [], [], [], []
        for number, photo in enumerate(val.photos):
            height, width = (side - side % 2 for side in photo.shape[:2])
            rgb = to_rgb([photo[:height, :width]], torch.device("cpu"))
            truth = (luma_from_rgb(rgb)[0, 0] * 255).numpy()
            mean = cv2.GaussianBlur(truth, (0, 0), 4)
            spread = np.sqrt(np.maximum(cv2.GaussianBlur(truth**2, (0, 0), 4) - mean**2, 0))
            flat = spread < FLAT_CODES
            still = reduce(luma_from_rgb(rgb), 2)[0, 0].numpy() * 255
            moments = [_regrained(still, seed) for seed in (number, number + 1)]
            ours, plain, source = (
                np.subtract(*(enlarging(each).astype(np.float32) for each in moments))
                for enlarging in (
                    enlarger.enlarge,
                    lambda codes: bicubic(codes, 2),
                    lambda codes: codes,
                )
            )
            shimmer.append(float(ours.std() / plain.std()))
            of_source.append(float(ours.std() / source.std()))
            if flat.mean() < 0.02:
                continue
            where_flat.append(float(ours[flat].std() / source[flat[::2, ::2]].std()))
            rng = torch.Generator().manual_seed(number)
            small, _ = degrade_small(rgb, settings, 2, rng)
            codes = (small[0, 0] * 255).round().clamp(0, 255).to(torch.uint8).numpy()
            rough = _roughness(bicubic(codes, 2), flat)
            if rough > 1.0:  # codes: else there is no grain to speak of
                ratios.append(_roughness(enlarger.enlarge(codes), flat) / rough)
        print(
            f"{name}: grain {np.mean(ratios):.3f} times bicubic's (worst of {len(ratios)} "
            f"photographs: {max(ratios):.3f}); between two frames of a still scene "
            f"{np.mean(shimmer):.3f} times bicubic's (worst of {len(shimmer)}: {max(shimmer):.3f}) "
            f"and {np.mean(of_source):.3f} times the source's own (worst {max(of_source):.3f}), "
            f"where it is flat {np.mean(where_flat):.3f} times (worst of {len(where_flat)}: "
            f"{max(where_flat):.3f})",
            flush=True,
        )


def _write_small(source: Path, target: Path, factor: int, seconds: Fraction) -> None:
    """A grey film with luma reduced by a factor, or reduced and enlarged bicubically again if the
    factor is negative; with 1 the film itself, in colour.
    """
    options = RunOptions(encode=EncodeOptions(codec="ffv1"), overwrite=True)
    with FilmReader(str(source)) as reader:
        info = reader.info
        scale = 1 if factor < 0 else factor
        info = replace(info, width=info.width // scale, height=info.height // scale, streams=())
        plan = plan_output(info, str(target), options)
        chroma = plan.layout.chroma_size(info.height, info.width)
        neutral = np.full(chroma, 128, np.uint8)
        with FilmWriter(plan, label="bench") as writer:
            for frame in reader.frames(duration_seconds=seconds, with_chroma=factor == 1):
                if factor == 1 and frame.chroma is not None:
                    writer.write(ColorFrame(frame.index, frame.pts, frame.luma, *frame.chroma))
                    continue
                luma = torch.from_numpy(frame.luma.astype(np.float32))[None, None]
                small = reduce(luma, abs(factor)).round().clamp(0, 255).to(torch.uint8)[0, 0]
                codes = small.numpy() if factor > 0 else bicubic(small.numpy(), -factor)
                writer.write(ColorFrame(frame.index, frame.pts, codes, neutral, neutral))
            writer.finish()


def _run(source: Path, target: Path, options: RunOptions) -> Finished:
    for event in color_film(str(source), str(target), options):
        if isinstance(event, Finished):
            return event
    raise SystemExit(f"{target}: no end")


def cascade(chosen: argparse.Namespace) -> None:
    chosen.out.mkdir(parents=True, exist_ok=True)
    sample, seconds = SAMPLES / "old_film_truth.mp4", Fraction(chosen.seconds)
    truth = chosen.out / "truth.mkv"
    _write_small(sample, truth, 1, seconds)
    small, plain = chosen.out / "small.mkv", chosen.out / "bicubic.mkv"
    _write_small(sample, small, 2, seconds)
    _write_small(sample, plain, -2, seconds)
    options = RunOptions(encode=EncodeOptions(codec="ffv1"), overwrite=True)
    results = [chosen.out / "bicubic-color.mkv"]
    print(f"bicubic: {_run(plain, results[0], options).seconds:.1f} s")
    for name in chosen.model:
        target = chosen.out / f"{Path(name).stem}-color.mkv"
        done = _run(small, target, replace(options, upscale=2, upscale_model=name))
        print(f"{name}: {done.seconds:.1f} s", flush=True)
        results.append(target)
    shown = " ".join(f"--result {result}" for result in results)
    print(f"filmcolor evaluate --truth {truth} {shown} --files-only --short-side 480")


def speed(chosen: argparse.Namespace) -> None:
    chosen.out.mkdir(parents=True, exist_ok=True)
    small = chosen.out / "small.mkv"
    seconds = Fraction(chosen.seconds)
    _write_small(SAMPLES / "old_film_truth.mp4", small, 2, seconds)
    with FilmReader(str(small)) as reader:
        luma = next(reader.frames()).luma
    for name in chosen.model:
        enlarger = Enlarger(load_upscaler(name), 2, 8, full_range=False)
        enlarger.enlarge(luma)
        wall, work = [], []
        for _ in range(10):
            begun, busy = time.perf_counter(), time.process_time()
            enlarger.enlarge(luma)
            wall.append(time.perf_counter() - begun)
            work.append(time.process_time() - busy)
        print(
            f"{name}: {min(wall) * 1000:.0f} ms a frame of 320x240, {min(work) * 1000:.0f} ms of "
            f"processor time, {torch.get_num_threads()} threads",
            flush=True,
        )
        options = RunOptions(color=ColorOptions(), overwrite=True)
        for upscale in (None, 2):
            model = None if upscale is None else name
            wanted = replace(options, upscale=upscale, upscale_model=model)
            busy = time.process_time()
            done = _run(small, chosen.out / "speed.mp4", wanted)
            stages = ", ".join(f"{key} {value:.2f}" for key, value in done.stage_seconds.items())
            print(
                f"{'without' if upscale is None else 'x2'}: {done.done / done.seconds:.2f} fps, "
                f"{(time.process_time() - busy) / done.done * 1000:.0f} ms of processor time a "
                f"frame; {stages}",
                flush=True,
            )


def sheet(chosen: argparse.Namespace) -> None:
    rows: list[list[Rgb]] = []
    for path in chosen.pictures:
        if Path(path).suffix in (".mp4", ".mkv", ".mov"):
            with FilmReader(path) as reader:
                luma = reader.sample(3)[1].luma
        else:
            luma = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
        side = chosen.side
        height, width = luma.shape
        top, left = (height - side) // 2, (width - side) // 2
        luma = np.ascontiguousarray(luma[max(0, top) :, max(0, left) :][:side, :side])
        pictures = [bicubic(luma, chosen.factor)]
        for name in chosen.model:
            enlarger = Enlarger(load_upscaler(name), chosen.factor, 8, full_range=True)
            pictures.append(enlarger.enlarge(luma))
        rows.append([np.repeat(picture[..., None], 3, axis=2) for picture in pictures])
    titles = ["bicubic", *(Path(name).stem for name in chosen.model)]
    write_png(chosen.out, make_sheet(rows, titles=titles, cell_height=chosen.side * chosen.factor))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = parser.add_subparsers(required=True)
    for job in (photos, grain, cascade, speed, sheet):
        kind = kinds.add_parser(job.__name__)
        kind.set_defaults(job=job)
        kind.add_argument("--model", action="append", required=True)
        if job in (photos, grain):
            kind.add_argument("--val", required=True)
            kind.add_argument("--pictures", type=int)
        else:
            kind.add_argument("--out", type=Path, required=True)
        if job in (cascade, speed):
            kind.add_argument("--seconds", default="2")
        if job is sheet:
            kind.add_argument("pictures", nargs="+")
            kind.add_argument("--factor", type=int, default=2)
            kind.add_argument("--side", type=int, default=240)
    chosen = parser.parse_args(arguments)
    chosen.job(chosen)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
