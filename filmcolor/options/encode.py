"""How films are encoded: the options of `filmcolor run` that belong to the encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from filmcolor.errors import OptionError
from filmcolor.options.facts import FILMS_ONLY, check_options, option

Codec = Literal[
    "libx264",
    "libx265",
    "libsvtav1",
    "prores",
    "dnxhr",
    "ffv1",
    "h264_nvenc",
    "hevc_nvenc",
    "av1_nvenc",
    "h264",
    "h265",
    "hevc",
    "av1",
]
SHORT_NAMES: Mapping[str, Codec] = MappingProxyType(
    {"h264": "libx264", "h265": "libx265", "hevc": "libx265", "av1": "libsvtav1"}
)
"""What people call codecs, and the encoder that writes them."""
ENCODING = f"How the film is encoded {FILMS_ONLY}"


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """How the film is written."""

    codec: Codec = option(
        "libx264",
        "h264, h265 (or hevc), av1, or by the encoder's name: "
        f"{', '.join(name for name in get_args(Codec) if name not in SHORT_NAMES)}. prores and "
        "dnxhr suit editing, ffv1 archives; the nvenc ones need an Nvidia card.",
        section=ENCODING,
        metavar="NAME",
    )
    crf: float | None = option(
        None,
        "Quality on the codec's own scale: lower is better and larger.",
        metavar="NUMBER",
        shown_default="what suits the codec",
    )
    preset: str | None = option(
        None,
        "The codec's own word for speed against file size, such as fast or slow (libx264, "
        "libx265), 0 to 10 (libsvtav1), p1 to p7 (nvenc), standard or hq (prores), sq or hq "
        "(dnxhr).",
        metavar="NAME",
        shown_default="what suits the codec",
    )
    lossless: bool = option(
        False,
        "Encode without any loss (libx264, libx265; ffv1 always does). Files become large.",
    )

    def __post_init__(self) -> None:
        check_options(self)
        object.__setattr__(self, "codec", SHORT_NAMES.get(self.codec, self.codec))
        if self.lossless and self.crf is not None:
            raise OptionError("--lossless and --crf exclude each other: leave one out")
