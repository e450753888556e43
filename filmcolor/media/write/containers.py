"""What each container is called, how it is written, and which metadata it keeps.

Data and small questions to FFmpeg; it knows no encoder settings and no clock.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from filmcolor.errors import OptionError


@dataclass(frozen=True, slots=True)
class Container:
    """A file format that a film is written to."""

    muxer: str
    """FFmpeg's name."""
    title: str
    suffixes: tuple[str, ...]
    text_subtitle: str
    """Codec that text subtitles are turned into where the container does not take them; empty if it
    holds none.
    """
    exact_times: bool = True
    """Whether every pts can be kept; Matroska rounds to the millisecond."""
    has_attachments: bool = False
    has_covers: bool = True
    has_chapters: bool = True
    counts_frames: bool = False
    """Whether it holds no times, but frames of one rate, each by itself, and sound beside each."""

    @property
    def is_mov(self) -> bool:
        """Whether it is of the QuickTime family."""
        return self.muxer in ("mp4", "mov")


USUAL_LAYOUTS = {
    "1 channels": "mono",
    "2 channels": "stereo",
    "6 channels": "5.1",
    "8 channels": "7.1",
}
"""By what FFmpeg calls so many channels that say nothing of themselves."""

_STAND_IN = "pcm_s16le"
_WAVE_FORMAT_BYTES = 18

CONTAINERS = (
    Container("mp4", "MP4", (".mp4", ".m4v"), "mov_text"),
    Container("mov", "QuickTime", (".mov",), "mov_text", has_covers=False),
    Container("matroska", "Matroska", (".mkv",), "subrip", exact_times=False, has_attachments=True),
    Container(
        "mxf",
        "MXF",
        (".mxf",),
        "",
        exact_times=False,
        has_covers=False,
        has_chapters=False,
        counts_frames=True,
    ),
)


def container_for(target: str) -> Container:
    """Container that the target's suffix asks for; `OptionError` if it is none of them."""
    suffix = os.path.splitext(target)[1].lower()
    for container in CONTAINERS:
        if suffix in container.suffixes:
            return container
    raise OptionError(
        f"{target}: the name must end in .mp4, .mov, .mkv or .mxf (or be - for Y4M on standard "
        "output)"
    )


def container_of(film: InputContainer) -> Container | None:
    """Which of the containers an opened film is in, by its content; None if it is in another."""
    if film.format.name.startswith("matroska"):
        muxer = "matroska"
    elif film.format.name.startswith("mov,"):
        muxer = "mov" if film.metadata.get("major_brand", "").strip() == "qt" else "mp4"
    elif film.format.name == "mxf":
        muxer = "mxf"
    else:
        return None
    return next(each for each in CONTAINERS if each.muxer == muxer)


def holds_stream(container: Container, template: Stream, sample: Packet[Stream] | None) -> bool:
    """Whether the container takes this stream as it is: tried in memory, with a `sample` packet.

    Some refusals come with the first packet, some with the end of the file (an mp4's index).
    """
    try:
        trial = av.open(io.BytesIO(), "w", format=container.muxer)
        try:
            stream = add_copy(trial, template, wave_format(container, template))
            trial.start_encoding()
            if sample is not None:
                trial.mux_one(_at_zero(sample, stream))
        finally:
            trial.close()
    except (av.FFmpegError, ValueError):
        return False
    return True


def wave_format(container: Container, template: Stream) -> bytes:
    """The WAVEFORMATEX of sound that Matroska holds by this alone, as A_MS/ACM (WMA, ADPCM, mu-law,
    Speex); else nothing.

    FFmpeg's muxer writes them so, but PyAV asks its list of other codecs and refuses them. FFmpeg's
    WAV has the same bytes.
    """
    if container.muxer != "matroska" or not isinstance(template, AudioStream):
        return b""
    if template.codec_context is None:  # a codec that FFmpeg does not know
        return b""
    file = io.BytesIO()
    try:
        with av.open(io.BytesIO(), "w", format=container.muxer) as trial:
            if template.codec_context.codec.name in trial.supported_codecs:
                return b""
        with av.open(file, "w", format="wav") as trial:
            add_copy(trial, template)
            trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return b""
    written = file.getvalue()
    at = written.index(b"fmt ") + 8
    size = int.from_bytes(written[at - 4 : at], "little")
    return written[at : at + size] if size >= _WAVE_FORMAT_BYTES else b""


def add_copy(output: OutputContainer, template: Stream, wave_format: bytes = b"") -> Stream:
    """A stream of `output` for the packets of `template`.

    One that needs a `wave_format` stands as PCM until `write_sound_formats` says what it is.

    Sound that states a number of channels but not which (PCM in Matroska) gets their usual layout,
    without which mp4 refuses it.
    """
    stream: Stream
    if wave_format and isinstance(template, AudioStream):
        context = template.codec_context
        stream = output.add_stream(_STAND_IN, rate=context.sample_rate, layout=context.layout)
        stream.time_base = template.time_base
    else:
        stream = output.add_stream_from_template(template, opaque=True)
    if isinstance(stream, AudioStream):
        usual = USUAL_LAYOUTS.get(stream.codec_context.layout.name)
        if usual is not None:
            stream.codec_context.layout = usual
    return stream


def _at_zero(sample: Packet[Stream], stream: Stream) -> Packet[Stream]:
    packet: Packet[Stream] = Packet(bytes(sample))
    packet.stream, packet.time_base = stream, sample.time_base
    packet.pts = packet.dts = 0
    packet.duration = sample.duration
    packet.is_keyframe = True
    return packet
