"""Digests, all in hexadecimal: SHA-256 for archives, BLAKE2b for what only filmcolor reads.

It must not know what is hashed.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

_BLOCK = 1 << 20


def sha256(content: bytes) -> str:
    """SHA-256 of some bytes."""
    return hashlib.sha256(content).hexdigest()


def file_sha256(*paths: str | Path) -> str:
    """SHA-256 of the whole content of files, one after the other; raises `OSError`."""
    found = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            while block := file.read(_BLOCK):
                found.update(block)
    return found.hexdigest()


def blake2(size: int = 16) -> hashlib.blake2b:
    """A BLAKE2b of `size` bytes, to be fed piece by piece."""
    return hashlib.blake2b(digest_size=size)


def digest(content: bytes | memoryview, size: int = 16) -> str:
    """BLAKE2b of some bytes; `size` bytes long."""
    return hashlib.blake2b(content, digest_size=size).hexdigest()


def file_digest(path: str | Path) -> str:
    """BLAKE2b of a file's whole content, 16 bytes long; raises `OSError`."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, blake2).hexdigest()
