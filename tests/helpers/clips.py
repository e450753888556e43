"""Small films made on the spot, for the tests of everything that reads or writes one.

`make_clip` writes a film with PyAV and returns the luma planes that went in, so that a test can
compare codes. Pictures are a moving gradient with fine seeded texture inside the limited range;
nothing is random between runs.
"""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.write.scheduling import ordinary_scheduling
from filmcolor.types import ColorTags, VideoInfo

Plane = NDArray[np.uint8] | NDArray[np.uint16]

AUDIO_RATE = 48_000
"""Samples a second of every sound track made here."""


def probe(path: str) -> VideoInfo:
    """What a film is."""
    with FilmReader(path) as reader:
        return reader.info


def luma_picture(
    index: int, height: int, width: int, bit_depth: int = 8, *, scene: int = 0
) -> Plane:
    """Luma codes of frame `index`: shape (height, width), uint8 or uint16, limited range.

    `scene` picks another gradient and brightness, so that a change of scene is a hard cut.
    """
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    slope = 0.5 + 0.5 * np.sin(
        (columns + 2 * index) / 9.0 + rows / (13.0 - 4 * (scene % 3)) + scene
    )
    texture = np.random.default_rng(1000 * scene + 7).uniform(-0.06, 0.06, (height, width))
    level = np.clip(0.12 + 0.7 * slope + texture + 0.1 * (scene % 2), 0.0, 1.0)
    scale = 1 << (bit_depth - 8)
    codes = np.rint((16 + 219 * level) * scale)
    picture: Plane = codes.astype(np.uint8) if bit_depth == 8 else codes.astype(np.uint16)
    return picture


def chroma_picture(
    height: int, width: int, bit_depth: int = 8, *, colored: bool = False
) -> tuple[Plane, Plane]:
    """(Cb, Cr) codes of a neutral picture, or of one with patches of different colours."""
    scale = 1 << (bit_depth - 8)
    dtype = np.uint8 if bit_depth == 8 else np.uint16
    cb = np.full((height, width), 128 * scale, dtype)
    cr = cb.copy()
    if colored:
        cb[:, : width // 2] = 90 * scale
        cr[: height // 2] = 170 * scale
        cb[height // 2 :, width // 2 :] = 180 * scale
    return cb, cr


def fill_plane(frame: VideoFrame, plane: int, codes: Plane) -> None:
    """Write `codes`, shape (height, width), into one plane of `frame`, padding and all."""
    target = frame.planes[plane]
    row_bytes = np.zeros((target.height, target.line_size), np.uint8)
    row_bytes[:, : codes.shape[1] * codes.itemsize] = np.ascontiguousarray(codes).view(np.uint8)
    target.update(row_bytes.tobytes())


def make_frame(luma: Plane, pix_fmt: str = "yuv420p", *, colored: bool = False) -> VideoFrame:
    """A frame with this luma: exact in planar Y'CbCr and grey, else through libswscale."""
    height, width = luma.shape
    name = av.VideoFormat(pix_fmt, width, height)
    bits = name.components[0].bits
    wide = luma.dtype == np.uint16
    is_exact = pix_fmt.startswith(("yuv4", "yuvj4", "gray")) and (bits > 8) == wide
    if not is_exact:
        source = make_frame(luma, "yuv444p16le" if wide else "yuv444p", colored=colored)
        return source.reformat(format=pix_fmt, threads=1)
    frame = VideoFrame(width, height, pix_fmt)
    fill_plane(frame, 0, luma)
    if len(frame.planes) >= 3:
        size = frame.planes[1].height, frame.planes[1].width
        for at, codes in enumerate(chroma_picture(*size, bits, colored=colored), start=1):
            fill_plane(frame, at, codes)
    return frame


def make_clip(
    path: Path,
    *,
    frames: int = 12,
    width: int = 64,
    height: int = 48,
    codec: str = "ffv1",
    pix_fmt: str = "yuv420p",
    rate: Fraction = Fraction(24),
    time_base: Fraction | None = None,
    pts: Sequence[int] | None = None,
    cuts: Sequence[int] = (),
    colored: bool = False,
    rotation: int = 0,
    sample_aspect_ratio: Fraction | None = None,
    tags: ColorTags | None = None,
    interlaced: bool = False,
    options: Mapping[str, str] | None = None,
    container_options: Mapping[str, str] | None = None,
    container: str | None = None,
    metadata: Mapping[str, str] | None = None,
    sound: int = 0,
    sound_codec: str = "aac",
    subtitles: Sequence[tuple[float, float, str]] = (),
    chapters: Sequence[tuple[float, float, str]] = (),
    attachment: tuple[str, str, bytes] | None = None,
    cover: bool = False,
    still: bool = False,
) -> list[Plane]:
    """Write a film to `path` and return the luma planes of its frames, as they were encoded.

    `pts` gives each frame's time in ticks of `time_base` (default: 1/rate, counted from 0). `cuts`
    are the frames that begin another scene. `sound` is the number of sound tracks, as long as the
    picture and tagged eng, deu, fra. Subtitles are (start, end, text) in seconds and go in as
    SubRip, or as mov_text into mp4 and mov. Chapters likewise. `attachment` is (name, MIME type,
    bytes), Matroska only. `cover` adds a cover picture: as an attachment to Matroska, as an
    attached picture otherwise. `tags` and `sample_aspect_ratio` and `rotation` (degrees
    counter-clockwise) are written as stated. In a `still` film nothing moves.
    """
    base = time_base or 1 / rate
    times = list(pts) if pts is not None else [round(n / rate / base) for n in range(frames)]
    depth = av.VideoFormat(pix_fmt, width, height).components[0].bits
    lumas = []
    for index in range(len(times)):
        scene = sum(1 for cut in cuts if cut <= index)
        lumas.append(luma_picture(0 if still else index, height, width, depth, scene=scene))
    film = av.open(
        str(path),
        "w",
        format=container,
        container_options=_mux_options(path, base, container_options),
    )
    with film:
        film.metadata.update(metadata or {})
        stream = film.add_stream(codec, rate=rate, options=dict(options or {}))
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.codec_context.time_base = base
        stream.time_base = base
        if sample_aspect_ratio is not None:
            stream.codec_context.sample_aspect_ratio = sample_aspect_ratio
        if rotation:
            stream.set_display_rotation(rotation)
        if interlaced:
            stream.codec_context.field_order = 2
            stream.codec_context.flags |= 0x00040000 | 0x20000000  # interlaced DCT and estimation
        if tags is not None:
            _write_tags(stream, tags)
        languages = ("eng", "deu", "fra")[:sound]
        sounds = [_add_sound(film, sound_codec, language) for language in languages]
        is_mov = path.suffix in (".mp4", ".mov", ".m4v")
        texts = film.add_mux_stream("mov_text" if is_mov else "subrip") if subtitles else None
        if texts is not None:
            texts.time_base = Fraction(1, 1000)
            texts.metadata["language"] = "eng"
        if attachment is not None:
            film.add_attachment(*attachment)
        picture = _add_cover(film, is_mov=is_mov) if cover else None
        if chapters:
            film.set_chapters([_chapter(n, *entry) for n, entry in enumerate(chapters)])
        with ordinary_scheduling():
            film.start_encoding()
        if picture is not None:
            film.mux(_packet(jpeg_bytes(), picture, 0))
        for start, end, text in subtitles:
            assert texts is not None
            packet = _packet(_text_bytes(text, is_mov=is_mov), texts, round(start * 1000))
            packet.duration = round((end - start) * 1000)
            film.mux(packet)
        for luma, at in zip(lumas, times, strict=True):
            frame = make_frame(luma, pix_fmt, colored=colored)
            frame.pts, frame.time_base = at, base
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
        seconds = (times[-1] - times[0]) * base + 1 / rate if times else Fraction(1, 10)
        for number, track in enumerate(sounds):
            for tone in tone_frames(float(seconds), 220.0 * (number + 1)):
                film.mux(track.encode(tone))
            # FLAC ends with a packet of nothing but its header, which AVI refuses.
            film.mux([packet for packet in track.encode(None) if packet.size])
    return lumas


def tone_frames(seconds: float, hertz: float) -> list[AudioFrame]:
    """A stereo sine as audio frames of 1024 samples, planar float, starting at 0."""
    total = round(seconds * AUDIO_RATE)
    wave = (0.2 * np.sin(2 * np.pi * hertz * np.arange(total) / AUDIO_RATE)).astype(np.float32)
    result = []
    for start in range(0, total, 1024):
        part = wave[start : start + 1024]
        tone = AudioFrame.from_ndarray(np.stack([part, part]), format="fltp", layout="stereo")
        tone.sample_rate = AUDIO_RATE
        tone.pts, tone.time_base = start, Fraction(1, AUDIO_RATE)
        result.append(tone)
    return result


def jpeg_bytes(width: int = 32, height: int = 32) -> bytes:
    """A small JPEG picture."""
    context = av.CodecContext.create("mjpeg", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuvj420p"
    context.time_base = Fraction(1, 25)
    frame = make_frame(luma_picture(0, height, width), "yuvj420p", colored=True)
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def y4m_bytes(lumas: Sequence[Plane], rate: Fraction = Fraction(24), header: str = "") -> bytes:
    """A Y4M stream of 8-bit 4:2:0 frames, chroma neutral; `header` adds parameters ("A8:9")."""
    height, width = lumas[0].shape
    chroma = bytes([128]) * (2 * -(-height // 2) * -(-width // 2))
    extra = f" {header}" if header else ""
    first = (
        f"YUV4MPEG2 W{width} H{height} F{rate.numerator}:{rate.denominator} Ip C420jpeg{extra}\n"
    )
    body = b"".join(b"FRAME\n" + luma.tobytes() + chroma for luma in lumas)
    return first.encode() + body


def make_sound(path: Path, seconds: float = 0.5) -> None:
    """A file with a sound track and no picture."""
    with av.open(str(path), "w") as film:
        track = film.add_stream("aac", rate=AUDIO_RATE)
        track.layout = "stereo"
        for tone in tone_frames(seconds, 440.0):
            film.mux(track.encode(tone))
        film.mux(track.encode(None))


def decode_film(path: Path) -> tuple[list[int], list[Plane]]:
    """(pts, luma planes) of a film of planar Y'CbCr or grey, read with PyAV alone."""
    times, lumas = [], []
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        for frame in film.decode(stream):
            assert frame.pts is not None
            times.append(frame.pts)
            lumas.append(plane_codes(frame, 0))
    return times, lumas


def plane_codes(frame: VideoFrame, plane: int) -> Plane:
    """Codes of one plane of a planar little-endian frame, shape (height, width)."""
    source = frame.planes[plane]
    dtype = np.uint16 if frame.format.components[0].bits > 8 else np.uint8
    rows = np.frombuffer(memoryview(source), np.uint8).reshape(source.height, -1)
    if source.line_size < 0:
        rows = rows[::-1]
    codes = rows[:, : source.width * np.dtype(dtype).itemsize].copy()
    return codes.view(np.uint16) if dtype == np.uint16 else codes


def _mux_options(path: Path, base: Fraction, extra: Mapping[str, str] | None) -> dict[str, str]:
    """mp4 and mov keep pts exactly only in a track of the same time scale."""
    options = dict(extra or {})
    if path.suffix in (".mp4", ".mov", ".m4v"):
        options.setdefault("video_track_timescale", str(base.denominator))
    return options


def _write_tags(stream: VideoStream, tags: ColorTags) -> None:
    context = stream.codec_context
    context.colorspace = tags.matrix
    context.color_primaries = tags.primaries
    context.color_trc = tags.transfer
    context.color_range = 0 if tags.full_range is None else 2 if tags.full_range else 1


def _add_sound(film: OutputContainer, codec: str, language: str) -> AudioStream:
    track = film.add_stream(codec, rate=AUDIO_RATE)
    assert isinstance(track, AudioStream)
    track.layout = "stereo"
    track.metadata["language"] = language
    if codec.startswith("wma"):  # without it there is no encoder
        track.codec_context.bit_rate = 64_000
    return track


def _packet(content: bytes, stream: Stream, milliseconds: int) -> Packet[Stream]:
    packet: Packet[Stream] = Packet(content)
    packet.stream, packet.time_base = stream, Fraction(1, 1000)
    packet.pts = packet.dts = milliseconds
    return packet


def _add_cover(film: OutputContainer, *, is_mov: bool) -> VideoStream | None:
    if not is_mov:
        film.add_attachment("cover.jpg", "image/jpeg", jpeg_bytes())
        return None
    picture = film.add_mux_stream("mjpeg", width=32, height=32)
    assert isinstance(picture, VideoStream)
    picture.time_base = Fraction(1, 1000)
    picture.disposition = Disposition.attached_pic
    return picture


def _chapter(number: int, start: float, end: float, title: str) -> av.container.core.Chapter:
    return {
        "id": number + 1,
        "start": round(start * 1000),
        "end": round(end * 1000),
        "time_base": Fraction(1, 1000),
        "metadata": {"title": title},
    }


def _text_bytes(text: str, *, is_mov: bool) -> bytes:
    encoded = text.encode()
    return len(encoded).to_bytes(2, "big") + encoded if is_mov else encoded


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes: a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
