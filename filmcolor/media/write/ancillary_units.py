"""Writes captions and their like into the packets of a film that was just encoded.

FFmpeg's encoders take them from their frames, but PyAV cannot put them there. So they are put where
an encoder would write them: H.264 and HEVC get supplemental enhancement information before their
first slice, AV1 a metadata unit before the header of the frame that is shown. Bitstreams are those
of ITU-T H.264 (7.3.2.3), H.265 (D.2.27) and the AV1 specification (5.8); what is in them is that of
ATSC A/53 Part 4 and ETSI TS 101 154. Decodes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import cast

from av.packet import Packet
from av.video.stream import VideoStream

from filmcolor.events import Notice
from filmcolor.types import Ancillary, AncillaryKind

KINDS: dict[str, frozenset[AncillaryKind]] = {
    "h264": frozenset({"closed captions", "active format"}),
    "hevc": frozenset({"closed captions", "active format", "frame timecode"}),
    "av1": frozenset({"closed captions"}),
}
"""What can be written, by FFmpeg's name of the codec."""

_CODECS = {"libx264": KINDS["h264"], "libx265": KINDS["hevc"], "libsvtav1": KINDS["av1"]}

_COUNTRY = bytes.fromhex("b5 0031")  # United States, ATSC (ITU-T T.35)
_MOST_CAPTIONS = 31
_USER_DATA = 4  # types of payloads
_TIME_CODE = 136
_START_CODE = re.compile(rb"\x00\x00\x01")
_EMULATED = re.compile(rb"\x00\x00(?=[\x00-\x03])")
_H264_SEI = b"\x06"
_HEVC_SEI = b"\x4e\x01"
_AV1_METADATA, _AV1_HEADERS, _AV1_T35 = 5, (3, 6), 4
_FIELD_TIMECODES = Fraction(30)
"""Frames a second above which a timecode counts pairs of frames, with a bit for the second."""


def with_ancillary(
    packet: Packet[VideoStream], said: Ancillary, codec: str, rate: Fraction
) -> Packet[VideoStream]:
    """A packet of one whole frame with what is said beside it, as far as the codec takes it.

    `codec` is FFmpeg's name; H.264 and HEVC are in byte stream format (start codes), as encoders
    for Matroska and mp4 give them. `rate` is what timecodes count in, frames a second.
    """
    if codec not in KINDS:
        return packet
    content = bytes(packet)
    messages = list(_messages(said, codec))
    if codec == "av1":
        written = _with_obus(content, messages)
    elif codec == "h264":
        written = _with_sei(content, _H264_SEI, _user_data(messages), _is_h264_slice)
    else:
        payloads = _user_data(messages)
        if said.timecodes:
            payloads += _sei_payload(_TIME_CODE, _clock_timestamps(said.timecodes, rate))
        written = _with_sei(content, _HEVC_SEI, payloads, _is_hevc_slice)
    changed = cast("Packet[VideoStream]", Packet(written))
    changed.stream = packet.stream
    changed.pts, changed.dts, changed.duration = packet.pts, packet.dts, packet.duration
    changed.time_base, changed.is_keyframe = packet.time_base, packet.is_keyframe
    for side in packet.iter_sidedata():
        changed.set_sidedata(side)
    return changed


def ancillary_notices(said: frozenset[AncillaryKind], writer: str, codec: str = "") -> list[Notice]:
    """What is said beside pictures that `writer`, of FFmpeg's `codec`, cannot say."""
    lost = sorted(said - KINDS.get(codec, frozenset()))
    if not lost:
        return []
    able = [name for name, kinds in _CODECS.items() if kinds.issuperset(said)]
    text = (
        f"{writer} cannot hold what the film says beside its pictures ({', '.join(lost)}): left "
        f"out; --codec {' or '.join(able)} keeps it"
    )
    return [Notice(text, warning=True)]


def timecode_text(timecode: int, rate: Fraction) -> str:
    """For files: "01:00:59:28", with a semicolon where frames are dropped."""
    hours, minutes, seconds, frames, dropped = timecode_parts(timecode, rate)
    return f"{hours:02}:{minutes:02}:{seconds:02}{';' if dropped else ':'}{frames:02}"


def _messages(said: Ancillary, codec: str) -> Iterator[bytes]:
    """User data that is registered by ITU-T T.35, a message each."""
    step = 3 * _MOST_CAPTIONS  # those of a DVD stand in one frame for many
    for at in range(0, len(said.captions), step):
        part = said.captions[at : at + step]
        head = bytes((3, 0x40 | len(part) // 3, 0xFF))
        yield _COUNTRY + b"GA94" + head + part + b"\xff"
    if said.active_format is not None and "active format" in KINDS[codec]:
        yield _COUNTRY + b"DTG1" + bytes((0x41, 0xF0 | said.active_format))


def _user_data(messages: list[bytes]) -> bytes:
    return b"".join(_sei_payload(_USER_DATA, message) for message in messages)


def _sei_payload(kind: int, content: bytes) -> bytes:
    size = b"\xff" * (len(content) // 255) + bytes((len(content) % 255,))
    return bytes((kind,)) + size + content


def _with_sei(
    content: bytes, head: bytes, payloads: bytes, is_slice: Callable[[int], bool]
) -> bytes:
    """A byte stream with one more unit before its first slice; as it is where it has none."""
    if not payloads:
        return content
    unit = _EMULATED.sub(b"\x00\x00\x03", payloads + b"\x80")
    for found in _START_CODE.finditer(content):
        if found.end() < len(content) and is_slice(content[found.end()]):
            at = found.start()
            at -= at > 0 and content[at - 1] == 0  # the start code's own zero
            return content[:at] + b"\x00\x00\x00\x01" + head + unit + content[at:]
    return content


def _is_h264_slice(first: int) -> bool:
    return 1 <= first & 31 <= 5


def _is_hevc_slice(first: int) -> bool:
    return first >> 1 < 32


def _clock_timestamps(timecodes: tuple[int, ...], rate: Fraction) -> bytes:
    """The time code message of HEVC: full timestamps, without an offset."""
    bits = _bits(len(timecodes), 2)
    for timecode in timecodes:
        hours, minutes, seconds, frames, dropped = timecode_parts(timecode, rate)
        # Is there; not in fields; counting type; full; no discontinuity; dropped.
        bits += "1" + "0" + _bits(4 if dropped else 0, 5) + "1" + "0" + _bits(dropped, 1)
        bits += _bits(frames, 9) + _bits(seconds, 6) + _bits(minutes, 6) + _bits(hours, 5)
        bits += _bits(0, 5)
    if len(bits) % 8:
        bits += "1"
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _bits(number: int, count: int) -> str:
    return f"{number:0{count}b}"


def timecode_parts(timecode: int, rate: Fraction) -> tuple[int, int, int, int, bool]:
    """(hours, minutes, seconds, frames, drop frame) of a timecode as SMPTE ST 12-1 packs it."""
    frames = _decimal(timecode >> 24 & 0x3F)
    if rate > _FIELD_TIMECODES:
        second = 7 if rate == 50 else 23
        frames = 2 * frames + (timecode >> second & 1)
    hours, minutes = _decimal(timecode & 0x3F), _decimal(timecode >> 8 & 0x7F)
    return hours, minutes, _decimal(timecode >> 16 & 0x7F), frames, bool(timecode >> 30 & 1)


def _decimal(coded: int) -> int:
    return 10 * (coded >> 4) + (coded & 15)


def _with_obus(content: bytes, messages: list[bytes]) -> bytes:
    """A temporal unit with metadata before the header of the frame that is shown in it.

    A frame that is hidden keeps its metadata until it is shown, so that another place would give
    them to another frame.
    """
    at = 0
    while at < len(content):
        kind, start, stop = _obu(content, at)
        if kind in _AV1_HEADERS and start < stop and content[start] & 0x90:
            units = b"".join(_metadata_obu(message) for message in messages)
            return content[:at] + units + content[at:]
        at = stop
    return content


def _obu(content: bytes, at: int) -> tuple[int, int, int]:
    """Type of the unit at `at`, and where its payload begins and ends."""
    head = content[at]
    start = at + 1 + (head >> 2 & 1)
    if not head & 2:  # without a size: the last one
        return head >> 3 & 15, start, len(content)
    size = shift = 0
    while True:
        byte = content[start]
        size |= (byte & 0x7F) << shift
        start, shift = start + 1, shift + 7
        if byte < 0x80:
            return head >> 3 & 15, start, min(start + size, len(content))


def _metadata_obu(message: bytes) -> bytes:
    payload = bytes((_AV1_T35,)) + message + b"\x80"
    size = len(payload)
    coded = bytes((size,)) if size < 128 else bytes((size & 0x7F | 0x80, size >> 7))
    return bytes((_AV1_METADATA << 3 | 2,)) + coded + payload
