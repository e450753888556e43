"""What two films hold beside the picture: which streams belong together, chapters, tags, covers.

Decided from the headers; packets are compared in `packets`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import AttachmentStream, Stream

from filmcolor.media.timebase import fit_chapters
from filmcolor.media.write.containers import (
    Container,
    film_metadata,
    settle_tags,
    stream_metadata,
)
from filmcolor.media.write.streams import (
    COVER,
    TIMECODE,
    Action,
    StreamPlan,
    StreamsPlan,
    codec_name,
    describe_stream,
    is_attached_picture,
    is_chapter_track,
    is_thumbnails,
    read_chapters,
    read_covers,
    timecode_of,
)
from filmcolor.verify.findings import Findings, Place
from filmcolor.verify.packets import Part, StreamPair

LABEL = "colorized by filmcolor"
"""What the comment of every result says, before version and model."""
LABEL_GREY = "enlarged by filmcolor"
"""And that of one which was made larger and was left grey."""

_SAME_IN_MP4 = {"mp2": "mp3"}
"""MPEG audio, whose layer mp4 does not tell."""
_CHAPTER_SECONDS = Fraction(1, 1000)


def pair_streams(
    source: InputContainer,
    result: InputContainer,
    result_film: int,
    container: Container,
    plan: StreamsPlan,
    findings: Findings,
) -> list[StreamPair]:
    """Every stream of the source that `plan` keeps, the film aside, with the one that holds it.

    Says what is missing, what is new, and what the header of a stream states otherwise.
    """
    chapters = result.chapters()
    left = [
        stream
        for stream in result.streams
        if stream.index != result_film
        and not is_chapter_track(stream, chapters)
        and not is_thumbnails(stream)
        and describe_stream(stream) != TIMECODE
    ]
    others = [each for each in plan.kept if each.action != "film"]
    pairs = []
    for each in others:
        stream = source.streams[each.index]
        counterpart = _counterpart(stream, each, container, left)
        if counterpart is None:
            findings.fault("stream missing", f"{each.name} is missing from the result")
            continue
        left.remove(counterpart)
        pairs.append(StreamPair(each, stream.index, counterpart.index))
        _compare_headers(stream, counterpart, each, container, findings)
        if each.action in ("mov_text", "subrip"):
            findings.note(f"{each.name} has become {each.action}")
    for stream in left:
        findings.fault("stream added", f"{describe_stream(stream)} is not in the source")
    if plan.dropped:
        findings.note(f"{container.title} cannot hold: {', '.join(plan.dropped)}; left out")
    return pairs


def _kind(stream: Stream) -> str:
    return COVER if is_attached_picture(stream) else stream.type


def _codec(stream: Stream, action: Action = "copy") -> str:
    """What the stream's codec is called, if this is done with it."""
    name = action if action in ("mov_text", "subrip") else codec_name(stream)
    return _SAME_IN_MP4.get(name, name)


def _language(metadata: Mapping[str, str]) -> str:
    return metadata.get("language") or "und"


def _counterpart(
    stream: Stream, plan: StreamPlan, container: Container, left: Sequence[Stream]
) -> Stream | None:
    """The stream that is likest: of its kind and codec and, if there is one, of its language."""
    alike = [
        other
        for other in left
        if _kind(other) == _kind(stream)
        and (stream.type == "attachment" or _codec(other) == _codec(stream, plan.action))
    ]
    wanted = _language(stream_metadata(stream.metadata, container, changed=False))
    same = [other for other in alike if _language(other.metadata) == wanted]
    if stream.type == "attachment":
        name = stream.metadata.get("filename")
        return next((each for each in alike if each.metadata.get("filename") == name), None)
    return next(iter(same or alike), None)


def _compare_headers(
    stream: Stream, other: Stream, plan: StreamPlan, container: Container, findings: Findings
) -> None:
    wanted = stream_metadata(stream.metadata, container, changed=False)
    language, found = _language(wanted), _language(other.metadata)
    if language != found and _kind(stream) != COVER and stream.type != "attachment":
        findings.fault("tag", f"{plan.name}: its language {language} has become {found}")
    if isinstance(stream, AudioStream) and isinstance(other, AudioStream):
        for name in ("sample_rate", "channels"):
            before = getattr(stream.codec_context, name)
            after = getattr(other.codec_context, name)
            if before != after:
                what = name.replace("_", " ")
                findings.fault("sound", f"{plan.name}: its {what} {before} has become {after}")
    if not isinstance(stream, AttachmentStream) or not isinstance(other, AttachmentStream):
        return
    if stream.data != other.data:
        findings.fault("attachment", f"{plan.name}: its bytes are not the source's")


def has_packets(source: InputContainer, pair: StreamPair) -> bool:
    """Whether a pair is compared packet by packet; covers and attachments are not."""
    stream = source.streams[pair.source]
    return stream.type != "attachment" and not is_attached_picture(stream)


def compare_covers(
    source: InputContainer,
    result: InputContainer,
    pairs: Sequence[StreamPair],
    findings: Findings,
) -> None:
    """Compare the pictures attached to both, byte for byte; reads the heads of the files."""
    covers = [each for each in pairs if is_attached_picture(source.streams[each.source])]
    before = read_covers(source, [each.source for each in covers])
    after = read_covers(result, [each.result for each in covers])
    for each in covers:
        if before.get(each.source) != after.get(each.result):
            findings.fault("cover", f"{each.plan.name}: its bytes are not the source's")


def compare_chapters(
    source: InputContainer,
    result: InputContainer,
    container: Container,
    part: Part,
    findings: Findings,
) -> None:
    """Compare number, times and titles; mp4 and mov keep where a chapter begins, not its end."""
    wanted = fit_chapters(read_chapters(source), part.offset, part.first, part.last)
    found = read_chapters(result)
    if len(wanted) != len(found):
        text = f"{len(found)} chapters in the result, {len(wanted)} in the source"
        findings.fault("chapters", text)
        return
    for chapter, other in zip(wanted, found, strict=True):
        place = Place(chapter.start - part.offset, detail=chapter.metadata.get("title", ""))
        late = [other.start - chapter.start]
        if not container.is_mov:
            late.append(other.stop - chapter.stop)
        if any(abs(each) > _CHAPTER_SECONDS for each in late):
            findings.fault("chapters", "chapter at another time", place)
        if chapter.metadata.get("title", "") != other.metadata.get("title", ""):
            findings.fault("chapters", "chapter with another title", place)


def compare_tags(
    source: InputContainer,
    result: InputContainer,
    films: tuple[int, int],
    container: Container,
    plan: StreamsPlan,
    findings: Findings,
    *,
    is_part: bool,
) -> None:
    """Compare the tags of the files, and what the comment says; `films` are the films' streams."""
    found = {key.lower(): text for key, text in result.metadata.items()}
    comment = found.get("comment", "")
    if LABEL not in comment and LABEL_GREY not in comment:
        findings.fault("comment", f"the comment does not say that it is {LABEL}")
    wanted = film_metadata(source.metadata)
    has_cover = any(each.name == COVER for each in plan.kept)
    held = settle_tags(container, wanted, has_cover=has_cover).held
    for key, text in wanted.items():
        if key.lower() not in held:
            continue
        after = found.get(key.lower())
        is_kept = (
            text.strip() in comment
            if key.lower() == "comment"
            else after in (text, held[key.lower()])
        )
        if not is_kept:
            became = "is missing" if after is None else f"has become {after!r}"
            findings.fault("tag", f"the tag {key} {text!r} {became}")
    before = timecode_of(source, films[0])
    after = timecode_of(result, films[1])
    if before is not None and not is_part and before != after:
        findings.fault("timecode", f"the timecode {before} has become {after or 'none'}")
