"""How a film ends that was coloured in segments: it is joined and described, its work removed.

The same for a run, the last of several shards, and Ray. It must not know who made the segments.
"""

from __future__ import annotations

from collections.abc import Generator

from filmcolor.errors import NameTakenError
from filmcolor.events import Event
from filmcolor.film.context import FilmContext
from filmcolor.film.plan import FilmPlan
from filmcolor.jobs.sidecar import model_label, read_facts, write_sidecar
from filmcolor.segments.run import join_segments
from filmcolor.segments.source_fingerprint import SourceWatch
from filmcolor.segments.workfolder import WorkFolder


def end_film(
    folder: WorkFolder, context: FilmContext, film: FilmPlan
) -> Generator[Event, None, int]:
    """Put a film together whose segments are all done, remove the work unless it is to be kept,
    and write the sidecar; returns the number of frames.

    Yields `Joining`. Raises `FilmcolorError`.
    """
    keep = context.options.keep_work
    label = model_label(context.model.card, context.options)
    try:
        yield from join_segments(context, folder, film, label)
    except NameTakenError:  # the film is whole all the same
        if not keep:
            folder.remove()
        raise
    if not keep:
        folder.remove()
    _describe(context, film.frames)
    return film.frames


def _describe(context: FilmContext, frames: int) -> None:
    """Write what was done beside the finished film, if that is asked for."""
    if not context.options.sidecar or context.model.facts is None:
        return
    source = read_facts(context.source)
    SourceWatch(context.source, context.source_print).check()
    write_sidecar(
        source,
        read_facts(context.output.target),
        card=context.model.card,
        model=context.model.facts,
        options=context.options,
        device=context.device,
        encoding=context.output.summary,
        frames=frames,
        given=context.files.without(context.model.facts),
    )
