"""Everything about an output that is decided before the first frame: see `plan_output`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from filmcolor.events import Notice
from filmcolor.media.images.sequence import FrameNames
from filmcolor.media.timebase import Chapter
from filmcolor.media.write.containers import Container
from filmcolor.media.write.encoder_settings import EncoderSettings
from filmcolor.media.write.matroska_result import KeptWords
from filmcolor.media.write.streams import StreamPlan
from filmcolor.options import OnError
from filmcolor.types import Box, ColorTags, PixelLayout, Siting


@dataclass(frozen=True, slots=True)
class SoundFile:
    """Sound that is written beside frames."""

    path: str
    streams: tuple[StreamPlan, ...]
    lost: tuple[str, ...] = ()
    """Tracks that the file cannot hold."""
    is_from_matroska: bool = False


@dataclass(frozen=True, slots=True)
class FrameFiles:
    """A result that is a file for each frame."""

    names: FrameNames
    kind: Literal["PNG", "TIFF", "DPX"]
    bits: int
    """Of a sample: 10, 12 or 16."""
    first: int
    """Number of the frame at time zero, or of the first one."""
    is_by_time: bool
    """Whether a frame's time is how far its number is from `first`: that of a sequence is."""
    sound: SoundFile | None = None
    label: str = ""
    """Says in each that the colour is synthetic; known once the model is."""

    @property
    def least_bytes(self) -> float:
        """Of a pixel: what it takes at least."""
        return {"PNG": 0.25, "TIFF": 6.0, "DPX": 4.0 if self.bits == 10 else 4.5}[self.kind]


@dataclass(frozen=True, slots=True)
class OutputPlan:
    """How the result is written; made by `plan_output`, carried out by `FilmWriter`."""

    source: str
    target: str
    """Final path, or "-" for Y4M on standard output."""
    width: int
    height: int
    layout: PixelLayout
    """What `ColorFrame.cb` and `.cr` must be delivered in."""
    source_layout: PixelLayout
    """What `ColorFrame.luma` comes in; the writer brings it to `layout`'s depth."""
    tags: ColorTags
    siting: Siting
    """Horizontal position of subsampled chroma, to be delivered so."""
    rate: Fraction
    source_time_base: Fraction
    time_base: Fraction
    """Of the film's stream in the result."""
    retimed: Fraction | None = None
    """Frames a second that the film is shown at, whatever its own times are; None: these stay."""
    sample_aspect_ratio: Fraction = Fraction(1)
    crop: Box | None = None
    """What is shown of the picture, as in `VideoInfo`."""
    field_order: int = 0
    """`TOP_FIRST`, `BOTTOM_FIRST` (see `encoder_settings`), or 0 for a film without fields."""
    container: Container | None = None
    """None for Y4M, and for frames that are a file each."""
    settings: EncoderSettings | None = None
    """None for Y4M, and for frames that are a file each."""
    frames: FrameFiles | None = None
    """None for a film in one file."""
    container_options: Mapping[str, str] = field(default_factory=dict)
    rotation: int = 0
    """Degrees counter-clockwise, as in `VideoInfo`."""
    display_matrix: tuple[int, ...] | None = None
    streams: tuple[StreamPlan, ...] = ()
    """Every stream of the result in order; the film among them."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    film_metadata: Mapping[str, str] = field(default_factory=dict)
    disposition: int = 0
    chapters: tuple[Chapter, ...] = ()
    words: KeptWords | None = None
    """What FFmpeg does not hand on from Matroska to Matroska."""
    offset_seconds: Fraction = Fraction(0)
    """Added to the times of all streams, because some are negative or all late; whole ticks of
    `time_base`.
    """
    starts_at_zero: bool = False
    """Whether the first frame becomes time zero (a part from the middle), all streams with it."""
    keeps_start: bool = False
    """Whether a film that begins late keeps its clock."""
    chroma_alone: bool = False
    """Whether luma is left out: mid-grey stands in its place."""
    duration_seconds: Fraction | None = None
    """How much is written, if it is a part."""
    overwrite: bool = False
    """Whether what stands under the target's name is replaced, should anything come there."""
    on_error: OnError = "stop"
    """"repeat": what cannot be read of the other streams is passed over."""
    notices: tuple[Notice, ...] = ()
    summary: str = ""

    @property
    def frame_time_base(self) -> Fraction:
        """Seconds of a tick in which frames come to the encoder: the source's, or one a frame."""
        return self.source_time_base if self.retimed is None else 1 / self.retimed

    @property
    def is_trimmed(self) -> bool:
        """Whether only a part of the film is written, or other streams begin where it does."""
        return self.starts_at_zero or self.duration_seconds is not None
