"""Languages, editions and tags that FFmpeg does not hand on are in the result, or named."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest
from PIL import Image

from filmcolor.media.write.matroska_result import KeptWords, can_be_written
from filmcolor.media.write.matroska_words import read_words
from filmcolor.options import RunOptions
from tests.helpers.clips import luma_picture
from tests.helpers.coloring import LABEL, color, options
from tests.helpers.segments import cut_film, segment_and_join

FRAMES = 6
TRACKS = (111, 222, 333)
"""Unique numbers of the film, a sound track and subtitles."""
FONT = 444


def element(identity: str, *content: bytes | int | str) -> bytes:
    """An element of Matroska (RFC 8794) with a size of four bytes."""
    body = b""
    for each in content:
        if isinstance(each, int):
            body += each.to_bytes(8, "big")
        else:
            body += each.encode() if isinstance(each, str) else each
    return bytes.fromhex(identity) + (len(body) | 1 << 28).to_bytes(4, "big") + body


def inside(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Identity and content of the elements in some content."""
    at = 0
    while at < len(content):
        length = 9 - content[at].bit_length()
        identity, at = content[at : at + length].hex(), at + length
        length = 9 - content[at].bit_length()
        size = int.from_bytes(content[at : at + length], "big") & (1 << 7 * length) - 1
        at += length
        yield identity, content[at : at + size]
        at += size


def of_file(path: Path) -> dict[str, bytes]:
    """The last of each kind of element in the segment."""
    return dict(inside(dict(inside(path.read_bytes()))["18538067"]))


def display(title: str, language: str, regional: str) -> bytes:
    return element("80", element("85", title), element("437c", language), element("437d", regional))


def atom(number: int, start: int, stop: int, *displays: bytes) -> bytes:
    times = element("91", start * 10**6), element("92", stop * 10**6)
    return element("b6", element("73c4", number), *times, *displays)


CHAPTERS = (
    element(
        "45b9",
        element("45bc", 11),
        element("45db", 1),
        atom(1, 0, 100, display("Beginning", "eng", "en"), display("Anfang", "ger", "de-AT")),
        atom(2, 100, 240, display("End", "eng", "en-GB")),
    ),
    element(
        "45b9",
        element("45bc", 22),
        element("45dd", 1),  # ordered
        atom(3, 100, 240, display("End first", "eng", "en")),
        atom(4, 0, 100, display("Then the beginning", "eng", "en")),
    ),
)


def tag(targets: bytes, *simples: bytes) -> bytes:
    return element("7373", element("63c0", targets), *simples)


def simple(name: str, text: str, *more: bytes) -> bytes:
    return element("67c8", element("45a3", name), element("4487", text), *more)


COLLECTION = element("68ca", 70) + element("63ca", "COLLECTION")
TAGS = (
    tag(b"", simple("DIRECTOR", "A. N. Other"), simple("COMMENT", "restored 1998")),
    tag(COLLECTION, simple("TITLE", "City newsreels", simple("SORT_WITH", "Newsreels"))),
    tag(element("63c5", TRACKS[0]), simple("SOURCE", "35 mm nitrate"), simple("BPS", "43168")),
    tag(element("63c6", FONT), simple("LICENCE", "free")),
    tag(element("63c9", 22), simple("TITLE", "The other cut")),
)


def mkv(path: Path) -> None:
    """Matroska as MKVToolNix writes it: a film of JPEGs, PCM sound, a subtitle, a font."""
    video = element("e0", element("b0", 64), element("ba", 48))
    audio = element("e1", element("b5", b"\x45\xfa\x00\x00"), element("9f", 1), element("6264", 16))
    tracks = [
        (1, "V_MJPEG", "eng", "en-US", video + element("23e383", 40_000_000)),
        (2, "A_PCM/INT/LIT", "por", "pt-BR", audio),
        (17, "S_TEXT/UTF8", "srp", "sr-Latn-RS", b""),
    ]
    entries = [
        element(
            "ae",
            element("d7", number),
            element("73c5", TRACKS[number - 1]),
            element("83", kind),
            element("86", codec),
            element("22b59c", language),
            element("22b59d", regional),
            more,
        )
        for number, (kind, codec, language, regional, more) in enumerate(tracks, start=1)
    ]
    blocks = []
    for number in range(FRAMES):
        packed = io.BytesIO()
        Image.fromarray(luma_picture(number, 48, 64)).save(packed, "JPEG")
        time = (40 * number).to_bytes(2, "big")
        blocks.append(element("a3", b"\x81" + time + b"\x80" + packed.getvalue()))
        blocks.append(element("a3", b"\x82" + time + b"\x80" + bytes(2 * 320)))
    text = element("a1", b"\x83" + (80).to_bytes(2, "big") + b"\0" + b"ola")
    blocks.append(element("a0", text, element("9b", 100)))
    font = element(
        "61a7",
        element("466e", "a.ttf"),
        element("4660", "font/ttf"),
        element("465c", b"font"),
        element("46ae", FONT),
    )
    segment = element(
        "18538067",
        element("1549a966", element("2ad7b1", 1_000_000)),
        element("1654ae6b", *entries),
        element("1941a469", font),
        element("1043a770", *CHAPTERS),
        element("1254c367", *TAGS),
        element("1f43b675", element("e7", 0), *blocks),
    )
    path.write_bytes(element("1a45dfa3", element("4282", "matroska")) + segment)


def entries_of(path: Path, master: str, kind: str) -> list[bytes]:
    """Contents of the elements of a kind in an element of the segment."""
    found = inside(of_file(path)[master])
    return [content for identity, content in found if identity == kind]


def languages(path: Path) -> list[str]:
    entries = entries_of(path, "1654ae6b", "ae")
    return [dict(inside(each)).get("22b59d", b"").decode() for each in entries]


def spoken(content: bytes) -> list[tuple[str, int | str]]:
    """All of it, taken apart to what is not made of others; numbers as numbers."""
    found: list[tuple[str, int | str]] = []
    masters = {"45b9", "b6", "80", "7373", "63c0", "67c8"}
    for identity, part in inside(content):
        if identity in ("bf", "ec"):
            continue
        if identity in masters:
            found += [(identity, ""), *spoken(part)]
        elif identity in ("85", "437c", "437d", "45a3", "4487", "63ca"):
            found.append((identity, part.decode()))
        else:
            found.append((identity, int.from_bytes(part, "big")))
    return found


@pytest.mark.parametrize("way", ["direct", "joined"])
def test_matroska_keeps_what_matroska_says(tmp_path: Path, way: str) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    mkv(source)
    if way == "direct":
        plan = color(source, target, options())
        assert not any("cannot hold" in notice.text for notice in plan.notices)
    else:
        segment_and_join(cut_film(source, target, options(), (2, 3, 1)), tmp_path)
    assert languages(target) == ["en-US", "pt-BR", "sr-Latn-RS"]
    assert spoken(of_file(target)["1043a770"]) == spoken(b"".join(CHAPTERS))
    uids = [
        int.from_bytes(dict(inside(each))["73c5"], "big")
        for each in entries_of(target, "1654ae6b", "ae")
    ]
    (file,) = entries_of(target, "1941a469", "61a7")
    font = int.from_bytes(dict(inside(file))["46ae"], "big")
    tags = entries_of(target, "1254c367", "7373")
    said = [spoken(each) for each in tags]
    wanted = [
        tag(b"", simple("DIRECTOR", "A. N. Other")),
        TAGS[1],
        tag(element("63c5", uids[0]), simple("SOURCE", "35 mm nitrate")),
        tag(element("63c6", font), simple("LICENCE", "free")),
        TAGS[4],
    ]
    assert said[:5] == [spoken(each)[1:] for each in wanted]
    others = [str(word) for each in said[5:] for identity, word in each if identity == "4487"]
    assert f"restored 1998; {LABEL}" in others
    assert not {"City newsreels", "35 mm nitrate", "43168"} & set(others)
    # FFmpeg compares every checksum.
    with av.open(str(target), options={"err_detect": "crccheck+explode"}) as film:
        assert [each.metadata.get("title") for each in film.streams] == [None] * 4
        assert film.metadata["COMMENT"] == f"restored 1998; {LABEL}"
        assert len(list(film.decode(video=0))) == FRAMES


def test_what_mp4_cannot_hold_of_it_is_named(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    mkv(source)
    plan = color(source, tmp_path / "out.mp4", options())
    (told,) = (notice.text for notice in plan.notices if "cannot hold" in notice.text)
    for lost in (
        "regional languages (en-US, pt-BR, sr-Latn-RS)",
        "1 of 2 editions of chapters",
        "titles of chapters in further languages",
        "tags of more than the film and its tracks",
    ):
        assert lost in told


def test_a_part_keeps_languages_alone(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    mkv(source)
    part = replace(RunOptions(), duration_seconds=Fraction(3, 25))
    plan = color(source, target, part)
    (told,) = (notice.text for notice in plan.notices if "cannot hold" in notice.text)
    assert "1 of 2 editions of chapters (of the whole film)" in told
    assert languages(target) == ["en-US", "pt-BR", "sr-Latn-RS"]


def test_damaged_words_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "in.mkv"
    mkv(path)
    whole = path.read_bytes()
    assert read_words(str(path)) is not None
    for at in range(8, len(whole) // 3, 17):
        path.write_bytes(whole[:at] + b"\xff\x00\x01" + whole[at + 3 :])
        words = read_words(str(path))
        if words is not None:
            kept = KeptWords(TRACKS, ("",) * 3, (FONT,), 0, words.chapters, words.tags)
            can_be_written(kept)
    for size in range(0, 600, 7):
        path.write_bytes(whole[:size])
        read_words(str(path))
