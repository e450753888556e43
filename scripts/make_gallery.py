"""Draw a strip of docs/gallery.md: the same moments of several films, a row a film.

    python scripts/make_gallery.py old_film.mp4=grey color.mp4=coloured --at 1 3 -o strip.jpg

Each film is named with what stands beside its row.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2

from filmcolor.media.read.film_reader import FilmReader
from filmcolor.visual.rgb import PictureMaker, Rgb
from filmcolor.visual.sheets import make_sheet


def frames_at(film: str, moments: Sequence[Fraction]) -> list[Rgb]:
    """The frames that are shown at these seconds, as they are displayed."""
    with FilmReader(film) as reader:
        maker = PictureMaker(replace(reader.info, layout=reader.info.layout.colored), None, None)
        found = []
        for moment in moments:
            frames = reader.frames(start_seconds=moment, with_chroma=True)
            found.append(maker.picture(next(frames)))
            frames.close()
        return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the strip as JPEG."""
    parser = argparse.ArgumentParser(description="the same moments of several films")
    parser.add_argument("films", nargs="+", metavar="FILM=LABEL")
    parser.add_argument("--at", nargs="+", type=Fraction, required=True, metavar="SECONDS")
    parser.add_argument("--height", type=int, default=180, help="of a frame, in px")
    parser.add_argument("-o", "--output", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    films = [each.partition("=") for each in chosen.films]
    rows = [frames_at(film, chosen.at) for film, _, _ in films]
    sheet = make_sheet(rows, cell_height=chosen.height, labels=[label for _, _, label in films])
    quality = [cv2.IMWRITE_JPEG_QUALITY, 85]
    if not cv2.imwrite(str(chosen.output), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), quality):
        raise SystemExit(f"{chosen.output}: cannot be written")


if __name__ == "__main__":
    main()
