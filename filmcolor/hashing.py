"""Digests, all in hexadecimal: SHA-256 for archives, BLAKE2b for what only filmcolor reads.

It must not know what is hashed.
"""

from __future__ import annotations

import hashlib
from pathlib import Path


def sha256(content: bytes) -> str:
    """SHA-256 of some bytes."""
    return hashlib.sha256(content).hexdigest()


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file's whole content; raises `OSError`."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def blake2(size: int = 16) -> hashlib.blake2b:
    """A BLAKE2b of `size` bytes, to be fed piece by piece."""
    return hashlib.blake2b(digest_size=size)


def digest(content: bytes, size: int = 16) -> str:
    """BLAKE2b of some bytes; `size` bytes long."""
    return hashlib.blake2b(content, digest_size=size).hexdigest()


def file_digest(path: str | Path) -> str:
    """BLAKE2b of a file's whole content, 16 bytes long; raises `OSError`."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, blake2).hexdigest()
