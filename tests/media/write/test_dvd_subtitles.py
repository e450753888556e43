"""Subtitles of DVDs, whose duration stands in their own commands."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.packet import Packet
from av.stream import Stream

from filmcolor.media.write.subtitles import fill_duration


def _picture(stop: int) -> bytes:
    """Two by two points, shown from its time on until `stop` times 1024/90000 s later."""
    lines = b"\0\1" * 2
    begin = 4 + len(lines)
    show = b"\1\x03\x32\x10\x04\xff\xf0\x05\0\0\1\0\0\1\x06\0\4\0\6\xff"
    end = begin + 4 + len(show)
    commands = struct.pack(">HH", 0, end) + show
    commands += struct.pack(">HH", stop, end) + b"\2\xff"
    return struct.pack(">HH", begin + len(commands), begin) + lines + commands


def _read(path: Path, content: bytes, duration: int) -> tuple[Packet[Stream], object]:
    with av.open(str(path), "w", format="matroska") as film:
        stream = film.add_stream("dvdsub")
        stream.time_base = Fraction(1, 1000)
        film.start_encoding()
        packet: Packet[Stream] = Packet(content)
        packet.stream, packet.time_base = stream, Fraction(1, 1000)
        packet.pts = packet.dts = 200
        packet.duration = duration
        film.mux_one(packet)
    source = av.open(str(path))
    return next(packet for packet in source.demux() if packet.size), source


@pytest.mark.parametrize(("told", "right"), [(0, 910), (500, 500)])
def test_a_duration_that_the_file_does_not_give_is_that_of_the_commands(
    tmp_path: Path, told: int, right: int
) -> None:
    packet, source = _read(tmp_path / "film.mkv", _picture(80), 500)
    packet.duration = told
    fill_duration(packet)
    assert packet.duration * packet.time_base == Fraction(right, 1000)
    del source


def test_a_damaged_one_is_left_as_it_is(tmp_path: Path) -> None:
    packet, source = _read(tmp_path / "film.mkv", _picture(80)[:9], 500)
    packet.duration = 0
    fill_duration(packet)
    assert packet.duration == 0
    del source
