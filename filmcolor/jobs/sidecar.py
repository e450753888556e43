"""What a result says of itself: the label in its metadata, and the JSON file beside it, which tells
what it was made from, with what, and how; for archives.

That file's name is the result's with `.json` after it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filmcolor._version import __version__
from filmcolor.errors import MediaError, OptionError, refusals
from filmcolor.files_read import FileFacts
from filmcolor.film.context import FilmContext
from filmcolor.film.plan import FilmPlan
from filmcolor.film.shot_models import ShotColors
from filmcolor.guide.thing_list import seen_things, swatches
from filmcolor.guide.times import FilmTimes
from filmcolor.hashing import file_sha256
from filmcolor.media.images.sequence import find_sequence
from filmcolor.media.open import PIPE
from filmcolor.media.partfile import check_target, long_name, write_bytes
from filmcolor.models.card import ModelCard
from filmcolor.options import RunOptions
from filmcolor.options.facts import names_of
from filmcolor.segments.source_fingerprint import SourceWatch

FORMAT = "filmcolor-sidecar-1"
_MOST_THINGS = 24
_LEFT_OUT = names_of(RunOptions, lambda facts: not facts.changes_frames)
"""Options that change nothing in the result."""


def model_label(card: ModelCard, options: RunOptions, shots: ShotColors | None = None) -> str:
    """What a result says of itself in its metadata; `shots` are those of a film."""
    names = [] if options.no_color else [card.name]
    if options.upscale is not None:
        names.append(f"{Path(options.upscaler).stem} x{options.upscale}")
    kinds = (shots or ShotColors(options.color)).restored_kinds
    if options.output_chroma:
        made = "colour alone, colorized"
    elif options.no_color:
        made = "restored" if options.upscale is None else "enlarged"
    else:
        made = "colorized"
    if kinds:
        names.append(f"restored: {' '.join(kinds)}")
    return f"{made} by filmcolor {__version__}, {', '.join(names)}"


def sidecar_path(result: str | Path) -> Path:
    """Where it stands: `color.mkv.json` beside `color.mkv`."""
    return Path(result).with_name(long_name(Path(result).name, ".json"))


def check_sidecar(source: str, result: str, *, overwrite: bool) -> None:
    """Raise `OptionError` where none can be written for this source and this result."""
    if PIPE in (source, result):
        raise OptionError("--sidecar: needs files on both sides; a pipe has no digest")
    check_target(sidecar_path(result), overwrite=overwrite, sources=[source])


def write_sidecar(
    context: FilmContext, film: FilmPlan, repaired: Mapping[str, int] | None = None
) -> None:
    """Write it for the result of a film, which is whole.

    It names all files that the run has read, as they were when they were read. `repaired`: px of
    its frames by what was repaired. Raises `MediaError`
    if a file cannot be read or it cannot be written, `JobError` if the film is another by now, and
    `NameTakenError` as `write_bytes`.
    """
    card, model, options = context.model.card, context.model.facts, context.options
    assert model is not None  # else it was not loaded
    source = _read_facts(context.source)
    SourceWatch(context.source, context.source_print).check()
    result = _named(_read_facts(context.output.target))
    facts = {
        "format": FORMAT,
        "filmcolor": __version__,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "source": _named(source),
        "result": {**result, "frames": film.frames, "encoding": context.output.summary},
        "model": {
            "name": card.name,
            "license": card.license,
            "provenance": card.provenance,
            **_named(model),
        },
        "given": [{**_named(each), "file": each.path} for each in context.files.without(model)],
        "device": context.device,
        "restored": _restored(context, repaired or {}),
        "things": _things(context, film),
        "options": _named_options(options),
    }
    text = json.dumps(facts, indent=2, ensure_ascii=True, default=str)
    path = sidecar_path(context.output.target)
    write_bytes(path, f"{text}\n".encode(), overwrite=options.overwrite)


def _restored(context: FilmContext, repaired: Mapping[str, int]) -> dict[str, int | None]:
    """What was repaired in any shot; px of all frames where places were."""
    return {kind: repaired.get(kind) for kind in context.shots.restored_kinds}


def _things(context: FilmContext, film: FilmPlan) -> list[dict[str, Any]]:
    """The things that are seen most, with their colours along the film."""
    length = context.reader.info.duration
    times = FilmTimes(film, context.reader.first_pts(), length)
    most = sorted(seen_things(film, times, context.model), key=lambda thing: -thing.shown)
    return [
        {
            "name": thing.name,
            "seen": [
                [round(each.start, 3), round(each.stop, 3), each.color]
                for each in swatches(film, thing, context.model, context.shots.tone)
            ],
        }
        for thing in most[:_MOST_THINGS]
    ]


def read_sidecar(result: str) -> Mapping[str, Any] | None:
    """What stands in the file beside a result; None if there is none, or it is of another kind."""
    try:
        facts = json.loads(sidecar_path(result).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return facts if isinstance(facts, dict) and facts.get("format") == FORMAT else None


def is_result_of(source: str, result: str, options: RunOptions) -> bool:
    """Whether the sidecar of a result says that it was made from this source, with these options;
    those that one of the two versions has not do not count.

    The source is read from end to end only where it may have changed since. Raises `MediaError` if
    it cannot be read.
    """
    facts = read_sidecar(result)
    if facts is None or not _agree(facts.get("options"), _named_options(options)):
        return False
    try:
        size, sha256 = facts["source"]["bytes"], facts["source"]["sha256"]
        finished = datetime.fromisoformat(facts["finished"]).timestamp()
        there = os.stat(source)
    except (OSError, KeyError, TypeError, ValueError, OverflowError):
        return False
    if there.st_size != size:
        return False
    is_older = max(there.st_mtime, there.st_ctime) < finished
    return is_older or _read_facts(source).sha256 == sha256


def _named_options(options: RunOptions) -> dict[str, Any]:
    """Those that count for the frames, as JSON has them."""
    named = {name: v for name, v in asdict(options).items() if name not in _LEFT_OUT}
    return dict(json.loads(json.dumps(named, default=str)))


def _agree(said: object, ours: object) -> bool:
    """Whether two values of JSON are equal, but for keys that one of them has not; auto may have
    become anything.
    """
    if isinstance(said, dict) and isinstance(ours, dict):
        return all(_agree(said[key], ours[key]) for key in said.keys() & ours.keys())
    return ours in ("auto", said)


def _read_facts(path: str) -> FileFacts:
    """Those of a film, which is read from end to end; `MediaError` if it cannot be.

    Of a frame sequence they are those of all its files, one after the other.
    """
    sequence = find_sequence(path)
    files = [path] if sequence is None else list(sequence.paths())
    what = f"{path}: cannot be read for its digest"
    with refusals(MediaError, what, "; the film itself is whole"):
        size = sum(os.stat(file).st_size for file in files)
        return FileFacts(path, size, file_sha256(*files))


def _named(facts: FileFacts) -> dict[str, Any]:
    return {"file": Path(facts.path).name, "bytes": facts.size, "sha256": facts.sha256}
