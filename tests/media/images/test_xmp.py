"""XMP says nothing of parts that the old file had and the coloured one has not."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from filmcolor.media.images.reader import read_picture
from filmcolor.media.images.writer import write_picture
from filmcolor.media.images.xmp import mended
from tests.helpers.stills import neutral, ramp

RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
DC = 'xmlns:dc="http://purl.org/dc/elements/1.1/"'
HEAD = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
)
TAIL = '</x:xmpmeta><?xpacket end="w"?>'
TITLE = (
    '<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Hafen &amp; M\u00f6wen</rdf:li></rdf:Alt>'
    "</dc:title>"
)
CONTAINER = (
    'xmlns:Container="http://ns.google.com/photos/1.0/container/" '
    'xmlns:Item="http://ns.google.com/photos/1.0/container/item/"'
)
GAIN_MAP = 'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"'
CAMERA = 'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/"'
DEPTH = 'xmlns:GDepth="http://ns.google.com/photos/1.0/depthmap/"'
NOTE = 'xmlns:xmpNote="http://ns.adobe.com/xmp/note/"'


def packet(spaces: str, attributes: str = "", elements: str = "") -> bytes:
    head = f"rdf:Description {DC} {spaces}".strip() + attributes
    description = f"<{head}>{TITLE}{elements}</rdf:Description>"
    return f"{HEAD}<rdf:RDF {RDF}>{description}</rdf:RDF>{TAIL}".encode()


def item(semantic: str, length: int) -> str:
    return (
        f'<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="{semantic}" '
        f'Item:Mime="image/jpeg" Item:Length="{length}"/></rdf:li>'
    )


def directory(*items: str) -> str:
    return f"<Container:Directory><rdf:Seq>{''.join(items)}</rdf:Seq></Container:Directory>"


PARTS = {
    "gain map": packet(
        f"{CONTAINER} {GAIN_MAP}",
        ' hdrgm:Version="1.0"',
        directory(item("Primary", 0), item("GainMap", 516)),
    ),
    "motion photo": packet(
        f"{CONTAINER} {CAMERA}",
        ' GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion="1"',
        directory(item("Primary", 0), item("MotionPhoto", 99)),
    ),
    "depth map": packet(DEPTH, ' GDepth:Near="1"'),
}


@pytest.mark.parametrize("part", PARTS)
def test_what_describes_a_part_of_the_old_file_goes_and_the_rest_stays(part: str) -> None:
    kept, notice = mended(PARTS[part])
    assert kept == packet(CAMERA if part == "motion photo" else "")
    assert notice is not None
    assert notice.text == f"left out: its {part}, which its XMP names no longer"


def test_a_motion_photo_of_the_first_kind_and_other_words_of_cameras() -> None:
    spaces = f"{CAMERA} {NOTE}"
    given = packet(
        spaces,
        ' GCamera:MicroVideo="1" GCamera:MicroVideoOffset="4000" GCamera:PortraitNote="x"'
        ' xmpNote:HasExtendedXMP="0123"',
    )
    kept, notice = mended(given)
    assert kept == packet(spaces, ' GCamera:PortraitNote="x"')
    assert notice is not None and "motion photo" in notice.text


def test_other_xmp_stays_byte_for_byte() -> None:
    for xmp in (packet(""), packet(CAMERA, " GCamera:PortraitNote='x'"), b"no XML at all", None):
        assert mended(xmp) == (xmp, None)


@pytest.mark.parametrize(
    "damage",
    [
        lambda xmp: xmp[:-40],
        lambda xmp: b'<!DOCTYPE x [<!ENTITY a "b">]>' + xmp,
        lambda xmp: xmp.replace(b"<dc:title>", b"<a>" * 3000 + b"</a>" * 3000 + b"<dc:title>"),
    ],
    ids=["cut short", "entities", "deep"],
)
def test_what_cannot_be_mended_is_left_out(damage) -> None:  # type: ignore[no-untyped-def]
    kept, notice = mended(damage(PARTS["gain map"]))
    assert kept is None and notice is not None
    assert notice.text == "its XMP describes parts of the old file and cannot be read: left out"


def test_an_ultra_hdr_photograph_is_a_plain_one_afterwards(tmp_path: Path) -> None:
    base, gain = io.BytesIO(), io.BytesIO()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(gain, "JPEG")
    Image.fromarray(ramp()).convert("RGB").save(base, "JPEG", xmp=PARTS["gain map"])
    index = struct.pack("<HHI4s", 0xB000, 7, 4, b"0100") + struct.pack("<HHII", 0xB001, 4, 1, 2)
    index += struct.pack("<HHII", 0xB002, 7, 32, 50) + bytes(4)
    first, second = len(base.getvalue()) + 90, len(gain.getvalue())
    entries = struct.pack("<IIIHH", 0x030000, first, 0, 0, 0)
    entries += struct.pack("<IIIHH", 0, second, first - 10, 0, 0)
    body = b"MPF\0" + struct.pack("<2sHI", b"II", 42, 8) + b"\x03\0" + index + entries
    segment = b"\xff\xe2" + struct.pack(">H", len(body) + 2) + body
    content = base.getvalue()
    source, target = tmp_path / "in.jpg", tmp_path / "out.jpg"
    source.write_bytes(content[:2] + segment + content[2:] + gain.getvalue())
    picture = read_picture(source)
    assert [notice.text for notice in picture.notices] == [
        "left out: its gain map, which its XMP names no longer"
    ]
    write_picture(picture, *neutral(picture), target, label="synthetic")
    written = target.read_bytes()
    assert b"MPF\0" not in written and b"hdrgm" not in written and b"GainMap" not in written
    assert written.endswith(b"\xff\xd9") and "M\u00f6wen".encode() in written
