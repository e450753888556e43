"""Output that appears under its name only when it is whole, and takes no name that is another's;
and which names are those of one file, through links and where letters of both cases are one.

What stands under a target's name is replaced only where that was asked for, also if it has come
there while the work went on.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import unicodedata
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from filmcolor.durable import Name, make_folders, sync_file, sync_folder
from filmcolor.errors import JobError, MediaError, NameTakenError, OptionError
from filmcolor.hashing import digest

_LONGEST_NAME = 255
"""Bytes of a file's name, in the file systems that people have."""


def long_name(stem: str, ending: str) -> str:
    """A file's name of these two; of a stem that is too long for that, its beginning and a digest
    of it all.
    """
    whole = stem + ending
    if len(os.fsencode(whole)) <= _LONGEST_NAME:
        return whole
    mark = f"~{digest(os.fsencode(stem), 4)}{ending}"
    room = _LONGEST_NAME - len(os.fsencode(mark))
    return os.fsencode(stem)[:room].decode(errors="ignore") + mark


@dataclass(frozen=True, slots=True)
class PartFile:
    """A file written beside its target, in the same folder, and renamed when whole."""

    target: str
    """Final path; a symbolic link is followed, so that what it points to is replaced."""
    overwrite: bool = False
    """Whether what stands under the target's name is replaced."""
    keep: bool = True
    """Whether a file whose name is taken by another stays, under another name."""
    key: str = ""
    """Makes the part file's name its own, where several may write to one target at once."""
    place: str = field(init=False)
    """Where the target is, links followed as they are now; absolute, so never a protocol."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "place", os.path.realpath(self.target))

    @property
    def path(self) -> str:
        """Where to write: ".NAME.part", or ".NAME.KEY.part", in the target's folder."""
        folder, name = os.path.split(self.place)
        key = f".{self.key}" if self.key else ""
        return os.path.join(folder, long_name(f".{name}", f"{key}.part"))

    def check(self) -> None:
        """Raise `MediaError` unless the part file can be created (it is removed again)."""
        with self.creating():
            there = os.path.exists(self.path)
            with open(self.path, "ab") as file:
                # Of a run that ended between two steps of naming, this is the finished file itself.
                there = there and os.fstat(file.fileno()).st_nlink < 2
            if not there:
                os.remove(self.path)

    @contextlib.contextmanager
    def creating(self) -> Iterator[None]:
        """Raise `MediaError` where the part file cannot be created, which is tried inside."""
        folder = os.path.dirname(self.path)
        if not os.path.isdir(folder):
            raise MediaError(f"{self.target}: the folder {folder} does not exist; create it first")
        try:
            with contextlib.suppress(FileNotFoundError):
                os.lstat(self.place)  # its own name may be too long where the part file's is not
            yield
        except OSError as error:
            raise MediaError(
                f"{self.target}: cannot write there ({error.strerror}); choose another folder or "
                "name"
            ) from error

    def commit(self) -> None:
        """Make it durable and give it its name; `MediaError` if the disk refuses.

        Raises `NameTakenError` where there is something of that name by now; it says which other
        name the file has been given, if it is to be kept.
        """
        try:
            sync_file(self.path)
            if self.overwrite:
                os.replace(self.path, self.place)
            else:
                _rename_if_free(self.path, self.place)
        except (FileExistsError, IsADirectoryError):
            message = f"{self.target}: something else got this name meanwhile, and stays as it is"
            if self.keep:
                raise NameTakenError(f"{message}; the finished file is {self._renamed()}") from None
            self.discard()
            raise NameTakenError(message) from None
        except OSError as error:
            self.discard()
            raise MediaError(
                f"{self.target}: cannot be finished ({error.strerror}); "
                "see to its folder and disk, then run the same command again"
            ) from error
        sync_folder(os.path.dirname(self.path))

    def discard(self) -> None:
        """Remove the part file if it is there."""
        with contextlib.suppress(OSError):
            os.remove(self.path)

    def forget(self) -> None:
        """Remove the part file where it is the target itself, by a second name: a run that ended
        between two steps of naming has left it.
        """
        if is_same_file(self.path, self.place):
            self.discard()

    def _renamed(self) -> str:
        """Give it the first name beside its own that is free, NAME~2.SUFFIX and on; returns it."""
        folder, own = os.path.split(self.place)
        stem, suffix = os.path.splitext(own)
        for number in itertools.count(2):
            name = os.path.join(folder, long_name(stem, f"~{number}{suffix}"))
            try:
                _rename_if_free(self.path, name)
            except FileExistsError:
                continue
            except OSError:
                return self.path
            sync_folder(os.path.dirname(name))
            return name
        raise AssertionError("numbers do not end")


def _rename_if_free(path: str, place: str) -> None:
    """Move a file to a name in the same folder; `FileExistsError` if there is anything there."""
    try:
        os.link(path, place)
    except FileExistsError:
        if not is_same_file(path, place):  # else a file server has done it twice
            raise
    except OSError:  # a file system without hard links
        os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        try:
            os.replace(path, place)
        except OSError:
            os.remove(place)
            raise
        return
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)


def check_target(target: Name, *, overwrite: bool, sources: Iterable[Name] = ()) -> None:
    """Raise `OptionError` as `refuse_taken`, `MediaError` as `PartFile.check`; before any work."""
    refuse_taken(target, overwrite=overwrite, sources=sources)
    PartFile(os.fspath(target)).check()


def refuse_taken(target: Name, *, overwrite: bool, sources: Iterable[Name] = ()) -> None:
    """Raise `OptionError` for what must not be written: a folder, one of the `sources` by whatever
    name, a file that is there already unless `overwrite`.
    """
    target = os.fspath(target)
    if os.path.isdir(target):
        raise OptionError(f"{target}: is a folder; name a file")
    for source in sources:
        if is_same_file(target, source):
            raise OptionError(
                f"{target}: is the source itself ({os.fspath(source)}); choose another name for "
                "the result"
            )
    if os.path.exists(target) and not overwrite:
        forget_part(target)
        raise OptionError(f"{target}: is there already; choose another name or give --overwrite")


def forget_part(target: Name) -> None:
    """Remove what a run has left of a part file that ended between two steps of naming."""
    for key in ("", _host_key()):
        PartFile(os.fspath(target), key=key).forget()


def make_folder(folder: Path) -> None:
    """Make a folder for results, and those above it; raises `JobError` if that is refused."""
    try:
        make_folders(folder)
    except OSError as error:
        raise JobError(f"{folder}: cannot make this folder ({error.strerror})") from error


def write_bytes(path: Name, content: bytes, *, overwrite: bool = False, keep: bool = True) -> None:
    """Write a file that gets its name only when it is whole; `MediaError` if it cannot be, and
    `NameTakenError` as `PartFile.commit`; `keep` as there.
    """
    _write(PartFile(os.fspath(path), overwrite, keep), content)


def write_if_free(path: Name, content: bytes) -> bool:
    """As `write_bytes`, but never over a file of that name; returns whether it was written."""
    try:
        _write(PartFile(os.fspath(path), keep=False), content)
    except NameTakenError:
        return False
    return True


def _write(plain: PartFile, content: bytes) -> None:
    """Write a file by way of this machine's part file; of one of its own, where another process is
    at that. So what a run has left behind that died is used by the next.
    """
    part = replace(plain, key=_host_key())
    with _reserved(part) as is_ours:
        if not is_ours:
            part = replace(plain, key=uuid.uuid4().hex[:16])
        try:
            Path(part.path).write_bytes(content)
            part.commit()
        except NameTakenError:
            raise
        except OSError as error:
            part.discard()
            raise MediaError(f"{part.target}: cannot be written ({error.strerror})") from error
        except BaseException:
            part.discard()
            raise


def _host_key() -> str:
    return digest(socket.gethostname().encode(), 8)


@contextlib.contextmanager
def _reserved(part: PartFile) -> Iterator[bool]:
    """Whether this process alone of its machine writes to a part file inside the block."""
    with part.creating():
        handle = os.open(part.path, os.O_CREAT | os.O_RDWR, 0o666)
    try:
        is_ours = _is_locked(handle, part.path)
        if is_ours and os.fstat(handle).st_nlink > 1:
            part.discard()  # it has its name already: a run ended between two steps of naming
            is_ours = False
        yield is_ours
    finally:
        os.close(handle)


def _is_locked(handle: int, path: str) -> bool:
    """Whether the open file at `path` is this process's alone now; left where it is not."""
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except (BlockingIOError, FileNotFoundError):
        return False  # another writes to it, or has just given it its name
    except (ImportError, OSError):  # no locks on this system or file system
        with contextlib.suppress(OSError):
            os.remove(path)
        return False


def is_same_file(one: Name, other: Name) -> bool:
    """Whether two names are those of one file, which is there."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def file_key(path: Name) -> tuple[int, int] | None:
    """What all names of one file have in common; None for a name of none."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def refuse_sources(pairs: Sequence[tuple[Path, Path]]) -> None:
    """Raise `OptionError` if a target of these (source, target) is any source, by whatever name."""
    sources = {file_key(source): source for source, _ in pairs}
    for source, target in pairs:
        hit = sources.get(file_key(target)) if target.exists() else None
        if hit is not None:
            raise OptionError(
                f"{target}: the result of {source} would replace {hit}, which is coloured too; "
                "choose another -o"
            )


def place_key(path: Name) -> str:
    """What two names have in common that would be written to one place, there or not."""
    place = os.path.realpath(path)
    if _ignores_case(Path(place).parent):
        return unicodedata.normalize("NFC", place).casefold()
    return place


def _ignores_case(folder: Path) -> bool:
    """Whether upper and lower case are one in a folder, as far as the names in it and of it tell;
    of one that is not there, in the folder that it would be in.
    """
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:  # the first with a letter tells; a large folder is not read whole
            if (other := _swapped(entry.name)) != entry.name:
                return is_same_file(entry.path, folder / other)
    other = _swapped(folder.name)
    return other != folder.name and is_same_file(folder, folder.with_name(other))


def _swapped(name: str) -> str:
    """With its ASCII letters in the other case."""
    return "".join(each.swapcase() if each.isascii() else each for each in name)
