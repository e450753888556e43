"""What a result keeps of a Matroska file's own words, and what of them is lost: a part of
`plan_source`.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence

from av.container import InputContainer, OutputContainer

from filmcolor.media.write.containers import Container
from filmcolor.media.write.matroska_result import KeptWords, can_be_written
from filmcolor.media.write.matroska_words import read_words
from filmcolor.media.write.stream_survey import is_attached_picture
from filmcolor.media.write.streams import StreamPlan


def plan_words(
    path: str,
    source: InputContainer,
    kept: Sequence[StreamPlan],
    container: Container,
    *,
    is_whole: bool,
    is_legacy: bool,
) -> tuple[KeptWords | None, list[str]]:
    """What `container` keeps beyond what FFmpeg hands on, and the names of what is lost.

    `is_whole`: not a part of the film, to which its chapters and tags would not apply. Of a source
    `is_legacy` whose text is not UTF-8, FFmpeg's reading of chapters and tags goes along.
    """
    words = read_words(path)
    if words is None:
        return None, []
    files = [
        each.index
        for each in source.streams
        if each.type == "attachment" or is_attached_picture(each)
    ]
    tracks = [each.index for each in source.streams if each.index not in files]
    if (len(tracks), len(files)) != (len(words.tracks), len(words.attachments)):
        return None, []  # FFmpeg has passed over some
    place = {index: number for number, index in enumerate(tracks)}
    result = [place[each.index] for each in kept if each.index in place]
    spoken = [words.languages[number] for number in result]
    if not container.has_attachments:  # not Matroska
        regional = dict.fromkeys(language for language in spoken if "-" in language)
        lost = [f"regional languages ({', '.join(regional)})"] if regional else []
        return None, [*lost, *words.lost()]
    is_told = is_whole and not is_legacy
    result_words = KeptWords(
        tracks=tuple(words.tracks[number] for number in result),
        languages=tuple(spoken),
        attachments=tuple(
            words.attachments[files.index(each.index)] for each in kept if each.index in files
        ),
        film=next(
            number
            for number, each in enumerate(each for each in kept if each.index in place)
            if each.action == "film"
        ),
        chapters=words.chapters if is_told else b"",
        tags=words.tags if is_told and words.has_structured_tags else b"",
    )
    if not can_be_written(result_words):
        return None, list(words.lost())
    return result_words, [] if is_told else [f"{each} (of the whole film)" for each in words.lost()]


def make_room(result: OutputContainer, words: KeptWords) -> None:
    """Give names of tracks and the comment of a Matroska film room for `words`."""
    pad(result.metadata, "comment", words.tags_room)
    tracks = [each for each in result.streams if each.type != "attachment"]
    for number, track in enumerate(tracks):
        pad(track.metadata, "title", words.track_room(number))


def pad(tags: MutableMapping[str, str], key: str, room: int) -> None:
    """Put so many spaces behind a tag."""
    if room:
        key = next((each for each in tags if each.lower() == key), key)
        tags[key] = tags.get(key, "") + " " * room
