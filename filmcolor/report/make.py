"""Makes the report of a film and its result: one pass over both, then one page."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path

from filmcolor.analysis.survey import survey_film
from filmcolor.errors import MediaError, OptionError
from filmcolor.events import Compared, Event, Finished, Notice, Progress, Started
from filmcolor.media.partfile import check_target, write_bytes
from filmcolor.options import ReportOptions
from filmcolor.report.facts import Films
from filmcolor.report.gather import Gatherer
from filmcolor.report.page import Contents, make_page
from filmcolor.report.pictures import PictureStore
from filmcolor.report.remarks import find_remarks
from filmcolor.report.things import find_strips
from filmcolor.verify.check import check_names, opened_pair, verify_film

MOST_PICTURE_BYTES = 6_000_000
"""Of all pictures of a page, before base64 makes a third more of them."""


def write_report(
    film: str, result: str, target: str, options: ReportOptions
) -> Generator[Event, None, None]:
    """Write a page (HTML, everything in it) on a film and the `result` coloured from it.

    Both are decoded once, side by side; memory does not grow with the film but for some bytes a
    shot. Yields `Notice`s, one `Started`, `Progress` and one `Finished`. The page appears when it
    is whole; a result that does not hold is reported, not refused, but one whose pictures are
    another film's is. Raises `FilmcolorError`.
    """
    started = time.monotonic()
    check_names(film, result)
    _check_target(film, result, target, options)
    with opened_pair(film, result, options.compared.fps) as (reader, coloured):
        info, other = reader.info, coloured.info
        survey = survey_film(reader)
    films, box = Films(info, other, survey.color), survey.box
    del survey
    part = options.compared
    total = info.expected_frames(part.start_seconds, part.duration_seconds)
    yield Started(film, target, "", "", f"before and after of {result}", total)
    store = PictureStore(MOST_PICTURE_BYTES)
    gatherer = Gatherer(info, other, box, total, store)
    events = verify_film(film, result, part, gatherer.take)
    warnings = []
    while True:
        try:
            event = next(events)
        except StopIteration as end:
            verified = end.value
            break
        if isinstance(event, Notice) and event.warning:
            warnings.append(event.text)
        yield Progress(event.done, event.total, {}) if isinstance(event, Compared) else event
    gatherer.finish()
    kinds = {finding.kind for finding in verified.findings}
    if not gatherer.shots or "another film" in kinds:
        faults = "; ".join(finding.line for finding in verified.findings) or "no frames in common"
        raise MediaError(
            f"{result}: cannot be shown beside {film}: {faults}; for a part of the film, give "
            "--start and --duration as `run` had them"
        )
    contents = Contents(
        films,
        gatherer.shots,
        store.pairs,
        tuple(find_remarks(gatherer.shots, films, verified, warnings)),
        verified,
        gatherer.step,
        gatherer.measured,
        tuple(find_strips(result)),
    )
    if not verified.holds:
        yield Notice(f"{result}: not the same film; the report says what does not hold", True)
    write_bytes(target, make_page(contents), overwrite=options.overwrite)
    yield Progress(verified.frames, verified.frames, {})
    yield Finished(target, verified.frames, time.monotonic() - started, {})


def _check_target(film: str, result: str, target: str, options: ReportOptions) -> None:
    if Path(target).suffix.lower() not in (".html", ".htm"):
        raise OptionError(f"-o {target}: give a name that ends in .html")
    check_target(target, overwrite=options.overwrite, sources=[film, result])
