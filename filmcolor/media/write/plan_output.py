"""Decides, or refuses, everything about an output before the first frame.

Asks the installed FFmpeg what encoder and container really take (by trying them in memory) and says
in one notice each what changes. Writes nothing but a trial of the target folder.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace

import av

from filmcolor.errors import OptionError
from filmcolor.events import Notice
from filmcolor.media.images.sequence import FrameNames
from filmcolor.media.open import PIPE
from filmcolor.media.partfile import check_target
from filmcolor.media.pixel_formats import describe_layout
from filmcolor.media.retiming import wanted_rate
from filmcolor.media.timebase import (
    FALLBACK_RATE,
    MATROSKA_TIME_BASE,
    counted_rate,
    exact_time_base,
    is_exact,
)
from filmcolor.media.write.ancillary_units import ancillary_notices
from filmcolor.media.write.containers import CONTAINERS, Container, container_for
from filmcolor.media.write.encoder_settings import (
    BOTTOM_FIRST,
    TOP_FIRST,
    EncoderSettings,
    encoder_options,
    field_notices,
    settle_layout,
)
from filmcolor.media.write.encoders import find_encoder
from filmcolor.media.write.output_plan import OutputPlan
from filmcolor.media.write.plan_frames import plan_frames
from filmcolor.media.write.retimed import check_retimed, picture_notices, retimed_info
from filmcolor.media.write.scheduling import ordinary_scheduling
from filmcolor.media.write.source_plan import mux_options, plan_source
from filmcolor.media.write.streams import StreamPlan
from filmcolor.media.write.y4m import y4m_notice
from filmcolor.options import RunOptions
from filmcolor.types import BT601, BT709, SD_LINES, UNTAGGED_MATRICES, ColorTags, VideoInfo

_BT2020 = 9


def enlarged_info(info: VideoInfo, factor: int) -> VideoInfo:
    """The film with so many times as many rows and columns, its colours still read as they were."""
    height = info.height * factor
    tags = enlarged_tags(info.tags, info.height, height)
    crop = None if info.crop is None else info.crop.enlarged(factor)
    return replace(info, width=info.width * factor, height=height, tags=tags, crop=crop)


def enlarged_tags(tags: ColorTags, height: int, made: int) -> ColorTags:
    """Tags of a film of so many rows that is made to have others: one without a matrix goes by its
    height, which changes.
    """
    if tags.matrix in UNTAGGED_MATRICES and height <= SD_LINES < made:
        return replace(tags, matrix=BT601)
    return tags


def stated_tags(tags: ColorTags, height: int) -> ColorTags:
    """Tags with what a film of so many rows is read by that does not say it: QuickTime states
    matrix, primaries and transfer, or nothing.
    """
    matrix = tags.matrix
    if matrix in UNTAGGED_MATRICES:
        matrix = BT601 if height <= SD_LINES else BT709
    usual = {BT709: (1, 1), _BT2020: (9, 14)}.get(matrix, (5 if height == SD_LINES else 6, 6))
    codes = (tags.primaries, tags.transfer)
    primaries, transfer = (
        other if code in UNTAGGED_MATRICES else code
        for code, other in zip(codes, usual, strict=True)
    )
    return replace(tags, matrix=matrix, primaries=primaries, transfer=transfer)


def plan_output(info: VideoInfo, target: str, options: RunOptions) -> OutputPlan:
    """How `info`'s film is written to `target`; nothing is decided later.

    Raises `OptionError` for what cannot be carried out as asked, with the way out, and `MediaError`
    for a target that cannot be written or a source that cannot be read.
    """
    if options.upscale is not None:
        info = enlarged_info(info, options.upscale)
    field_order = TOP_FIRST if info.top_field_first else BOTTOM_FIRST
    retimed = wanted_rate(info, options.fps)
    plan = OutputPlan(
        source=info.path,
        target=target,
        width=info.width,
        height=info.height,
        layout=info.layout.colored,
        source_layout=info.layout,
        tags=info.tags,
        siting=info.siting if options.siting == "auto" else options.siting,
        rate=retimed or info.rate or FALLBACK_RATE,
        source_time_base=info.time_base,
        time_base=info.time_base,
        retimed=retimed,
        sample_aspect_ratio=info.sample_aspect_ratio,
        crop=info.crop,
        field_order=field_order if info.interlaced and not options.deinterlace else 0,
        rotation=info.rotation,
        display_matrix=info.display_matrix,
        starts_at_zero=bool(options.start_seconds) or retimed is not None,
        keeps_start=options.keep_start,
        chroma_alone=options.output_chroma,
        duration_seconds=options.duration_seconds,
        overwrite=options.overwrite,
        on_error=options.on_error,
    )
    if retimed is not None:
        is_frames = FrameNames.of(target) is not None
        check_retimed(is_frames=is_frames, keeps_start=options.keep_start)
        is_part = options.start_seconds or plan.duration_seconds
        notices = picture_notices(
            info, retimed, keeps_fields=plan.field_order != 0, is_whole=not is_part
        )
        plan = replace(plan, notices=tuple(notices))
        info = retimed_info(info, retimed)
    if target == PIPE:
        lost = (y4m_notice(info, plan.rate), *ancillary_notices(info.ancillary, "Y4M"))
        summary = f"{_picture(plan)}, Y4M on standard output"
        return replace(plan, notices=(*plan.notices, *lost), summary=summary)
    if (names := FrameNames.of(target)) is not None:
        return plan_frames(plan, info, names, options)
    if options.sound is not None:
        raise OptionError("--sound: is for results that are frames; a film has its sound in it")
    container = container_for(target)
    if container.counts_frames:
        rate = counted_rate(plan.rate)
        retimed = None if retimed is None else rate
        plan = replace(plan, starts_at_zero=True, rate=rate, retimed=retimed)
    check_target(target, overwrite=options.overwrite, sources=() if info.is_pipe else [info.path])
    try:
        plan = _plan_encoder(plan, info, container, options)
    except OptionError as error:
        if options.upscale is None:
            raise
        raise OptionError(f"--upscale {options.upscale}: {error}, or a smaller factor") from error
    if info.is_pipe or info.is_sequence:
        plan = replace(plan, streams=(StreamPlan(0, "film", "the film"),))
    else:
        plan = plan_source(plan, info, container, options)
    return replace(plan, summary=_summary(plan, container, options))


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
    if encoder.states_matrix:
        info = replace(info, tags=stated_tags(info.tags, info.height))
    layout, notices = settle_layout(encoder, info.layout, info.width, info.height)
    time_base = exact_time_base(info.time_base) if container.exact_times else MATROSKA_TIME_BASE
    if container.counts_frames:
        time_base = 1 / plan.rate
    elif not is_exact(info.time_base, time_base):
        text = (
            f"{container.title} keeps frame times to the nearest millisecond; "
            ".mp4 and .mov keep this film's exactly"
        )
        notices.append(Notice(text))
    unsaid = "fields" if plan.field_order else "pixels that are not square"
    is_plain = not plan.field_order and info.sample_aspect_ratio == 1
    if container.counts_frames and encoder.states_matrix and not is_plain:
        raise OptionError(
            f"--codec {encoder.codec}: in {container.title} it says nothing of {unsaid}; use "
            "--codec prores, or name the target .mov"
        )
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
    notices += ancillary_notices(info.ancillary, encoder.codec, settings.codec)
    if not _holds_film(container, settings):
        if container.counts_frames and encoder.intra_only:
            raise OptionError(
                f"{plan.target}: {container.title} does not hold {float(plan.rate):.6g} frames a "
                "second of this kind; name the target .mov"
            )
        if container.counts_frames:
            raise OptionError(
                f"--codec {encoder.codec}: not for {container.title}, in which each frame stands "
                "by itself; use --codec dnxhr or prores"
            )
        able = [other for other in CONTAINERS if _holds_film(other, settings)]
        names = " or ".join(other.suffixes[0] for other in able)
        way_out = f"name the target {names}" if able else "use another --codec"
        raise OptionError(f"--codec {encoder.codec}: {container.title} cannot hold it; {way_out}")
    return replace(
        plan,
        layout=layout,
        tags=info.tags,
        container=container,
        settings=settings,
        time_base=time_base,
        container_options=mux_options(container, time_base, ()),
        notices=(*plan.notices, *notices),
    )


def _holds_film(container: Container, settings: EncoderSettings) -> bool:
    """Whether a header with this video stream can be written."""
    if container.counts_frames and not settings.encoder.intra_only:
        return False
    trial = av.open(io.BytesIO(), "w", format=container.muxer)
    try:
        settings.add_stream(trial)
        with ordinary_scheduling():
            trial.start_encoding()
        return True
    except (av.FFmpegError, ValueError):
        return False
    finally:
        with contextlib.suppress(av.FFmpegError, ValueError):
            trial.close()


def _picture(plan: OutputPlan) -> str:
    rate = f"{float(plan.rate):.6g}"
    picture = f"{plan.width}x{plan.height}, {rate} fps, {describe_layout(plan.layout)}"
    if plan.chroma_alone:
        picture += ", colour alone"
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
