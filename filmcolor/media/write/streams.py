"""What becomes of the source's other streams: copied, converted, attached, or named as lost.

Decided before the run from the opened source; nothing is written here (see `stream_copy`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import av
from av.container import InputContainer
from av.stream import Disposition, Stream

from filmcolor.media.legacy_text import mend_tags
from filmcolor.media.open import is_unprobed
from filmcolor.media.timebase import Chapter
from filmcolor.media.write.container_tags import held_language, lost_stream_tags
from filmcolor.media.write.containers import Container, holds_stream
from filmcolor.media.write.sound import Lossless, lossless_for
from filmcolor.media.write.stream_survey import Survey, codec_name, is_attached_picture
from filmcolor.options import Audio

Action = Literal["film", "copy", "mov_text", "subrip", "sound", "attach"]
"""The coloured film; packets as they are; text in another codec; sound in a lossless one; an
attachment of Matroska.
"""

COVER = "cover picture"
TIMECODE = "timecode track"

_TEXT_CODECS = frozenset({"subrip", "srt", "text", "webvtt", "ass", "ssa", "mov_text", "ttml"})
_IMAGE_TYPES = {"mjpeg": ("jpg", "image/jpeg"), "png": ("png", "image/png")}


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """One stream of the source and what is done with it."""

    index: int
    """In the source."""
    action: Action
    name: str
    """For people: "subtitle stream 3 (subrip, eng)"."""
    filename: str = ""
    mimetype: str = ""
    """Of an image that becomes an attachment."""
    lossless: Lossless | None = None
    """What sound becomes."""
    is_sound: bool = False
    """It goes on by its own clock where the film gets another rate."""


@dataclass(frozen=True, slots=True)
class StreamsPlan:
    """All streams of the result in their order, and what is left out."""

    kept: tuple[StreamPlan, ...]
    dropped: tuple[str, ...]
    converted: tuple[str, ...]
    late: tuple[str, ...] = ()
    """Left out, since they begin too late for their form to be known."""
    silenced: tuple[str, ...] = ()
    """Sound that is left out since it is not wanted."""


def describe_stream(stream: Stream) -> str:
    """For people: "subtitle stream 3 (hdmv_pgs_subtitle, eng)", "attachment font.ttf"."""
    if stream.type == "attachment":
        return f"attachment {stream.metadata.get('filename', stream.index)}"
    if is_attached_picture(stream):
        return COVER
    if stream.type == "data" and "timecode" in stream.metadata:
        return TIMECODE
    facts = [codec_name(stream), stream.language or ""]
    known = ", ".join(fact for fact in facts if fact and fact != "und")
    return f"{stream.type} stream {stream.index} ({known})"


def plan_streams(
    source: InputContainer, film: int, container: Container, survey: Survey, audio: Audio = "flac"
) -> StreamsPlan:
    """Settle every stream of `source` for `container`; `film` is the index of the coloured one.

    `audio` says what becomes of sound, above all of that which the container cannot hold.
    """
    kept: list[StreamPlan] = []
    silenced: list[str] = []
    dropped: list[str] = []
    converted: list[str] = []
    late: list[str] = []
    chapters = source.chapters()
    for stream in source.streams:
        name = describe_stream(stream)
        if stream.index == film:
            kept.append(StreamPlan(film, "film", name))
            tags = {**stream.metadata, **timecode_tags(source, film)}
            dropped += _lost_tags(container, tags, "the film")
        elif is_chapter_track(stream, chapters) or is_thumbnails(stream) or name == TIMECODE:
            continue
        elif stream.type == "audio" and audio == "none":
            silenced.append(name)
        elif is_unprobed(stream):
            late.append(name)
        elif (plan := _plan_stream(stream, name, container, survey, audio)) is None:
            dropped.append(name)
        else:
            kept.append(plan)
            if name != COVER:
                dropped += _lost_tags(container, stream.metadata, name)
            language = stream.metadata.get("language")
            if language and held_language(container, language) is None:
                dropped.append(f"the language tag {language} of {name}")
            if plan.action in ("mov_text", "subrip"):
                converted.append(f"{name} becomes {plan.action}")
            if plan.lossless and (said := plan.lossless.tells(container.title, stream, name)):
                converted.append(said)
    if container.counts_frames:  # the film has to be the first
        kept.sort(key=lambda each: each.action != "film")
    return StreamsPlan(tuple(kept), tuple(dropped), tuple(converted), tuple(late), tuple(silenced))


def _lost_tags(container: Container, tags: Mapping[str, str], name: str) -> list[str]:
    lost = lost_stream_tags(container, tags)
    return [f"tag {', '.join(lost)} of {name}"] if lost else []


def timecode_tags(source: InputContainer, film: int) -> dict[str, str]:
    """Timecode of the film's first frame, and the name of the reel that it counts, as "timecode"
    and "reel_name": from the film's own tags or from a timecode track.

    FFmpeg's muxers write the track, or Matroska's tag, from the film's tag: its packets cannot be
    copied, since PyAV cannot give a data stream the frame rate that they need.
    """
    found: dict[str, str] = {}
    for holder in (source.streams[film], *source.streams, source):
        for key, text in holder.metadata.items():
            if key.lower() in ("timecode", "reel_name"):
                found.setdefault(key.lower(), str(text))
    return found


def _plan_stream(
    stream: Stream, name: str, container: Container, survey: Survey, audio: Audio
) -> StreamPlan | None:
    if is_attached_picture(stream):
        return _plan_cover(stream, name, container)
    if stream.type == "attachment":
        return StreamPlan(stream.index, "copy", name) if container.has_attachments else None
    if stream.type not in ("video", "audio", "subtitle", "data"):
        return None
    if container.counts_frames and stream.type != "audio":
        return None
    if not container.counts_frames and holds_stream(
        container, stream, survey.packets.get(stream.index)
    ):
        return StreamPlan(stream.index, "copy", name, is_sound=stream.type == "audio")
    if stream.type == "subtitle" and codec_name(stream) in _TEXT_CODECS:
        action: Action = "mov_text" if container.is_mov else "subrip"
        return StreamPlan(stream.index, action, name)
    lossless = lossless_for(container, stream)
    if lossless and (audio == "flac" or not lossless.tells(container.title, stream, name)):
        return StreamPlan(stream.index, "sound", name, lossless=lossless, is_sound=True)
    return None


def _plan_cover(stream: Stream, name: str, container: Container) -> StreamPlan | None:
    if not container.has_covers or codec_name(stream) not in _IMAGE_TYPES:
        return None
    if not container.has_attachments:
        return StreamPlan(stream.index, "copy", name)
    suffix, mimetype = _IMAGE_TYPES[codec_name(stream)]
    filename = stream.metadata.get("filename", f"cover.{suffix}")
    return StreamPlan(stream.index, "attach", name, filename, mimetype)


def is_thumbnails(stream: Stream) -> bool:
    """Whether it is a track of small pictures for seeking: not a film."""
    return stream.type == "video" and bool(stream.disposition & Disposition.timed_thumbnails)


def is_chapter_track(stream: Stream, chapters: list[av.container.core.Chapter]) -> bool:
    """Whether this is the text track in which mp4 and mov keep chapter titles (written anew)."""
    if not chapters:
        return False
    if stream.type == "data":
        return stream.name == "bin_data"
    # With a timecode track beside it FFmpeg does not recognise it: its samples are the chapters.
    if stream.type != "subtitle" or stream.frames != len(chapters) or stream.time_base is None:
        return False
    starts = [Fraction(entry.timestamp) * stream.time_base for entry in stream.index_entries]
    wanted = [Fraction(chapter["start"]) * (chapter["time_base"] or 1) for chapter in chapters]
    return len(starts) == len(wanted) and all(
        abs(start - other) < Fraction(1, 100) for start, other in zip(starts, wanted, strict=True)
    )


def read_covers(source: InputContainer, indexes: Iterable[int]) -> dict[int, bytes]:
    """Bytes of the attached pictures; FFmpeg hands them out as the first packets of all."""
    wanted = set(indexes)
    covers: dict[int, bytes] = {}
    if not wanted:
        return covers
    for packet in source.demux([source.streams[index] for index in wanted]):
        if packet.size and packet.stream_index not in covers:
            covers[packet.stream_index] = bytes(packet)
        if len(covers) == len(wanted):
            break
    return covers


def read_chapters(
    source: InputContainer, tell_legacy: Callable[[str], None] = lambda name: None
) -> tuple[Chapter, ...]:
    """Chapters in seconds; one without an end runs to the next, the last to the film's end.

    `tell_legacy` as in `open_source`.
    """
    entries = source.chapters()
    starts = [Fraction(entry["start"]) * (entry["time_base"] or 1) for entry in entries]
    end = Fraction(source.duration or 0, av.time_base)
    chapters = []
    for number, (entry, start) in enumerate(zip(entries, starts, strict=True)):
        stop = Fraction(entry["end"]) * (entry["time_base"] or 1)
        if stop <= start:
            stop = starts[number + 1] if number + 1 < len(starts) else max(end, start)
        tags = dict(entry["metadata"])
        for key in mend_tags(tags):
            tell_legacy(f"{key} of chapter {number + 1}")
        chapters.append(Chapter(start, stop, tags))
    return tuple(chapters)
