"""Measures `--restore` on films of which the truth is known.

    python scripts/bench_restore.py CLIP... [--frames 48] [--lines 480] [--seed 1]

Damage is made by `made_damage.py` on the luma of each clip. Of dust and scratches: precision and
recall in pixels, PSNR of the luma on damaged pixels and on the others before and after. Of flicker:
what is left of the standard deviation of the mean luma about its trend over 24 frames. Of weave:
how far frames are off in px, rms, before and after. Of the clip itself: the share of its pixels
that is repaired though nothing is damaged.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import cv2
import made_damage
import numpy as np
from numpy.typing import NDArray

from filmcolor.media.read.film_reader import FilmReader
from filmcolor.stages.restore import Restoration, restored
from filmcolor.types import Frame

Codes = NDArray[np.uint8]


def luma_of(path: str, count: int, lines: int) -> list[Codes]:
    """The first frames of a film, at most so many lines high; one shot is taken for granted."""
    planes: list[Codes] = []
    with FilmReader(path) as reader:
        for frame in reader.frames():
            plane = frame.luma.astype(np.uint8)
            if plane.shape[0] > lines:
                width = round(plane.shape[1] * lines / plane.shape[0] / 2) * 2
                plane = cv2.resize(plane, (width, lines), interpolation=cv2.INTER_AREA)
            planes.append(np.asarray(plane, np.uint8))
            if len(planes) == count:
                break
    return planes


def run(
    planes: Sequence[Codes], wanted: Restoration
) -> tuple[list[Codes], list[Codes | None], float]:
    """Restored planes, what was repaired of each, and CPU seconds a frame."""
    frames = (Frame(n, n, plane, shot=0, place=n) for n, plane in enumerate(planes))
    begun = time.process_time()
    made = list(restored(frames, lambda shot: wanted, bit_depth=8))
    spent = (time.process_time() - begun) / len(planes)
    return (
        [np.asarray(frame.luma, np.uint8) for frame in made],
        [None if frame.mended is None else frame.mended for frame in made],
        spent,
    )


def psnr(error: NDArray[np.float64]) -> float:
    return (
        float(10 * np.log10(255**2 / max(np.mean(np.square(error)), 1e-9))) if error.size else 99.0
    )


def of_places(truth: Sequence[Codes], harmed: made_damage.Damaged, wanted: Restoration) -> str:
    made, masks, spent = run(harmed.frames, wanted)
    found = [
        np.zeros(t.shape, bool) if m is None else m > 0 for t, m in zip(truth, masks, strict=True)
    ]
    real = [
        m & (np.abs(f.astype(int) - t) > 8)
        for m, f, t in zip(harmed.masks, harmed.frames, truth, strict=True)
    ]
    near = [cv2.dilate(m.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0 for m in harmed.masks]
    right = sum(int((f & n).sum()) for f, n in zip(found, near, strict=True))
    said = sum(int(f.sum()) for f in found)
    hit = sum(int((f & r).sum()) for f, r in zip(found, real, strict=True))
    there = sum(int(r.sum()) for r in real)

    def error(planes: Sequence[Codes], where: Sequence[NDArray[np.bool_]]) -> NDArray[np.float64]:
        return np.concatenate(
            [(p.astype(float) - t)[w] for p, t, w in zip(planes, truth, where, strict=True)]
        )

    others = [~n for n in near]
    return (
        f"precision {right / max(said, 1):.3f} recall {hit / max(there, 1):.3f}, damaged "
        f"{psnr(error(harmed.frames, real)):.2f} to {psnr(error(made, real)):.2f} dB, others "
        f"{psnr(error(made, others)):.2f} dB, {1000 * spent:.0f} ms"
    )


def off_trend(planes: Sequence[Codes]) -> float:
    means = np.array([plane.mean() for plane in planes])
    width = 12
    padded = np.pad(means, width, mode="reflect", reflect_type="odd")
    trend = np.convolve(padded, np.full(2 * width + 1, 1 / (2 * width + 1)), "valid")
    return float(np.std(means - trend))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("clips", nargs="+")
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--lines", type=int, default=480)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="clean,dust,scratches,flicker,weave,noise")
    chosen = parser.parse_args()
    for path in chosen.clips:
        truth = luma_of(path, chosen.frames, chosen.lines)
        rng = np.random.default_rng(chosen.seed)
        name = path.rsplit("/", 1)[-1]
        print(f"{name}: {len(truth)} frames of {truth[0].shape[1]}x{truth[0].shape[0]}", flush=True)
        for kind in chosen.only.split(","):
            if kind == "clean":
                for each in ("dust", "scratches"):
                    made, masks, spent = run(truth, Restoration((each,)))
                    share = np.mean([0 if m is None else np.mean(m > 0) for m in masks])
                    print(
                        f"  clean, {each}: repaired {100 * share:.4f} %, {1000 * spent:.0f} ms",
                        flush=True,
                    )
            elif kind in ("dust", "scratches"):
                harmed = made_damage.DAMAGE[kind](truth, rng)
                print(f"  {kind}: {of_places(truth, harmed, Restoration((kind,)))}", flush=True)
            elif kind == "flicker":
                harmed = made_damage.flicker(truth, rng)
                made, _, spent = run(harmed.frames, Restoration(("flicker",)))
                still, _, _ = run(truth, Restoration(("flicker",)))
                print(
                    f"  flicker: {off_trend(harmed.frames):.2f} to {off_trend(made):.2f} "
                    f"(truth {off_trend(truth):.2f}, restored {off_trend(still):.2f}), "
                    f"{1000 * spent:.0f} ms",
                    flush=True,
                )
            elif kind == "weave":
                harmed, _ = made_damage.weave(truth, rng)
                made, _, spent = run(harmed, Restoration(("weave",)))
                before = made_damage.shifts_between(truth, harmed)
                after = made_damage.shifts_between(run(truth, Restoration(("weave",)))[0], made)
                print(
                    f"  weave: {rms(before):.2f} to {rms(after):.2f} px rms, {1000 * spent:.0f} ms",
                    flush=True,
                )
            elif kind == "noise":
                noisy = [
                    np.clip(np.rint(t + rng.normal(0, 6, t.shape)), 0, 255).astype(np.uint8)
                    for t in truth
                ]
                made, _, spent = run(noisy, Restoration(("noise",)))
                first, second = (
                    psnr(
                        np.concatenate(
                            [(p.astype(float) - t).ravel() for p, t in zip(x, truth, strict=True)]
                        )
                    )
                    for x in (noisy, made)
                )
                print(f"  noise: {first:.2f} to {second:.2f} dB, {1000 * spent:.0f} ms", flush=True)


def rms(shifts: NDArray[np.float64]) -> float:
    """Of shifts (n, 2) in px, about their trend over 24 frames."""
    moved = shifts - shifts.mean(axis=0)
    return float(np.sqrt(np.mean(np.square(moved).sum(axis=1))))


if __name__ == "__main__":
    main()
