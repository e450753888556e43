"""Digests are what they were: work folders, sidecars and hint files hold them."""

from __future__ import annotations

from pathlib import Path

from filmcolor.hashing import blake2, digest, file_digest, file_sha256, sha256

SHA256 = "d0607f7ad2628b2af9158dfba06ce87166e66b15bf68f8f358f9aa27ccb7c321"
BLAKE2 = "5e5615d6c24971211d8590999fa00ae7"


def test_digests_of_bytes_and_files(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"film")
    assert sha256(b"film") == file_sha256(file) == SHA256
    assert digest(b"film") == file_digest(file) == BLAKE2
    assert digest(b"film", 8) == "404301d4debe2c5b"
    pieces = blake2()
    pieces.update(b"fi")
    pieces.update(b"lm")
    assert pieces.hexdigest() == BLAKE2
