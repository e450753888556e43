"""Writes into a finished Matroska file what its source says and FFmpeg did not hand on.

What FFmpeg writes gets room for it before (`KeptWords`); the file keeps its length. See
`matroska_words` for what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from filmcolor.media.ebml import CRC, Element, elements, encoded, find, patch, unsigned
from filmcolor.media.matroska import TRACK_ENTRY, TRACKS, patch_tracks, without_room
from filmcolor.media.write.matroska_words import (
    ATOM,
    ATTACHED_FILE,
    ATTACHMENTS,
    CHAPTERS,
    EDITION,
    FILE_UID,
    LANGUAGE_BCP47,
    OF_ATTACHMENT,
    OF_TRACK,
    SIMPLE,
    TAG,
    TAGS,
    TARGET_LEVEL,
    TARGETS,
    TRACK_UID,
    attached_heads,
    number,
    parts,
    string,
)

_START, _END, _CHAPTER_TRACKS, _CHAPTER_TRACK = 0x91, 0x92, 0x8F, 0x89
_TAG_NAME, _TAG_STRING = 0x45A3, 0x4487
_SPARE = 64
"""Bytes of room beyond what is written, for sizes and checksums."""
_OURS = {"COMMENT", "ENCODER", "DURATION"}
"""Tags that the result has of its own."""
_STATISTICS = ("BPS", "NUMBER_OF_", "_STATISTICS")

Known = Mapping[int, Mapping[int, int]]
"""By kind of target: unique numbers of the source, and those of the result."""


@dataclass(frozen=True, slots=True)
class KeptWords:
    """What a result is to say, and the room that it needs; `Words` of its source, reduced."""

    tracks: tuple[int, ...]
    """Unique numbers that the tracks of the result have in the source, in the result's order."""
    languages: tuple[str, ...]
    attachments: tuple[int, ...]
    film: int
    """Which of the tracks is the film."""
    chapters: bytes
    tags: bytes

    def track_room(self, track: int) -> int:
        """Bytes that a track's name needs more."""
        return _language_room(self.languages[track])

    @property
    def chapters_room(self) -> int:
        """Bytes that the title of a chapter needs more."""
        return len(self.chapters) + _SPARE if self.chapters else 0

    @property
    def tags_room(self) -> int:
        """Bytes that the comment needs more."""
        return len(self.tags) + _SPARE if self.tags else 0


def can_be_written(words: KeptWords) -> bool:
    """Whether they are whole, and no more deeply nested than can be followed."""
    try:
        _moved_chapters(words.chapters, 0, {})
        _merged_tags(b"", words.tags, {}, 0)
    except (IndexError, ValueError, OverflowError, RecursionError):
        return False
    return True


def write_words(path: str, words: KeptWords, offset_nanoseconds: int) -> bool:
    """Write them into a finished file that has room for them; whether all could be written.

    `offset_nanoseconds` is added to the times of chapters.
    """
    languages = iter(words.languages)

    def spoken(entry: list[Element]) -> list[Element] | None:
        language = next(languages, "")
        named = without_room(entry, _language_room(language)) if language else None
        return named and [*named, Element(LANGUAGE_BCP47, language.encode())]

    is_whole = patch_tracks(path, spoken) or not any(words.languages)
    tracks, files = _unique_numbers(path)
    known = {
        OF_TRACK: dict(zip(words.tracks, tracks, strict=False)),
        OF_ATTACHMENT: dict(zip(words.attachments, files, strict=False)),
    }
    if words.chapters:
        chapters = _moved_chapters(words.chapters, offset_nanoseconds, known[OF_TRACK])
        is_whole &= patch(path, CHAPTERS, lambda _: chapters)
    if words.tags:
        film = known[OF_TRACK].get(words.tracks[words.film], 0)
        is_whole &= patch(path, TAGS, lambda old: _merged_tags(old, words.tags, known, film))
    return is_whole


def _language_room(language: str) -> int:
    return len(language) + 8 if language else 0


def _unique_numbers(path: str) -> tuple[list[int], list[int]]:
    """Those of a result's tracks and attached files, in order."""
    found: dict[int, bytes] = {TRACKS: b"", ATTACHMENTS: b""}
    with open(path, "rb") as file:
        for identity in found:
            if (place := find(file, identity)) is not None:
                file.seek(place[0])
                if identity == ATTACHMENTS:
                    found[identity] = attached_heads(file, place[1])
                else:
                    found[identity] = file.read(place[1])
    tracks = [each for each in elements(found[TRACKS]) if each.identity == TRACK_ENTRY]
    files = [each for each in elements(found[ATTACHMENTS]) if each.identity == ATTACHED_FILE]
    return (
        [number(parts(each).get(TRACK_UID, b"")) for each in tracks],
        [number(parts(each).get(FILE_UID, b"")) for each in files],
    )


Edit = Callable[[Element], Element | None]


def _edited(content: bytes, masters: set[int], edit: Edit) -> bytes:
    """Content with every element below edited, or left out; checksums, which change, too."""
    made = []
    for element in elements(content):
        if element.identity in masters:
            inside = _edited(element.content, masters, edit)
            element = Element(element.identity, inside)
        changed = None if element.identity == CRC else edit(element)
        if changed is not None:
            made.append(encoded(changed))
    return b"".join(made)


def _moved_chapters(chapters: bytes, offset: int, tracks: Mapping[int, int]) -> bytes:
    def edit(element: Element) -> Element | None:
        if element.identity in (_START, _END):
            return unsigned(element.identity, max(0, number(element.content) + offset))
        if element.identity == _CHAPTER_TRACK:
            track = tracks.get(number(element.content))
            return None if track is None else unsigned(_CHAPTER_TRACK, track)
        if element.identity == _CHAPTER_TRACKS and not element.content:
            return None
        return element

    return _edited(chapters, {EDITION, ATOM, _CHAPTER_TRACKS}, edit)


def _merged_tags(old: bytes, words: bytes, known: Known, film: int) -> bytes:
    """The source's tags for the result's tracks and files, then what only the result says.

    `known` has, by kind of target, the numbers of the source and those of the result.
    """
    made, names = [], set[str]()
    for tag in elements(words):
        if tag.identity != TAG or (targets := _targets(tag, known)) is None:
            continue
        of_film = any(
            part.identity == OF_TRACK and number(part.content) == film for part in targets
        )
        plain = all(part.identity == TARGET_LEVEL for part in targets)
        kept = []
        for part in elements(tag.content):
            name = string(parts(part).get(_TAG_NAME, b"")) if part.identity == SIMPLE else ""
            of_result = name in _OURS and (plain or name == "DURATION")
            if not name or of_result or (of_film and name.startswith(_STATISTICS)):
                continue
            kept.append(part)
            names |= _names(part)
        if kept:
            head = Element(TARGETS, b"".join(map(encoded, targets)))
            made.append(Element(TAG, b"".join(map(encoded, [head, *kept]))))
    for tag in elements(old):
        if tag.identity == TAG and (own := _own(tag, names)) is not None:
            made.append(own)
    return b"".join(map(encoded, made))


def _targets(tag: Element, known: Known) -> list[Element] | None:
    """What a tag is about in the result; None if that is not there."""
    found: list[Element] = []
    is_about, is_lost = False, False
    for part in elements(tag.content):
        for target in elements(part.content) if part.identity == TARGETS else ():
            of_kind, old = known.get(target.identity), number(target.content)
            if of_kind is None or old == 0:
                found += [target] if target.identity != CRC else []
            elif old in of_kind:
                found.append(unsigned(target.identity, of_kind[old]))
                is_about = True
            else:
                is_lost = True
    return None if is_lost and not is_about else found


def _own(tag: Element, names: set[str]) -> Element | None:
    """What only the result says of a tag that FFmpeg wrote; the padding of its comment taken off.

    FFmpeg calls a tag within another, or of another target, by both names: COLLECTION/TITLE.
    """
    kept = []
    for part in elements(tag.content):
        if part.identity == SIMPLE:
            facts = list(elements(part.content))
            name = string(parts(part).get(_TAG_NAME, b""))
            of_other, _, word = name.upper().rpartition("/")
            if word in (names if of_other else names - _OURS):
                continue
            part = Element(SIMPLE, b"".join(encoded(_unpadded(each)) for each in facts))
        if part.identity != CRC:
            kept.append(part)
    if not any(part.identity == SIMPLE for part in kept):
        return None
    return Element(TAG, b"".join(map(encoded, kept)))


def _unpadded(element: Element) -> Element:
    if element.identity != _TAG_STRING:
        return element
    return Element(_TAG_STRING, element.content.rstrip(b" "))


def _names(simple: Element) -> set[str]:
    """Names of a tag and of those within it, in capitals."""
    names = set()
    for part in elements(simple.content):
        if part.identity == _TAG_NAME:
            names.add(string(part.content).upper())
        elif part.identity == SIMPLE:
            names |= _names(part)
    return names
