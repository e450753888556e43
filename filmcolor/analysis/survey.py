"""What a film's own samples say of it before it is read: black bars, colour that is there already.

It must not know models, nor what is done with the film.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from filmcolor.analysis.letterbox import find_picture_box
from filmcolor.color import resolve_tags
from filmcolor.events import Notice
from filmcolor.media.read.color_state import ColorState, has_color
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.read.probe import refuse_hdr
from filmcolor.types import Box, ColorTags, Frame, VideoInfo

SAMPLES = 24
"""Frames looked at, spread over the film."""


@dataclass(frozen=True, slots=True, eq=False)
class FilmSurvey:
    """What is known of an open film once a few of its frames were looked at."""

    info: VideoInfo
    samples: list[Frame]
    """With chroma."""
    tags: ColorTags
    """Of the film; where it has none, those that its height suggests."""
    box: Box | None
    """The part inside black bars; None for all of it."""
    color: ColorState
    """Whether the film has colour."""

    def tag_notices(self) -> Iterator[Notice]:
        """What to say where the film does not tell how its colours are coded."""
        if self.info.tags.matrix in (0, 2, 3):
            matrix = "BT.601" if self.tags.matrix == 6 else "BT.709"
            yield Notice(
                f"the film does not say its colour matrix: taken as {matrix} from its height"
            )


def survey_film(reader: FilmReader, samples: int = SAMPLES) -> FilmSurvey:
    """Look at some frames of an open film.

    Raises `MediaError` for a film graded for HDR, and for one without a frame that can be decoded.
    """
    info = reader.info
    refuse_hdr(info)
    frames = reader.sample(samples)
    tags = resolve_tags(info.tags, info.height)
    box = find_picture_box(frames, info.layout, bool(tags.full_range), interlaced=info.interlaced)
    return FilmSurvey(info, frames, tags, box, has_color(frames, info.layout))
