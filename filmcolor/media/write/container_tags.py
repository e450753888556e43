"""Which tags and languages each container holds, and under which names FFmpeg writes them.

Words only: what a container is stands in `containers`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass

import av

from filmcolor.media.write.containers import Container

_MOV_STREAM_TAGS = {"title", "language", "handler_name", "timecode"}
"""What FFmpeg writes of a stream into mp4 and mov."""
_OF_THE_FILE = {"vendor_id", "creation_time", "id3v2_priv"}
"""Tags of a stream that say nothing of what is in it."""
ANY_NAME = "+use_metadata_tags"
"""For mp4's and mov's `movflags`: write tags of any name."""

# Facts about the source file itself, wrong or meaningless in another.
_FILE_TAGS = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder"})
_STREAM_TAGS = ("encoder", "file_package_umid")
# The same in MXF; the timecode is one of the film's own tags.
_MXF_TAGS = re.compile(
    r"(operational_pattern_ul|(product_|generation_|material_package_|file_package_)?u[im]id|"
    r"company_name|product_name|product_version(_num)?|toolkit_version(_num)?|"
    r"application_platform|modification_date|timecode)"
)
_MXF_COMMENT = "comment_"
"""What FFmpeg's names of free texts in MXF begin with."""
# Statistics of a stream's packets, as Matroska's tools write them.
_STATISTICS = ("bps", "number_of_frames", "number_of_bytes", "_statistics", "duration")

# QuickTime numbers its languages; FFmpeg knows these by the following ISO 639-2 codes.
_MOV_CODES = (
    "alb amh ara arm asm aym aze baq bel ben bul bur cat ces chi dan dut dzo eng epo est "
    "fin fra geo ger gre grn guj heb hin hun ice ind iri ita jav jpn kan kas kaz khm kin "
    "kir kor kur lao lat lav lit mac mal mar may mlg mlt mol mon nep nor nya ori orm per "
    "pol por pus que ron run rus san sin slk slv smi snd som spa sve swa tam tat tel tgk "
    "tgl tha tib tir tuk tur uig ukr und urd uzb vie wel yid"
)
_MOV_SYNONYMS = {
    **{"bod": "tib", "cym": "wel", "cze": "ces", "deu": "ger", "ell": "gre", "eus": "baq"},
    **{"fas": "per", "fre": "fra", "hye": "arm", "isl": "ice", "kat": "geo", "mkd": "mac"},
    **{"msa": "may", "mya": "bur", "nld": "dut", "nob": "nor", "rum": "ron", "slo": "slk"},
    **{"sqi": "alb", "swe": "sve", "zho": "chi"},
}


def film_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """The film's own tags, without those that describe the source file."""
    return {
        key.removeprefix(_MXF_COMMENT): text
        for key, text in metadata.items()
        if key.lower() not in _FILE_TAGS and not _MXF_TAGS.fullmatch(key.lower())
    }


def written_tags(container: Container, metadata: Mapping[str, str]) -> dict[str, str]:
    """The film's tags under the names by which FFmpeg writes them."""
    prefix = _MXF_COMMENT if container.muxer == "mxf" else ""
    return {prefix + key: text for key, text in metadata.items()}


def stream_metadata(
    metadata: Mapping[str, str], container: Container, *, changed: bool
) -> dict[str, str]:
    """Tags of a stream; `changed` leaves out the statistics that no longer hold."""
    tags = {
        key: text
        for key, text in metadata.items()
        if key.lower() not in _STREAM_TAGS and not (changed and key.lower().startswith(_STATISTICS))
    }
    if "name" in tags:  # what FFmpeg calls a track's title in mp4 and mov, and writes nowhere
        name = tags.pop("name")
        tags.setdefault("title", name)
    if "language" in tags:
        tags["language"] = held_language(container, tags["language"]) or "und"
    return tags


def lost_stream_tags(container: Container, metadata: Mapping[str, str]) -> list[str]:
    """Keys of a stream's tags that mp4, mov and MXF have no place for."""
    if container.has_attachments:  # Matroska
        return []
    held = {"timecode", "language", "handler_name"}
    if container.is_mov:
        held = {*_MOV_STREAM_TAGS, *(["reel_name"] if container.muxer == "mov" else [])}
    return [
        key
        for key in stream_metadata(metadata, container, changed=True)
        if key.lower() not in held | _OF_THE_FILE
    ]


def held_language(container: Container, language: str) -> str | None:
    """The container's own code for an ISO 639-2 language; None if it has none (QuickTime, MXF)."""
    if container.muxer == "mxf":
        return None
    if container.muxer != "mov":
        return language
    code = _MOV_SYNONYMS.get(language, language)
    return code if code in _MOV_CODES.split() else None


def labelled(metadata: Mapping[str, str], label: str) -> dict[str, str]:
    """`metadata` with `label` in its comment, after an existing comment (and never twice)."""
    key = next((key for key in metadata if key.lower() == "comment"), "comment")
    old = metadata.get(key, "").strip()
    comment = label if not old else old if label in old else f"{old}; {label}"
    return {**{k: text for k, text in metadata.items() if k.lower() != "comment"}, key: comment}


@dataclass(frozen=True, slots=True)
class HeldTags:
    """What becomes of a film's tags in a container."""

    held: Mapping[str, str]
    """As the container gives them back, keys in small letters; dates and places in its own form."""
    lost: tuple[str, ...]
    """Keys of which nothing comes back."""
    any_name: bool
    """Whether mp4 or mov must be written with `ANY_NAME` to hold them."""


def settle_tags(container: Container, metadata: Mapping[str, str], *, has_cover: bool) -> HeldTags:
    """How the tags of a film are best written: tried in memory, values and all.

    mp4 and mov have two ways to write tags: as standard ones, each of which knows some names and
    not the other's, or of any name, which FFmpeg cannot write beside a cover picture.
    """
    wanted = {key.lower(): text for key, text in metadata.items() if text}
    if not container.is_mov or not wanted:
        return HeldTags(wanted, (), any_name=False)
    ways = [(_written_tags(container, wanted, ""), False)]
    if not has_cover:
        ways.append((_written_tags(container, wanted, ANY_NAME), True))
    best, any_name = max(
        ways, key=lambda way: sum(way[0].get(key) == text for key, text in wanted.items())
    )
    lost = tuple(key for key in metadata if key.lower() in wanted and key.lower() not in best)
    held = {key: text for key, text in best.items() if key in wanted}
    return HeldTags(held, lost, any_name)


def _written_tags(container: Container, tags: Mapping[str, str], flags: str) -> dict[str, str]:
    """What comes back of tags that are written to a file without packets."""
    file = io.BytesIO()
    options = {"movflags": flags} if flags else {}
    with av.open(file, "w", format=container.muxer, container_options=options) as trial:
        trial.add_mux_stream(container.text_subtitle)
        trial.metadata.update(tags)
        trial.start_encoding()
    file.seek(0)
    with av.open(file, "r", metadata_errors="replace") as trial:
        return {key.lower(): text for key, text in trial.metadata.items()}
