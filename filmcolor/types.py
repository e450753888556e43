"""The values that travel between the stages.

Words only: nothing here opens a file, imports torch or PyAV, or computes a colour. Arrays are
NumPy; sizes are (height, width); ranges are half-open; time is `Fraction` or an integer pts in a
stated time base.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:  # the command line needs these types, not numpy: it would start half as fast
    import numpy as np
    from numpy.typing import NDArray

Luma: TypeAlias = "NDArray[np.uint8] | NDArray[np.uint16]"
"""Codes of one plane as decoded, shape (height, width); uint8 up to 8 bit, uint16 above."""

FloatPlane: TypeAlias = "NDArray[np.float32]"

Chroma = Literal["400", "420", "422", "444"]
"""Chroma sampling; "400" is a grey format without chroma planes."""

Siting = Literal["left", "center"]
"""Where 4:2:0 and 4:2:2 chroma sits horizontally: with the left luma sample, or between two."""

AncillaryKind = Literal["closed captions", "active format", "frame timecode"]
"""What may be said beside a picture; see `Ancillary`."""

DUST, SCRATCH = 1, 2
"""What was repaired at a place of a frame."""
BT601 = 6
"""H.273 matrix code of BT.601 (SMPTE 170M)."""
BT709 = 1
"""The same of BT.709."""
SD_LINES = 576
"""An untagged film of at most so many lines is BT.601, a higher one BT.709."""
UNTAGGED_MATRICES = (0, 2, 3)
"""H.273 matrix codes that say nothing of Y'CbCr."""
_QUEUE_BYTES = 64 << 20
_CENTERED_CODECS = frozenset({"mjpeg", "mpeg1video"})
_SUBSAMPLING: dict[str, tuple[int, int]] = {"420": (2, 2), "422": (1, 2), "444": (1, 1)}


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """How a frame's codes are laid out, whatever FFmpeg calls it."""

    bit_depth: int
    """Bits of a code: 8, 10, 12 or 16."""
    chroma: Chroma

    def __post_init__(self) -> None:
        if self.bit_depth not in (8, 10, 12, 16):
            raise ValueError(f"bit depth must be 8, 10, 12 or 16, got {self.bit_depth}")
        if self.chroma not in ("400", "420", "422", "444"):
            raise ValueError(f"chroma must be 400, 420, 422 or 444, got {self.chroma!r}")

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        """NumPy type of a code."""
        import numpy as np

        return np.uint8 if self.bit_depth == 8 else np.uint16

    @property
    def subsampling(self) -> tuple[int, int]:
        """Luma samples per chroma sample, (vertical, horizontal); a grey layout counts as 4:2:0."""
        return _SUBSAMPLING.get(self.chroma, (2, 2))

    def chroma_size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) of the chroma planes of a picture of this size, rounded up."""
        down, across = self.subsampling
        return -(-height // down), -(-width // across)

    @property
    def colored(self) -> PixelLayout:
        """This layout with room for colour: grey becomes 4:2:0 of the same depth."""
        return PixelLayout(self.bit_depth, "420") if self.chroma == "400" else self


@dataclass(frozen=True, slots=True)
class ColorTags:
    """A stream's colour description: the code points of ITU-T H.273; 2 is "unspecified"."""

    matrix: int = 2
    """MatrixCoefficients: 1 BT.709, 5 and 6 BT.601, 9 BT.2020 non-constant luminance, 0 RGB."""
    primaries: int = 2
    """ColourPrimaries: 1 BT.709, 5 BT.470BG, 6 SMPTE 170M, 9 BT.2020."""
    transfer: int = 2
    """TransferCharacteristics: 1 BT.709, 13 sRGB, 16 PQ, 18 HLG."""
    full_range: bool | None = None
    """True: codes 0..2^n-1. False: 16..235, 16..240 at 8 bit. None: untagged, read as limited."""


@dataclass(frozen=True, slots=True)
class Ancillary:
    """What is said beside one picture in the picture's own stream."""

    captions: bytes = b""
    """Closed captions (CEA-608 and CEA-708): the cc_data of ATSC A/53 Part 4, three bytes each."""
    active_format: int | None = None
    """Active format description (ETSI TS 101 154, annex B): 0..15."""
    timecodes: tuple[int, ...] = ()
    """At most three, packed as SMPTE ST 12-1 and FFmpeg do: frames, seconds, minutes, hours in
    binary coded decimals from the highest byte to the lowest, bit 30 for drop frame.
    """

    @property
    def kinds(self) -> frozenset[AncillaryKind]:
        """Which of them there are."""
        said: dict[AncillaryKind, bool] = {
            "closed captions": bool(self.captions),
            "active format": self.active_format is not None,
            "frame timecode": bool(self.timecodes),
        }
        return frozenset(kind for kind, is_there in said.items() if is_there)


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """One stream of a file, as its header describes it."""

    index: int
    kind: Literal["video", "audio", "subtitle", "data", "attachment", "unknown"]
    codec: str
    language: str | None = None
    title: str | None = None
    is_cover: bool = False
    """A still picture attached to the file: not the film."""
    detail: str = ""
    """For people: "48000 Hz stereo", "640x480"."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a film is: its picture, its clock, its colour tags and its other streams."""

    path: str
    """File name, or "-" for Y4M on standard input."""
    container: str
    """FFmpeg's demuxer name, such as "mov,mp4,m4a,3gp,3g2,mj2"."""
    stream_index: int
    codec: str
    width: int
    height: int
    source_format: str
    """FFmpeg's name of the decoded pixel format, such as "yuv420p10le"."""
    layout: PixelLayout
    """What `film_reader` delivers: the nearest layout that loses no depth and no luma detail."""
    tags: ColorTags
    """As they go out again: after a conversion (`conversion`), those of the converted planes."""
    time_base: Fraction
    """Seconds per pts tick."""
    rate: Fraction | None
    """Average frames a second, if known."""
    frame_count: int | None = None
    """Header's count, or rate times duration: an estimate, for progress only."""
    duration: Fraction | None = None
    """Seconds."""
    sample_aspect_ratio: Fraction = Fraction(1)
    crop: Box | None = None
    """What the container says is shown of the picture; None for all. It is coloured as a whole."""
    rotation: int = 0
    """Degrees counter-clockwise that a player turns the picture by: 0, 90, 180, 270."""
    interlaced: bool = False
    top_field_first: bool = True
    frames_state_fields: bool = False
    """Whether its decoder marks interlaced frames; if not, all of an interlaced film are."""
    fields_contradict: bool = False
    """Whether the file's header says another order of fields than its frames, which is taken."""
    times_disordered: bool = False
    """Whether its pictures, in the order they are shown, do not have their times in order."""
    conversion: str | None = None
    """One line for people when the planes are not the decoder's own, else None."""
    streams: tuple[StreamInfo, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    chapter_count: int = 0
    display_matrix: tuple[int, ...] | None = None
    """FFmpeg's nine numbers behind `rotation`, mirroring included; None when the film has none."""
    ancillary: frozenset[AncillaryKind] = frozenset()
    """What is said beside its pictures, as far as the first of them show."""
    frame_timecode: int | None = None
    """Of the first picture, as `Ancillary` has it."""
    first_number: int | None = None
    """Of a frame sequence, the number in the name of its first file; None for any other film."""

    @property
    def is_pipe(self) -> bool:
        """Whether the film comes on standard input and cannot be read twice."""
        return self.path == "-"

    @property
    def is_sequence(self) -> bool:
        """Whether its frames are a file each: it has nothing but them."""
        return self.first_number is not None

    @property
    def siting(self) -> Siting:
        """Default place of 4:2:0 chroma: centred in JPEG and MPEG-1, else left."""
        return "center" if self.codec in _CENTERED_CODECS else "left"

    @property
    def queue_depth(self) -> int:
        """Frames that may wait between two stages: at most 8, less when they are large."""
        size = self.width * self.height * (1 if self.layout.bit_depth == 8 else 2)
        return max(2, min(8, _QUEUE_BYTES // max(1, size)))

    def expected_frames(self, start: Fraction | None, length: Fraction | None) -> int | None:
        """How many frames a part of the film has, as far as its header says: an estimate.

        start, length: seconds; None for the beginning, and for all that follows.
        """
        if self.frame_count is None or (start is None and length is None):
            return self.frame_count
        if not self.duration:
            return None
        rest = max(self.duration - (start or Fraction(0)), Fraction(0))
        part = rest if length is None else min(rest, length)
        return round(self.frame_count * part / self.duration)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded frame."""

    index: int
    """Counted from 0 at the first frame of the run."""
    pts: int
    """In ticks of the film's time base."""
    luma: Luma
    """Shape (height, width), codes exactly as decoded."""
    duration: int = 0
    """Ticks; 0 when the source does not say."""
    chroma: tuple[Luma, Luma] | None = None
    """(Cb, Cr) codes when the source has them and the caller asked for them."""
    shot: int = 0
    """Number of the frame's shot, counted from 0; set by `shots`."""
    place: int = 0
    """Number of the frame in its shot, counted from 0; set by `shots`."""
    interlaced: bool = False
    """Its even and its odd rows are two fields, taken at different moments."""
    guide: Luma | None = None
    """Codes (height, width) that colour follows instead of `luma`; None where it follows that."""
    ancillary: Ancillary | None = None
    """None where nothing is said beside it."""
    mended: NDArray[np.uint8] | None = None
    """Shape (height, width): where `luma` was repaired, `DUST`, `SCRATCH`, or else 0; None where
    it was not."""


@dataclass(frozen=True, slots=True, eq=False)
class AbMap:
    """The colour of one frame at model size, before it meets the film's own luma."""

    index: int
    """Index of the frame it belongs to."""
    ab: FloatPlane
    """Shape (2, h, w), CIE Lab a and b, D65."""
    lightness: FloatPlane
    """Shape (H, W), L* 0..100: what the network was shown; guides flow and upsampling."""
    confidence: FloatPlane | None = None
    """Shape (h, w), 0..1, where the model states it."""
    hint_map: FloatPlane | None = None
    """Shape (h, w), 0..1: how much of ab somebody has said; None where nobody has."""


@dataclass(frozen=True, slots=True, eq=False)
class KnownColors:
    """What people have said of the colours of one frame, directly or of another of its shot."""

    index: int
    """Index of the frame it belongs to."""
    ab: FloatPlane
    """Shape (2, h, w), CIE Lab a and b, D65, at a quarter of the model's size, as the frame is
    stored; only read where `confidence` is above 0.
    """
    confidence: FloatPlane
    """Shape (h, w), 0 (unknown) to 1 (certain)."""
    whole: bool = False
    """A whole picture was given: what is not known may follow it. Else that stays as it is."""


@dataclass(frozen=True, slots=True, eq=False)
class FieldAbMaps:
    """The colours of a frame's two fields: of its even rows and of its odd ones.

    Each is that of the field alone, seen at the frame's height.
    """

    top: AbMap
    bottom: AbMap


@dataclass(frozen=True, slots=True, eq=False)
class Uncolored:
    """A frame that the network was not shown: `smooth` carries colour to it from its neighbours."""

    index: int
    """Index of the frame it belongs to."""
    lightness: FloatPlane
    """As in `AbMap`."""
    grid: tuple[int, int]
    """(h, w) of the ab field that it shall get."""


@dataclass(frozen=True, slots=True, eq=False)
class ColorFrame:
    """One frame ready for the encoder; `luma` is the source's own array."""

    index: int
    pts: int
    luma: Luma
    cb: Luma
    cr: Luma
    duration: int = 0
    key: bool = False
    """The encoder must make this a key frame (first of a shot)."""
    interlaced: bool = False
    """As in `Frame`; then even and odd rows of 4:2:0 chroma belong to the field of that parity."""
    ancillary: Ancillary | None = None
    """As in `Frame`."""
    dust: int = 0
    """Px of `luma` that hid dust or blotches and were repaired."""
    scratches: int = 0
    """The same of scratches."""


@dataclass(frozen=True, slots=True)
class Box:
    """The picture inside a frame: rows top..bottom, columns left..right, half-open."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.bottom - self.top, self.right - self.left

    def enlarged(self, factor: int) -> Box:
        """The same part of a picture with so many times as many rows and columns."""
        sides = (self.top, self.left, self.bottom, self.right)
        return Box(*(factor * side for side in sides))


@dataclass(frozen=True, slots=True)
class Shot:
    """A run of frames without a change of picture: start..stop, half-open, and why it ends."""

    start: int
    stop: int
    ends_by: Literal["cut", "dissolve", "fade", "end"] = "cut"
