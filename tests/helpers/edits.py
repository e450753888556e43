"""Films whose edit lists cut them, and what is heard of films."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tests.helpers.clips import AUDIO_RATE, luma_picture, make_frame

MOVIE_TICKS = 1000
"""A second of an edit list's durations, as FFmpeg writes them."""
PICTURE_TICKS = 12_800
_WINDOW = 2400  # samples in which a tone is looked for


def toned_film(path: Path, *, seconds: int = 4, sound: str = "aac", gop: int = 25) -> None:
    """25 frames a second; in second n the sound is a tone of 300 (n + 1) Hz."""
    with av.open(str(path), "w") as film:
        options = {"preset": "ultrafast", "bf": "0", "g": str(gop), "sc_threshold": "0"}
        pictures = film.add_stream("libx264", rate=25, options=options)
        sounds = film.add_stream(sound, rate=AUDIO_RATE, layout="mono")
        assert isinstance(pictures, VideoStream) and isinstance(sounds, AudioStream)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        for number in range(25 * seconds):
            frame = make_frame(luma_picture(number, 48, 64))
            frame.pts, frame.time_base = number, Fraction(1, 25)
            film.mux(pictures.encode(frame))
        film.mux(pictures.encode(None))
        times = np.arange(AUDIO_RATE * seconds) / AUDIO_RATE
        wave = 0.4 * np.sin(2 * np.pi * 300 * (np.floor(times) + 1) * times)
        resampler = AudioResampler(format=sounds.format.name, layout="mono")
        for at in range(0, len(wave), 1024):
            piece = wave[None, at : at + 1024].astype(np.float32)
            samples = AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
            samples.sample_rate, samples.pts = AUDIO_RATE, at
            samples.time_base = Fraction(1, AUDIO_RATE)
            for each in resampler.resample(samples):
                film.mux(sounds.encode(each))
        film.mux(sounds.encode(None))


def boxes(content: bytes | bytearray, start: int, stop: int) -> Iterator[tuple[int, int, bytes]]:
    """Where each box begins and ends, and its name."""
    while start + 8 <= stop:
        size, name = struct.unpack_from(">I4s", content, start)
        yield start, start + size, bytes(name)
        start += size


def box(content: bytes | bytearray, name: bytes, start: int, stop: int) -> tuple[int, int] | None:
    """Where the first box of a name begins and ends."""
    found = (each[:2] for each in boxes(content, start, stop) if each[2] == name)
    return next(found, None)


def put_edits(film: Path, edits: Mapping[int, Sequence[tuple[int, int]]]) -> None:
    """Write edit lists into a film whose index comes last: (duration, time) by track.

    Durations are in `MOVIE_TICKS`, times in the track's own ticks, -1 for a pause.
    """
    content = bytearray(film.read_bytes())
    index = box(content, b"moov", 0, len(content))
    assert index is not None
    tracks = [each for each in boxes(content, index[0] + 8, index[1]) if each[2] == b"trak"]
    for number in sorted(edits, reverse=True):
        start, stop, _ = tracks[number]
        entries = b"".join(struct.pack(">Iihh", *edit, 1, 0) for edit in edits[number])
        elst = struct.pack(">I4sII", 16 + len(entries), b"elst", 0, len(edits[number])) + entries
        header = box(content, b"tkhd", start + 8, stop)
        assert header is not None
        old = box(content, b"edts", start + 8, stop) or (header[1], header[1])
        content[old[0] : old[1]] = struct.pack(">I4s", 8 + len(elst), b"edts") + elst
        grown = 8 + len(elst) - (old[1] - old[0])
        for at in (start, index[0]):
            size = int.from_bytes(content[at : at + 4], "big") + grown
            content[at : at + 4] = size.to_bytes(4, "big")
    film.write_bytes(content)


def heard(film: Path) -> NDArray[np.float32]:
    """What is played of the sound from time 0 on; silence where there is none."""
    with av.open(str(film)) as source:
        wave = np.zeros(AUDIO_RATE * 10, np.float32)
        end = 0
        for frame in source.decode(audio=0):
            assert frame.time is not None
            samples = frame.to_ndarray().astype(np.float32).ravel()
            if frame.format.name == "s16":
                samples /= 32768
            at = max(0, round(frame.time * AUDIO_RATE))
            end = at + len(samples)
            wave[at:end] = samples
    return wave[:end]


def tones(wave: NDArray[np.float32], late: float = 0.0) -> list[int]:
    """The tone in Hz of each twentieth of a second, the first `late` seconds left out; 0 is none.

    A twentieth in which the tone changes is that of the greater part.
    """
    wave = wave[round(late * AUDIO_RATE) :]
    found = []
    for at in range(0, len(wave) - _WINDOW + 1, _WINDOW):
        piece = wave[at : at + _WINDOW] * np.hanning(_WINDOW)
        strongest = int(np.abs(np.fft.rfft(piece)).argmax()) * AUDIO_RATE // _WINDOW
        found.append(0 if np.abs(piece).max() < 0.02 else round(strongest / 300) * 300)
    return found
