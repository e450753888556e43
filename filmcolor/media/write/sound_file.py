"""The sound of a film whose result is frames, in a file of its own: packets as they are.

Planned before the run (`plan_sound`), written when the frames are (`write_sound`).
"""

from __future__ import annotations

import filecmp
import os
from fractions import Fraction
from pathlib import Path

import av

from filmcolor.errors import MediaError, OptionError
from filmcolor.media.matroska import write_sound_formats
from filmcolor.media.open import media_errors, open_source
from filmcolor.media.partfile import PartFile, refuse_taken
from filmcolor.media.write.containers import CONTAINERS
from filmcolor.media.write.output_plan import OutputPlan, SoundFile
from filmcolor.media.write.stream_copy import StreamCopier
from filmcolor.media.write.stream_survey import survey_streams
from filmcolor.media.write.streams import plan_streams
from filmcolor.media.write.writing_errors import writing_errors
from filmcolor.types import VideoInfo

_SUFFIX = ".mka"
_EXACT = {"fflags": "+bitexact"}
_MATROSKA = next(each for each in CONTAINERS if each.muxer == "matroska")


def plan_sound(info: VideoInfo, target: str) -> SoundFile:
    """Which tracks of a film go into the file `target`, be it there or not, and which cannot.

    Raises `OptionError` for another kind of file, and for a film without sound.
    """
    if Path(target).suffix.lower() != _SUFFIX:
        raise OptionError(f"--sound {target}: give a name that ends in {_SUFFIX}")
    if not any(stream.kind == "audio" for stream in info.streams):
        raise OptionError(f"--sound {target}: {info.path} has no sound; leave it out")
    refuse_taken(target, overwrite=True, sources=[info.path])
    with open_source(info.path) as source, media_errors(info.path):
        survey = survey_streams(source, info.stream_index)
        streams = plan_streams(source, info.stream_index, _MATROSKA, survey)
        kept = tuple(each for each in streams.kept if source.streams[each.index].type == "audio")
    if not kept:
        raise OptionError(f"--sound {target}: {_MATROSKA.title} holds none of its sound")
    lost = tuple(name for name in (*streams.dropped, *streams.late) if "audio" in name)
    return SoundFile(target, kept, lost, is_from_matroska="matroska" in info.container)


def write_sound(plan: OutputPlan, sound: SoundFile, first_pts: int, end: int) -> None:
    """Write the sound of the frames from `first_pts` up to `end`, in ticks of the source; the first
    frame is its zero.

    Of a film as a whole also what comes after the last frame, and what lets its decoder settle
    before the first, where the file can say so (FFmpeg does of what comes from Matroska). Raises
    `MediaError`.
    """
    part = PartFile(sound.path, plan.overwrite)
    part.check()
    first = first_pts * plan.source_time_base
    stop: Fraction | None = end * plan.source_time_base if plan.duration_seconds else None
    try:
        with (
            writing_errors(sound.path, lambda: 0),
            # The same bytes each time, to be known again by a run that goes on.
            av.open(part.path, "w", format=_MATROSKA.muxer, options=_EXACT) as container,
        ):
            copier = StreamCopier(
                plan.source,
                sound.streams,
                container,
                _MATROSKA,
                trimmed=True,
                on_error=plan.on_error,
            )
            try:
                for stream in sound.streams:
                    copier.add_stream(stream)
                container.start_encoding()
                is_whole = not plan.is_trimmed and sound.is_from_matroska
                copier.start(-first, None if is_whole else first, stop)
                if stop is None:
                    copier.copy_until(None)
                else:
                    copier.finish(stop)
            finally:
                copier.close()
        with writing_errors(sound.path, lambda: 0):
            formats = copier.wave_formats
            if formats and not write_sound_formats(part.path, formats):
                raise MediaError(f"{sound.path}: the finished file has no place for its format")
            is_there = not plan.overwrite and os.path.isfile(sound.path)
            if is_there and filecmp.cmp(part.path, sound.path, shallow=False):
                part.discard()  # a run that was stopped had got so far
                return
    except BaseException:
        part.discard()
        raise
    part.commit()
