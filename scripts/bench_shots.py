"""Measure how well the boundaries between shots are found, beside PySceneDetect.

    python scripts/bench_shots.py                        # drawn films, seeds 21 to 23
    python scripts/bench_shots.py --clips FOLDER         # and real shots, joined and aged
    python scripts/bench_shots.py --seeds 1 2 --list boundaries.txt --json figures.json

Films are made of which every boundary is known (see made_films.py), each new, worn and ruined.
FOLDER holds films of one shot each and folders of numbered pictures; each is first tried by
itself, where any boundary is a false one, and then cut to pieces. Settings are to be tuned on
other seeds than 21 to 23, which are for the report.

A boundary counts as found if one of its kind is said to lie where it is: a cut on its very frame,
a dissolve or a fade anywhere inside. PySceneDetect's adaptive detector names no kinds: what it
finds inside a dissolve or fade is taken as one, anything else as a cut. It is fed grey frames and
looks at luma only. It is no dependency: without it (pip install scenedetect) only ours is measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from made_films import (
    NEW,
    RUINED,
    WORN,
    Boundary,
    Codes,
    Damage,
    MadeFilm,
    age,
    drawn_shooter,
    make_film,
    real_shooter,
)

from filmcolor.analysis.shots import ShotFinder
from filmcolor.errors import FilmcolorError
from filmcolor.media.read.film_reader import FilmReader

KINDS = ("cut", "dissolve", "fade")
DAMAGES = {"new": NEW, "worn": WORN, "ruined": RUINED}
PICTURES = {".png", ".jpg", ".jpeg", ".webp"}

Finding = tuple[str | None, int]
"""(kind if it is known, frame) of a boundary that was found."""
Detector = Callable[[Sequence[Codes]], list[Finding]]


def ours(frames: Sequence[Codes]) -> list[Finding]:
    finder = ShotFinder(8)
    for luma in frames:
        finder.add(luma)
    for _ in finder.finish():
        pass
    return [(shot.ends_by, shot.stop) for shot in finder.shots()[:-1]]


def their_detector() -> Detector | None:
    """PySceneDetect's adaptive detector as it comes, but shots may be as short as ours."""
    try:
        from scenedetect import AdaptiveDetector, FrameTimecode
    except ImportError:
        print("PySceneDetect is not installed (pip install scenedetect): only ours is measured")
        return None

    def detect(frames: Sequence[Codes]) -> list[Finding]:
        detector = AdaptiveDetector(min_scene_len=4, luma_only=True)
        found = []
        for index, luma in enumerate(frames):
            at = FrameTimecode(index, 24.0)
            found += detector.process_frame(at, cv2.cvtColor(luma, cv2.COLOR_GRAY2BGR))
        found += detector.post_process(FrameTimecode(len(frames), 24.0))
        return [(None, cut.frame_num) for cut in found]

    return detect


@dataclass
class Score:
    """What became of the boundaries of some films."""

    true: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    frames: int = 0
    seconds: float = 0.0

    def add(self, film: MadeFilm, findings: Iterable[Finding]) -> list[str]:
        """Count one film; returns what was wrong, a line each."""
        self.true.update(boundary.kind for boundary in film.boundaries)
        self.frames += len(film.frames)
        left = list(film.boundaries)
        wrong = []
        for kind, place in findings:
            match = next((b for b in left if b.start <= place < b.stop), None)
            if match is not None and kind in (None, match.kind):
                left.remove(match)
                self.found[match.kind] += 1
                self.right[match.kind] += 1
                continue
            self.found[kind or "cut"] += 1
            wrong.append(f"{film.name}: false {kind or 'cut'} at {place}{_nearby(film, place)}")
        wrong += [f"{film.name}: missed {b.kind} {b.start}-{b.stop}" for b in left]
        return wrong

    def figures(self) -> dict[str, Any]:
        """Precision, recall and F1 of every kind that there is, and the time a frame takes."""
        rows: dict[str, Any] = {}
        for kind in KINDS:
            if self.true[kind] or self.found[kind]:
                right, found, true = self.right[kind], self.found[kind], self.true[kind]
                rows[kind] = {
                    "true": true,
                    "found": found,
                    "precision": right / found if found else 0.0,
                    "recall": right / true if true else 0.0,
                    "f1": 2 * right / (found + true),
                }
        rows["ms_per_frame"] = 1000 * self.seconds / max(1, self.frames)
        return rows


def _nearby(film: MadeFilm, place: int) -> str:
    """What there is at a place, for people."""
    names = [f" ({b.kind} {b.start}-{b.stop})" for b in film.boundaries]
    spans = [(b.start - 3, b.stop + 3) for b in film.boundaries]
    names += [f" ({what} {at})" for at, what in film.events]
    spans += [(at - 3, at + 6) for at, _ in film.events]
    return "".join(n for n, (a, b) in zip(names, spans, strict=True) if a <= place < b)


def read_shots(folder: Path) -> dict[str, list[Codes]]:
    """Luma planes of every film, and of every folder of pictures, right inside `folder`."""
    shots = {}
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            names = sorted(name for name in path.iterdir() if name.suffix.lower() in PICTURES)
            planes = [cv2.imread(str(name), cv2.IMREAD_GRAYSCALE) for name in names]
            planes = [plane for plane in planes if plane is not None]
        elif path.suffix.lower() in PICTURES:
            continue
        else:
            try:
                with FilmReader(str(path)) as reader:
                    shift = reader.info.layout.bit_depth - 8
                    planes = [(frame.luma >> shift).astype(np.uint8) for frame in reader.frames()]
            except FilmcolorError:
                continue
        if len(planes) >= 12:
            shots[path.name] = planes
    if len(shots) < 2:
        sys.exit(f"{folder}: needs two films or folders of pictures at least, of one shot each")
    return shots


def _films(group: str, seeds: Sequence[int], per_seed: int) -> Iterable[tuple[str, Damage, int]]:
    """Title, damage and seed of every film of a group, no two with the same seed."""
    for seed in seeds:
        for number in range(per_seed):
            for level, (name, damage) in enumerate(DAMAGES.items()):
                yield f"{group} {seed}.{number} {name}", damage, 1000 * seed + 10 * number + level


def drawn_films(seeds: Sequence[int], per_seed: int) -> Iterable[MadeFilm]:
    for title, damage, seed in _films("drawn", seeds, per_seed):
        yield make_film(title, drawn_shooter(), damage, seed)


def joined_films(
    shots: dict[str, list[Codes]], seeds: Sequence[int], per_seed: int
) -> Iterable[MadeFilm]:
    for title, damage, seed in _films("joined", seeds, per_seed):
        yield make_film(title, real_shooter(list(shots.values())), damage, seed)


def single_shots(shots: dict[str, list[Codes]]) -> Iterable[MadeFilm]:
    """Every real shot by itself, as it is and aged."""
    for title, planes in shots.items():
        none: list[Boundary] = []
        yield MadeFilm(f"{title} as it is", planes, none, [])
        floats = [plane.astype(np.float32) for plane in planes]
        for name, damage in DAMAGES.items():
            if damage != NEW:
                aged = age(floats, damage, np.random.default_rng(len(title)))
                yield MadeFilm(f"{title} {name}", aged, none, [])


def measure(
    films: Iterable[MadeFilm], detectors: dict[str, Detector], lines: list[str], *, explain: bool
) -> dict[str, Score]:
    scores = {name: Score() for name in detectors}
    for film in films:
        for b in film.boundaries:
            lines.append(f"{film.name}\t{b.kind}\t{b.start}\t{b.stop}\t{b.place}")
        for name, detect in detectors.items():
            started = time.process_time()
            findings = detect(film.frames)
            scores[name].seconds += time.process_time() - started
            wrong = scores[name].add(film, findings)
            if explain and name == "ours":
                print(*wrong, sep="\n", end="\n" if wrong else "")
    return scores


def show(title: str, scores: dict[str, Score]) -> None:
    print(f"\n{title}: {next(iter(scores.values())).frames} frames")
    print(f"{'':24}{'true':>6}{'found':>7}{'precision':>11}{'recall':>8}{'F1':>7}")
    for name, score in scores.items():
        for kind, row in score.figures().items():
            if isinstance(row, dict):
                print(
                    f"{name + ' ' + kind:24}{row['true']:6}{row['found']:7}"
                    f"{row['precision']:11.3f}{row['recall']:8.3f}{row['f1']:7.3f}"
                )
            else:
                print(f"{name:24}{row:6.2f} ms of one core a frame")


def main() -> None:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[21, 22, 23])
    parser.add_argument("--films", type=int, default=4, help="films a seed and damage (4)")
    parser.add_argument("--clips", type=Path, help="folder of real films of one shot each")
    parser.add_argument("--list", type=Path, help="write the made list of boundaries here")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--explain", action="store_true", help="say what ours got wrong")
    options = parser.parse_args()
    if options.films < 1:
        parser.error("--films: must be at least 1")
    if options.clips is not None and not options.clips.is_dir():
        parser.error(f"--clips: {options.clips} is no folder")
    cv2.setNumThreads(1)
    detectors: dict[str, Detector] = {"ours": ours}
    theirs = their_detector()
    if theirs is not None:
        detectors["PySceneDetect"] = theirs
    groups: dict[str, Iterable[MadeFilm]] = {
        "drawn films": drawn_films(options.seeds, options.films)
    }
    if options.clips is not None:
        shots = read_shots(options.clips)
        groups["real shots, joined"] = joined_films(shots, options.seeds, options.films)
        groups["real shots by themselves"] = single_shots(shots)
    lines = ["film\tkind\tstart\tstop\tplace"]
    figures: dict[str, Any] = {}
    for title, films in groups.items():
        scores = measure(films, detectors, lines, explain=options.explain)
        show(title, scores)
        figures[title] = {name: score.figures() for name, score in scores.items()}
    if options.list is not None:
        options.list.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
