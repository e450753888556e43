"""Proves of a coloured film, by decoding, that it is the source with nothing but colour added.

Wires the comparisons of picture, streams and headers into one job and tells how it goes by yielding
events, as the pipeline does. It needs no model and no torch.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from fractions import Fraction

from filmcolor.errors import OptionError
from filmcolor.events import Compared, Notice
from filmcolor.media.images.sequence import find_sequence
from filmcolor.media.open import PIPE, media_errors, open_source
from filmcolor.media.partfile import is_same_file
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.read.frame_passes import DEFAULT_RATE
from filmcolor.media.retiming import stated_rate, wanted_rate
from filmcolor.media.rgb import settled_matrix
from filmcolor.media.timebase import MATROSKA_TIME_BASE
from filmcolor.media.write.containers import Container, container_of
from filmcolor.media.write.encoders import ENCODERS
from filmcolor.media.write.plan_output import enlarged_tags, stated_tags
from filmcolor.media.write.stream_survey import survey_streams
from filmcolor.media.write.streams import plan_streams
from filmcolor.options import VerifyOptions
from filmcolor.throttle import Throttle
from filmcolor.types import VideoInfo
from filmcolor.verify.film import FilmComparison, FilmSpan, Watcher
from filmcolor.verify.findings import Findings, VerifyReport
from filmcolor.verify.header_bytes import Header
from filmcolor.verify.heard import compare_sound, tracks_of
from filmcolor.verify.packet_items import Part
from filmcolor.verify.packets import compare_packets
from filmcolor.verify.presentation import Opened, Presentation, compare_languages
from filmcolor.verify.repairs import MAY_CHANGE, stated_repairs
from filmcolor.verify.streams import LABEL_CHROMA, LABEL_GREY, LABEL_RESTORED, HeaderComparison
from filmcolor.verify.tally import whole_factor

_CODES = ("matrix", "primaries", "transfer")
_SAME = {"matrix": {5, 6}, "transfer": {1, 6}}
"""Codes that H.273 calls the same, by tag: MXF has one for both."""
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
    with opened_pair(source, result, options.fps, is_matte=options.output_chroma) as (
        before,
        after,
    ):
        if any(LABEL_CHROMA in text for text in after.info.metadata.values()):
            options = replace(options, output_chroma=True)
        stated = stated_repairs(after.info.metadata.values())
        if stated:
            options = replace(options, restored=",".join(stated))
        if options.restored_kinds:
            findings.note(
                "the film was restored: luma is held to what that may change: "
                + "; ".join(MAY_CHANGE[kind] for kind in options.restored_kinds)
            )
        if options.output_chroma:
            findings.note(
                "the result is colour alone: its luma has to be mid-grey; whether its colours "
                "belong to these pictures is not compared"
            )
        seen_notices = before.notices
        yield from seen_notices
        container = None if after.info.is_sequence else _container(result)
        factor = whole_factor(before.info, after.info)
        if factor is None or factor > _LARGEST:
            old, new = (f"{each.width}x{each.height}" for each in (before.info, after.info))
            text = f"the picture is {new}, the source's {old}: nothing else was compared"
            findings.fault("size", text)
            return _report(source, result, None, findings, started, options)
        if factor > 1:
            findings.note(
                f"the result has {factor} times as many rows and columns: its luma was brought "
                "back down and compared with the source's"
            )
        if any(
            LABEL_GREY in text or LABEL_RESTORED in text for text in after.info.metadata.values()
        ):
            options = replace(options, expect_color=False)
        always_lossless = {each.library for each in ENCODERS.values() if each.always_lossless}
        is_lossless = options.lossless or container is None or after.info.codec in always_lossless
        strict = replace(options, lossless=is_lossless)
        films = before.info.stream_index, after.info.stream_index
        opened, presentation = None, None
        if container is not None:
            opened = _opened(source, before.info), _opened(result, after.info)
            presentation = Presentation(*opened, findings)
        rate = _retimed(before.info, after.info, options)
        if rate is not None:
            findings.note(f"all frames are shown at {rate} a second, as --fps makes them")
        comparison = FilmComparison(
            before,
            after,
            strict,
            findings,
            presentation,
            exact_times=container is None or container.exact_times,
            watch=watch,
            rate=rate,
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
            return _report(source, result, span, findings, started, options)
        if presentation is not None:
            presentation.end(options, factor)
        if container is None:
            _compare_frames(before.info, after.info, options, findings)
        else:
            _compare_tags(before.info, after.info, container, findings)
        has_nothing_else = before.info.is_sequence
    if container is not None and opened is not None and not has_nothing_else:
        yield from _compare_rest(source, result, films, opened, container, span, options, findings)
    return _report(source, result, span, findings, started, options)


@contextmanager
def opened_pair(
    source: str, result: str, fps: Fraction | None = None, *, is_matte: bool = False
) -> Iterator[tuple[FilmReader, FilmReader]]:
    """Readers of a film and of its result.

    A frame sequence states no rate: that of the other is taken, unless it is `fps`. One that is the
    result has the source's matrix, unless it `is_matte` (see `PlaneReader`); what one that is the
    source lacks is told, not refused.
    """
    with ExitStack() as stack:
        if find_sequence(source) is None:
            before = stack.enter_context(FilmReader(source))
            after = stack.enter_context(_result_reader(result, before.info, is_matte=is_matte))
        elif find_sequence(result) is None:
            after = stack.enter_context(FilmReader(result))
            before = stack.enter_context(FilmReader(source, "repeat", fps or after.info.rate))
        else:
            before = stack.enter_context(FilmReader(source, "repeat", fps or DEFAULT_RATE))
            after = stack.enter_context(_result_reader(result, before.info, is_matte=is_matte))
        yield before, after


def _retimed(before: VideoInfo, after: VideoInfo, options: VerifyOptions) -> Fraction | None:
    """The rate that the result was given: as it is told here, else as the result says."""
    if after.is_sequence:
        return None
    return wanted_rate(before, options.fps or stated_rate(after))


def _opened(path: str, info: VideoInfo) -> Opened:
    if not info.is_sequence:
        return Opened.of(path, info.stream_index)
    shape = info.sample_aspect_ratio
    return Opened(info.codec, shape, stated=None, is_sure=False, header=Header())


def _result_reader(result: str, source: VideoInfo, *, is_matte: bool) -> FilmReader:
    return FilmReader(
        result,
        rate=source.rate or DEFAULT_RATE,
        matrix=settled_matrix(source.tags, source.height),
        is_matte=is_matte and find_sequence(result) is not None,
    )


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


def _compare_frames(
    before: VideoInfo, after: VideoInfo, options: VerifyOptions, findings: Findings
) -> None:
    """Compare what little frames say beside their pixels."""
    if before.first_number is not None and not options.start_seconds:
        first, found = before.first_number, after.first_number
        if first != found:
            findings.fault("numbers", f"the first frame's number {first} has become {found}")
    if not before.is_sequence:
        text = "frames have no times, no sound and no tags: only their pictures were compared"
        findings.note(text)
    if after.layout.bit_depth < before.layout.bit_depth:
        findings.note(
            f"the luma is rounded from {before.layout.bit_depth} to {after.layout.bit_depth} bits"
        )


def _compare_tags(
    before: VideoInfo, after: VideoInfo, container: Container | None, findings: Findings
) -> None:
    """Compare what the headers say of the picture's codes."""
    same = _SAME if container is not None and container.counts_frames else {}
    tags = enlarged_tags(before.tags, before.height, after.height)
    if any(each.states_matrix and each.library == after.codec for each in ENCODERS.values()):
        tags = stated_tags(tags, after.height)
    pairs = [
        (name, before_code, code)
        for name in _CODES
        if {before_code := getattr(tags, name), code := getattr(after.tags, name)} != same.get(name)
    ]
    ranges = ("full" if each.full_range else "limited" for each in (tags, after.tags))
    for name, code, other in (*pairs, ("range", *ranges)):
        if code != other:
            findings.fault("colour tags", f"the colour tag {name} {code} has become {other}")
    if after.layout.bit_depth < before.layout.bit_depth:
        findings.note(
            f"the luma is rounded from {before.layout.bit_depth} to {after.layout.bit_depth} bits"
        )


def _compare_rest(
    source: str,
    result: str,
    films: tuple[int, int],
    opened: tuple[Opened, Opened],
    container: Container,
    span: FilmSpan,
    options: VerifyOptions,
    findings: Findings,
) -> Generator[Notice | Compared, None, None]:
    """Compare everything but the picture."""
    length = options.duration_seconds
    is_retimed = span.retiming is not None
    part = Part(
        offset=span.offset,
        first=span.first if options.start_seconds or is_retimed else None,
        last=None if length is None else span.first + length,
        end=None if length is None else span.end,
        film=(span.first, span.end),
        retiming=span.retiming,
    )
    with media_errors(source):
        with open_source(source) as before, open_source(result) as after:
            survey = survey_streams(before, films[0])
            audio = options.audio_kept
            if is_retimed and options.audio is None and not after.streams.audio:
                audio = "none"
            plan = plan_streams(before, films[0], container, survey, audio)
        with open_source(source) as before, open_source(result) as after:
            headers = HeaderComparison(before, after, films, container, plan, part, findings)
            pairs = headers.compare()
            tracks = list(tracks_of(before, after, pairs))
    named = [(pair.plan.name, pair.source, pair.result) for pair in pairs]
    compare_languages(opened[0].header, opened[1].header, named, findings)
    if not pairs:
        return
    tolerance = Fraction(0) if container.exact_times else MATROSKA_TIME_BASE
    for is_sound in (False, True) if is_retimed else (None,):
        chosen = [each for each in pairs if is_sound in (None, each.plan.is_sound)]
        own = part.for_sound() if is_sound else part
        with open_source(source) as before, open_source(result) as after:
            for _ in compare_packets(before, after, chosen, own, findings, tolerance=tolerance):
                yield Compared(span.frames, span.frames)
    told = [finding.text for finding in findings.all() if finding.kind.startswith("packet ")]
    tracks = [each for each in tracks if not any(text.startswith(each.name) for text in told)]
    if tracks:
        with media_errors(source):
            own = part.for_sound()
            heard = compare_sound((source, result), tracks, own, span.first, container, findings)
            for _ in heard:
                yield Compared(span.frames, span.frames)


def _report(
    source: str,
    result: str,
    span: FilmSpan | None,
    findings: Findings,
    started: float,
    options: VerifyOptions,
) -> VerifyReport:
    picture = None if span is None else span.picture
    is_exact = picture is not None and picture.worst.is_exact
    return VerifyReport(
        source=source,
        result=result,
        frames=0 if span is None else span.frames,
        findings=findings.all(),
        luma="left out" if options.output_chroma else "exact" if is_exact else "lossy",
        worst_block_codes=0.0 if picture is None else picture.worst_mean,
        worst_block_psnr=None if picture is None or is_exact else picture.worst.psnr,
        seconds=time.monotonic() - started,
    )
