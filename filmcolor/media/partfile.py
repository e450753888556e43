"""Output that appears under its name only when it is whole."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass

from filmcolor.errors import MediaError


@dataclass(frozen=True, slots=True)
class PartFile:
    """A file written beside its target, in the same folder, and renamed when whole."""

    target: str
    """Final path; a symbolic link is followed, so that what it points to is replaced."""

    @property
    def path(self) -> str:
        """Where to write: ".NAME.part" in the target's folder; absolute, so never a protocol."""
        folder, name = os.path.split(os.path.realpath(self.target))
        return os.path.join(folder, f".{name}.part")

    def check(self) -> None:
        """Raise `MediaError` unless the part file can be created (it is removed again)."""
        folder = os.path.dirname(self.path)
        if not os.path.isdir(folder):
            raise MediaError(f"{self.target}: the folder {folder} does not exist; create it first")
        try:
            there = os.path.exists(self.path)
            with open(self.path, "ab"):
                pass
            if not there:
                os.remove(self.path)
        except OSError as error:
            raise MediaError(
                f"{self.target}: cannot write there ({error.strerror}); choose another folder"
            ) from error

    def commit(self) -> None:
        """Make it durable and give it its name; `MediaError` if the disk refuses."""
        try:
            with open(self.path, "rb+") as written:
                os.fsync(written.fileno())
            os.replace(self.path, os.path.realpath(self.target))
            sync_folder(os.path.dirname(self.path))
        except OSError as error:
            self.discard()
            raise MediaError(
                f"{self.target}: cannot be finished ({error.strerror}); "
                "see to its folder and disk, then run the same command again"
            ) from error

    def discard(self) -> None:
        """Remove the part file if it is there."""
        with contextlib.suppress(OSError):
            os.remove(self.path)


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Make the names in a folder durable, where the system lets it be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file that gets its name only when it is whole; `MediaError` if it cannot be."""
    part = PartFile(os.fspath(path))
    part.check()
    try:
        with open(part.path, "wb") as file:
            file.write(content)
    except OSError as error:
        part.discard()
        raise MediaError(f"{part.target}: cannot be written ({error.strerror})") from error
    except BaseException:
        part.discard()
        raise
    part.commit()
