"""What a result takes from its source besides the picture, and what is lost of it on the way.

A part of `plan_output`: streams, tags, chapters, the shift that all times have in common, and the
notices on them. Reads the head of the source, and all of it where subtitles are converted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from math import gcd, lcm

from av.container import InputContainer

from filmcolor.events import Notice
from filmcolor.media.legacy_text import CODE_PAGE
from filmcolor.media.mov_boxes import read_tracks
from filmcolor.media.open import CAPTION_SECONDS, media_errors, open_before, open_source
from filmcolor.media.timebase import lift_to_zero, movie_timescale
from filmcolor.media.write.ancillary_units import timecode_text
from filmcolor.media.write.container_tags import (
    ANY_NAME,
    film_metadata,
    settle_tags,
    stream_metadata,
)
from filmcolor.media.write.containers import Container
from filmcolor.media.write.output_plan import OutputPlan
from filmcolor.media.write.retimed import stream_notices
from filmcolor.media.write.source_words import plan_words
from filmcolor.media.write.stream_survey import Survey, codec_name, survey_streams
from filmcolor.media.write.streams import (
    COVER,
    StreamPlan,
    StreamsPlan,
    plan_streams,
    read_chapters,
    timecode_tags,
)
from filmcolor.media.write.subtitles import try_conversion
from filmcolor.options import RunOptions
from filmcolor.types import VideoInfo

_CAPTION_TRACK = "eia_608"  # only QuickTime has a place for it
_LATE_SECONDS = 1
"""A film that begins later does not begin at zero because of a clock, not of a pause."""


def mux_options(
    container: Container, time_base: Fraction, sample_rates: Iterable[int]
) -> dict[str, str]:
    """What the muxer is told: the clocks that keep times exact, the index in front."""
    if not container.is_mov:
        return {}
    return {
        "movflags": "+faststart",
        "video_track_timescale": str(time_base.denominator),
        "movie_timescale": str(movie_timescale(time_base, sample_rates)),
    }


def plan_source(
    plan: OutputPlan, info: VideoInfo, container: Container, chosen: RunOptions
) -> OutputPlan:
    """What is taken from the source besides the picture, and the common shift."""
    legacy: list[str] = []
    source = open_source(info.path, tell_legacy=legacy.append)
    with source, media_errors(info.path):
        survey = survey_streams(source, info.stream_index)
        streams = plan_streams(source, info.stream_index, container, survey, chosen.audio_kept)
        film = source.streams[info.stream_index]
        metadata = film_metadata(source.metadata)
        film_tags = stream_metadata(film.metadata, container, changed=True)
        dropped = list(streams.dropped)
        clock = timecode_tags(source, info.stream_index)
        if info.frame_timecode is not None:
            clock.setdefault("timecode", timecode_text(info.frame_timecode, plan.rate))
        if clock and (chosen.start_seconds or plan.retimed):
            film_tags = {key: text for key, text in film_tags.items() if key.lower() not in clock}
            if chosen.start_seconds:
                dropped.append("the timecode, since a part begins at another")
        else:
            film_tags = {**clock, **film_tags}
        kept = [each for each in streams.kept if each.action not in ("attach", "film")]
        options = mux_options(
            container,
            plan.time_base,
            [
                stream.codec_context.sample_rate
                for stream in source.streams.audio
                if stream.codec_context is not None
            ],
        )
        has_cover = any(each.name == COVER for each in kept)
        if info.rotation and container.counts_frames:
            dropped.append(f"the rotation of {info.rotation} degrees")
        tags = settle_tags(container, metadata, has_cover=has_cover)
        dropped += [f"tag {key}" for key in tags.lost]
        if tags.any_name:
            options["movflags"] += ANY_NAME
        begin = survey.times.get(info.stream_index, Fraction(0))
        offset = Fraction(0)
        if not plan.starts_at_zero:
            earliest = _earliest(survey, streams, source, info, container)
            offset = lift_to_zero(earliest, plan.time_base)
            if not offset and not plan.keeps_start:
                offset = -_late_start(survey, streams, source, plan.time_base)
        chapters = read_chapters(source, legacy.append)
        if chapters and not container.has_chapters:
            dropped.append("the chapters")
            chapters = ()
        words, lost = plan_words(
            info.path,
            source,
            streams.kept,
            container,
            is_whole=not plan.is_trimmed,
            is_legacy=bool(legacy),
        )
        dropped += lost
        return replace(
            plan,
            streams=streams.kept,
            words=words,
            metadata=metadata,
            film_metadata=film_tags,
            disposition=int(film.disposition),
            chapters=chapters,
            container_options=options,
            offset_seconds=offset,
            notices=(
                *plan.notices,
                *_source_notices(container, streams.converted, dropped, offset),
                *_late_notices(streams.late),
                *_silence_notices(streams.silenced, chosen),
                *_retimed_notices(plan, streams, chosen, has_timecode="timecode" in clock),
                *_cut_notices(info, streams.kept, container, survey),
                *_legacy_notices(legacy),
                *_text_notices(info, streams.kept, begin, chosen),
            ),
        )


def _earliest(
    survey: Survey,
    streams: StreamsPlan,
    source: InputContainer,
    info: VideoInfo,
    container: Container,
) -> Fraction:
    """Least time in seconds that the container must be able to hold, 0 if none is negative.

    Sound may begin a little early to let its decoder settle: mp4 and mov have edit lists for this,
    Matroska a delay that FFmpeg writes for Opus and for what comes from Matroska itself.
    """
    film = min(survey.times.get(info.stream_index, Fraction(0)), Fraction(0))
    if container.is_mov or "matroska" in info.container:
        return film
    others = [
        survey.times[each.index]
        for each in streams.kept
        if each.action == "copy"
        and each.index in survey.times
        and codec_name(source.streams[each.index]) != "opus"
    ]
    return min([film, *others])


def _late_start(
    survey: Survey, streams: StreamsPlan, source: InputContainer, time_base: Fraction
) -> Fraction:
    """Seconds by which all streams are brought forward, since the first of them begins so late: 0
    up to a second. A recorded broadcast begins where the broadcaster's clock stands.

    It is a whole number of ticks in every clock, so that nothing moves against anything else.
    """
    kept = [each.index for each in streams.kept if each.index in survey.times]
    earliest = min((survey.times[index] for index in kept), default=Fraction(0))
    if earliest <= _LATE_SECONDS:
        return Fraction(0)
    clocks = [time_base, *(base for index in kept if (base := source.streams[index].time_base))]
    step = Fraction(
        lcm(*(clock.numerator for clock in clocks)), gcd(*(clock.denominator for clock in clocks))
    )
    return earliest // step * step


def _source_notices(
    container: Container, converted: Iterable[str], dropped: Sequence[str], offset: Fraction
) -> list[Notice]:
    """What is shifted (seconds), converted, and left out."""
    notices = []
    if offset < 0:
        text = f"its clock begins at {_clock_words(-offset)}: all streams are brought to zero alike"
        notices.append(Notice(text))
    elif offset:
        text = f"some times are negative: all streams are shifted by {float(offset):.6g} s"
        notices.append(Notice(text))
    notices += [Notice(text) for text in converted]
    if dropped:
        names = ", ".join(dropped)
        way_out = "" if container.has_attachments else "; an .mkv target keeps more"
        if f"({_CAPTION_TRACK}" in names:
            way_out = "; a .mov target keeps the captions"
        notices.append(
            Notice(f"{container.title} cannot hold: {names}; left out{way_out}", warning=True)
        )
    return notices


def _late_notices(names: Sequence[str]) -> list[Notice]:
    """Which tracks begin too late."""
    way_out = "copy the film into an .mkv with another program first to keep it"
    return [
        Notice(
            f"{name} begins so late that its form is not known: left out; {way_out}", warning=True
        )
        for name in names
    ]


def _silence_notices(names: Sequence[str], chosen: RunOptions) -> list[Notice]:
    """Which sound is left out since it is not wanted."""
    if not names or chosen.audio is None:
        return []
    return [Notice(f"--audio none: left out: {', '.join(names)}")]


def _retimed_notices(
    plan: OutputPlan, streams: StreamsPlan, chosen: RunOptions, *, has_timecode: bool
) -> Iterator[Notice]:
    """What another rate does to the other streams."""
    if plan.retimed is not None:
        silenced = streams.silenced if chosen.audio is None else ()
        is_told = has_timecode and not chosen.start_seconds
        yield from stream_notices(streams.kept, silenced, plan.retimed, has_timecode=is_told)


def _cut_notices(
    info: VideoInfo, kept: Iterable[StreamPlan], container: Container, survey: Survey
) -> Iterator[Notice]:
    """Where sound that an edit list cuts can only be cut between its packets, and how far off."""
    tracks = read_tracks(info.path) if info.container.startswith("mov,") else []
    for each in kept:
        packet = survey.packets.get(each.index)
        if packet is None or packet.stream.type != "audio":
            continue
        cuts = tracks[each.index].cuts if each.index < len(tracks) else 0
        if cuts:
            places = "one place" if cuts == 1 else f"{cuts} places"
            longest = float((packet.duration or 0) * packet.time_base * 1000)
            yield Notice(
                f"{each.name} is cut in {places}: between whole packets, {longest:.0f} ms off at "
                "most"
            )
        early = 0 if container.is_mov else round(survey.early.get(each.index, 0) * 1000)
        if early > 0:
            yield Notice(
                f"{each.name} is cut between whole packets: it begins {early} ms earlier; an .mp4 "
                "or .mov target cuts it exactly"
            )


def _clock_words(seconds: Fraction) -> str:
    """Hours, minutes and seconds: "6:49:09.80"."""
    minutes, rest = divmod(round(seconds, 2), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{float(rest):05.2f}"


def _legacy_notices(names: Sequence[str]) -> list[Notice]:
    """Which tags were not UTF-8."""
    if not names:
        return []
    return [Notice(f"not UTF-8, read as {CODE_PAGE}: {', '.join(names)}", warning=True)]


def _text_notices(
    info: VideoInfo,
    kept: Iterable[StreamPlan],
    begin: Fraction,
    chosen: RunOptions,
) -> list[Notice]:
    """What becomes of the lines of subtitles that are converted, which is tried here.

    `begin` is the film's first time in seconds; what is `chosen` may limit the part. Reads the
    source once, and only where there are such subtitles.
    """
    start, duration = chosen.start_seconds, chosen.duration_seconds
    texts = [each for each in kept if each.action in ("mov_text", "subrip")]
    if not texts:
        return []
    first = begin + (start or 0)
    film = info.stream_index
    with (
        open_before(info.path, first, CAPTION_SECONDS, [film]) if start else open_source(info.path)
    ) as source:
        tried = try_conversion(
            source,
            {each.index: each.action for each in texts},
            film,
            first if start else None,
            None if duration is None else first + duration,
        )
    notices = []
    for each in texts:
        counted = tried[each.index]
        if counted.legacy:
            text = f"{each.name}: {_lines(counted.legacy)} not UTF-8, read as {CODE_PAGE}"
            notices.append(Notice(text, warning=True))
        if counted.skipped:
            text = f"{each.name}: {_lines(counted.skipped)} cannot be converted: left out"
            notices.append(Notice(f"{text}; an .mkv target keeps all", warning=True))
    return notices


def _lines(count: int) -> str:
    return "one line" if count == 1 else f"{count} lines"
