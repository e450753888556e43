"""ICC profiles: which one a coloured picture may carry, and CMYK through its own.

A profile describes the numbers of one kind of picture. An RGB profile stays as it is. A grey one
cannot describe an RGB picture: its tone curve is put into an RGB profile with the primaries of
sRGB, so that every grey still looks as it did and the codes need not be touched (ICC.1:2022).
"""

from __future__ import annotations

import io
import struct
from contextlib import suppress

from PIL import Image, ImageCms

from filmcolor.events import Notice

_D50 = (0.9642, 1.0, 0.8249)
# sRGB's primaries and its white, brought to D50 with the Bradford matrix (Lindbloom).
_COLUMNS = {
    b"rXYZ": (0.4360747, 0.2225045, 0.0139322),
    b"gXYZ": (0.3850649, 0.7168786, 0.0971045),
    b"bXYZ": (0.1430804, 0.0606169, 0.7141733),
}
_BRADFORD = (
    *(1.0478112, 0.0228866, -0.0501270),
    *(0.0295424, 0.9904844, -0.0170491),
    *(-0.0092345, 0.0150436, 0.7521316),
)
_LEFT_OUT = "left out; the picture goes as sRGB"


def profile_for_rgb(profile: bytes) -> tuple[bytes | None, Notice | None]:
    """The profile that the coloured picture carries, and what the user should know about it."""
    if len(profile) < 132 or profile[36:40] != b"acsp":
        return None, Notice(f"its ICC profile is damaged: {_LEFT_OUT}", warning=True)
    space = profile[16:20]
    if space == b"RGB ":
        return profile, None
    if space == b"GRAY":
        curve = _tag(profile, b"kTRC")
        if profile[20:24] == b"XYZ " and curve is not None and curve[:4] in (b"curv", b"para"):
            text = "its grey ICC profile became an RGB profile of the same tone"
            return _rgb_profile(profile, curve), Notice(text)
    name = space.decode("ascii", "replace").strip()
    text = f"its ICC profile ({name}) cannot describe a colour picture: {_LEFT_OUT}"
    return None, Notice(text, warning=True)


def srgb_of(image: Image.Image, profile: bytes | None) -> Image.Image:
    """An RGB or CMYK picture as sRGB: through its profile, or plainly where none can be used."""
    if profile is not None:
        with suppress(ImageCms.PyCMSError, OSError, ValueError):
            source, srgb = io.BytesIO(profile), ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
            if converted is not None:
                return converted
    return image.convert("RGB")


def _tag(profile: bytes, signature: bytes) -> bytes | None:
    """The data of a tag, or None where the profile has none or does not hold it whole."""
    (count,) = struct.unpack_from(">I", profile, 128)
    for at in range(132, min(132 + 12 * count, len(profile) - 11), 12):
        name, offset, size = struct.unpack_from(">4sII", profile, at)
        if name == signature:
            found = profile[offset : offset + size]
            return found if len(found) == size >= 12 else None
    return None


def _fixed(values: tuple[float, ...]) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _text(words: str) -> bytes:
    """A multiLocalizedUnicodeType of one English record."""
    encoded = words.encode("utf-16-be")
    return struct.pack(">4sIII4sII", b"mluc", 0, 1, 12, b"enUS", len(encoded), 28) + encoded


def _rgb_profile(grey: bytes, curve: bytes) -> bytes:
    """A version 4 display profile with this tone curve and sRGB's primaries."""
    tags = {
        b"desc": _text("sRGB primaries, tone of the grey original"),
        b"cprt": _text("No copyright, use freely"),
        b"wtpt": b"XYZ \0\0\0\0" + _fixed(_D50),
        b"chad": b"sf32\0\0\0\0" + _fixed(_BRADFORD),
        **{name: b"XYZ \0\0\0\0" + _fixed(column) for name, column in _COLUMNS.items()},
    }
    start = 132 + 12 * (len(tags) + 3)
    table, body = b"", b""
    for name, content in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    for name in (b"rTRC", b"gTRC", b"bTRC"):  # one curve for all three
        table += struct.pack(">4sII", name, start + len(body), len(curve))
    body += curve + bytes(-len(curve) % 4)
    header = struct.pack(">I4xI4s4s4s", start + len(body), 0x04200000, b"mntr", b"RGB ", b"XYZ ")
    header += grey[24:36] + b"acsp" + bytes(28) + _fixed(_D50)  # its date; no platform, no flags
    return header.ljust(128, b"\x00") + struct.pack(">I", len(tags) + 3) + table + body
