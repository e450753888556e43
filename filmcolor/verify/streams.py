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
from filmcolor.media.write.container_tags import film_metadata, settle_tags, stream_metadata
from filmcolor.media.write.containers import Container
from filmcolor.media.write.stream_survey import codec_name, is_attached_picture
from filmcolor.media.write.streams import (
    COVER,
    TIMECODE,
    StreamPlan,
    StreamsPlan,
    describe_stream,
    is_chapter_track,
    is_thumbnails,
    read_chapters,
    read_covers,
    timecode_tags,
)
from filmcolor.verify.findings import Findings, Place
from filmcolor.verify.packet_items import Part
from filmcolor.verify.packets import StreamPair

LABEL = "colorized by filmcolor"
"""What the comment of every result says, before version and model."""
LABEL_CHROMA = "colour alone, colorized by filmcolor"
"""And that of one without luma."""
LABEL_GREY = "enlarged by filmcolor"
"""And that of one which was made larger and was left grey."""

LABEL_RESTORED = "restored by filmcolor"
"""And that of one which was repaired and was left grey."""

_SAME_IN_MP4 = {"mp2": "mp3"}
"""MPEG audio, whose layer mp4 does not tell."""
_CHAPTER_SECONDS = Fraction(1, 1000)


def _kind(stream: Stream) -> str:
    return COVER if is_attached_picture(stream) else stream.type


def _codec(stream: Stream, plan: StreamPlan | None = None) -> str:
    """What the stream's codec is called, if this is done with it."""
    name = codec_name(stream)
    if plan is not None and plan.action in ("mov_text", "subrip"):
        name = plan.action
    elif plan is not None and plan.lossless is not None:
        name = plan.lossless.codec
    return _SAME_IN_MP4.get(name, name)


def _language(metadata: Mapping[str, str]) -> str:
    return metadata.get("language") or "und"


class HeaderComparison:
    """Compares what two opened films hold beside the picture, as far as their headers say it."""

    def __init__(
        self,
        source: InputContainer,
        result: InputContainer,
        films: tuple[int, int],
        container: Container,
        plan: StreamsPlan,
        part: Part,
        findings: Findings,
    ) -> None:
        """`films` are the films' streams, `plan` says what the `container` keeps of the source."""
        self._source, self._result, self._films = source, result, films
        self._container, self._plan, self._part = container, plan, part
        self._findings = findings

    def compare(self) -> list[StreamPair]:
        """Compare; the pairs of streams whose packets are to be compared besides."""
        pairs = self._paired()
        self._compare_chapters()
        self._compare_tags()
        self._compare_covers(pairs)
        kinds = [_kind(self._source.streams[pair.source]) for pair in pairs]
        found = zip(pairs, kinds, strict=True)
        return [pair for pair, kind in found if kind not in ("attachment", COVER)]

    def _paired(self) -> list[StreamPair]:
        """Every stream of the source that the plan keeps, the film aside, and what holds it.

        Says what is missing, what is new, and what the header of a stream states otherwise.
        """
        chapters = self._result.chapters()
        left = [
            stream
            for stream in self._result.streams
            if stream.index != self._films[1]
            and not is_chapter_track(stream, chapters)
            and not is_thumbnails(stream)
            and describe_stream(stream) != TIMECODE
        ]
        others = [each for each in self._plan.kept if each.action != "film"]
        pairs = []
        for each in others:
            stream = self._source.streams[each.index]
            counterpart = self._counterpart(stream, each, left)
            if counterpart is None:
                self._findings.fault("stream missing", f"{each.name} is missing from the result")
                continue
            left.remove(counterpart)
            pairs.append(StreamPair(each, stream.index, counterpart.index))
            self._compare_headers(stream, counterpart, each)
            if each.action in ("mov_text", "subrip"):
                self._findings.note(f"{each.name} has become {each.action}")
            if each.lossless and (
                said := each.lossless.tells(self._container.title, stream, each.name)
            ):
                self._findings.note(said)
        for stream in left:
            self._findings.fault("stream added", f"{describe_stream(stream)} is not in the source")
        if self._plan.dropped:
            self._findings.note(
                f"{self._container.title} cannot hold: {', '.join(self._plan.dropped)}; left out"
            )
        if self._plan.silenced:
            who = "--audio none" if self._part.retiming is None else "--fps, or --audio none"
            self._findings.note(f"left out by {who}: {', '.join(self._plan.silenced)}")
        for name in self._plan.late:
            self._findings.note(f"{name} begins so late that its form is not known; left out")
        return pairs

    def _counterpart(
        self, stream: Stream, each: StreamPlan, left: Sequence[Stream]
    ) -> Stream | None:
        """The stream of the same kind and codec, of the same language if there is one."""
        candidates = [
            other
            for other in left
            if _kind(other) == _kind(stream)
            and (stream.type == "attachment" or _codec(other) == _codec(stream, each))
        ]
        wanted = _language(stream_metadata(stream.metadata, self._container, changed=False))
        same = [other for other in candidates if _language(other.metadata) == wanted]
        if stream.type == "attachment":
            name = stream.metadata.get("filename")
            return next(
                (each for each in candidates if each.metadata.get("filename") == name), None
            )
        return next(iter(same or candidates), None)

    def _compare_headers(self, stream: Stream, other: Stream, each: StreamPlan) -> None:
        wanted = stream_metadata(stream.metadata, self._container, changed=False)
        language, found = _language(wanted), _language(other.metadata)
        if language != found and _kind(stream) != COVER and stream.type != "attachment":
            self._findings.fault("tag", f"{each.name}: its language {language} has become {found}")
        title = wanted.get("title", "")
        called = stream_metadata(other.metadata, self._container, changed=False).get("title", "")
        if title != called and _kind(stream) != COVER and stream.type != "attachment":
            self._findings.fault("tag", f"{each.name}: its title {title!r} has become {called!r}")
        if isinstance(stream, AudioStream) and isinstance(other, AudioStream):
            for name in ("sample_rate", "channels"):
                before = getattr(stream.codec_context, name)
                after = getattr(other.codec_context, name)
                if name == "sample_rate" and each.lossless is not None:
                    before = each.lossless.rate or before
                if before != after:
                    what = name.replace("_", " ")
                    self._findings.fault(
                        "sound", f"{each.name}: its {what} {before} has become {after}"
                    )
        if not isinstance(stream, AttachmentStream) or not isinstance(other, AttachmentStream):
            return
        if stream.data != other.data:
            self._findings.fault("attachment", f"{each.name}: its bytes are not the source's")

    def _compare_covers(self, pairs: Sequence[StreamPair]) -> None:
        """Compare the pictures attached to both, byte for byte; reads the heads of the files."""
        covers = [each for each in pairs if is_attached_picture(self._source.streams[each.source])]
        before = read_covers(self._source, [each.source for each in covers])
        after = read_covers(self._result, [each.result for each in covers])
        for each in covers:
            if before.get(each.source) != after.get(each.result):
                self._findings.fault("cover", f"{each.plan.name}: its bytes are not the source's")

    def _compare_chapters(self) -> None:
        """Compare number, times and titles; mp4 and mov do not keep its end."""
        chapters = read_chapters(self._source) if self._container.has_chapters else ()
        part = self._part
        if part.retiming is None:
            wanted = fit_chapters(chapters, part.offset, part.first, part.last)
        else:
            wanted = part.retiming.chapters(chapters, part.first, part.last)
        found = read_chapters(self._result)
        if len(wanted) != len(found):
            text = f"{len(found)} chapters in the result, {len(wanted)} in the source"
            self._findings.fault("chapters", text)
            return
        for chapter, other in zip(wanted, found, strict=True):
            place = Place(
                chapter.start - self._part.offset, detail=chapter.metadata.get("title", "")
            )
            late = [other.start - chapter.start]
            if not self._container.is_mov:
                late.append(other.stop - chapter.stop)
            if any(abs(each) > _CHAPTER_SECONDS for each in late):
                self._findings.fault("chapters", "chapter at another time", place)
            if chapter.metadata.get("title", "") != other.metadata.get("title", ""):
                self._findings.fault("chapters", "chapter with another title", place)

    def _compare_tags(self) -> None:
        """Compare the tags of the files, and what the comment says."""
        found = self._result.metadata
        if self._container.counts_frames:
            found = film_metadata(found)
        found = {key.lower(): text for key, text in found.items()}
        comment = found.get("comment", "")
        if not any(label in comment for label in (LABEL, LABEL_GREY, LABEL_RESTORED)):
            self._findings.fault("comment", f"the comment does not say that it is {LABEL}")
        wanted = film_metadata(self._source.metadata)
        has_cover = any(each.name == COVER for each in self._plan.kept)
        held = settle_tags(self._container, wanted, has_cover=has_cover).held
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
                self._findings.fault("tag", f"the tag {key} {text!r} {became}")
        clock = timecode_tags(self._source, self._films[0])
        kept = timecode_tags(self._result, self._films[1])
        for key, before in clock.items() if self._part.first is None else ():
            after = kept.get(key)
            is_held = key != "reel_name" or self._container.muxer in ("mov", "matroska")
            if before != after and is_held:
                text = f"the {key.replace('_', ' ')} {before} has become {after or 'none'}"
                self._findings.fault("timecode", text)
