"""The plan of an output: everything about it settled, or refused, before the first frame.

Asks the installed FFmpeg what encoder and container really take (by trying them in memory) and says
in one notice each what changes. Writes nothing but a trial of the target folder.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

import av
from av.container import InputContainer

from filmcolor.errors import OptionError
from filmcolor.events import Notice
from filmcolor.media.partfile import check_target
from filmcolor.media.read.open import media_errors, open_source
from filmcolor.media.read.probe import enlarged_info
from filmcolor.media.streams import (
    COVER,
    StreamPlan,
    StreamsPlan,
    Survey,
    codec_name,
    plan_streams,
    read_chapters,
    survey_streams,
    timecode_of,
)
from filmcolor.media.timebase import (
    MATROSKA_TIME_BASE,
    Chapter,
    exact_time_base,
    is_exact,
    lift_to_zero,
    movie_timescale,
)
from filmcolor.media.write.containers import (
    ANY_NAME,
    CONTAINERS,
    Container,
    container_for,
    film_metadata,
    settle_tags,
    stream_metadata,
)
from filmcolor.media.write.encoder_settings import (
    BOTTOM_FIRST,
    TOP_FIRST,
    EncoderSettings,
    describe_layout,
    encoder_options,
    field_notices,
    settle_layout,
)
from filmcolor.media.write.encoders import find_encoder
from filmcolor.media.write.plan_notices import legacy_notices, source_notices, text_notices
from filmcolor.media.write.scheduling import ordinary_scheduling
from filmcolor.media.write.y4m import y4m_notice
from filmcolor.options import OnError, RunOptions
from filmcolor.types import ColorTags, PixelLayout, Siting, VideoInfo

PIPE = "-"
FALLBACK_RATE = Fraction(25)
"""Frames a second assumed where the source states none; only headers and rate control use it."""


@dataclass(frozen=True, slots=True)
class OutputPlan:
    """How the result is written; made by `plan_output`, carried out by `FilmWriter`."""

    source: str
    target: str
    """Final path, or "-" for Y4M on standard output."""
    width: int
    height: int
    layout: PixelLayout
    """What `ColorFrame.cb` and `.cr` must be delivered in."""
    source_layout: PixelLayout
    """What `ColorFrame.luma` comes in; the writer brings it to `layout`'s depth."""
    tags: ColorTags
    siting: Siting
    """Horizontal position of subsampled chroma, to be delivered so."""
    rate: Fraction
    source_time_base: Fraction
    time_base: Fraction
    """Of the film's stream in the result."""
    sample_aspect_ratio: Fraction = Fraction(1)
    field_order: int = 0
    """`TOP_FIRST`, `BOTTOM_FIRST` (see `settings`), or 0 for a film without fields."""
    container: Container | None = None
    """None for Y4M."""
    settings: EncoderSettings | None = None
    """None for Y4M."""
    container_options: Mapping[str, str] = field(default_factory=dict)
    rotation: int = 0
    """Degrees counter-clockwise, as in `VideoInfo`."""
    display_matrix: tuple[int, ...] | None = None
    streams: tuple[StreamPlan, ...] = ()
    """Every stream of the result in order; the film among them."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    film_metadata: Mapping[str, str] = field(default_factory=dict)
    disposition: int = 0
    chapters: tuple[Chapter, ...] = ()
    offset_seconds: Fraction = Fraction(0)
    """Added to the times of all streams, because some are negative; whole ticks of `time_base`."""
    starts_at_zero: bool = False
    """Whether the first frame becomes time zero (a part from the middle), all streams with it."""
    duration_seconds: Fraction | None = None
    """How much is written, if it is a part."""
    overwrite: bool = False
    """Whether what stands under the target's name is replaced, should anything come there."""
    on_error: OnError = "stop"
    """"repeat": what cannot be read of the other streams is passed over."""
    notices: tuple[Notice, ...] = ()
    summary: str = ""

    @property
    def is_trimmed(self) -> bool:
        """Whether only a part of the film is written."""
        return self.starts_at_zero or self.duration_seconds is not None


def plan_output(info: VideoInfo, target: str, options: RunOptions) -> OutputPlan:
    """Settle how `info`'s film is written to `target`; nothing is decided later.

    Raises `OptionError` for what cannot be carried out as asked, with the way out, and `MediaError`
    for a target that cannot be written or a source that cannot be read.
    """
    if options.upscale is not None:
        info = enlarged_info(info, options.upscale)
    plan = OutputPlan(
        source=info.path,
        target=target,
        width=info.width,
        height=info.height,
        layout=info.layout.colored,
        source_layout=info.layout,
        tags=info.tags,
        siting=_siting(info, options),
        rate=info.rate or FALLBACK_RATE,
        source_time_base=info.time_base,
        time_base=info.time_base,
        sample_aspect_ratio=info.sample_aspect_ratio,
        field_order=_field_order(info, options),
        rotation=info.rotation,
        display_matrix=info.display_matrix,
        starts_at_zero=bool(options.start_seconds),
        duration_seconds=options.duration_seconds,
        overwrite=options.overwrite,
        on_error=options.on_error,
    )
    if target == PIPE:
        notice = y4m_notice(info, plan.rate)
        summary = f"{_picture(plan)}, Y4M on standard output"
        return replace(plan, notices=(notice,), summary=summary)
    container = container_for(target)
    if os.path.isdir(target):
        raise OptionError(f"{target}: is a folder; name a file ending in .mp4, .mov or .mkv")
    check_target(target, overwrite=options.overwrite, sources=() if info.is_pipe else [info.path])
    try:
        plan = _plan_encoder(plan, info, container, options)
    except OptionError as error:
        if options.upscale is None:
            raise
        raise OptionError(f"--upscale {options.upscale}: {error}, or a smaller factor") from error
    if info.is_pipe:
        plan = replace(plan, streams=(StreamPlan(0, "film", "the film"),))
    else:
        plan = _plan_source(plan, info, container, options.start_seconds)
    return replace(plan, summary=_summary(plan, container, options))


def _siting(info: VideoInfo, options: RunOptions) -> Siting:
    """Where chroma sits: as asked, else centred for JPEG and MPEG-1, else left."""
    if options.siting != "auto":
        return options.siting
    return info.siting


def _field_order(info: VideoInfo, options: RunOptions) -> int:
    if not info.interlaced or options.deinterlace:
        return 0
    return TOP_FIRST if info.top_field_first else BOTTOM_FIRST


def _plan_encoder(
    plan: OutputPlan, info: VideoInfo, container: Container, options: RunOptions
) -> OutputPlan:
    """Encoder, pixel format and clock, tried out in memory."""
    encoder = find_encoder(options.encode.codec)
    if info.tags.full_range and not encoder.holds_full_range:
        raise OptionError(
            f"--codec {encoder.codec}: cannot say that the film's codes use the full range, so "
            "that it would be shown with too much contrast; use --codec ffv1 or libx264"
        )
    layout, notices = settle_layout(encoder, info.layout, info.width, info.height)
    time_base = exact_time_base(info.time_base) if container.exact_times else MATROSKA_TIME_BASE
    if not is_exact(info.time_base, time_base):
        text = (
            f"{container.title} keeps frame times to the nearest millisecond; "
            ".mp4 and .mov keep this film's exactly"
        )
        notices.append(Notice(text))
    marks_fields = plan.field_order != 0 and encoder.can_mark_fields(layout, info.height)
    marked_order = plan.field_order if marks_fields else 0
    settings = EncoderSettings(
        encoder=encoder,
        pixel_format=encoder.formats[layout],
        width=info.width,
        height=info.height,
        time_base=time_base,
        rate=plan.rate,
        tags=info.tags,
        options=encoder_options(
            encoder,
            options.encode,
            layout,
            plan.siting,
            field_order=marked_order,
            pixels=info.width * info.height,
        ),
        sample_aspect_ratio=info.sample_aspect_ratio,
        field_order=plan.field_order,
        marks_fields=marks_fields,
    )
    settings.check()
    notices += field_notices(settings)
    if not _holds_film(container, settings):
        able = [other for other in CONTAINERS if _holds_film(other, settings)]
        names = " or ".join(other.suffixes[0] for other in able)
        way_out = f"name the target {names}" if able else "use another --codec"
        raise OptionError(f"--codec {encoder.codec}: {container.title} cannot hold it; {way_out}")
    return replace(
        plan,
        layout=layout,
        container=container,
        settings=settings,
        time_base=time_base,
        container_options=_mux_options(container, time_base, ()),
        notices=tuple(notices),
    )


def _holds_film(container: Container, settings: EncoderSettings) -> bool:
    """Whether a header with this video stream can be written."""
    trial = av.open(io.BytesIO(), "w", format=container.muxer)
    try:
        stream = trial.add_stream(settings.encoder.library)
        if not isinstance(stream, av.VideoStream):
            return False
        settings.apply(stream.codec_context)
        with ordinary_scheduling():
            trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    finally:
        with contextlib.suppress(av.FFmpegError, ValueError):
            trial.close()
    return True


def _mux_options(
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


def _plan_source(
    plan: OutputPlan, info: VideoInfo, container: Container, start_seconds: Fraction | None
) -> OutputPlan:
    """What is taken from the source besides the picture, and the common shift."""
    legacy: list[str] = []
    source = open_source(info.path, tell_legacy=legacy.append)
    with source, media_errors(info.path):
        survey = survey_streams(source, info.stream_index)
        streams = plan_streams(source, info.stream_index, container, survey)
        film = source.streams[info.stream_index]
        metadata = film_metadata(source.metadata)
        own = stream_metadata(film.metadata, container, changed=True)
        dropped = list(streams.dropped)
        timecode = timecode_of(source, info.stream_index)
        if timecode is not None and plan.starts_at_zero:
            own = {key: text for key, text in own.items() if key.lower() != "timecode"}
            dropped.append("the timecode, since a part begins at another")
        elif timecode is not None:
            own.setdefault("timecode", timecode)
        kept = [each for each in streams.kept if each.action not in ("attach", "film")]
        options = _mux_options(
            container,
            plan.time_base,
            [
                stream.codec_context.sample_rate
                for stream in source.streams.audio
                if stream.codec_context is not None
            ],
        )
        has_cover = any(each.name == COVER for each in kept)
        tags = settle_tags(container, metadata, has_cover=has_cover)
        dropped += [f"tag {key}" for key in tags.lost]
        if tags.any_name:
            options["movflags"] += ANY_NAME
        begin = survey.times.get(info.stream_index, Fraction(0))
        offset = Fraction(0)
        if not plan.starts_at_zero:
            earliest = _earliest(survey, streams, source, info, container)
            offset = lift_to_zero(earliest, plan.time_base)
        return replace(
            plan,
            streams=streams.kept,
            metadata=metadata,
            film_metadata=own,
            disposition=int(film.disposition),
            chapters=read_chapters(source, legacy.append),
            container_options=options,
            offset_seconds=offset,
            notices=(
                *plan.notices,
                *source_notices(container, streams.converted, dropped, offset),
                *legacy_notices(legacy),
                *text_notices(info, streams.kept, begin, start_seconds, plan.duration_seconds),
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


def _picture(plan: OutputPlan) -> str:
    rate = f"{float(plan.rate):.6g}"
    picture = f"{plan.width}x{plan.height}, {rate} fps, {describe_layout(plan.layout)}"
    if not plan.field_order:
        return picture
    return f"{picture}, fields kept ({'top' if plan.field_order == TOP_FIRST else 'bottom'} first)"


def _summary(plan: OutputPlan, container: Container, options: RunOptions) -> str:
    """One line for people: "640x480, 24 fps, 8-bit 4:2:0, libx264 crf 18 medium, MP4"."""
    if plan.settings is None:
        return _picture(plan)
    encoder, chosen = plan.settings.encoder, plan.settings.options
    facts: list[str] = [encoder.codec]
    if options.encode.lossless or encoder.always_lossless:
        facts.append("lossless")
    elif encoder.crf_option in chosen:
        facts.append(f"{encoder.crf_option} {chosen[encoder.crf_option]}")
    if encoder.preset_option in chosen:
        facts.append(chosen[encoder.preset_option])
    return f"{_picture(plan)}, {' '.join(facts)}, {container.title}"
