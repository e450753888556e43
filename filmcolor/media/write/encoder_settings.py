"""From the encoder table to one encoder's settings: pixel format, options, context fields.

Pure choices, but for `EncoderSettings.check`, which opens an encoder to see whether it agrees.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import av
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.stream import VideoStream

from filmcolor.errors import OptionError
from filmcolor.events import Notice
from filmcolor.media.pixel_formats import describe_layout
from filmcolor.media.write.encoders import (
    ENCODERS,
    LARGE_PIXELS,
    SMALL_PIXELS,
    Encoder,
    available_formats,
)
from filmcolor.media.write.scheduling import ordinary_scheduling
from filmcolor.options import EncodeOptions
from filmcolor.types import Chroma, ColorTags, PixelLayout, Siting

ENCODER_THREADS = 4
"""Always so many: what x264 and FFV1 write depends on it, and segments of one film may be made on
different machines. Faster machines take several segments at a time."""
GOP_SECONDS = 2
"""Longest distance between key frames."""

TOP_FIRST, BOTTOM_FIRST = 4, 5
"""FFmpeg's AVFieldOrder of interlaced films, TB and BT: the two fields of a frame are stored woven,
9 and 14 in QuickTime and Matroska. 0 is unknown or progressive.
"""

_FINENESS: dict[Chroma, int] = {"400": 0, "420": 1, "422": 2, "444": 3}


def settle_layout(
    encoder: Encoder, source: PixelLayout, width: int, height: int
) -> tuple[PixelLayout, list[Notice]]:
    """Nearest layout of `encoder` that keeps the source's depth and chroma grid, with what to say.

    A grey source counts as 4:2:0. Fewer bits are used only when the encoder has no more, and then a
    warning names the codecs that would keep them. Raises `OptionError` when the encoder cannot take
    the picture's size in any layout.
    """
    least = max(encoder.smallest, encoder.least_width)
    if min(width, height) < encoder.smallest or width < least:
        raise OptionError(
            f"--codec {encoder.codec}: cannot encode {width}x{height} (least is "
            f"{least}x{encoder.smallest}); use --codec ffv1 and an .mkv target"
        )
    offered = available_formats(encoder.library)
    usable = [layout for layout, name in encoder.formats.items() if name in offered]
    wanted = source.colored
    if not usable:
        raise OptionError(f"--codec {encoder.codec}: takes none of filmcolor's pixel formats here")

    def fits(layout: PixelLayout) -> bool:
        down, across = layout.subsampling
        return not encoder.needs_even_size or (width % across == 0 and height % down == 0)

    fitting = [layout for layout in usable if fits(layout)]
    if not fitting:
        raise OptionError(
            f"--codec {encoder.codec}: cannot encode the odd size {width}x{height}; "
            "use --codec ffv1 and an .mkv target"
        )

    def distance(layout: PixelLayout) -> tuple[int, int, int, int]:
        return _distance(layout, wanted)

    chosen = min(fitting, key=distance)
    odd = chosen != min(usable, key=distance)
    return chosen, _layout_notices(encoder, wanted, chosen, odd=odd)


def _distance(layout: PixelLayout, wanted: PixelLayout) -> tuple[int, int, int, int]:
    """How far from what is wanted: bits lost, chroma lost, chroma added, bits added."""
    bits = layout.bit_depth - wanted.bit_depth
    fineness = _FINENESS[layout.chroma] - _FINENESS[wanted.chroma]
    return (max(-bits, 0), max(-fineness, 0), max(fineness, 0), max(bits, 0))


def _layout_notices(
    encoder: Encoder, wanted: PixelLayout, chosen: PixelLayout, *, odd: bool
) -> list[Notice]:
    """What to say when `chosen` is not what was `wanted`; `odd` if the picture's size forced it."""
    if chosen == wanted:
        return []
    what = describe_layout(wanted) + (" of an odd size" if odd else "")
    text = f"{encoder.codec} does not take {what}: writing {describe_layout(chosen)}"
    bits_lost, chroma_lost, _, _ = _distance(chosen, wanted)
    if bits_lost:
        keep = [
            name
            for name, other in ENCODERS.items()
            if not name.endswith("_nvenc")
            and max(layout.bit_depth for layout in other.formats) >= wanted.bit_depth
        ]
        text += (
            f", which rounds the film's luma from {wanted.bit_depth} to {chosen.bit_depth} bits; "
            f"--codec {' or '.join(keep)} keeps it"
        )
    elif chroma_lost:
        text += "; the film's luma is kept whole, only the colour is coarser"
    else:
        text += ", which loses nothing"
    return [Notice(text, warning=bits_lost > 0)]


def gop_frames(rate: Fraction | None) -> int:
    """Frames in a group of pictures: `GOP_SECONDS` worth, at least 1; 24 fps if unknown."""
    return max(1, round(GOP_SECONDS * (rate or 24)))


def encoder_options(
    encoder: Encoder,
    options: EncodeOptions,
    layout: PixelLayout,
    siting: Siting,
    field_order: int = 0,
    pixels: int = 0,
) -> dict[str, str]:
    """FFmpeg options for `encoder`; `OptionError` for a setting it does not have.

    `field_order` is that of a film whose fields the encoder is to mark, else 0; `pixels` is the
    size of a picture.
    """
    result = dict(encoder.fixed)
    params = [encoder.params] if encoder.params else []
    if field_order and (marks := encoder.field_params[field_order == BOTTOM_FIRST]):
        params.append(marks)
    if 0 < pixels < SMALL_PIXELS and encoder.small_params:
        params.append(encoder.small_params)
    is_free = options.preset is None and not options.lossless
    if is_free and pixels >= LARGE_PIXELS and encoder.large_preset is not None:
        result[encoder.preset_option], quicker = encoder.large_preset
        params.append(quicker)
    else:
        result |= _preset_options(encoder, options, layout)
    if options.lossless:
        if encoder.lossless is None:
            raise OptionError(
                f"--lossless: {encoder.codec} cannot; use --codec libx264, libx265 or ffv1"
            )
        for key, value in encoder.lossless.items():
            if key == encoder.params_option:
                params.append(value)
            else:
                result[key] = value
    else:
        result |= _quality_options(encoder, options)
    if encoder.params_option and params:
        result[encoder.params_option] = ":".join(params)
    if encoder.tags_siting and siting == "center" and layout.chroma == "420":
        result["chroma_sample_location"] = "center"
    return result


def field_notices(settings: EncoderSettings) -> list[Notice]:
    """What to say where the fields of a film are kept, but not marked in its bitstream."""
    if not settings.field_order or settings.marks_fields:
        return []
    name = settings.encoder.codec
    what = f"a height of {settings.height}" if settings.encoder.marks_fields else "interlaced film"
    return [
        Notice(
            f"{name} cannot mark the fields of {what}: they are kept, but at most the file's "
            "header says so, and players may show them as whole frames; --codec ffv1 marks them",
            warning=True,
        )
    ]


def _preset_options(
    encoder: Encoder, options: EncodeOptions, layout: PixelLayout
) -> dict[str, str]:
    fitting = encoder.profiles.get(layout, ())
    preset = options.preset or encoder.preset or next(iter(fitting[::-1]), None)
    if preset is None:
        return {}
    if not encoder.presets:
        raise OptionError(f"--preset {preset}: {encoder.codec} has no presets: leave it out")
    if preset not in encoder.presets:
        raise OptionError(f"--preset {preset}: {encoder.codec} knows {', '.join(encoder.presets)}")
    if fitting and preset not in fitting:
        *rest, last = [each for each in encoder.presets if each in fitting]
        names = f"{', '.join(rest)} or {last}" if rest else last
        raise OptionError(
            f"--preset {preset}: {encoder.codec} needs {names} for {describe_layout(layout)}"
        )
    return {encoder.preset_option: encoder.profile_prefix + preset}


def _quality_options(encoder: Encoder, options: EncodeOptions) -> dict[str, str]:
    if options.crf is None:
        return {} if encoder.crf is None else {encoder.crf_option: f"{encoder.crf:g}"}
    if encoder.crf is None:
        way_out = "it is always lossless" if encoder.always_lossless else "use --preset instead"
        raise OptionError(f"--crf: {encoder.codec} has no constant quality: {way_out}")
    low, high = encoder.crf_range
    if not low <= options.crf <= high:
        raise OptionError(f"--crf {options.crf:g}: {encoder.codec} takes {low:g} to {high:g}")
    return {encoder.crf_option: f"{options.crf:g}"}


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """Everything that is set on a codec context before it is opened."""

    encoder: Encoder
    pixel_format: str
    width: int
    height: int
    time_base: Fraction
    rate: Fraction
    """Frames a second, for rate control and the file's header; the pts are what counts."""
    tags: ColorTags
    options: Mapping[str, str]
    sample_aspect_ratio: Fraction = Fraction(1)
    field_order: int = 0
    """`TOP_FIRST`, `BOTTOM_FIRST`, or 0."""
    marks_fields: bool = False
    """Whether the bitstream says it, too, and not only the file."""

    @property
    def codec(self) -> str:
        """FFmpeg's name of what the encoder writes: "h264", "hevc", "av1"."""
        return av.Codec(self.encoder.library, "w").canonical_name

    def apply(self, context: av.VideoCodecContext) -> None:
        """Set it all on `context`, which is not open yet."""
        context.width = self.width
        context.height = self.height
        context.pix_fmt = self.pixel_format
        context.time_base = self.time_base
        context.framerate = self.rate
        context.gop_size = 1 if self.encoder.intra_only else gop_frames(self.rate)
        context.colorspace = self.tags.matrix
        context.color_primaries = self.tags.primaries
        context.color_trc = self.tags.transfer
        context.color_range = {None: 0, False: 1, True: 2}[self.tags.full_range]
        if self.sample_aspect_ratio != 1:
            context.sample_aspect_ratio = self.sample_aspect_ratio
        if self.field_order:
            context.field_order = self.field_order
        if self.marks_fields:
            context.flags |= Flags.interlaced_dct | Flags.interlaced_me
        context.thread_count = ENCODER_THREADS
        context.options = dict(self.options)

    def add_stream(self, container: OutputContainer) -> VideoStream:
        """A stream of `container` that encodes with these settings, not open yet."""
        stream = container.add_stream(self.encoder.library, rate=self.rate)
        if not isinstance(stream, VideoStream):
            raise TypeError(f"{self.encoder.library} is no video encoder")
        self.apply(stream.codec_context)
        return stream

    def reorder_depth(self, context: av.VideoCodecContext) -> int:
        """Frames by which the encoder, once open, may reorder."""
        return max(context.reorder_depth, self.encoder.reorder_depth)

    def check(self) -> None:
        """Open an encoder with these settings and let it go; `OptionError` if it refuses them."""
        quiet_libraries()
        context = av.CodecContext.create(self.encoder.library, "w")
        if not isinstance(context, av.VideoCodecContext):
            raise OptionError(f"--codec {self.encoder.codec}: not a video encoder in this build")
        self.apply(context)
        try:
            with ordinary_scheduling():
                context.open()
        except (av.FFmpegError, ValueError) as error:
            reason = error.strerror if isinstance(error, av.FFmpegError) else str(error)
            if self.encoder.library.endswith("_nvenc"):
                raise OptionError(
                    f"--codec {self.encoder.codec}: no NVIDIA GPU here that can encode this "
                    f"({reason}); use --codec libx264, libx265 or libsvtav1"
                ) from error
            raise OptionError(
                f"--codec {self.encoder.codec}: refuses {self.width}x{self.height} "
                f"{self.pixel_format} ({reason}); try another --preset or --codec"
            ) from error


def quiet_libraries() -> None:
    """Keep SVT-AV1, which writes to stderr past FFmpeg's log, to its errors."""
    os.environ.setdefault("SVT_LOG", "1")
