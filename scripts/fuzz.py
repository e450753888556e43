"""Runs filmcolor on damaged files: no hang, no traceback, no silent crash, nothing left half done.

    python scripts/fuzz.py --count 300 --seed 1
    python scripts/fuzz.py --count 40 --kinds png,tiff --keep damaged/

Makes a small whole file of every kind, damages copies of it (bits flipped, parts cut out, doubled
or overwritten, fields of the header set to extremes) and lets `filmcolor run` or `filmcolor info`
loose on each, in a process of its own. The same seed gives the same files. Every violation is
printed with the command that shows it again, and its file is kept; the exit code is 1 if there was
one. Forks, so it needs a Unix.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from av.audio.resampler import AudioResampler
from av.codec.context import CodecContext
from PIL import Image

import filmcolor.cli
from filmcolor.media.images.decoded import encoded
from filmcolor.media.images.formats import format_of_suffix, written_suffix
from filmcolor.media.images.reader import read_picture
from filmcolor.models.registry import find_checkpoint

LIMIT_SECONDS = 20
"""A case that works longer counts as a hang."""
PATIENCE = 4
"""So many times the limit may pass on the clock, on a machine that has other things to do."""
LARGEST_MEMORY = 3 << 30
"""Bytes of resident memory that a case may take."""
OWN_WORDS = ("Error: ", "Warning: ", "Failed: ", "tempfile.tif: ", "libpng ")
"""How a line on standard error may begin; the last two libraries cannot be silenced."""
QUICK = ("--device", "cpu", "--size", "64", "--smooth", "none", "-q")

FILMS: dict[str, tuple[str, str, dict[str, str]]] = {
    "mp4": ("libx264", "aac", {"g": "8", "bf": "2"}),
    "mkv": ("libx264", "aac", {"g": "8", "bf": "2"}),
    "avi": ("mpeg4", "mp2", {"g": "8", "bf": "2"}),
    "mpg": ("mpeg2video", "mp2", {"g": "8", "bf": "2"}),
    "mxf": ("dnxhd", "pcm_s16le", {"profile": "dnxhr_lb"}),
    "mov": ("mpeg4", "adpcm_ima_qt", {"g": "8", "bf": "2"}),
    "wmv": ("wmv2", "wmav2", {"g": "8"}),
    "flv": ("flv1", "adpcm_swf", {"g": "8"}),
}
"""By suffix: codecs of picture and sound. The sound of the last three is converted for some."""
SIZES = {"dnxhd": (256, 120)}
RATES = {"adpcm_swf": 44_100, "wmav2": 44_100}
PICTURES = ("png", "jpeg", "tiff")
RARE = ("dpx", "exr", "jp2", "sgi", "ppm", "tga", "avif")
VERIFIED = "verify"
"""Damaged films held against the whole one."""
KINDS = (*FILMS, *PICTURES, *RARE, VERIFIED, "safetensors")


@dataclass(frozen=True)
class Case:
    """One damaged file and what is done with it."""

    number: int
    kind: str
    damage: str
    folder: Path
    arguments: tuple[str, ...]
    target: Path | None

    @property
    def command(self) -> str:
        """What shows it again, in the case's folder."""
        return f"cd {shlex.quote(str(self.folder))} && python -m filmcolor " + shlex.join(
            self.arguments
        )


# --- whole files ---------------------------------------------------------------------------


def make_whole_files(folder: Path) -> None:
    """One small file of every kind; pictures in several kinds of samples."""
    for kind, (codec, sound, options) in FILMS.items():
        make_film(folder / f"whole.{kind}", codec, sound, options)
    grey = picture(0, 40, 56)
    color = np.stack([grey, grey[::-1], 255 - grey], axis=-1)
    wide = grey.astype(np.uint16) * 257
    for kind in PICTURES:
        Image.fromarray(grey).save(folder / f"whole.{kind}")
        Image.fromarray(color).save(folder / f"color.{kind}", exif=exif_block())
    Image.fromarray(wide).save(folder / "wide.png")
    Image.fromarray(wide).save(folder / "wide.tiff")
    Image.fromarray(color).save(folder / "packed.tiff", compression="tiff_lzw")
    cv2.imwrite(str(folder / "deep.png"), np.stack([wide] * 3, axis=-1))
    for kind in ("ppm", "tga", "avif"):
        Image.fromarray(color).save(folder / f"whole.{kind}")
    for kind, name in (("dpx", "DPX"), ("sgi", "SGI"), ("jp2", "JPEG 2000")):
        (folder / f"whole.{kind}").write_bytes(encoded(color, name, 8))
    (folder / "whole.exr").write_bytes(exr(color))
    shutil.copy(find_checkpoint("default"), folder / "whole.safetensors")


def make_film(path: Path, codec: str, sound: str, options: dict[str, str]) -> None:
    """Half a second, with a sound track."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream(codec, rate=Fraction(24), options=options)
        stream.width, stream.height = SIZES.get(codec, (64, 48))
        stream.pix_fmt = "yuv422p" if codec == "dnxhd" else "yuv420p"
        rate = RATES.get(sound, 48_000)
        track = film.add_stream(sound, rate=rate)
        track.bit_rate = 64_000
        track.layout = "stereo"
        for index in range(12):
            grey = picture(index, stream.height, stream.width)
            frame = av.VideoFrame.from_ndarray(grey, format="gray")
            frame = frame.reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = index, Fraction(1, 24)
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
        resampler = AudioResampler(track.format.name, "stereo", rate, track.frame_size or 1152)
        for start in range(0, rate // 2, 1152):
            wave = 0.3 * np.sin(np.arange(start, start + 1152, dtype=np.float32) / 16)
            tone = av.AudioFrame.from_ndarray(np.stack([wave, wave]), "fltp", "stereo")
            tone.sample_rate, tone.pts, tone.time_base = rate, start, Fraction(1, rate)
            for samples in resampler.resample(tone):
                film.mux(track.encode(samples))
        film.mux(track.encode(None))


def exr(rgb: np.ndarray) -> bytes:
    """An OpenEXR file."""
    context = CodecContext.create("exr", "w")
    context.height, context.width = rgb.shape[:2]
    context.pix_fmt, context.time_base = "gbrpf32le", Fraction(1, 24)
    frame = av.VideoFrame.from_ndarray((rgb / 255).astype(np.float32), format="gbrpf32le")
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def picture(index: int, height: int, width: int) -> np.ndarray:
    """A moving gradient with grain."""
    rows, columns = np.mgrid[0:height, 0:width]
    grain = np.random.default_rng(index).integers(0, 24, (height, width))
    return ((3 * columns + 2 * rows + 4 * index) % 200 + 20 + grain).clip(0, 255).astype(np.uint8)


def exif_block() -> Image.Exif:
    exif = Image.Exif()
    exif[274] = 6
    exif[270] = "a street"
    return exif


# --- damage --------------------------------------------------------------------------------


def flip_bits(content: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 3, 10, 60))):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def cut_end(content: bytearray, chance: random.Random) -> None:
    del content[chance.randrange(1, len(content)) :]


def cut_middle(content: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(content))
    del content[start : start + chance.randrange(1, 1 + len(content) // 4)]


def cut_head(content: bytearray, chance: random.Random) -> None:
    del content[: chance.randrange(1, 1 + min(4096, len(content) - 1))]


def double_part(content: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(content))
    part = content[start : start + chance.randrange(1, 1 + len(content) // 4)]
    content[start:start] = part


def noise(content: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(content))
    size = min(len(content) - start, chance.choice((4, 64, 1024, 8192)))
    content[start : start + size] = chance.randbytes(size)


def zeros(content: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(content))
    size = min(len(content) - start, chance.choice((4, 64, 1024, 8192)))
    content[start : start + size] = bytes(size)


def head_bytes(content: bytearray, chance: random.Random) -> None:
    reach = min(len(content), 700)
    for _ in range(chance.choice((1, 2, 6))):
        content[chance.randrange(reach)] = chance.randrange(256)


def head_field(content: bytearray, chance: random.Random) -> None:
    """A field of two or four bytes near either end of the file (mp4 keeps its header there)."""
    value = chance.choice((0, 1, 0x7FFF_FFFF, 0xFFFF_FFFF, 0x8000_0000, 0xFFFF, 0x4000, 0x10000))
    size = chance.choice((2, 4))
    reach = min(2500, len(content) - size)
    at = chance.randrange(reach)
    if chance.random() < 0.5:
        at = len(content) - size - at
    order = chance.choice(("little", "big"))
    content[at : at + size] = (value & ((1 << 8 * size) - 1)).to_bytes(size, order)


DAMAGES: tuple[Callable[[bytearray, random.Random], None], ...] = (
    *(flip_bits, cut_end, cut_middle, cut_head, double_part, noise, zeros, head_bytes),
    *(head_field, head_field, flip_bits),
)


# --- cases ---------------------------------------------------------------------------------


def make_case(number: int, seed: int, kinds: Sequence[str], whole: Path, root: Path) -> Case:
    """Case `number` of a seed: which file, how it is damaged, what is run."""
    chance = random.Random(seed * 1_000_003 + number)
    kind = kinds[number % len(kinds)]
    folder = root / f"case-{number:04d}"
    folder.mkdir(parents=True)
    suffix = chance.choice(list(FILMS)) if kind == VERIFIED else kind
    source = chance.choice(sorted(whole.glob(f"*.{suffix}")))
    content = bytearray(source.read_bytes())
    damage = chance.choice(DAMAGES)
    damage(content, chance)
    name = f"in.{suffix}"
    (folder / name).write_bytes(content)
    if kind == VERIFIED:
        shutil.copy(source, folder / f"good.{suffix}")
        films = [f"good.{suffix}", name]
        chance.shuffle(films)
        return Case(number, kind, damage.__name__, folder, ("verify", *films, "-q"), None)
    if chance.random() < 0.2:
        arguments: tuple[str, ...] = ("info", name)
        return Case(number, kind, damage.__name__, folder, arguments, None)
    if kind == "safetensors":
        shutil.copy(whole / "whole.png", folder / "good.png")
        arguments = ("run", "good.png", "--model", name, "-o", "out.png", *QUICK)
        return Case(number, kind, damage.__name__, folder, arguments, folder / "out.png")
    if kind in FILMS:
        suffix = chance.choice(("mp4", "mkv", "mov", "mxf"))
    else:
        suffix = written_suffix(Path(name))[1:]
    arguments = ("run", name, "-o", f"out.{suffix}", *QUICK)
    if suffix == "mxf":
        arguments = (*arguments, "--codec", "prores")
    if kind in FILMS and chance.random() < 0.5:
        arguments = (*arguments, "--on-error", "repeat")
    return Case(number, kind, damage.__name__, folder, arguments, folder / f"out.{suffix}")


@dataclass(frozen=True)
class Ending:
    """How a case ended."""

    code: int
    """Exit code; negative: the signal that ended it."""
    seconds: float
    """Processor time; the limit, if the clock ran out."""
    memory: int
    """Largest resident memory, bytes."""
    out: str
    err: str


def run(case: Case) -> Ending:
    """Run a case in a forked process; it is killed some time after the limit."""
    out, err = case.folder / ".out", case.folder / ".err"
    started, is_late = time.monotonic(), False
    child = os.fork()
    if child == 0:
        code = 99
        try:
            os.chdir(case.folder)
            for place, number in ((out, 1), (err, 2)):
                opened = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.dup2(opened, number)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            code = filmcolor.cli.main(list(case.arguments))
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() - started > PATIENCE * LIMIT_SECONDS:
            os.kill(child, signal.SIGKILL)
            _, status, usage = os.wait4(child, 0)
            is_late = True
            break
        time.sleep(0.01)
    seconds = LIMIT_SECONDS + 1.0 if is_late else usage.ru_utime + usage.ru_stime
    scale = 1 if sys.platform == "darwin" else 1024
    texts = [place.read_text(errors="replace") if place.exists() else "" for place in (out, err)]
    for place in (out, err):
        place.unlink(missing_ok=True)
    code = os.waitstatus_to_exitcode(status)
    # Of a process that was forked and runs no other program this begins at what its parent holds
    # then, not at the parent's peak: what a run of its own would have loaded, too.
    return Ending(code, seconds, usage.ru_maxrss * scale, texts[0], texts[1])


def violations(case: Case, ending: Ending, before: set[str]) -> Iterator[str]:
    """What of the promises a case broke."""
    if ending.seconds > LIMIT_SECONDS:
        yield f"hangs: not done after {LIMIT_SECONDS} s"
        return
    if ending.code < 0:
        yield f"crashes: {signal.Signals(-ending.code).name}"
    elif ending.code not in (0, 1, 2, 3, 4, 5):
        yield f"exit code {ending.code}"
    if "Traceback" in ending.err or "bug in filmcolor" in ending.err:
        yield "a bug shows"
    lines = ending.err.splitlines()
    if strange := [line for line in lines if not line.startswith(OWN_WORDS)]:
        yield f"says what is not its own: {strange[0][:100]}"
    errors = [line for line in lines if line.startswith("Error: ")]
    found_faults = case.kind == VERIFIED and ending.code == 1 and not errors
    if ending.code and len(errors) != 1 and not found_faults:
        yield f"{len(errors)} lines of error with exit code {ending.code}"
    if not ending.code and errors:
        yield "an error line, and yet exit code 0"
    if ending.memory > LARGEST_MEMORY:
        yield f"takes {ending.memory >> 20} MB of memory"
    left = {path.name for path in case.folder.iterdir()} - before
    if ending.code and case.target is not None:
        left -= {f".{case.target.name}.work"}  # what was done is kept for the next run
    whole = {case.target.name} if case.target is not None and ending.code == 0 else set()
    if left != whole:
        yield f"leaves {sorted(left)}, expected {sorted(whole)}"
    elif whole and case.target is not None and (wrong := unreadable(case.target)):
        yield f"writes a file that cannot be read: {wrong}"


def unreadable(target: Path) -> str:
    """What is wrong with a result, if anything: it must be whole and have colour planes."""
    try:
        if format_of_suffix(target):
            read_picture(target)
            return ""
        with av.open(str(target)) as film:
            stream = film.streams.video[0]
            stream.codec_context.thread_count = 1
            times = [frame.pts for frame in film.decode(stream)]
    except Exception as error:  # whatever it is, it is reported
        return f"{type(error).__name__}: {error}"
    if not times or times != sorted(set(times)):
        return f"{len(times)} frames with times that do not rise"
    return ""


def warm_up(whole: Path) -> None:
    """Colour the whole films and pictures, so that no case has to load what the others have."""
    for kind in (*FILMS, *PICTURES, *RARE):
        suffix = ".mkv" if kind in FILMS else written_suffix(Path(f"whole.{kind}"))
        target = str(whole / f"done{suffix}")
        code = filmcolor.cli.main(["run", str(whole / f"whole.{kind}"), "-o", target, *QUICK])
        if code:
            raise SystemExit(f"a whole {kind} file fails with exit code {code}")
        Path(target).unlink()


def fuzz(
    count: int, seed: int, kinds: Sequence[str], keep: Path, *, first: int = 0
) -> list[tuple[Case, str]]:
    """Run `count` cases; the files of those that broke a promise stay in `keep`."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    found: list[tuple[Case, str]] = []
    endings: Counter[tuple[str, int]] = Counter()
    slowest: tuple[float, str] = (0.0, "")
    with tempfile.TemporaryDirectory() as temporary:
        whole = Path(temporary)
        make_whole_files(whole)
        warm_up(whole)
        for number in range(first, first + count):
            case = make_case(number, seed, kinds, whole, keep)
            before = {path.name for path in case.folder.iterdir()}
            ending = run(case)
            endings[case.kind, ending.code] += 1
            slowest = max(slowest, (ending.seconds, case.command))
            broken = list(violations(case, ending, before))
            for text in broken:
                print(f"{case.number} {case.kind} {case.damage}: {text}\n    {case.command}")
                found.append((case, text))
            if broken:
                print("    " + "\n    ".join(ending.err.splitlines()[:4]), flush=True)
            else:
                shutil.rmtree(case.folder)
    print(f"seed {seed}: {count} files, {len({case.number for case, _ in found})} violations")
    for kind in kinds:
        codes = ", ".join(f"{n} x {c}" for (k, c), n in sorted(endings.items()) if k == kind)
        print(f"  {kind}: exit codes {codes}")
    print(f"  slowest: {slowest[0]:.1f} s, {slowest[1]}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Run filmcolor on damaged files.")
    parser.add_argument("--count", type=int, default=300, help="files (default: 300)")
    parser.add_argument("--seed", type=int, default=1, help="which files (default: 1)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--kinds", default=",".join(KINDS), help=f"of {','.join(KINDS)}")
    parser.add_argument("--keep", type=Path, help="folder for the files that broke something")
    chosen = parser.parse_args()
    kinds = chosen.kinds.split(",")
    if unknown := set(kinds) - set(KINDS):
        parser.error(f"unknown kinds: {', '.join(sorted(unknown))}")
    keep = (chosen.keep or Path(tempfile.mkdtemp(prefix="fuzz-"))).resolve()
    found = fuzz(chosen.count, chosen.seed, kinds, keep, first=chosen.first)
    if not any(keep.iterdir()):
        keep.rmdir()
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
