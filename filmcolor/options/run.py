"""Everything about one run: where it reads and writes, how it enlarges and encodes."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from filmcolor.errors import OptionError
from filmcolor.options.color import ColorOptions, Stroke
from filmcolor.options.encode import ENCODING, EncodeOptions
from filmcolor.options.facts import COLOUR, DAMAGE, FILMS_ONLY, check_options, names_of, option

SitingChoice = Literal["auto", "left", "center"]
OnError = Literal["stop", "repeat"]
Audio = Literal["copy", "flac", "none"]
UpscaleFor = Literal["clean", "film"]

_RESULT, _LARGER, _READING = (
    "Where the result goes",
    "How small films and pictures are made larger",
    f"How the film is read {FILMS_ONLY}",
)
SECTIONS = (_RESULT, COLOUR, DAMAGE, _LARGER, _READING, ENCODING)
"""As the help of `filmcolor run` lists them."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Everything about one run over a film or a set of pictures."""

    color: ColorOptions = field(default_factory=ColorOptions)
    encode: EncodeOptions = field(default_factory=EncodeOptions)
    siting: SitingChoice = option(
        "auto",
        "Where the colour samples of 4:2:0 and 4:2:2 sit; auto is right unless you know better.",
        section=_READING,
    )
    deinterlace: bool = option(
        False,
        "Make one whole frame of the two fields of each interlaced frame first. It gives up exact "
        "luma (only --output-chroma changes it besides) and every second moment: the number of "
        "frames stays, that of the pictures a viewer sees is halved. Without it fields stay as "
        "they are, and each is coloured by itself.",
    )
    fps: Fraction | None = option(
        None,
        "How many frames a second a frame sequence has, or any other film is shown at: 18, 16.67, "
        "24000/1001 (23.976 and 29.97 are taken so). None is made up or left out: silent film runs "
        "at its speed again. Subtitles and chapters stay at their frames; sound is left out, but "
        "with --audio copy or flac it is kept, from the first frame on and not stretched. Times "
        "that are given (--start, plans) are the source's own. Of a folder of numbered pictures it "
        "also says that they are a film.",
        section=_READING,
        metavar="RATE",
        shown_default="of a film its own times; of frames what the files state, else 24",
        range=(0.1, 1000),
    )
    keep_start: bool = option(
        False,
        "Leave the times of a film that begins later than a second (a recorded broadcast) as they "
        "are. Without it all its streams are brought to zero alike.",
    )
    audio: Audio | None = option(
        None,
        "Sound is copied as it is. What the target's container cannot hold is left out with copy; "
        "flac decodes it and keeps it without loss, as FLAC, or PCM where there is no FLAC. none "
        "leaves all sound out.",
        metavar="copy|flac|none",
        shown_default="flac",
        in_fingerprint=False,  # segments have no sound
    )
    start_seconds: Fraction | None = option(
        None,
        "Where to begin: seconds (12.5) or [HH:]MM:SS (1:02.5).",
        metavar="TIME",
        shown_default="the beginning",
        range=(0, None),
    )
    duration_seconds: Fraction | None = option(
        None,
        "How much to colour, written likewise.",
        metavar="TIME",
        shown_default="to the end",
        more_than=0,
    )
    on_error: OnError = option(
        "stop",
        "Where a frame cannot be decoded: stop ends the run and names the place; repeat shows the "
        "frame before once more, so that every other frame keeps its time and the sound stays in "
        "step, and scales frames of another size to that of the first. Both are counted at the "
        "end. What is missing at the end of a film that was cut short is not made up. In both "
        "cases a file that gives nothing for 60 seconds is an error, as is standard input after 10 "
        "minutes.",
    )
    overwrite: bool = option(
        False,
        "Replace what is there already. Without it an existing film is an error and existing "
        "pictures of a folder are skipped, so that the same command goes on where it stopped.",
        section=_RESULT,
        changes_frames=False,
    )
    work: str | None = option(
        None,
        "Where what is done is kept until the film is whole, so that the same command goes on "
        "where it stopped: a new or empty folder, which holds nothing else.",
        metavar="FOLDER",
        shown_default=".NAME.work beside TARGET",
        films_only=True,
        changes_frames=False,
    )
    keep_work: bool = option(
        False,
        "Leave that folder there when the film is whole.",
        films_only=True,
        changes_frames=False,
    )
    workers: int = option(
        1,
        "Processes that colour different parts of the film at the same time: worth while on a "
        "machine with many cores.",
        section=COLOUR,
        metavar="NUMBER",
        range=(1, 256),
        films_only=True,
        changes_frames=False,
    )
    shard: tuple[int, int] | None = option(
        None,
        "Be the Ith of N runs of this command, started by hand or as a job array, that share the "
        "work by way of the folder TARGET, which all of them see. Whichever ends last puts the "
        "film together; what a run that has died was at is taken up by the others.",
        metavar="I/N",
        shown_default="all of it",
        in_fingerprint=False,  # all shards do the same work
    )
    verify: bool = option(
        False,
        "When the film is written, prove that it is the source with nothing but colour added, as "
        "`filmcolor verify` does. If it is not, the film is kept and the exit code is 1.",
        section=_RESULT,
        films_only=True,
        changes_frames=False,
    )
    sidecar: bool = option(
        False,
        "Write TARGET.json beside the film: its source, model and options, with SHA-256 of all "
        "files, for archives.",
        films_only=True,
        changes_frames=False,
    )
    output_chroma: bool = option(
        False,
        "Colour alone, to be laid over the scan in a grading suite: luma is one mid-grey, Cb and "
        "Cr have the codes that they have without this option. Frames, PNG and TIFF are a matte: "
        "red is Cr, blue is Cb, green is mid-grey.",
        section=_RESULT,
    )
    restore_map: str | None = option(
        None,
        "Write a film of what --restore has repaired: white where there was dust, grey where there "
        "was a scratch. FILE.mkv is lossless.",
        section=DAMAGE,
        metavar="FILE",
        shown_default="none",
        changes_frames=False,
        file="the map of repairs",
    )
    sound: str | None = option(
        None,
        "Where the result is frames: write the sound of the film beside them, its packets as they "
        "are, into this .mka file. The first frame is its zero.",
        section=_RESULT,
        metavar="FILE",
        shown_default="none",
        films_only=True,
        changes_frames=False,
        file="its sound",
    )
    stills: str | None = option(
        None,
        "Stills with the right colours, named by their times, as `filmcolor stills` writes them: "
        "each shot follows its own. Those that nobody has changed are left out.",
        section=COLOUR,
        metavar="FOLDER",
        shown_default="none",
        file="the folder of stills",
        films_only=True,
        in_plan="shot",
        in_fingerprint=False,  # it counts for the segments of its shots alone, as the next three
    )
    strokes: str | tuple[Stroke, ...] | None = option(
        None,
        "Points and boxes with the right colours, as TOML or JSON: the things they touch follow "
        "them through their shot.",
        metavar="FILE",
        shown_default="none",
        file="the file of strokes",
        films_only=True,
        in_plan="shot",
        in_fingerprint=False,
    )
    upscale: int | None = option(
        None,
        "Raise the resolution: so many times as many rows and columns. Brought back down, the "
        "result is the source again; colours are those of a run without it.",
        section=_LARGER,
        metavar="2|3|4",
        shown_default="the source's own size",
        choices=(2, 3, 4),
        in_plan="film",
    )
    upscale_for: UpscaleFor = option(
        "film",
        "What the source is: film leaves grain and blocks as they are, clean takes every detail "
        "for real and is sharper.",
        in_plan="film",
    )
    upscale_model: str | None = option(
        None,
        "An upscaler that `filmcolor models` lists, or a .safetensors file.",
        metavar="NAME|FILE",
        shown_default="by --upscale-for",
        file="the upscaler",
        in_plan="film",
    )
    no_color: bool = option(
        False, "Only raise the resolution, or only --restore: the result stays grey."
    )
    reference: str | None = option(
        None,
        "A photograph in colour of like things, such as another picture of the same people or "
        "place: what looks alike (skin, uniforms, sky) takes its colours, the rest stays "
        "automatic. Stills and strokes come before it. Example: filmcolor run old.mp4 --reference "
        "uniform.jpg --start 1:20 --duration 15.",
        section=COLOUR,
        metavar="PICTURE",
        shown_default="none",
        file="the reference",
        in_plan="shot",
        in_fingerprint=False,
    )
    plan: str | None = option(
        None,
        "Shots, and settings for each, as `filmcolor plan` writes them and you have changed them. "
        "What stands under a [[shot]] wins over the options given here, and these win over what "
        "stands under [film].",
        metavar="FILE",
        shown_default="none",
        file="the plan",
        films_only=True,
        in_fingerprint=False,
    )
    explicit_options: tuple[str, ...] = option((), changes_frames=False)
    """Names of fields that win over the plan's [film] even at their default."""

    @property
    def audio_kept(self) -> Audio:
        """What becomes of sound, chosen or not: beside a film that gets another rate there is
        none unless it is chosen.
        """
        return self.audio or ("flac" if self.fps is None else "none")

    @property
    def upscaler(self) -> str:
        """Name or file of the network that enlarges."""
        return self.upscale_model or {"clean": "sr-fast", "film": "sr-fast-film"}[self.upscale_for]

    def __post_init__(self) -> None:
        check_options(self)
        if self.upscale is None and self.upscale_model is not None:
            raise OptionError("--upscale-model: needs --upscale 2, 3 or 4")
        if self.no_color and self.upscale is None and not self.color.restored_kinds:
            raise OptionError("--no-color: needs --upscale 2, 3 or 4, or --restore")
        if self.restore_map is not None and not self.color.restored_kinds and self.plan is None:
            raise OptionError("--restore-map: needs --restore, or a plan that restores shots")
        if self.output_chroma and self.color.restored_kinds:
            raise OptionError(
                "--output-chroma: leaves out the luma that --restore repairs; give one of the two"
            )
        if self.output_chroma and self.upscale is not None:
            raise OptionError(
                "--output-chroma: leaves out the luma that --upscale enlarges; give one of the two"
            )
        for name in GUIDES:
            if self.no_color and getattr(self, name) is not None:
                raise OptionError(f"--{name}: says which colours are right; leave --no-color out")
        if self.shard is not None and not 1 <= self.shard[0] <= self.shard[1]:
            raise OptionError(f"--shard {self.shard[0]}/{self.shard[1]}: must be 1/n to n/n")
        if self.shard is not None and self.overwrite:
            raise OptionError("--shard, --overwrite: a late shard would begin anew; remove the old")


GUIDES = names_of(RunOptions, lambda facts: facts.in_plan == "shot")
"""Options that say which colours are right."""
