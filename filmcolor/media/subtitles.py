"""Text subtitles from one codec to another, by way of FFmpeg's own decoder and encoder."""

from __future__ import annotations

import av
from av.packet import Packet
from av.stream import Stream
from av.subtitles.codeccontext import SubtitleCodecContext
from av.subtitles.stream import SubtitleStream

from filmcolor.errors import MediaError


class SubtitleConverter:
    """Turns the packets of a text subtitle stream into those of another codec, times unchanged.

    Italics, bold and colours go over as far as the target codec has them; positions may not.
    """

    def __init__(self, source: SubtitleStream, target: SubtitleStream) -> None:
        """Prepare `target`, a fresh output stream; must be called before the header is written."""
        self._source = source
        self._target: SubtitleCodecContext = target.codec_context
        source.codec_context.open(strict=False)
        # The encoder reads the styles from the decoder's header.
        self._target.subtitle_header = source.codec_context.subtitle_header or b""

    def __call__(self, packet: Packet[Stream]) -> Packet[Stream] | None:
        """The converted packet, with the times and time base of `packet`; None if it is empty."""
        try:
            subtitle = self._source.decode2(packet)
            if subtitle is None or len(subtitle) == 0:
                return None
            converted = self._target.encode_subtitle(subtitle)
        except (av.FFmpegError, ValueError) as error:
            raise MediaError(
                f"subtitle stream {self._source.index} cannot be converted ({error}); "
                "write an .mkv, which keeps it as it is"
            ) from error
        if converted.size == 0:
            return None
        converted.time_base = packet.time_base
        converted.pts = packet.pts
        converted.dts = packet.dts if packet.dts is not None else packet.pts
        converted.duration = packet.duration
        return converted
