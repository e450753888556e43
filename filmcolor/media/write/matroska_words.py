"""What Matroska files say that FFmpeg does not hand on: regional languages (BCP 47) of tracks,
editions and languages of chapters, tags of collections and of attachments.

Read here from a source; `matroska_result` writes them. Elements are those of RFC 9559. It must not
know streams, only the order of tracks and of attached files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from filmcolor.media.ebml import CLUSTER, SEGMENT, Element, elements, encoded, read_head
from filmcolor.media.matroska import TRACK_ENTRY, TRACKS, is_matroska

_SEEK_HEAD, _SEEK, _SEEK_ID, _SEEK_POSITION = 0x114D9B74, 0x4DBB, 0x53AB, 0x53AC
TRACK_UID, LANGUAGE_BCP47 = 0x73C5, 0x22B59D
ATTACHMENTS, ATTACHED_FILE, FILE_UID = 0x1941A469, 0x61A7, 0x46AE
CHAPTERS, EDITION, ATOM, DISPLAY = 0x1043A770, 0x45B9, 0xB6, 0x80
TAGS, TAG, TARGETS, TARGET_LEVEL, _TARGET_TYPE = 0x1254C367, 0x7373, 0x63C0, 0x68CA, 0x63CA
OF_TRACK, OF_EDITION, OF_CHAPTER, OF_ATTACHMENT = 0x63C5, 0x63C9, 0x63C4, 0x63C6
SIMPLE, _TAG_BCP47 = 0x67C8, 0x447B

_READ = {TRACKS, ATTACHMENTS, CHAPTERS, TAGS}
_LARGEST = 16 << 20  # bytes of an element that is read; attached files are passed over
_FILM_LEVEL = 50
_LANGUAGE = re.compile(r"[A-Za-z0-9-]{2,64}")


@dataclass(frozen=True, slots=True)
class Words:
    """Of one file; tracks and attached files in their order."""

    tracks: tuple[int, ...]
    """Their unique numbers."""
    languages: tuple[str, ...]
    """BCP 47; empty where none is stated."""
    attachments: tuple[int, ...]
    """Their unique numbers."""
    chapters: bytes
    """The content of the element; empty without chapters."""
    tags: bytes
    """The same of tags."""

    @property
    def has_structured_tags(self) -> bool:
        """Whether FFmpeg would write some tags as something else."""
        return any(_is_structured(tag) for tag in elements(self.tags) if tag.identity == TAG)

    def lost(self) -> Iterator[str]:
        """What of chapters and tags goes lost where FFmpeg alone writes them."""
        editions = [each for each in elements(self.chapters) if each.identity == EDITION]
        if len(editions) > 1:
            yield f"{len(editions) - 1} of {len(editions)} editions of chapters"
        if any(_displays(each) > 1 for each in editions):
            yield "titles of chapters in further languages"
        if self.has_structured_tags:
            yield "tags of more than the film and its tracks"


def read_words(path: str) -> Words | None:
    """What a Matroska file says; None for another file, or one whose head is damaged.

    A damaged one may name places that are not there: whoever reads the film tells of that.
    """
    if not is_matroska(path):
        return None
    try:
        with open(path, "rb") as file:
            read = _read(file)
        tracks = [
            parts(each) for each in elements(read.get(TRACKS, b"")) if each.identity == TRACK_ENTRY
        ]
        files = elements(read.get(ATTACHMENTS, b""))
        words = Words(
            tracks=tuple(number(each.get(TRACK_UID, b"")) for each in tracks),
            languages=tuple(_language(each.get(LANGUAGE_BCP47, b"")) for each in tracks),
            attachments=tuple(
                number(parts(each).get(FILE_UID, b""))
                for each in files
                if each.identity == ATTACHED_FILE
            ),
            chapters=read.get(CHAPTERS, b""),
            tags=read.get(TAGS, b""),
        )
        list(words.lost())
    except (IndexError, ValueError, OverflowError, RecursionError, OSError):
        return None
    return words


def _read(file: BinaryIO) -> dict[int, bytes]:
    """Contents of the elements that are wanted, those of one kind joined."""
    places: dict[int, tuple[int, int]] = {}  # by position: identity and size
    sought: list[int] = []
    begin = 0
    while (head := read_head(file)) is not None and head[0] != CLUSTER:
        identity, size = head
        if identity == SEGMENT:
            begin = file.tell()
            continue
        if identity == _SEEK_HEAD and size <= _LARGEST:
            sought += [begin + position for position in _positions(file.read(size))]
            continue
        if identity in _READ:
            places[file.tell()] = identity, size
        file.seek(size, 1)
    for position in sought:
        file.seek(position)
        head = read_head(file)
        if head is not None and head[0] in _READ:
            places[file.tell()] = head
    found: dict[int, bytes] = {}
    for position, (identity, size) in sorted(places.items()):
        if size > _LARGEST and identity != ATTACHMENTS:
            continue
        file.seek(position)
        content = attached_heads(file, size) if identity == ATTACHMENTS else file.read(size)
        found[identity] = found.get(identity, b"") + content
    return found


def attached_heads(file: BinaryIO, size: int) -> bytes:
    """The attached files of an element with their unique numbers alone: they may be large."""
    stop, heads = file.tell() + size, b""
    while file.tell() < stop and (head := read_head(file)) is not None:
        end = file.tell() + head[1]
        uid = b""
        while head[0] == ATTACHED_FILE and file.tell() < end:
            part = read_head(file)
            if part is None:
                break
            if part[0] == FILE_UID:
                uid = encoded(Element(FILE_UID, file.read(part[1])))
            else:
                file.seek(part[1], 1)
        heads += encoded(Element(head[0], uid))
        file.seek(end)
    return heads


def _language(content: bytes) -> str:
    tag = string(content)
    return tag if _LANGUAGE.fullmatch(tag) else ""


def _positions(seek_head: bytes) -> Iterator[int]:
    for entry in elements(seek_head):
        if entry.identity == _SEEK:
            told = parts(entry)
            if number(told.get(_SEEK_ID, b"")) in _READ:
                yield number(told.get(_SEEK_POSITION, b""))


def _displays(master: Element) -> int:
    """The most titles that a chapter below has."""
    parts = list(elements(master.content))
    below = [_displays(each) for each in parts if each.identity == ATOM]
    return max([sum(each.identity == DISPLAY for each in parts), *below])


def _is_structured(tag: Element) -> bool:
    for part in elements(tag.content):
        if part.identity == TARGETS:
            targets = parts(part)
            level = number(targets.get(TARGET_LEVEL, bytes((_FILM_LEVEL,))))
            of_others = {OF_EDITION, OF_CHAPTER, OF_ATTACHMENT} & targets.keys()
            if level != _FILM_LEVEL or targets.get(_TARGET_TYPE) or of_others:
                return True
        elif part.identity == SIMPLE:
            facts = parts(part)
            if SIMPLE in facts or "-" in string(facts.get(_TAG_BCP47, b"")):
                return True
    return False


def parts(element: Element) -> dict[int, bytes]:
    """Contents of the elements within one, by identity; of several alike the last."""
    return {part.identity: part.content for part in elements(element.content)}


def number(content: bytes) -> int:
    """What an element of a number holds."""
    return int.from_bytes(content, "big")


def string(content: bytes) -> str:
    """What an element of ASCII holds."""
    return content.rstrip(b"\0").decode("ascii", "replace")
