"""What is written into a finished film because FFmpeg's muxer cannot be told: the shape of pixels,
what is shown of them, Matroska's own words, formats of sound, where sound begins.

The muxer leaves room for it (`tag_with_room`); what finds none ends the run, for it would be lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from filmcolor.errors import MediaError
from filmcolor.media.matroska import write_display_shape, write_sound_formats
from filmcolor.media.mov_boxes import SoundStart, write_clean_aperture, write_sound_starts
from filmcolor.media.write.matroska_result import write_words
from filmcolor.media.write.output_plan import OutputPlan


def tag_with_room(plan: OutputPlan) -> str:
    """The tag of the film's stream with room for `write_picture_facts`; empty if it needs none."""
    container = plan.container
    if container is None or container.counts_frames:
        return ""
    if container.is_mov:
        return "handler_name" if plan.crop is not None else ""
    is_plain = plan.sample_aspect_ratio == 1 and plan.crop is None
    return "" if is_plain else "title"


def write_picture_facts(plan: OutputPlan, path: str, film: int) -> None:
    """State the shape of the pixels and what is shown, in the file at `path`, whose stream `film`
    is the film; `MediaError` if it has no place for it, as the two below.
    """
    shape, tag = plan.sample_aspect_ratio, tag_with_room(plan)
    if tag == "title":
        done = write_display_shape(path, plan.width, plan.height, shape, plan.crop)
        _check(plan, "the shape of its picture", done=done)
    elif tag and plan.crop is not None:
        done = write_clean_aperture(path, film, plan.crop, shape)
        _check(plan, "what is shown of its picture", done=done)


def write_source_words(plan: OutputPlan, path: str, offset: Fraction) -> None:
    """Write what Matroska says to Matroska; times of chapters are moved by `offset` seconds."""
    if plan.words is not None:
        done = write_words(path, plan.words, round(offset * 10**9))
        _check(plan, "its tags, chapters and languages", done=done)


def write_sound_facts(
    plan: OutputPlan, path: str, formats: Mapping[int, bytes], starts: Mapping[int, SoundStart]
) -> None:
    """State formats of sound (see `write_sound_formats`) and where it begins
    (`write_sound_starts`), by the number of its track.
    """
    if formats:
        done = write_sound_formats(path, formats)
        _check(plan, "the format of its sound", done=done)
    if starts:
        _check(plan, "where its sound begins", done=write_sound_starts(path, starts))


def _check(plan: OutputPlan, what: str, *, done: bool) -> None:
    if not done:
        other = ".mkv" if plan.container is not None and plan.container.is_mov else ".mov"
        raise MediaError(
            f"{plan.target}: the finished film has no place for {what}, and was not kept: name a "
            f"target that ends in {other}"
        )
