"""Opening a film for reading: what can go wrong is said in one line, in filmcolor's own errors.

Used by `probe` and `film_reader`, and by whoever else needs the source's packets. Decodes nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction

import av
import av.error
from av.audio.stream import AudioStream
from av.codec.context import ThreadType
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from filmcolor.errors import MediaError
from filmcolor.media.legacy_text import UNDECODED, mend_tags
from filmcolor.media.matroska import is_matroska, segment_end
from filmcolor.media.watchdog import PIPE_SECONDS, Heartbeat, TimeoutReader

PIPE = "-"
"""The path that stands for Y4M on standard input."""

SEEKABLE = ("mov,", "matroska")
"""Beginnings of the names of containers whose seeking lands on a key frame at or before the time
asked for, with true times. The others (MPEG-1/2 streams, AVI, raw streams) are read from their
beginning; in some of them times begin anew on the way, which no seeking can know.
"""
_STRUNG = {"mpegts", "mpeg", "flv"}
"""Containers that hold several recordings one after another, each with a clock of its own."""

CAPTION_SECONDS = 120
"""How much earlier than asked for to begin reading where captions are wanted that are still shown.
In mp4 and mov a seek finds those that are longer, too.
"""

LARGEST_SIDE = 16_384
"""Pixels; no encoder here writes a longer side."""
LARGEST_FRAME = 1 << 27
"""Pixels of one frame, 134 millions (16K is 133): a small file may claim any size."""

_DECODER_OPTIONS = {"max_pixels": str(LARGEST_FRAME)}
# A film may point to other files (playlists, references), but never to the network.
_OPTIONS = {"protocol_whitelist": "file,crypto,data", **_DECODER_OPTIONS}
_LATE_OPTIONS = {**_OPTIONS, "probesize": str(64 << 20), "analyzeduration": str(600 * av.time_base)}
_PROBED_ON = {"mpeg", "flv"}
"""Containers in which the form of a track that begins late is found by reading farther."""
# Demuxers that make a "film" of any text.
_NOT_FILMS = {"tty"}
_SINGLE_PICTURES = {"image2", "ico", "fits"}
_PICTURE_BRANDS = {"heic", "heix", "heim", "heis", "mif1", "avif", "crx", "jxl"}
"""Beginnings of files like mp4 that hold single pictures, those of Canon's cameras too."""


@contextmanager
def media_errors(path: str) -> Iterator[None]:
    """Turn the errors of FFmpeg and of the system into one line about `path`."""
    try:
        yield
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(_explain(path, error)) from error


def open_source(
    path: str,
    heartbeat: Heartbeat | None = None,
    tell_legacy: Callable[[str], None] = lambda name: None,
) -> InputContainer:
    """Open a film by its content, whatever its name; "-" is Y4M on standard input.

    `heartbeat` beats while a pipe is waited for. `tell_legacy` gets the name of every tag whose
    text was not UTF-8. Raises `MediaError` for everything that is not a readable media file.
    """
    if path == PIPE:
        return _open_pipe(heartbeat or Heartbeat())
    _check_file(path)
    with media_errors(path):
        container = av.open(f"file:{path}", "r", options=_OPTIONS, metadata_errors=UNDECODED)
        if container.format.name in _PROBED_ON and any(map(is_unprobed, container.streams)):
            container.close()
            container = av.open(
                f"file:{path}", "r", options=_LATE_OPTIONS, metadata_errors=UNDECODED
            )
    for key in mend_tags(container.metadata):
        tell_legacy(f"tag {key}")
    for stream in container.streams:
        for key in mend_tags(stream.metadata):
            tell_legacy(f"tag {key} of stream {stream.index}")
    if container.format.name in _NOT_FILMS:
        container.close()
        raise MediaError(f"{path}: a text file, not a film: give a video file")
    if (kind := _picture_kind(container)) is not None:
        container.close()
        raise MediaError(
            f"{path}: a picture ({kind}), not a film: pictures of this kind are not coloured; save "
            "it as PNG or TIFF"
        )
    return container


def _picture_kind(container: InputContainer) -> str | None:
    """The kind of still picture that FFmpeg would show as a film of one frame."""
    name = container.format.name
    if name in _SINGLE_PICTURES or name.endswith("_pipe"):
        videos = container.streams.video
        codec = None if not videos else videos[0].codec_context
        return name.removesuffix("_pipe") if codec is None else codec.name
    brand = container.metadata.get("major_brand", "").strip()
    return brand if brand in _PICTURE_BRANDS else None


def open_before(
    path: str, seconds: Fraction, margin: int, witnesses: Collection[int]
) -> InputContainer:
    """The film opened for reading on from `margin` seconds before `seconds`, or from its beginning
    where it cannot seek, or lands too late.

    `witnesses` are indexes of streams with packets all along. Raises as `open_source`.
    """
    container = open_source(path)
    target = int((seconds - margin) * av.time_base)
    if target <= 0 or not can_seek(container):
        return container
    with suppress(av.error.FFmpegError, OSError):
        container.seek(target)
        packets = container.demux([container.streams[index] for index in witnesses])
        landed = next((packet for packet in packets if packet.pts is not None), None)
        if landed is not None and (landed.pts or 0) * landed.time_base <= seconds:
            container.seek(target)
            return container
    container.close()
    return open_source(path)


def film_stream(
    container: InputContainer, path: str, threads: ThreadType = ThreadType.AUTO
) -> VideoStream:
    """The stream that is the film: the best video stream that is no cover picture.

    It decodes in several threads: of frames and slices (`AUTO`), or of slices alone (`SLICE`),
    which is slower but tells an error at the packet that has it.

    Raises `MediaError` when there is none, or when FFmpeg has no decoder for it.
    """
    films = [stream for stream in container.streams.video if not is_still(stream)]
    if not films:
        has_sound = bool(container.streams.audio)
        what = "only sound" if has_sound else "no picture"
        raise MediaError(f"{path}: {what} in it, no film: give a file with a video stream")
    best = container.streams.best("video")
    stream = best if isinstance(best, VideoStream) and best in films else films[0]
    if stream.codec_context is None:
        raise MediaError(
            f"{path}: no decoder for its video stream: damaged, or of a kind that FFmpeg does not "
            "know; convert it with another program first"
        )
    refuse_absurd_size(path, stream.width, stream.height)
    stream.codec_context.options = dict(_DECODER_OPTIONS)
    stream.thread_type = threads
    return stream


def can_seek(container: InputContainer) -> bool:
    """Whether seeking in an open film can be trusted."""
    name = container.format.name
    if not name.startswith("matroska"):
        return name.startswith(SEEKABLE)
    path = container.name.removeprefix("file:")
    return segment_end(path) is not None and not is_strung(container)


def is_strung(container: InputContainer) -> bool:
    """Whether a file may be several recordings strung together, each with a clock of its own."""
    name = container.format.name
    if not name.startswith("matroska"):
        return name in _STRUNG
    path = container.name.removeprefix("file:")
    end = segment_end(path)
    return end is not None and is_matroska(path, end)


def is_unprobed(stream: Stream) -> bool:
    """Whether it is sound whose form is unknown, since it begins behind all that was probed."""
    return isinstance(stream, AudioStream) and bool(
        stream.codec_context and not stream.codec_context.sample_rate
    )


def refuse_absurd_size(path: str, width: int, height: int) -> None:
    """Raise `MediaError` for frames too large to be coloured, before any is decoded."""
    if max(width, height) > LARGEST_SIDE or width * height > LARGEST_FRAME:
        raise MediaError(
            f"{path}: {width}x{height} is too large: frames with sides up to {LARGEST_SIDE} and "
            f"up to {LARGEST_FRAME // 1_000_000} megapixels can be coloured; scale it down first"
        )


def is_still(stream: Stream) -> bool:
    """Whether a stream is a picture attached to the file or thumbnails for seeking: no film."""
    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def _open_pipe(heartbeat: Heartbeat) -> InputContainer:
    try:
        return av.open(
            TimeoutReader(sys.stdin.buffer, heartbeat, PIPE_SECONDS),
            "r",
            format="yuv4mpegpipe",
            options=_DECODER_OPTIONS,
            metadata_errors="replace",
        )
    except (av.error.FFmpegError, OSError) as error:
        if heartbeat.failure is not None:
            raise heartbeat.failure from error
        raise MediaError(
            "standard input: not a Y4M stream: pipe one in, such as from "
            "`ffmpeg -i film.mp4 -f yuv4mpegpipe -`"
        ) from error


def _check_file(path: str) -> None:
    """What the file system already knows."""
    if os.path.isdir(path):
        raise MediaError(f"{path}: a folder, not a film: give a video file")
    if not os.path.exists(path):
        raise MediaError(f"{path}: no such file: check the name")
    if not os.path.isfile(path):
        raise MediaError(f"{path}: not a regular file: give a video file, or - for Y4M on a pipe")
    if not os.access(path, os.R_OK):
        raise MediaError(f"{path}: not readable: its permissions forbid it")
    if os.path.getsize(path) == 0:
        raise MediaError(f"{path}: empty (zero bytes): copy the file again")


def _explain(path: str, error: Exception) -> str:
    name = "standard input" if path == PIPE else path
    if isinstance(error, PermissionError):
        return f"{name}: not readable: its permissions forbid it"
    if isinstance(error, av.error.InvalidDataError | av.error.EOFError):
        if _lacks_index(path):
            return f"{name}: cut short, its index (moov) is missing: copy or download it again"
        return f"{name}: not a film, or damaged: FFmpeg finds no media in it"
    if isinstance(error, av.error.DecoderNotFoundError):
        return f"{name}: no decoder for its video: convert it with another program first"
    reason = getattr(error, "strerror", None) or str(error)
    return f"{name}: cannot read it: {reason}"


def _lacks_index(path: str) -> bool:
    """Whether a file that could not be opened begins like an mp4 or mov."""
    if path == PIPE:
        return False
    try:
        with open(path, "rb") as file:
            return file.read(12)[4:8] in (b"ftyp", b"wide", b"mdat")
    except OSError:
        return False
