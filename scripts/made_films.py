"""Films of which every boundary between shots is known, for the bench and the tests of shots.

Drawn films need nothing but a seed: a camera pans, zooms, trembles and whips over painted canvases
in which things move. Real shots, given as runs of luma planes, are joined in the same ways. The
boundaries are hard cuts, dissolves, and fades through black or white; flashes, blank frames, whip
pans and, by `age`, grain, exposure flicker, gate weave, scratches and dirt are none. The same seed
and the same library versions give the same frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Codes = NDArray[np.uint8]
Kind = Literal["cut", "dissolve", "fade"]
Shooter = Callable[[np.random.Generator, int, bool], list[Plane]]
"""Gives a shot of so many frames, unlike the one before, in which the camera may whip or not."""

SIZE = (144, 192)
"""Height and width of every frame, px."""
BLACK, WHITE = 16.0, 235.0


@dataclass(frozen=True)
class Boundary:
    """Frames start..stop (half-open) belong to two shots; of a cut, the one frame that begins."""

    kind: Kind
    start: int
    stop: int
    place: int
    """Where the second shot should be said to begin."""


@dataclass(frozen=True)
class MadeFilm:
    name: str
    frames: list[Codes]
    boundaries: list[Boundary]
    events: list[tuple[int, str]]
    """(frame, what): disturbances that are no boundaries."""


@dataclass(frozen=True)
class Damage:
    """What age does to a film."""

    grain: float = 0.0  # standard deviation, 8-bit codes
    flicker: float = 0.0  # standard deviation of the exposure, as a share
    weave: float = 0.0  # standard deviation of the gate's place, px
    scratches: int = 0  # lines that stay for a while
    dirt: float = 0.0  # specks a frame, on average
    fading: float = 1.0  # share of the contrast that is left


NEW = Damage()
WORN = Damage(grain=7, flicker=0.05, weave=0.6, scratches=1, dirt=2, fading=0.8)
RUINED = Damage(grain=18, flicker=0.12, weave=1.2, scratches=3, dirt=6, fading=0.5)


def age(frames: Sequence[Plane], damage: Damage, rng: np.random.Generator) -> list[Codes]:
    """The frames (height, width), codes 0..255, after so many years."""
    height, width = frames[0].shape
    lines = [
        (int(rng.integers(0, len(frames))), rng.uniform(0, width), rng.uniform(-0.3, 0.3))
        for _ in range(damage.scratches * max(1, len(frames) // 40))
    ]
    aged = []
    for index, frame in enumerate(frames):
        picture = 110 + damage.fading * (frame - 110)
        if damage.weave:
            move = np.eye(2, 3, dtype=np.float32)
            move[:, 2] = rng.normal(0, damage.weave, 2)
            picture = cv2.warpAffine(
                picture, move, (width, height), borderMode=cv2.BORDER_REFLECT_101
            )
        for first, x, drift in lines:
            if first <= index < first + 30:
                column = round(x + drift * (index - first)) % width
                picture[:, column : column + 1] += 70
        for _ in range(rng.poisson(damage.dirt)):
            center = (int(rng.integers(0, width)), int(rng.integers(0, height)))
            cv2.circle(picture, center, int(rng.integers(1, 5)), float(rng.choice([10, 240])), -1)
        exposure = 1 + rng.normal(0, damage.flicker)
        picture = picture * exposure + rng.normal(0, 40 * damage.flicker)
        if damage.grain:
            picture = picture + rng.normal(0, damage.grain, picture.shape)
        aged.append(np.clip(np.rint(picture), 0, 255).astype(np.uint8))
    return aged


def _texture(rng: np.random.Generator, height: int, width: int, size: float) -> Plane:
    """Smooth noise of deviation 1 whose blobs are about `size` px."""
    small = (max(2, round(width / size)), max(2, round(height / size)))
    noise = rng.normal(0, 1, small[::-1]).astype(np.float32)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


def paint(rng: np.random.Generator) -> Plane:
    """A canvas three frames high and four wide: ground, big and small things, texture."""
    height, width = 3 * SIZE[0], 4 * SIZE[1]
    low, high = np.sort(rng.uniform(25, 225, 2))
    canvas = np.linspace(low, high, height, dtype=np.float32)[:, None] * np.ones(
        (1, width), np.float32
    )
    canvas += rng.uniform(8, 35) * _texture(rng, height, width, rng.uniform(40, 150))
    for _ in range(int(rng.integers(25, 70))):
        tone = float(rng.uniform(10, 245))
        center = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        reach = float(np.exp(rng.uniform(np.log(8), np.log(90))))
        if rng.random() < 0.4:
            axes = (int(reach), int(reach * rng.uniform(0.3, 1)))
            cv2.ellipse(canvas, center, axes, float(rng.uniform(0, 180)), 0, 360, tone, -1)
        else:
            corners = np.asarray(center) + rng.uniform(-reach, reach, (int(rng.integers(3, 6)), 2))
            cv2.fillPoly(canvas, [cv2.convexHull(corners.astype(np.int32))], tone)
    canvas += rng.uniform(2, 14) * _texture(rng, height, width, rng.uniform(3, 8))
    return np.asarray(np.clip(cv2.GaussianBlur(canvas, (0, 0), 0.8), 0, 255), np.float32)


@dataclass(frozen=True)
class Camera:
    """Centre of the view as shares of the canvas, its width in frame widths, a blur in px."""

    x: float
    y: float
    width: float
    blur: float = 0.0


Journey = list[Camera]


def _toward(first: Camera, last: Camera, count: int) -> Journey:
    shares = np.linspace(0, 1, count)
    return [
        Camera(
            first.x + (last.x - first.x) * share,
            first.y + (last.y - first.y) * share,
            first.width * (last.width / first.width) ** share,
        )
        for share in shares
    ]


def _somewhere(rng: np.random.Generator) -> Camera:
    return Camera(*rng.uniform(0.3, 0.7, 2), rng.uniform(0.6, 1.3))


def still(rng: np.random.Generator, count: int) -> Journey:
    return [_somewhere(rng)] * count


def pan(rng: np.random.Generator, count: int) -> Journey:
    """Up to a sixtieth of the view's width a frame."""
    first = _somewhere(rng)
    reach = count * rng.uniform(0.004, 0.016) * first.width / 4
    side = rng.choice([-1.0, 1.0])
    return _toward(first, Camera(first.x + side * reach, first.y, first.width), count)


def tilt(rng: np.random.Generator, count: int) -> Journey:
    first = _somewhere(rng)
    reach = count * rng.uniform(0.004, 0.012) * first.width / 3
    return _toward(first, Camera(first.x, first.y - reach, first.width), count)


def zoom(rng: np.random.Generator, count: int) -> Journey:
    first = _somewhere(rng)
    ratio = rng.uniform(1.006, 1.02) ** (count * rng.choice([-1.0, 1.0]))
    width = float(np.clip(first.width * ratio, 0.35, 1.8))
    return _toward(first, Camera(first.x, first.y, width), count)


def restless(rng: np.random.Generator, count: int) -> Journey:
    """A camera held in the hand."""
    at = _somewhere(rng)
    jolts = rng.normal(0, 0.003, (count, 2)).cumsum(axis=0)
    return [Camera(at.x + x, at.y + y, at.width) for x, y in jolts]


def whip(rng: np.random.Generator, count: int) -> Journey:
    """Still, then in 4 to 8 frames over more than a whole view, then still."""
    first = Camera(rng.uniform(0.2, 0.35), rng.uniform(0.35, 0.65), rng.uniform(0.7, 1.1))
    length = min(int(rng.integers(4, 9)), count - 4)
    begin = int(rng.integers(2, count - length - 1))
    reach = rng.uniform(1.0, 1.7) * first.width / 4
    path = []
    for index in range(count):
        share = float(np.clip((index - begin) / length, 0, 1))
        speed = 6 * share * (1 - share) / length * reach * 4 * SIZE[1] / first.width
        eased = share * share * (3 - 2 * share)
        path.append(Camera(first.x + eased * reach, first.y, first.width, 0.5 * speed))
    return path


MOVES: dict[str, tuple[float, Callable[[np.random.Generator, int], Journey]]] = {
    "still": (0.3, still),
    "pan": (0.2, pan),
    "tilt": (0.1, tilt),
    "zoom": (0.15, zoom),
    "restless": (0.15, restless),
    "whip": (0.1, whip),
}
"""How often each camera move comes, and what makes it."""


def view(canvas: Plane, camera: Camera) -> Plane:
    """What the camera sees: shape `SIZE`, codes 0..255."""
    height, width = canvas.shape
    middle = camera.x * width, camera.y * height
    step = camera.width
    matrix = np.array(
        [
            [step, 0, middle[0] - step * SIZE[1] / 2],
            [0, step, middle[1] - step * SIZE[0] / 2],
        ],
        np.float32,
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen = cv2.warpAffine(
        canvas, matrix, SIZE[::-1], flags=flags, borderMode=cv2.BORDER_REFLECT_101
    )
    if camera.blur >= 2:
        seen = cv2.blur(seen, (int(camera.blur), 1))
    return np.asarray(seen, np.float32)


def film_canvas(rng: np.random.Generator, canvas: Plane, path: Journey) -> list[Plane]:
    """The camera's views, with up to three things that cross them."""
    height, width = SIZE
    things = [
        (
            rng.uniform(0, (width, height)),
            rng.uniform(-3, 3, 2) * (1.0, 0.3),
            rng.uniform(8, 38),
            rng.uniform(15, 240),
            rng.uniform(0.5, 2.0),
        )
        for _ in range(int(rng.integers(0, 4)))
    ]
    views = []
    for index, camera in enumerate(path):
        seen = view(canvas, camera)
        for start, speed, size, tone, shape in things:
            x, y = start + index * speed
            axes = (int(size), int(size * shape))
            cv2.ellipse(seen, (int(x), int(y)), axes, 0, 0, 360, float(tone), -1, cv2.LINE_AA)
        views.append(seen)
    return views


def drawn_shooter() -> Shooter:
    """Shots of painted canvases; one in six shows another part of the same canvas, closer."""
    canvas: Plane | None = None

    def shoot(rng: np.random.Generator, count: int, may_whip: bool) -> list[Plane]:
        nonlocal canvas
        names = list(MOVES)
        move = MOVES[str(rng.choice(names, p=[MOVES[name][0] for name in names]))][1]
        path = (pan if move is whip and not may_whip else move)(rng, count)
        if canvas is None or rng.random() > 1 / 6:
            canvas = paint(rng)
        else:
            path = [
                Camera(camera.x - 0.35, camera.y + 0.2, 0.55 * camera.width, camera.blur)
                for camera in path
            ]
        return film_canvas(rng, canvas, path)

    return shoot


def real_shooter(shots: Sequence[Sequence[Codes]]) -> Shooter:
    """Pieces of real shots (runs of luma planes), never two of the same shot in a row."""
    before = -1

    def shoot(rng: np.random.Generator, count: int, may_whip: bool) -> list[Plane]:
        nonlocal before
        chosen = int(rng.integers(0, len(shots) - (before >= 0)))
        before = chosen + (0 <= before <= chosen)
        shot = shots[before]
        begin = int(rng.integers(0, max(1, len(shot) - count + 1)))
        back_and_forth = [*range(len(shot)), *range(len(shot) - 2, 0, -1)]
        order = [back_and_forth[(begin + n) % len(back_and_forth)] for n in range(count)]
        views = [cv2.resize(shot[n], SIZE[::-1], interpolation=cv2.INTER_AREA) for n in order]
        return [view.astype(np.float32) for view in views]

    return shoot


def _disturb(
    frames: list[Plane], first: int, last: int, rng: np.random.Generator
) -> tuple[int, str]:
    """Put a flash or a blank of one or two frames somewhere in first..last."""
    place, length = int(rng.integers(first, last)), int(rng.integers(1, 3))
    what = str(rng.choice(["flash", "black frame", "white frame"]))
    for index in range(place, place + length):
        if what == "flash":
            frames[index] = np.clip(frames[index] * 1.4 + 90, 0, 255)
        else:
            frames[index] = np.full(SIZE, BLACK if what == "black frame" else WHITE, np.float32)
    return place, what


def make_film(
    name: str,
    shoot: Shooter,
    damage: Damage,
    seed: int,
    *,
    shots: int = 16,
    mix: tuple[float, float] = (0.15, 0.15),
) -> MadeFilm:
    """Shots of 14 to 60 frames joined by cuts, and by dissolves and fades as often as `mix` says.

    Dissolves take 6 to 30 frames. Fades take 5 to 16 frames down and up, with 0 to 5 blank ones
    between. One in two of the longer shots between cuts has a flash, or one or two blank frames.
    """
    rng = np.random.default_rng(seed)
    kinds = rng.choice(["cut", "dissolve", "fade"], shots - 1, p=[1 - sum(mix), *mix]).tolist()
    lengths = [int(rng.integers(6, 31)) for _ in kinds]
    frames: list[Plane] = []
    boundaries: list[Boundary] = []
    events: list[tuple[int, str]] = []
    for number in range(shots):
        before = lengths[number - 1] if number and kinds[number - 1] == "dissolve" else 0
        after = lengths[number] if number < shots - 1 and kinds[number] == "dissolve" else 0
        own = int(rng.integers(14, 61))
        gradual = {"dissolve", "fade"} & set(kinds[max(0, number - 1) : number + 1])
        views = shoot(rng, before + own + after, not gradual)
        found: list[tuple[int, str]] = []
        if own >= 24 and not gradual and rng.random() < 0.5:
            found = [_disturb(views, 9, own - 10, rng)]
        if number:
            boundaries.append(_join(frames, views, str(kinds[number - 1]), before, rng))
        else:
            frames += views
        events += [(len(frames) - own - after + at, what) for at, what in found]
    return MadeFilm(name, age(frames, damage, rng), boundaries, events)


def _join(
    frames: list[Plane], views: list[Plane], kind: str, length: int, rng: np.random.Generator
) -> Boundary:
    """Append a shot to the frames; `length` is a dissolve's."""
    count = len(frames)
    if kind == "dissolve":
        start = count - length
        for index in range(length):
            share = (index + 1) / (length + 1)
            frames[start + index] = (1 - share) * frames[start + index] + share * views[index]
        frames += views[length:]
        return Boundary("dissolve", start, count, (start + count + 1) // 2)
    if kind == "fade":
        blank = BLACK if rng.random() < 0.7 else WHITE
        down, hold, up = int(rng.integers(5, 13)), int(rng.integers(0, 6)), int(rng.integers(5, 13))
        down, up = min(down, len(views) // 2, count), min(up, len(views) // 2)
        for index in range(down):
            share = (index + 1) / (down + 0.5)
            frames[count - down + index] += min(1.0, share) * (blank - frames[count - down + index])
        frames += [np.full(SIZE, blank, np.float32) for _ in range(hold)]
        for index in range(up):
            share = (up - index) / (up + 0.5)
            views[index] += share * (blank - views[index])
        frames += views
        return Boundary("fade", count - down, count + hold + up, count + (hold + 1) // 2)
    frames += views
    return Boundary("cut", count, count + 1, count)
