"""Make the sample film and its colour truth from photographs that come with scikit-image.

    python scripts/make_samples.py                    # writes samples/old_film.mp4 and its truth
    python scripts/make_samples.py --output /tmp/out  # elsewhere
    python scripts/make_samples.py --seed 7           # the same film with other damage

Needs the `dev` extra (scikit-image); nothing is downloaded. A camera moves over four framings of
three photographs. Each frame's Y'CbCr is computed once: Y', Cb and Cr go to the truth, Y' alone is
faded, shaded, scratched and given grain, and goes to the old film. Gate weave is part of the
camera, so both films show the same geometry, frame for frame. The same seed and the same library
versions give the same frames.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.container
import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data as photographs

Plane = NDArray[np.float32]

WIDTH, HEIGHT = 640, 480
RATE = 24  # frames a second
AUDIO_RATE = 48_000  # samples a second
SEED = 1895  # the Lumières' first public screening
BT601 = 6  # SMPTE 170M in the three tables of ITU-T H.273: matrix, primaries, transfer
LIMITED = 1  # AVCOL_RANGE_MPEG


@dataclass(frozen=True)
class View:
    """Where the camera looks: centre and width in pixels of the photograph, angle in degrees."""

    x: float
    y: float
    width: float
    angle: float = 0.0

    def toward(self, other: View, share: float) -> View:
        """The view `share` (0..1) of the way to `other`; widths are interpolated by ratio."""
        return View(
            self.x + (other.x - self.x) * share,
            self.y + (other.y - self.y) * share,
            self.width * (other.width / self.width) ** share,
            self.angle + (other.angle - self.angle) * share,
        )


@dataclass(frozen=True)
class SampleShot:
    """One camera move over one photograph; `frames` long, then a hard cut."""

    photograph: Callable[[], NDArray[np.uint8]]
    chapter: str | None  # title of the chapter that begins here
    frames: int
    start: View
    stop: View


SHOTS = (
    SampleShot(
        photographs.astronaut,
        "The astronaut",
        60,
        View(256, 302, 470),
        View(236, 188, 355, -1.5),
    ),
    SampleShot(photographs.coffee, "A break", 48, View(318, 204, 470, 3), View(300, 180, 370, -3)),
    SampleShot(photographs.chelsea, "The cat", 48, View(170, 152, 320), View(276, 146, 300, 1)),
    SampleShot(photographs.astronaut, None, 36, View(352, 142, 300), View(238, 136, 275)),
)
FRAMES = sum(shot.frames for shot in SHOTS)


# Picture -----------------------------------------------------------------------------------------


def gate_weave(seed: int) -> NDArray[np.float64]:
    """Offsets (x, y) of each frame in output pixels, shape (FRAMES, 2): slow drift and jitter."""
    random = np.random.default_rng([seed, 1])
    kernel = np.hanning(19)
    noise = random.normal(size=(FRAMES + 18, 2))
    drift = np.stack([np.convolve(noise[:, i], kernel / kernel.sum(), "valid") for i in (0, 1)], 1)
    jitter = random.normal(size=(FRAMES, 2))
    return np.clip(drift * (2.4, 3.2) + jitter * (0.16, 0.28), -2.5, 2.5)


def render(photograph: NDArray[np.uint8], view: View, weave: tuple[float, float]) -> Plane:
    """R'G'B' that the camera sees, 0..1, shape (HEIGHT, WIDTH, 3); drawn at twice the size."""
    fine = 2
    step = view.width / (WIDTH * fine)
    cos = step * math.cos(math.radians(view.angle))
    sin = step * math.sin(math.radians(view.angle))
    half_x = WIDTH * fine / 2 - 0.5 + weave[0] * fine
    half_y = HEIGHT * fine / 2 - 0.5 + weave[1] * fine
    to_photograph: NDArray[np.float64] = np.array(
        [
            [cos, -sin, view.x - cos * half_x + sin * half_y],
            [sin, cos, view.y - sin * half_x - cos * half_y],
        ]
    )
    corners = np.array([(x, y, 1) for x in (0, WIDTH * fine) for y in (0, HEIGHT * fine)])
    reached = corners @ to_photograph.T
    if reached.min() < 0 or (reached > np.array(photograph.shape[1::-1]) - 1).any():
        raise ValueError(f"{view} looks beyond the photograph")
    seen = cv2.warpAffine(
        photograph.astype(np.float32) / 255,
        to_photograph,
        (WIDTH * fine, HEIGHT * fine),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    small = cv2.resize(seen, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(small, 0, 1), np.float32)


def _xyz_from_rgb(primaries: tuple[tuple[float, float], ...]) -> NDArray[np.float64]:
    """Linear RGB to XYZ for chromaticities of red, green, blue and a D65 white (SMPTE RP 177)."""
    basis = np.array([(x / y, 1, (1 - x - y) / y) for x, y in primaries]).T
    white = np.array([0.3127 / 0.3290, 1, (1 - 0.3127 - 0.3290) / 0.3290])
    return basis * np.linalg.solve(basis, white)


_FROM_SRGB = np.linalg.solve(
    _xyz_from_rgb(((0.630, 0.340), (0.310, 0.595), (0.155, 0.070))),  # SMPTE 170M
    _xyz_from_rgb(((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))),  # sRGB
)


def to_ycbcr(rgb: Plane) -> tuple[Plane, Plane, Plane]:
    """sRGB picture (H, W, 3) to BT.601 Y' 0..1, Cb and Cr -0.5..0.5, each (H, W)."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ _FROM_SRGB.T, 0, 1)
    encoded = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = np.moveaxis(encoded.astype(np.float32), -1, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return luma, (blue - luma) / 1.772, (red - luma) / 1.402


def true_frames(seed: int) -> Iterator[tuple[Plane, Plane, Plane]]:
    """Every frame of the film as (Y', Cb, Cr), full size, before any damage."""
    weave = gate_weave(seed)
    index = 0
    for shot in SHOTS:
        photograph = shot.photograph()
        for step in range(shot.frames):
            share = step / (shot.frames - 1)
            eased = share * share * (3 - 2 * share)
            view = shot.start.toward(shot.stop, eased)
            yield to_ycbcr(render(photograph, view, (weave[index, 0], weave[index, 1])))
            index += 1


# Damage ------------------------------------------------------------------------------------------


class OldFilm:
    """Ages luma as forty years in a tin and a worn projector do; a seed decides, frame by frame."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        random = np.random.default_rng([seed, 2])
        flicker = [0.0]
        for _ in range(FRAMES - 1):
            flicker.append(0.55 * flicker[-1] + random.normal(scale=0.028))
        self._flicker = flicker
        self._scratches = [
            (
                random.uniform(0.05, 0.95) * WIDTH,  # column
                int(random.integers(0, FRAMES)),  # first frame
                int(random.integers(5, 46)),  # frames
                float(random.choice([-0.13, 0.2, 0.26])),  # dark or light
                random.uniform(0.45, 0.8),  # half width, px
                random.uniform(0, 2 * math.pi),  # phase of its wander
            )
            for _ in range(15)
        ]
        rows, columns = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j].astype(np.float32)
        self._rows, self._columns = rows, columns
        self._vignette = 1 - 0.2 * np.clip((rows**2 + columns**2) / 2, 0, 1) ** 1.6

    def age(self, luma: Plane, index: int) -> Plane:
        """Frame `index` of the old print: Y' 0..1 in and out, shape (HEIGHT, WIDTH)."""
        random = np.random.default_rng([self._seed, 3, index])
        print_ = cv2.GaussianBlur(luma, (0, 0), 0.55)
        print_ = 0.055 + 0.865 * print_**0.94  # a faded print: lifted blacks, no full white
        tilt = random.normal(scale=0.010, size=2)
        lamp = 1 + self._flicker[index] + tilt[0] * self._rows + tilt[1] * self._columns
        print_ = print_ * self._vignette * lamp
        print_ = self._scratch(print_, index, random)
        print_ = self._dust(print_, random)
        noise = cv2.GaussianBlur(random.normal(size=luma.shape).astype(np.float32), (0, 0), 0.75)
        strength = 0.005 + 0.030 * np.sqrt(np.clip(print_ * (1 - print_), 0, 1))
        return np.asarray(np.clip(print_ + noise / noise.std() * strength, 0, 1), np.float32)

    def _scratch(self, luma: Plane, index: int, random: np.random.Generator) -> Plane:
        columns = np.arange(WIDTH, dtype=np.float32)
        for column, first, frames, depth, half, phase in self._scratches:
            if not first <= index < first + frames:
                continue
            here = (
                column + 2.5 * math.sin(phase + 0.35 * (index - first)) + random.normal(scale=0.3)
            )
            profile = np.exp(-(((columns - here) / half) ** 2))
            along = cv2.GaussianBlur(random.normal(size=(HEIGHT, 1)).astype(np.float32), (0, 0), 25)
            along = np.clip(0.6 + along / along.std() * 0.45, 0, 1)
            luma = luma + depth * along * profile
        return luma

    def _dust(self, luma: Plane, random: np.random.Generator) -> Plane:
        """Specks of a few pixels, most dark, and now and then a hair; each lasts one frame."""
        scale = 8  # OpenCV draws with three fractional bits
        dark, light = np.zeros_like(luma), np.zeros_like(luma)
        for _ in range(random.poisson(3.5)):
            centre = random.uniform((0, 0), (WIDTH, HEIGHT))
            angles = np.sort(random.uniform(0, 2 * math.pi, 9))
            reach = random.uniform(0.5, 1.0, 9) * random.gamma(2.2, 0.75)
            blob = centre + np.stack([np.cos(angles), np.sin(angles)], 1) * reach[:, None]
            on = dark if random.random() < 0.7 else light
            points = np.round(blob * scale).astype(np.int32)
            cv2.fillPoly(on, [points], random.uniform(0.4, 0.9), cv2.LINE_AA, shift=3)
        if random.random() < 0.07:
            bend = np.cumsum(random.normal(scale=0.16, size=40)) + random.uniform(0, 2 * math.pi)
            path = np.cumsum(np.stack([np.cos(bend), np.sin(bend)], 1) * 1.4, 0)
            path = path + random.uniform((40, 40), (WIDTH - 40, HEIGHT - 40))
            points = np.round(path * scale).astype(np.int32)
            cv2.polylines(dark, [points], False, 0.55, 1, cv2.LINE_AA, shift=3)
        hidden, burnt = cv2.GaussianBlur(dark, (0, 0), 0.6), cv2.GaussianBlur(light, (0, 0), 0.6)
        return luma * (1 - hidden) + (1 - luma) * burnt * 0.8


# Sound -------------------------------------------------------------------------------------------

# (beat, semitones from A4): a waltz made up for this film, two beats a second.
MELODY = (
    *((0, -5), (1, 0), (2, 4), (3, 7), (5, 4), (6, 5), (7, 2), (8, -1)),
    *((9, 0), (12, 4), (13, 2), (14, -1), (15, 0)),
)
BASS = ((0, -24), (3, -20), (6, -19), (9, -24), (12, -17), (15, -24))


def sound(seed: int) -> Plane:
    """Samples -1..1, shape (2, n), as long as the film: a small piano and the projector."""
    random = np.random.default_rng([seed, 4])
    length = FRAMES * AUDIO_RATE // RATE
    mix = np.zeros((2, length))

    def strike(second: float, semitones: float, loudness: float, pan: float) -> None:
        first = int(second * AUDIO_RATE)
        t = np.arange(length - first) / AUDIO_RATE
        pitch = 440 * 2 ** (semitones / 12)
        note = np.zeros_like(t)
        for partial in range(1, 8):
            stretched = partial * math.sqrt(1 + 0.0004 * partial**2)  # a stiff string
            fall = np.exp(-t * (1.3 + 0.7 * partial))
            note += np.sin(2 * math.pi * pitch * stretched * t) * fall / partial**1.6
        note *= loudness * np.minimum(1, t / 0.004)
        mix[:, first:] += np.array([[1 - pan], [pan]]) * note

    for beat, semitones in MELODY:
        strike(beat / 2, semitones, 0.34, 0.6)
    for beat, semitones in BASS:
        for place, offset in ((0, 0), (1, 12), (2, 16)):
            if (beat + place) / 2 < FRAMES / RATE:
                strike((beat + place) / 2, semitones + offset, 0.22, 0.4)
    clicks = np.zeros(length)
    for frame in range(FRAMES * 2):  # the shutter opens twice a frame
        first = frame * AUDIO_RATE // (RATE * 2)
        size = min(700, length - first)
        burst = random.normal(size=size) * np.exp(-np.arange(size) / 110)
        clicks[first : first + size] += burst * (0.05 if frame % 2 else 0.085)
    hiss = random.normal(scale=0.006, size=length)
    rattle = np.convolve(clicks + hiss, np.hanning(9) / 4.5, "same")
    mix = mix + rattle
    fade = np.minimum(1, np.minimum(np.arange(length), np.arange(length)[::-1]) / (AUDIO_RATE / 5))
    return np.asarray(np.tanh(mix * fade), np.float32)


# Files -------------------------------------------------------------------------------------------


def limited_luma(luma: Plane) -> NDArray[np.uint8]:
    """Y' 0..1 to limited-range codes."""
    return np.asarray(np.round(16 + 219 * luma), np.uint8)


def limited_chroma(chroma: Plane) -> NDArray[np.uint8]:
    """Full-size Cb or Cr -0.5..0.5 to 4:2:0 codes, sited as MPEG-2 and H.264 have it (left)."""
    padded = np.pad(chroma, ((0, 0), (1, 1)), mode="edge")
    across = (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:])[:, ::2] / 4
    return np.asarray(np.round(128 + 224 * (across[::2] + across[1::2]) / 2), np.uint8)


def film_stream(container: av.container.OutputContainer, options: dict[str, str]) -> av.VideoStream:
    """An x264 stream of this film's size and rate, tagged BT.601, limited range.

    One thread and no macroblock tree, so that equal frames give equal bytes.
    """
    settings = {"preset": "slow", "threads": "1", "x264-params": "mbtree=0", **options}
    stream = container.add_stream("libx264", rate=RATE, options=settings)
    stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    stream.time_base = stream.codec_context.time_base = Fraction(1, RATE)
    context = stream.codec_context
    context.colorspace, context.color_primaries, context.color_trc = BT601, BT601, BT601
    context.color_range, context.gop_size = LIMITED, 2 * RATE
    return stream


def film_frame(
    luma: NDArray[np.uint8], cb: NDArray[np.uint8], cr: NDArray[np.uint8], index: int
) -> av.VideoFrame:
    """Planes of codes as a frame with its time."""
    planes = np.concatenate([luma.ravel(), cb.ravel(), cr.ravel()]).reshape(-1, WIDTH)
    frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
    frame.pts, frame.time_base = index, Fraction(1, RATE)
    frame.colorspace, frame.color_range = BT601, LIMITED
    frame.color_primaries, frame.color_trc = BT601, BT601
    return frame


def write_sound(
    container: av.container.OutputContainer, stream: av.AudioStream, samples: Plane
) -> None:
    """Encode samples (2, n) and mux them, with the encoder's last packets."""
    size = 1024
    for first in range(0, samples.shape[1], size):
        block = np.ascontiguousarray(samples[:, first : first + size])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = AUDIO_RATE, first
        frame.time_base = Fraction(1, AUDIO_RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def chapters() -> list[dict[str, object]]:
    """Chapters begin where shots that carry a title begin and reach to the next one."""
    starts, frame = [], 0
    for shot in SHOTS:
        if shot.chapter is not None:
            starts.append((frame, shot.chapter))
        frame += shot.frames
    stops = [start for start, _ in starts[1:]] + [FRAMES]
    return [
        {
            "id": number,
            "start": start * 1000 // RATE,
            "end": stop * 1000 // RATE,
            "time_base": Fraction(1, 1000),
            "metadata": {"title": title},
        }
        for number, ((start, title), stop) in enumerate(zip(starts, stops, strict=True))
    ]


def make(folder: Path, seed: int = SEED) -> tuple[Path, Path]:
    """Write old_film.mp4 and old_film_truth.mp4 into `folder`; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "old_film.mp4", folder / "old_film_truth.mp4"
    faststart = {"movflags": "+faststart"}
    neutral = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    aging = OldFilm(seed)
    with (
        av.open(str(paths[0]), "w", options=faststart) as old,
        av.open(str(paths[1]), "w", options=faststart) as truth,
    ):
        old.metadata["title"] = "An old film"
        truth.metadata["title"] = "An old film (colour truth)"
        rate = {"b": "2600000", "maxrate": "5000000", "bufsize": "5000000", "tune": "grain"}
        old_picture = film_stream(old, rate)
        old_sound = old.add_stream("aac", rate=AUDIO_RATE, layout="stereo")
        old_sound.bit_rate = 96_000
        old.set_chapters(chapters())  # type: ignore[arg-type]
        true_picture = film_stream(truth, {"crf": "15"})
        for index, (luma, cb, cr) in enumerate(true_frames(seed)):
            aged = limited_luma(aging.age(luma, index))
            old.mux(old_picture.encode(film_frame(aged, neutral, neutral, index)))
            codes = limited_luma(luma), limited_chroma(cb), limited_chroma(cr)
            truth.mux(true_picture.encode(film_frame(*codes, index)))
        old.mux(old_picture.encode(None))
        truth.mux(true_picture.encode(None))
        write_sound(old, old_sound, sound(seed))
    return paths


def main() -> None:
    """Read the options, make the films, say what was made."""
    parser = argparse.ArgumentParser(description="Make the sample film and its colour truth.")
    default = Path(__file__).resolve().parent.parent / "samples"
    parser.add_argument("--output", type=Path, default=default, metavar="DIR")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    for path in make(options.output, options.seed):
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
