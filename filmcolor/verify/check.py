"""Proves of a coloured film, by decoding, that it is the source with nothing but colour added.

Wires the comparisons of picture, streams and headers into one job and tells how it goes by yielding
events, as the pipeline does. It needs no model and no torch.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import replace
from fractions import Fraction

from filmcolor.errors import OptionError
from filmcolor.events import Compared, Notice
from filmcolor.media.open import PIPE, media_errors, open_source
from filmcolor.media.partfile import is_same_file
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.timebase import MATROSKA_TIME_BASE
from filmcolor.media.write.containers import Container, container_of
from filmcolor.media.write.encoders import ENCODERS
from filmcolor.media.write.plan_output import enlarged_tags, stated_tags
from filmcolor.media.write.streams import plan_streams, survey_streams
from filmcolor.options import VerifyOptions
from filmcolor.throttle import Throttle
from filmcolor.types import VideoInfo
from filmcolor.verify.film import FilmComparison, FilmSpan, Watcher
from filmcolor.verify.findings import Findings, VerifyReport
from filmcolor.verify.packets import Part, compare_packets
from filmcolor.verify.streams import LABEL_GREY, HeaderComparison
from filmcolor.verify.tally import whole_factor

_CODES = ("matrix", "primaries", "transfer")
_SAME = {"matrix": {5, 6}, "transfer": {1, 6}}
"""Codes that H.273 calls the same, by tag."""
_LARGEST = 4
"""Times as many rows and columns that `filmcolor run --upscale` makes at most."""


def verify_film(
    source: str, result: str, options: VerifyOptions, watch: Watcher | None = None
) -> Generator[Notice | Compared, None, VerifyReport]:
    """Compare the film `result` with the `source` that it was made from.

    Yields what the reader of the source has to say and `Compared` a few times a second, in frames
    of the source; returns what was found. `watch` is shown every pair of frames. Raises
    `FilmcolorError` where one of the two cannot be read at all, or where the source cannot be
    decoded.
    """
    check_names(source, result)
    started = time.monotonic()
    findings = Findings()
    with FilmReader(source) as before, FilmReader(result) as after:
        seen_notices = before.notices
        yield from seen_notices
        container = _container(result)
        factor = whole_factor(before.info, after.info)
        if factor is None or factor > _LARGEST:
            old, new = (f"{each.width}x{each.height}" for each in (before.info, after.info))
            text = f"the picture is {new}, the source's {old}: nothing else was compared"
            findings.fault("size", text)
            return _report(source, result, None, findings, started)
        if factor > 1:
            findings.note(
                f"the result has {factor} times as many rows and columns: its luma was brought "
                "back down and compared with the source's"
            )
            if any(LABEL_GREY in text for text in after.info.metadata.values()):
                options = replace(options, expect_color=False)
        always_lossless = {each.library for each in ENCODERS.values() if each.always_lossless}
        is_lossless = options.lossless or after.info.codec in always_lossless
        strict = replace(options, lossless=is_lossless)
        comparison = FilmComparison(
            before, after, strict, findings, exact_times=container.exact_times, watch=watch
        )
        total = before.info.expected_frames(options.start_seconds, options.duration_seconds)
        is_due = Throttle()
        for done in comparison.run():
            if is_due():
                yield Compared(done, total)
        span = comparison.span
        if span is None:
            raise ValueError("the comparison has not ended")
        yield Compared(span.frames, span.frames)
        yield from before.notices[len(seen_notices) :]
        if span.picture.is_other_film:
            return _report(source, result, span, findings, started)
        _compare_pictures(before.info, after.info, options, findings)
        films = before.info.stream_index, after.info.stream_index
    yield from _compare_rest(source, result, films, container, span, options, findings)
    return _report(source, result, span, findings, started)


def check_names(source: str, result: str) -> None:
    """Raise `OptionError` for names that cannot be a film and its result."""
    if PIPE in (source, result):
        raise OptionError("-: verify compares two files; a pipe cannot be read twice")
    if is_same_file(source, result):
        raise OptionError(f"{result}: is the source itself; name the source and its result")


def _container(result: str) -> Container:
    with open_source(result) as film:
        found = container_of(film)
        if found is None:
            raise OptionError(
                f"{result}: is {film.format.long_name}; filmcolor writes .mp4, .mov, .mkv and .mxf "
                "only"
            )
        return found


def _compare_pictures(
    before: VideoInfo, after: VideoInfo, options: VerifyOptions, findings: Findings
) -> None:
    """Compare what the headers say of the picture."""
    if before.sample_aspect_ratio != after.sample_aspect_ratio:
        shapes = (each.sample_aspect_ratio for each in (before, after))
        old, new = (f"{shape.numerator}:{shape.denominator}" for shape in shapes)
        findings.fault("shape", f"the shape of the pixels {old} has become {new}")
    if (before.rotation, before.display_matrix) != (after.rotation, after.display_matrix):
        findings.fault(
            "rotation",
            f"the rotation of {before.rotation} degrees has become {after.rotation} degrees",
        )
    tags = enlarged_tags(before.tags, before.height, after.height)
    if any(each.states_matrix and each.library == after.codec for each in ENCODERS.values()):
        tags = stated_tags(tags, after.height)
    pairs = [
        (name, before_code, code)
        for name in _CODES
        if {before_code := getattr(tags, name), code := getattr(after.tags, name)}
        != _SAME.get(name)
    ]
    ranges = ("full" if each.full_range else "limited" for each in (tags, after.tags))
    for name, code, other in (*pairs, ("range", *ranges)):
        if code != other:
            findings.fault("colour tags", f"the colour tag {name} {code} has become {other}")
    is_woven = before.interlaced and not options.deinterlace
    if is_woven and not after.interlaced:
        findings.note(
            "the source is interlaced, the result does not say so; if it was made with "
            "--deinterlace, say so here too"
        )
    elif is_woven and before.top_field_first != after.top_field_first:
        findings.fault("fields", "the order of the fields is not the source's")
    if after.layout.bit_depth < before.layout.bit_depth:
        findings.note(
            f"the luma is rounded from {before.layout.bit_depth} to {after.layout.bit_depth} bits"
        )


def _compare_rest(
    source: str,
    result: str,
    films: tuple[int, int],
    container: Container,
    span: FilmSpan,
    options: VerifyOptions,
    findings: Findings,
) -> Generator[Notice | Compared, None, None]:
    """Compare everything but the picture."""
    length = options.duration_seconds
    part = Part(
        offset=span.offset,
        first=span.first if options.start_seconds else None,
        last=None if length is None else span.first + length,
        end=None if length is None else span.end,
        film=(span.first, span.end),
    )
    with media_errors(source):
        with open_source(source) as before:
            survey = survey_streams(before, films[0])
            plan = plan_streams(before, films[0], container, survey, options.audio_kept)
        with open_source(source) as before, open_source(result) as after:
            headers = HeaderComparison(before, after, films, container, plan, part, findings)
            pairs = headers.compare()
    if not pairs:
        return
    tolerance = Fraction(0) if container.exact_times else MATROSKA_TIME_BASE
    with open_source(source) as before, open_source(result) as after:
        for _ in compare_packets(before, after, pairs, part, findings, tolerance=tolerance):
            yield Compared(span.frames, span.frames)


def _report(
    source: str, result: str, span: FilmSpan | None, findings: Findings, started: float
) -> VerifyReport:
    picture = None if span is None else span.picture
    return VerifyReport(
        source=source,
        result=result,
        frames=0 if span is None else span.frames,
        findings=findings.all(),
        luma="exact" if picture is not None and picture.worst.is_exact else "lossy",
        worst_block_codes=0.0 if picture is None else picture.worst_mean,
        worst_block_psnr=None if picture is None or picture.worst.is_exact else picture.worst.psnr,
        seconds=time.monotonic() - started,
    )
