"""The table of what each encoder takes.

Data: depths, chroma grids, odd sizes, defaults and the lossless way of every codec that `--codec`
names. It knows nothing of containers, streams or clocks; what the installed FFmpeg really offers is
asked of it (`available_formats`), never assumed. `settings` draws the conclusions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from av.codec import Codec as FFmpegCodec
from av.codec.codec import UnknownCodecError

from filmcolor.errors import OptionError
from filmcolor.media.pixel_formats import format_name
from filmcolor.options import Codec
from filmcolor.types import Chroma, PixelLayout


def _planar(chromas: tuple[Chroma, ...], depths: tuple[int, ...]) -> dict[PixelLayout, str]:
    return {
        (layout := PixelLayout(depth, chroma)): format_name(layout)
        for depth in depths
        for chroma in chromas
    }


_ALL: tuple[Chroma, ...] = ("420", "422", "444")

SMALL_PIXELS = 256 * 256
"""Pictures of fewer pixels are small: a single thread is as quick as several."""
LARGE_PIXELS = 1280 * 720
"""Pictures of so many pixels are large: what small partitions and a long search save is little."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """What one codec takes, and how it is driven."""

    codec: Codec
    """Its name in `--codec`."""
    library: str
    """FFmpeg's name of the encoder."""
    formats: Mapping[PixelLayout, str]
    """Layouts it takes, with FFmpeg's name of the pixel format for each."""
    needs_even_size: bool = True
    """Whether a subsampled direction (width in 4:2:0 and 4:2:2, height in 4:2:0) must be even."""
    smallest: int = 2
    """Least width and height in pixels."""
    least_width: int = 0
    """Least width, where it has to be more."""
    crf: float | None = None
    """Default constant quality; None: the encoder has no such setting."""
    crf_range: tuple[float, float] = (0.0, 51.0)
    crf_option: str = "crf"
    presets: tuple[str, ...] = ()
    preset: str | None = None
    """Default preset; None: the encoder has none, or they depend on the layout (`profiles`)."""
    preset_option: str = "preset"
    profiles: Mapping[PixelLayout, tuple[str, ...]] = field(default_factory=dict)
    """Presets of each layout, the default one last, where they depend on it."""
    profile_prefix: str = ""
    """What FFmpeg's names of them begin with."""
    large_preset: tuple[str, str] | None = None
    """Preset and `params` in place of the default one for lossy pictures of `LARGE_PIXELS` or more,
    where a quicker way is as good; None: the same."""
    lossless: Mapping[str, str] | None = None
    """Options that make it mathematically lossless; None: it cannot. Empty: it always is."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Options it always gets."""
    params_option: str | None = None
    """Where "key=value:key=value" settings of the library itself go; joined with `params`."""
    params: str = ""
    intra_only: bool = False
    reorder_depth: int = 0
    """Frames it may reorder by, where FFmpeg's codec context does not say (x265)."""
    tags_siting: bool = False
    """Whether its bitstream can say that 4:2:0 chroma is centred."""
    segment_format: str = "nut"
    """FFmpeg's name of the file format that keeps its packets until they are joined.

    NUT gives every packet and the codec's headers back byte for byte; Matroska rewrites those of
    H.264, HEVC and AV1. (NUT drops x265's mark of frames that no other needs, a hint for players.)
    """
    marks_fields: Literal["", "film", "frame"] = ""
    """What its bitstream says to be interlaced: nothing, the whole film, or each frame for itself.
    """
    small_params: str = ""
    """What `params` need below `SMALL_PIXELS`."""
    field_params: tuple[str, str] = ("", "")
    """What `params` need for the top and for the bottom field first."""
    needs_even_fields: bool = False
    """Whether it marks fields only where both have as many rows of luma and of chroma."""
    holds_full_range: bool = True
    """Whether players learn from it that the codes use the full range."""
    states_matrix: bool = False
    """Whether its decoders take BT.709 where the file does not say what the film is."""
    mp4_tag: str | None = None
    """Code of the sample entry in mp4 and mov where FFmpeg's own choice is not the playable one."""

    def can_mark_fields(self, layout: PixelLayout, height: int) -> bool:
        """Whether its bitstream can say that a film of so many rows is interlaced."""
        rows = 2 * layout.subsampling[0] if self.needs_even_fields else 1
        return bool(self.marks_fields) and height % rows == 0

    @property
    def always_lossless(self) -> bool:
        """Whether it has no lossy mode."""
        return self.lossless is not None and not self.lossless and self.intra_only


_X26_PRESETS = (
    *("ultrafast", "superfast", "veryfast", "faster", "fast"),
    *("medium", "slow", "slower", "veryslow", "placebo"),
)


def _nvenc(
    codec: Codec,
    formats: Mapping[PixelLayout, str],
    crf: float,
    crf_range: tuple[float, float],
    mp4_tag: str | None = None,
) -> Encoder:
    """A row for one of NVIDIA's encoders."""
    return Encoder(
        codec=codec,
        library=codec,
        formats=formats,
        smallest=146,
        crf=crf,
        crf_range=crf_range,
        crf_option="cq",
        preset="p5",
        presets=("p1", "p2", "p3", "p4", "p5", "p6", "p7"),
        fixed={"rc": "vbr", "b": "0", "forced-idr": "1"},
        mp4_tag=mp4_tag,
    )


_ROWS = (
    Encoder(
        codec="libx264",
        library="libx264",
        formats=_planar(_ALL, (8, 10)),
        smallest=1,
        crf=18.0,
        preset="faster",
        presets=_X26_PRESETS,
        # Half the time of `faster` for the same size and PSNR, but not of smaller pictures.
        large_preset=("superfast", "trellis=1:mbtree=1:rc-lookahead=20:subme=2:me=hex"),
        # Not crf 0: above 8 bits that is merely a very good quality.
        lossless={"qp": "0"},
        # Else a forced key frame is an I frame that later frames may look past.
        fixed={"forced-idr": "1"},
        params_option="x264-params",
        params="open-gop=0",
        tags_siting=True,
        marks_fields="film",
        field_params=("tff=1", "bff=1"),
        needs_even_fields=True,
    ),
    Encoder(
        codec="libx265",
        library="libx265",
        formats=_planar(_ALL, (8, 10, 12)),
        smallest=16,
        crf=20.0,
        preset="medium",
        presets=_X26_PRESETS,
        lossless={"x265-params": "lossless=1"},
        fixed={"forced-idr": "1"},
        params_option="x265-params",
        params="open-gop=0:log-level=error",
        reorder_depth=2,
        tags_siting=True,
        mp4_tag="hvc1",
    ),
    Encoder(
        codec="libsvtav1",
        library="libsvtav1",
        formats=_planar(("420",), (8, 10)),
        needs_even_size=False,
        smallest=16,
        crf=26.0,
        crf_range=(1.0, 63.0),
        preset="8",
        # From 11 on SVT-AV1 4.1 leaves blocks far from the film (80 of 255 codes), hardly quicker.
        presets=tuple(str(speed) for speed in range(11)),
        params_option="svtav1-params",
        # Its threads now and then lose count of tiny pictures on a busy machine ("bug, no frame in
        # undisplayed queue"), and make them no quicker.
        small_params="lp=1",
    ),
    Encoder(
        codec="prores",
        holds_full_range=False,
        library="prores_ks",
        formats=_planar(("422", "444"), (10,)),
        needs_even_size=False,
        presets=("proxy", "lt", "standard", "hq", "4444", "4444xq"),
        preset_option="profile",
        profiles={
            PixelLayout(10, "422"): ("proxy", "lt", "standard", "hq"),
            PixelLayout(10, "444"): ("4444xq", "4444"),
        },
        # Apple's decoders look for their own vendor code.
        fixed={"vendor": "apl0"},
        intra_only=True,
        marks_fields="film",
        # NUT does not take it; Matroska gives every packet back as it was.
        segment_format="matroska",
    ),
    Encoder(
        codec="dnxhr",
        library="dnxhd",
        formats=_planar(("422",), (8, 10)) | _planar(("444",), (10,)),
        holds_full_range=False,
        needs_even_size=False,
        smallest=120,
        least_width=256,
        presets=("lb", "sq", "hq", "hqx", "444"),
        preset_option="profile",
        profiles={
            PixelLayout(8, "422"): ("lb", "sq", "hq"),
            PixelLayout(10, "422"): ("hqx",),
            PixelLayout(10, "444"): ("444",),
        },
        profile_prefix="dnxhr_",
        segment_format="mov",  # neither NUT nor Matroska takes it
        intra_only=True,
        states_matrix=True,
    ),
    Encoder(
        codec="ffv1",
        library="ffv1",
        formats=_planar(_ALL, (8, 10, 12, 16)),
        needs_even_size=False,
        smallest=1,
        lossless={},
        fixed={"level": "3", "slicecrc": "1"},  # checksums: what archives ask for
        intra_only=True,
        marks_fields="frame",
    ),
    _nvenc("h264_nvenc", _planar(("420", "444"), (8,)), 19.0, (1.0, 51.0)),
    _nvenc(
        "hevc_nvenc",
        {
            **_planar(("420", "444"), (8,)),
            PixelLayout(10, "420"): "p010le",
            PixelLayout(10, "444"): "yuv444p16le",
        },
        21.0,
        (1.0, 51.0),
        mp4_tag="hvc1",
    ),
    _nvenc(
        "av1_nvenc",
        {PixelLayout(8, "420"): "yuv420p", PixelLayout(10, "420"): "p010le"},
        28.0,
        (1.0, 63.0),
    ),
)
ENCODERS: Mapping[Codec, Encoder] = MappingProxyType({row.codec: row for row in _ROWS})


def find_encoder(codec: str) -> Encoder:
    """Table entry of `codec`; `OptionError` if it is unknown or missing from this FFmpeg build."""
    entry = next((each for name, each in ENCODERS.items() if name == codec), None)
    if entry is None:
        raise OptionError(f"--codec {codec}: unknown; choose one of {', '.join(ENCODERS)}")
    if not available_formats(entry.library):
        have = [name for name, other in ENCODERS.items() if available_formats(other.library)]
        raise OptionError(
            f"--codec {codec}: this build of PyAV has no encoder {entry.library}; "
            f"choose one of {', '.join(have)}"
        )
    return entry


def available_formats(library: str) -> frozenset[str]:
    """Pixel formats that FFmpeg's encoder `library` takes in this build; empty if it is missing."""
    try:
        codec = FFmpegCodec(library, "w")
    except UnknownCodecError:
        return frozenset()
    return frozenset(known.name for known in codec.video_formats or ())
