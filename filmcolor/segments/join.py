"""The end of the work in a folder: its segments become the result, in one file or in one a frame.

It must not know how a segment is made.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from filmcolor.errors import OptionError
from filmcolor.events import Joining
from filmcolor.film.context import FilmContext
from filmcolor.film.plan import FilmPlan
from filmcolor.media.write.encoder_input import last_duration
from filmcolor.media.write.frame_files import join_frames
from filmcolor.media.write.join import join_film
from filmcolor.media.write.sound_file import write_sound
from filmcolor.segments.source_fingerprint import SourceWatch
from filmcolor.segments.workfolder import WorkFolder


def join_segments(
    context: FilmContext, folder: WorkFolder, film: FilmPlan, label: str
) -> Generator[Joining, None, None]:
    """Put the film together of its segments, which are all done.

    Raises `JobError` for a run that is not inside of the folder any more.
    """
    segments, entries, output = film.segments(), folder.entries(), context.output
    folder.check_held()
    SourceWatch(context.source, context.source_print).check()
    paths = [str(folder.segment_path(segment.number)) for segment in segments]
    frames = [segment.frames for segment in segments]
    pts, look = film.pts.tolist(), folder.check_alone
    if output.frames is not None:
        folder.begin_join()
        joined = join_frames(output, paths, pts, frames=frames, look=look)
    else:
        reorder = max(entry.reorder for entry in entries.values())
        lasts = film.lasting or last_duration(output, 0, 0)
        joined = join_film(
            output, paths, pts, lasts, reorder, label=label, frames=frames, look=look
        )
    for done in joined:
        yield Joining(done, film.frames)
    if output.frames is not None:
        if output.frames.sound is not None:
            write_sound(output, output.frames.sound, pts[0], pts[-1] + film.lasting)
        folder.end_join()


def is_there(context: FilmContext, folder: WorkFolder) -> bool:
    """Whether the result is there, or something else under its name."""
    frames = context.output.frames
    if frames is None:
        return Path(context.output.target).exists()
    return bool(frames.names.numbers()) and not folder.is_joining


def refuse_frames(context: FilmContext, folder: WorkFolder) -> None:
    """Raise `OptionError` where a frame of the result has its name, or its sound, unless this work
    gave it that or it is to be replaced. (A film in one file is looked for earlier, by its name
    alone.)
    """
    frames = context.output.frames
    if frames is None or context.options.overwrite or folder.is_joining:
        return
    found = [frames.names.path(number) for number in frames.names.numbers()[:1]]
    if frames.sound is not None and Path(frames.sound.path).exists():
        found.append(frames.sound.path)
    if found:
        raise OptionError(f"{found[0]}: is there already; choose another name or give --overwrite")
