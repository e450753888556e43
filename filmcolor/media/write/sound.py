"""Sound that a container cannot hold as it is: decoded, and kept without loss in another codec.

What is decoded has no gaps: silence stands where the source has nothing, and what comes twice is
left out. It must not know which streams are converted (see `streams`), nor where they are written.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.filter import Graph
from av.packet import Packet
from av.stream import Stream
from numpy.typing import NDArray

from filmcolor.media.write.containers import USUAL_LAYOUTS, Container

_GAP_SECONDS = 0.03
"""Times that are off by less are rounded ones: the samples follow each other."""
_OF_24_BITS = re.compile(r"pcm_(s24.*|bluray|dvd)|truehd|mlp|tta|tak|ape|wmalossless")
"""Decoders that give 24 bits, in samples of 32."""
_MXF_RATE = 48_000
"""Samples a second, the only ones that FFmpeg writes into MXF."""
_END_OF_GRAPH = (av.error.BlockingIOError, av.error.EOFError)


@dataclass(frozen=True, slots=True)
class Lossless:
    """What decoded sound becomes."""

    codec: str
    """FFmpeg's name of the encoder."""
    sample_format: str
    bits: int
    rate: int = 0
    """Samples a second that all sound is brought to; 0: its own."""
    fits: bool = False
    """Whether it begins and ends with the film, silent where there is no sound."""

    @property
    def words(self) -> str:
        """For people: "FLAC of 16 bits"."""
        name = "FLAC" if self.codec == "flac" else "PCM"
        return f"{name} of {self.bits} bits"

    def rate_of(self, stream: AudioStream) -> int:
        """Samples a second that the sound of a stream has then."""
        return self.rate or stream.codec_context.sample_rate

    def tells(self, container: str, stream: Stream, name: str) -> str:
        """What there is to say of a stream that becomes this; nothing if all its samples stay."""
        if not isinstance(stream, AudioStream):
            return ""
        context = stream.codec_context
        if self.rate_of(stream) != context.sample_rate:
            said = f"it becomes {self.words}, resampled to {self.rate} Hz; --audio none"
        elif self.fits and context.name.startswith("pcm_") and self.codec.startswith("pcm_"):
            return ""
        else:
            said = f"it is decoded and kept without loss, as {self.words}; --audio copy"
        return f"{container} cannot hold {name}: {said} leaves it out"


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
    if container.counts_frames:
        pcm = _PCM_16 if packed in ("u8", "s16") else _PCM_24
        return replace(pcm, rate=_MXF_RATE, fits=True)
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
    layout, rate = context.layout.name, target.rate_of(template)
    stream = output.add_stream(
        target.codec,
        rate=rate,
        layout=USUAL_LAYOUTS.get(layout, layout),
        format=target.sample_format,
    )
    if not isinstance(stream, AudioStream):
        raise TypeError(f"{target.codec} is no sound codec")
    stream.time_base = Fraction(1, rate)
    return stream


class SoundDecoder:
    """Decodes the packets of a track into samples of one format, rate and layout.

    Packets that cannot be decoded are counted, and silent.
    """

    def __init__(self, source: AudioStream, form: Lossless) -> None:
        context = source.codec_context
        self._context = context
        self.span = SoundSpan(form.rate_of(source)) if form.fits else None
        """Where the sound begins and ends, if it has to fit the film."""
        self._form = {
            "sample_fmts": form.sample_format,
            "sample_rates": str(form.rate_of(source)),
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
            if self.span is not None:
                layout = self._form["channel_layouts"]
                yield from self.span.rest(self._form["sample_fmts"], layout)

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
                    yield from (frame,) if self.span is None else self.span.fitted(frame)


@dataclass(slots=True)
class SoundSpan:
    """Brings sound to the film's length: silence where it begins later or ends earlier, and nothing
    of what lies outside.
    """

    rate: int
    first: Fraction = Fraction(0)
    """Seconds of the film's beginning."""
    end: Fraction | None = None
    """And of its end, once it is known."""
    _due: int | None = None

    def fitted(self, frame: AudioFrame) -> Iterator[AudioFrame]:
        """What of a frame lies within, and the silence before it."""
        form, layout = frame.format.name, frame.layout.name
        channels, start = frame.layout.nb_channels, self._begun()
        at = frame.pts or 0
        if at > start:
            until = at if (last := self._last()) is None else min(at, last)
            yield from self._silence(until - start, form, layout)
        codes = frame.to_ndarray()[:, max(0, start - at) * channels :]
        if (last := self._last()) is not None:
            codes = codes[:, : max(0, last - self._begun()) * channels]
        if codes.size:
            yield self._made(np.ascontiguousarray(codes), form, layout, codes.size // channels)

    def rest(self, form: str, layout: str) -> Iterator[AudioFrame]:
        """The silence up to the end."""
        if (last := self._last()) is not None:
            yield from self._silence(last - self._begun(), form, layout)

    def _begun(self) -> int:
        if self._due is None:
            self._due = round(self.first * self.rate)
        return self._due

    def _last(self) -> int | None:
        return None if self.end is None else ceil(self.end * self.rate) + 1

    def _silence(self, samples: int, form: str, layout: str) -> Iterator[AudioFrame]:
        channels = av.AudioLayout(layout).nb_channels
        kind = np.int16 if form == "s16" else np.int32
        while samples > 0:
            count = min(samples, self.rate)
            yield self._made(np.zeros((1, count * channels), kind), form, layout, count)
            samples -= count

    def _made(self, codes: NDArray[Any], form: str, layout: str, samples: int) -> AudioFrame:
        frame = AudioFrame.from_ndarray(codes, form, layout)
        frame.sample_rate, frame.time_base = self.rate, Fraction(1, self.rate)
        frame.pts = self._begun()
        self._due = frame.pts + samples
        return frame


class SoundConverter:
    """Turns the packets of a track into those of another codec, in a clock of samples."""

    def __init__(self, source: AudioStream, target: AudioStream, form: Lossless) -> None:
        """`target` is a fresh stream of `add_lossless`."""
        self.decoder = SoundDecoder(source, form)
        self._target = target

    def __call__(self, packet: Packet[Stream] | None) -> Iterator[Packet[Stream]]:
        """What is complete now; None: all that is left."""
        for frame in self.decoder(packet):
            yield from self._target.encode(frame)
        if packet is None:
            yield from self._target.encode(None)
