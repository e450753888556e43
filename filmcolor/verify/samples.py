"""The samples of sound that was converted: what has to be equal in place of its packets."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream
from numpy.typing import NDArray

from filmcolor.media.write.sound import Lossless, SoundDecoder


class DecodedSamples:
    """Decodes a track into the form in which its sound was kept; the same for source and result."""

    def __init__(
        self, stream: AudioStream, form: Lossless, span: tuple[Fraction, Fraction] | None
    ) -> None:
        """`span` is that of the film in seconds, if sound has to fit it."""
        self._decoder = SoundDecoder(stream, form)
        self.fits = self._decoder.span is not None
        """Whether it begins and ends with the film."""
        if self._decoder.span is not None and span is not None:
            self._decoder.span.first, self._decoder.span.end = span
        self._is_cut = form.bits == 24  # in samples of 32
        self.align = stream.codec_context.channels * (2 if form.bits == 16 else 4)
        """Bytes of a sample of all channels."""
        self.rate = self.align * form.rate_of(stream)
        """Bytes a second."""

    def of(self, packet: Packet[Stream] | None) -> Iterator[tuple[Fraction, bytes]]:
        """What is decoded by now, with its time in seconds; None: all that is left."""
        for frame in self._decoder(packet):
            codes: NDArray[Any] = frame.to_ndarray()
            whole = codes & -256 if self._is_cut else codes
            if frame.pts is not None and frame.time_base is not None:
                yield frame.pts * frame.time_base, whole.tobytes()
