"""Sound that a container cannot hold as it is: decoded, and kept without loss in another codec.

What is decoded has no gaps: silence stands where the source has nothing, and what comes twice is
left out. It must not know which streams are converted (see `streams`), nor where they are written.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.filter import Graph
from av.packet import Packet
from av.stream import Stream

from filmcolor.media.write.containers import USUAL_LAYOUTS, Container

_GAP_SECONDS = 0.03
"""Times that are off by less are rounded ones: the samples follow each other."""
_OF_24_BITS = re.compile(r"pcm_(s24.*|bluray|dvd)|truehd|mlp|tta|tak|ape|wmalossless")
"""Decoders that give 24 bits, in samples of 32."""
_END_OF_GRAPH = (av.error.BlockingIOError, av.error.EOFError)


@dataclass(frozen=True, slots=True)
class Lossless:
    """What decoded sound becomes."""

    codec: str
    """FFmpeg's name of the encoder."""
    sample_format: str
    bits: int

    @property
    def words(self) -> str:
        """For people: "FLAC of 16 bits"."""
        name = "FLAC" if self.codec == "flac" else "PCM"
        return f"{name} of {self.bits} bits"


_FLAC_16, _FLAC_24 = Lossless("flac", "s16", 16), Lossless("flac", "s32", 24)
_PCM_16, _PCM_24 = Lossless("pcm_s16le", "s16", 16), Lossless("pcm_s24le", "s32", 24)
_PCM_32 = Lossless("pcm_s32le", "s32", 32)


def lossless_for(container: Container, stream: Stream) -> Lossless | None:
    """What this sound becomes in a container that does not take it as it is.

    As many bits as are decoded; floating point, which all lossy codecs give, is rounded to 24. None
    where the sound cannot be decoded, or the container takes nothing of it.
    """
    if not isinstance(stream, AudioStream) or stream.codec_context is None:
        return None
    context = stream.codec_context
    packed = context.format.name.removesuffix("p") if context.format else ""
    if packed in ("u8", "s16"):
        choices = [_FLAC_16, _PCM_16]
    elif packed == "s32" and not _OF_24_BITS.fullmatch(context.name):
        choices = [_PCM_32]
    elif packed in ("s32", "flt", "dbl"):
        choices = [_FLAC_24, _PCM_24]
    else:
        return None
    return next((each for each in choices if _holds(container, stream, each)), None)


def _holds(container: Container, stream: AudioStream, target: Lossless) -> bool:
    """Whether a file with this sound can be written: tried in memory."""
    try:
        with av.open(io.BytesIO(), "w", format=container.muxer) as trial:
            add_lossless(trial, stream, target)
            trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True


def add_lossless(output: OutputContainer, template: AudioStream, target: Lossless) -> AudioStream:
    """A stream of `output` for what `template` becomes."""
    context = template.codec_context
    layout = context.layout.name
    stream = output.add_stream(
        target.codec,
        rate=context.sample_rate,
        layout=USUAL_LAYOUTS.get(layout, layout),
        format=target.sample_format,
    )
    if not isinstance(stream, AudioStream):
        raise TypeError(f"{target.codec} is no sound codec")
    stream.time_base = Fraction(1, context.sample_rate)
    return stream


class SoundDecoder:
    """Decodes the packets of a track into samples of one format, rate and layout.

    Packets that cannot be decoded are counted, and silent.
    """

    def __init__(self, source: AudioStream, sample_format: str) -> None:
        context = source.codec_context
        self._context = context
        self._form = {
            "sample_fmts": sample_format,
            "sample_rates": str(context.sample_rate),
            "channel_layouts": USUAL_LAYOUTS.get(context.layout.name, context.layout.name),
        }
        self._graph: Graph | None = None
        self._came: tuple[str, str, int] | None = None
        self._next: int | None = None
        self.failed = 0
        """Packets that could not be decoded."""

    def __call__(self, packet: Packet[Stream] | None) -> Iterator[AudioFrame]:
        """What is complete now; None: all that is left."""
        frames: list[AudioFrame] = []
        try:
            frames = [each for each in self._context.decode(packet) if isinstance(each, AudioFrame)]
        except (av.FFmpegError, ValueError):
            self.failed += packet is not None
        for frame in frames:
            yield from self._put(frame)
        if packet is None:
            yield from self._flush()

    def _put(self, frame: AudioFrame) -> Iterator[AudioFrame]:
        came = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._graph is None or came != self._came:
            yield from self._flush()
            self._graph, self._came = self._made_for(frame), came
        self._graph.push(frame)
        yield from self._pulled(self._graph)

    def _made_for(self, frame: AudioFrame) -> Graph:
        graph = Graph()
        layout = USUAL_LAYOUTS.get(frame.layout.name, frame.layout.name)
        source = graph.add_abuffer(
            sample_rate=frame.sample_rate,
            format=frame.format.name,
            layout=layout,
            time_base=frame.time_base,
        )
        filled = graph.add("aresample", f"async=1:min_hard_comp={_GAP_SECONDS}")
        form = graph.add("aformat", ":".join(f"{key}={text}" for key, text in self._form.items()))
        sink = graph.add("abuffersink")
        source.link_to(filled)
        filled.link_to(form)
        form.link_to(sink)
        graph.configure()
        return graph

    def _flush(self) -> Iterator[AudioFrame]:
        if self._graph is not None:
            graph, self._graph = self._graph, None
            graph.push(None)
            yield from self._pulled(graph)

    def _pulled(self, graph: Graph) -> Iterator[AudioFrame]:
        with contextlib.suppress(*_END_OF_GRAPH):
            while True:
                frame = graph.pull()
                if isinstance(frame, AudioFrame):
                    if frame.pts is None:  # what a decoder holds back to the end
                        frame.pts = self._next or 0
                    self._next = frame.pts + frame.samples
                    yield frame


class SoundConverter:
    """Turns the packets of a track into those of another codec, in a clock of samples."""

    def __init__(self, source: AudioStream, target: AudioStream, form: Lossless) -> None:
        """`target` is a fresh stream of `add_lossless`."""
        self.decoder = SoundDecoder(source, form.sample_format)
        self._target = target

    def __call__(self, packet: Packet[Stream] | None) -> Iterator[Packet[Stream]]:
        """What is complete now; None: all that is left."""
        for frame in self.decoder(packet):
            yield from self._target.encode(frame)
        if packet is None:
            yield from self._target.encode(None)
