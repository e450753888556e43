"""EBML (RFC 8794), of which Matroska is made: elements read, written, and replaced in place.

It must not know what the elements of Matroska mean, besides where a file's head ends.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

SEGMENT = 0x18538067
CLUSTER = 0x1F43B675
CRC = 0xBF
_VOID = 0xEC

UNKNOWN_SIZES = {(1 << 7 * length) - 1 for length in range(1, 9)}


@dataclass(frozen=True, slots=True)
class Element:
    """An element: which it is, marker and all, and what is in it."""

    identity: int
    content: bytes


def patch(path: str, identity: int, rebuild: Callable[[bytes], bytes | None]) -> bool:
    """Write the content of one element of the file's head anew, in place; whether it was.

    `rebuild` gets the content and returns another, which must be as long or at least two bytes
    shorter; None leaves it. Checksums are kept right, and what is left over means nothing.
    """
    with open(path, "rb+") as file:
        found = find(file, identity)
        if found is None:
            return False
        position, size = found
        file.seek(position)
        old = file.read(size)
        body = rebuild(old)
        if body is None:
            return False
        checksum = len(encoded(Element(CRC, bytes(4)))) if old[:1] == bytes((CRC,)) else 0
        left = size - checksum - len(body)
        if left == 1 or left < 0:
            return False
        body += _void(left) if left else b""
        if checksum:
            body = encoded(Element(CRC, zlib.crc32(body).to_bytes(4, "little"))) + body
        file.seek(position)
        file.write(body)
        return True


def find(file: BinaryIO, identity: int) -> tuple[int, int] | None:
    """Position and size of the content of an element of a file's head, before the first cluster."""
    length = os.fstat(file.fileno()).st_size
    file.seek(0)
    while (head := read_head(file)) is not None:
        found, size = head
        if found == CLUSTER or (found != SEGMENT and size > length):
            return None  # or damaged
        if found == identity:
            return file.tell(), size
        if found != SEGMENT:
            file.seek(size, 1)
    return None


def read_head(file: BinaryIO) -> tuple[int, int] | None:
    """Identity and size of the element that begins here; the file stands at its content then."""
    head = file.read(12)
    if len(head) < 2:
        return None
    whole = head.ljust(12, b"\0")  # the file may end in it
    identity, at = _read_number(whole, 0, keep_marker=True)
    size, at = _read_number(whole, at, keep_marker=False)
    file.seek(at - len(head), 1)
    return identity, size


def _read_number(data: bytes, at: int, *, keep_marker: bool) -> tuple[int, int]:
    """A variable-length number at `at`, and where it ends."""
    length = 9 - data[at].bit_length()
    number = int.from_bytes(data[at : at + length], "big")
    if not keep_marker:
        number &= (1 << (7 * length)) - 1
    return number, at + length


def elements(data: bytes) -> Iterator[Element]:
    """The elements that these bytes are; `IndexError` where they are damaged."""
    at = 0
    while at < len(data):
        identity, at = _read_number(data, at, keep_marker=True)
        size, at = _read_number(data, at, keep_marker=False)
        yield Element(identity, data[at : at + size])
        at += size


def encoded(element: Element, *, size_length: int = 0) -> bytes:
    """The element's bytes; `size_length` bytes for its size, as few as it needs if 0."""
    identity = element.identity.to_bytes((element.identity.bit_length() + 7) // 8, "big")
    size = len(element.content)
    length = size_length or next(n for n in range(1, 9) if size < (1 << (7 * n)) - 1)
    return identity + (size | 1 << (7 * length)).to_bytes(length, "big") + element.content


def _void(length: int) -> bytes:
    """An element that means nothing, `length` bytes in all, at least 2."""
    if length < 128:
        return encoded(Element(_VOID, bytes(length - 2)), size_length=1)
    return encoded(Element(_VOID, bytes(length - 9)), size_length=8)


def unsigned(identity: int, number: int) -> Element:
    """An element that holds a number."""
    return Element(identity, number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big"))
