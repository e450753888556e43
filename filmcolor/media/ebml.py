"""EBML (RFC 8794), of which Matroska is made: elements read from bytes, and written as such.

It knows no element by name but that which means nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_VOID = 0xEC


@dataclass(frozen=True, slots=True)
class Element:
    """An element: which it is, marker and all, and what is in it."""

    identity: int
    content: bytes


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


def void(length: int) -> bytes:
    """An element that means nothing, `length` bytes in all, at least 2."""
    if length < 128:
        return encoded(Element(_VOID, bytes(length - 2)), size_length=1)
    return encoded(Element(_VOID, bytes(length - 9)), size_length=8)


def unsigned(identity: int, number: int) -> Element:
    """An element that holds a number."""
    return Element(identity, number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big"))
