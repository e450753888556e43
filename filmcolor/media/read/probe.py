"""What a film is: picture, clock, colour tags, streams.

Reads the headers and the first few frames (rotation, interlacing and the true pixel format stand
there); judges by content, never by the file's name. Knows nothing of what will be done with the
film.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise
from typing import Literal

import av
import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from filmcolor.errors import MediaError
from filmcolor.media.filters import filter_graph, filtered
from filmcolor.media.matroska import read_crops
from filmcolor.media.mov_boxes import read_tracks
from filmcolor.media.open import (
    LARGEST_FRAME,
    is_still,
    refuse_absurd_size,
)
from filmcolor.media.pixel_formats import working_format
from filmcolor.media.read.side_data import ancillary_of, display_matrix
from filmcolor.media.watchdog import Heartbeat
from filmcolor.types import (
    BT601,
    SD_LINES,
    Ancillary,
    Box,
    ColorTags,
    StreamInfo,
    VideoInfo,
)

_LOOKED_AT = 4  # frames decoded by `probe`: enough to see fields, few enough for big pictures
_LOOKED_AT_REORDERED = 6  # where frames are reordered: their times may be in another order
_DISORDER_SECONDS = 1
_HIGHEST_RATE = 1000  # frames a second; a "rate" above this is a tick rate
_TRANSFERS_HDR = {16: "PQ", 18: "HLG"}
# Codecs whose standard reads an untagged range as limited, in grey formats too.
_LIMITED_BY_STANDARD = {"h264", "hevc", "vvc", "av1", "vp9", "mpeg2video"}

_UNTAGGED = 2  # "unspecified" in H.273
# AVFieldOrder: TT and BB are fields stored one after the other, TB and BT woven ones, whose first
# letter is the first in time: FFmpeg says so of QuickTime's and Matroska's 9 and 14. What Apple's
# old text says of them (9: bottom first) is wrong, and nobody writes files by it.
_TOP_SHOWN_FIRST = {2, 4}  # TT, TB
_BOTTOM_SHOWN_FIRST = {3, 5}  # BB, BT
_WOVEN = {4, 5}


def first_frames(
    container: InputContainer, stream: VideoStream, heartbeat: Heartbeat | None = None
) -> list[VideoFrame]:
    """The first few frames that can be decoded; none at all is not an error here."""
    heartbeat = heartbeat or Heartbeat()
    frames: list[VideoFrame] = []
    packets = container.demux(stream)
    wanted = _LOOKED_AT_REORDERED if stream.codec_context.has_b_frames else _LOOKED_AT
    while len(frames) < wanted:
        heartbeat.beat()
        try:
            packet = next(packets, None)
            if packet is None:
                break
            frames.extend(islice(packet.decode(), wanted - len(frames)))
        except av.error.FFmpegError:
            continue  # a stream may begin between two key frames
    return frames


def describe(
    path: str, container: InputContainer, stream: VideoStream, frames: Sequence[VideoFrame]
) -> VideoInfo:
    """`VideoInfo` of an open film and its first frames (those may be missing for a pipe)."""
    context = stream.codec_context
    first = frames[0] if frames else None
    width, height = (first.width, first.height) if first else (context.width, context.height)
    source_format = first.format.name if first else context.pix_fmt
    if source_format is None or width <= 0 or height <= 0:
        raise MediaError(
            f"{path}: no frame of its {context.name} video can be decoded: it is damaged, or "
            f"its frames are of more than {LARGEST_FRAME // 1_000_000} megapixels"
        )
    refuse_absurd_size(path, width, height)
    layout, _, conversion = working_format(source_format)
    duration = _duration(container, stream)
    rate = _rate(stream)
    fields = _fields(stream, frames[:_LOOKED_AT])
    said = [ancillary_of(frame) or Ancillary() for frame in frames]
    crop, aspect = _shown(path, container, stream, width, height)
    return VideoInfo(
        path=path,
        container=container.format.name,
        stream_index=stream.index,
        codec=stream.codec.canonical_name,
        width=width,
        height=height,
        source_format=source_format,
        layout=layout,
        tags=_tags(stream, first, source_format, height),
        time_base=stream.time_base or (1 / rate if rate else Fraction(1, av.time_base)),
        rate=rate,
        frame_count=_frame_count(stream, rate, duration),
        duration=duration,
        sample_aspect_ratio=aspect,
        crop=crop,
        rotation=round(first.rotation / 90) * 90 % 360 if first else 0,
        display_matrix=display_matrix(first) if first else None,
        interlaced=fields.interlaced,
        top_field_first=fields.top_first,
        frames_state_fields=fields.frames_say,
        fields_contradict=fields.contradict,
        times_disordered=_has_disorder(frames),
        conversion=conversion,
        streams=tuple(_stream_info(each) for each in container.streams),
        metadata=dict(container.metadata),
        chapter_count=len(container.chapters()),
        ancillary=frozenset(kind for each in said for kind in each.kinds),
        frame_timecode=said[0].timecodes[0] if said and said[0].timecodes else None,
    )


def _shown(
    path: str, container: InputContainer, stream: VideoStream, width: int, height: int
) -> tuple[Box | None, Fraction]:
    """What the container says is shown of the picture, which PyAV does not tell, and how wide its
    pixels are.
    """
    crop, aspect = None, stream.sample_aspect_ratio or Fraction(1)
    if container.format.name.startswith("mov,"):
        tracks = read_tracks(path)
        track = tracks[stream.index] if stream.index < len(tracks) else None
        if track is not None and track.crop is not None:
            crop = track.crop
            if not track.has_shape:  # FFmpeg takes it from the track's size, which is the crop's
                aspect = stream.codec_context.sample_aspect_ratio or Fraction(1)
    elif container.format.name.startswith("matroska"):
        number = container.streams.video.index(stream)
        crop = next(islice(read_crops(path), number, None), None)
    is_inside = crop is not None and crop.bottom <= height and crop.right <= width
    return (crop if is_inside else None), aspect


def _has_disorder(frames: Sequence[VideoFrame]) -> bool:
    """Whether the times of frames, in the order they are shown, go back a little.

    Recordings strung together go back far, and a single time may be wrong.
    """
    steps = [
        (after.pts - before.pts) * after.time_base
        for before, after in pairwise(frames)
        if before.pts is not None and after.pts is not None and after.time_base
    ]
    return any(-_DISORDER_SECONDS < step < 0 for step in steps)


@dataclass(frozen=True, slots=True)
class _Fields:
    """What a film says of its fields."""

    interlaced: bool
    top_first: bool
    frames_say: bool
    contradict: bool
    """Whether the file says another order than the frames, which are believed."""


def _fields(stream: VideoStream, frames: Sequence[VideoFrame]) -> _Fields:
    """The order of fields: what most of the frames say, else what the file says, else top first."""
    order = stream.codec_context.field_order
    stated = order in _TOP_SHOWN_FIRST | _BOTTOM_SHOWN_FIRST
    by_file = order not in _BOTTOM_SHOWN_FIRST
    woven = [frame for frame in frames if frame.interlaced_frame]
    if not woven:
        return _Fields(stated, by_file, frames_say=False, contradict=False)
    tops = len(woven) - sum(map(_shows_bottom_first, woven))
    top_first = by_file if 2 * tops == len(woven) else 2 * tops > len(woven)
    # Of H.264 FFmpeg guesses TT or BB by itself where the file says nothing.
    stated = stated and (order in _WOVEN or stream.codec.canonical_name != "h264")
    return _Fields(True, top_first, frames_say=True, contradict=stated and top_first != by_file)


def _shows_bottom_first(frame: VideoFrame) -> bool:
    """Whether an interlaced frame says that its bottom field comes first; PyAV hides that, so a
    filter is asked.
    """
    time_base = frame.time_base or Fraction(1, av.time_base)
    graph = filter_graph(frame, time_base, ("select", "eq(interlace_type\\,BOTTOMFIRST)"))
    return any(True for _ in filtered(graph, frame))


def refuse_hdr(info: VideoInfo) -> None:
    """Raise `MediaError` for a film graded for HDR: its luma is not what the models know."""
    name = _TRANSFERS_HDR.get(info.tags.transfer)
    if name is not None:
        raise MediaError(
            f"{info.path}: an HDR film ({name} transfer), which is not supported: "
            "convert it to SDR first"
        )


def _tags(
    stream: VideoStream, first: VideoFrame | None, source_format: str, height: int
) -> ColorTags:
    """The container's tags, completed by the first frame's; those of the planes we deliver."""
    context = stream.codec_context

    def tag(of_stream: int, of_frame: int | None) -> int:
        return int(of_stream if of_stream != _UNTAGGED or of_frame is None else of_frame)

    matrix = tag(context.colorspace, first.colorspace if first else None)
    primaries = tag(context.color_primaries, first.color_primaries if first else None)
    transfer = tag(context.color_trc, first.color_trc if first else None)
    codec = stream.codec.canonical_name
    range_code = context.color_range or (first.color_range if first else 0)
    full_range = None if range_code not in (1, 2) else range_code == 2
    format_ = av.VideoFormat(source_format)
    _, forced, _ = working_format(source_format)
    if forced is not None:
        full_range = forced
    elif full_range is None and not format_.is_rgb and len(format_.components) < 3:
        # FFmpeg takes grey formats as full range unless the codec's standard says otherwise.
        full_range = None if codec in _LIMITED_BY_STANDARD else True
    if format_.is_rgb or format_.is_bayer or format_.has_palette or matrix == 0:
        matrix = BT601 if height <= SD_LINES else 1  # what the conversion to Y'CbCr uses
    return ColorTags(matrix, primaries, transfer, full_range)


def _rate(stream: VideoStream) -> Fraction | None:
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate and 0 < rate <= _HIGHEST_RATE:
            return rate
    return None


def _duration(container: InputContainer, stream: VideoStream) -> Fraction | None:
    if stream.duration is not None and stream.time_base is not None and stream.duration > 0:
        return stream.duration * stream.time_base
    if container.duration is not None and container.duration > 0:
        return Fraction(container.duration, av.time_base)
    return None


def _frame_count(
    stream: VideoStream, rate: Fraction | None, duration: Fraction | None
) -> int | None:
    """The header's count, a Matroska statistics tag, or rate times duration."""
    if stream.frames > 0:
        return stream.frames
    for key, value in stream.metadata.items():
        if key.upper().startswith("NUMBER_OF_FRAMES") and value.isdigit():
            return int(value)
    return round(rate * duration) if rate and duration else None


def _stream_info(stream: Stream) -> StreamInfo:
    context = stream.codec_context
    kind: Literal["video", "audio", "subtitle", "data", "attachment", "unknown"] = stream.type
    detail = ""
    if isinstance(stream, VideoStream):
        detail = f"{stream.width}x{stream.height}" if context else ""
    elif isinstance(stream, AudioStream):
        detail = f"{stream.sample_rate} Hz {stream.layout.name}" if context else ""
    elif kind == "attachment":
        detail = stream.metadata.get("filename", "")
    return StreamInfo(
        index=stream.index,
        kind=kind,
        codec=stream.codec.canonical_name if context is not None else "unknown",
        language=stream.language if stream.language != "und" else None,
        title=stream.metadata.get("title"),
        is_cover=isinstance(stream, VideoStream) and is_still(stream),
        detail=detail,
    )
