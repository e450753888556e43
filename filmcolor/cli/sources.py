"""What a command line names: films, pictures, folders; where each result goes, how several end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from click import format_filename

from filmcolor.cli.display.streams import is_closed
from filmcolor.errors import MediaError, OptionError
from filmcolor.events import FilmDone, Notice
from filmcolor.options import Codec, RunOptions
from filmcolor.options.facts import names_of

if TYPE_CHECKING:
    from filmcolor.cli.display.base import Display
    from filmcolor.jobs.batch import BatchItem

_NAMED = 3
"""Files that are named of those that are passed over."""
_WIDEST_NAME = 48
"""Letters of a film's name that the column of names makes room for."""


def check_source(source: str) -> bool:
    """Whether the source is a film (else pictures); raises where nothing can be read from it."""
    if source == "-":
        if is_closed(sys.stdin):
            raise OptionError("-: standard input is closed; pipe Y4M into it, or name a file")
        if sys.stdin.isatty():
            raise OptionError("-: standard input is a terminal; pipe Y4M into it, or name a file")
        return True
    if not source:
        raise OptionError("an empty name: give a film, a picture, a folder, or -")
    path = Path(source)
    if not path.exists():
        if is_frames(source):
            return True
        raise MediaError(f"{format_filename(source)}: no such file or folder; check the spelling")
    if path.is_dir():
        return False
    from filmcolor.media.folders import is_picture

    return not is_picture(path)


def check_film(source: str) -> bool:
    """As `check_source`, for a command that takes films alone: a folder may be a frame sequence."""
    if not (source and Path(source).is_dir()):
        return check_source(source)
    from filmcolor.media.images.sequence import find_sequence

    return find_sequence(source) is not None


def is_frames(source: str) -> bool:
    """Whether a name is a pattern, a range or a glob of a frame sequence, be it there or not."""
    if not any(sign in source for sign in "%*?["):
        return False
    from filmcolor.media.images.sequence import is_sequence_name

    return is_sequence_name(source)


def names_film(target: str | None) -> bool:
    """Whether the name of a result is that of one film: in a file, or in frames."""
    if target is None or Path(target).is_dir():
        return False
    suffixes = (*film_suffixes("libx264"), ".mxf")
    return Path(target).suffix.lower() in suffixes or is_frames(target)


def check_two_films(first: str, second: str, needs: str) -> None:
    """Raise where one of two film files is not there, before anything heavy is loaded."""
    for name in (first, second):
        if name in ("", "-"):
            raise OptionError(f"{name or 'an empty name'}: {needs}")
        if not (Path(name).exists() or is_frames(name)):
            raise MediaError(f"{format_filename(name)}: no such file; check the spelling")


def default_target(source: str, codec: Codec, *, is_film: bool | None = None) -> str:
    """A new name beside the source: `old_film.color.mp4`, `photo.color.jpg`, `photos.color`.

    Without a word on it a folder is one of pictures, and anything else a film.
    """
    if is_film is None:
        is_film = not Path(source).is_dir()
    path = Path(source)
    if path.is_dir() and not is_film:
        path = path.resolve()
        return str(path.with_name(f"{path.name}.color"))
    if path.is_dir() or is_frames(source):
        return name_beside(source, f".color{film_suffixes(codec)[0]}")
    suffix = path.suffix
    if is_film:
        fitting = film_suffixes(codec)
        suffix = suffix.lower() if suffix.lower() in fitting else fitting[0]
    else:
        from filmcolor.media.images.formats import written_suffix

        suffix = written_suffix(path)
    from filmcolor.media.partfile import long_name

    return str(path.with_name(long_name(path.stem, f".color{suffix}")))


def name_beside(film: str, ending: str) -> str:
    """A name like that of a film, in its folder; beside the folder of a frame sequence."""
    from filmcolor.media.partfile import long_name

    path = Path(film)
    if is_frames(film):
        path = path.parent
    if path.is_dir():
        path = path.resolve()
        return str(path.with_name(long_name(path.name, ending)))
    return str(path.with_name(long_name(path.stem, ending)))


def film_suffixes(codec: Codec) -> tuple[str, ...]:
    """What the names of films may end in that are encoded so; what suits best comes first."""
    return {"prores": (".mov", ".mkv", ".mxf"), "dnxhr": (".mov", ".mxf"), "ffv1": (".mkv",)}.get(
        codec, (".mkv", ".mp4", ".mov", ".m4v")
    )


def list_films(
    sources: Sequence[str], target: str | None, options: RunOptions, display: Display
) -> list[BatchItem] | None:
    """What is to be coloured, in order; None where it is one film, or pictures alone.

    Raises `FilmcolorError` where something cannot be meant.
    """
    if as_frames(sources, target, options) is not None:
        return None
    alone = len(sources) == 1
    if alone and not (Path(sources[0]).is_dir() and sources[0]):
        return None
    if len(set(sources)) < len(sources):
        raise OptionError("the same source was given twice")
    if "-" in sources:
        raise OptionError("-: one film at a time can come through a pipe; name files")
    if target == "-":
        raise OptionError(
            "-o -: only a film, and only one, can go to standard output; name a folder"
        )
    items: list[BatchItem] = []
    for source in sources:
        is_film = check_source(source)
        if Path(source).is_dir():
            items += _in_folder(Path(source), target, options, display, alone=alone)
        else:
            items.append(_by_name(source, target, options, is_film=is_film))
    if alone and all(item.kind == "pictures" for item in items):
        return None
    _refuse_strange(target, options)
    return items


def as_frames(sources: Sequence[str], target: str | None, options: RunOptions) -> str | None:
    """The sources as the frame sequence that they are meant as, else None.

    A folder, or pictures by name (a shell makes them of a glob), are meant so where the result is a
    film, or its rate is given.
    """
    is_meant = options.fps is not None or names_film(target)
    if len(sources) == 1:
        source = sources[0]
        if not Path(source).is_dir():
            return source if is_frames(source) else None
        if not is_meant or not source:
            return None
        from filmcolor.media.images.sequence import find_sequence

        return source if find_sequence(source) is not None else None
    if not (is_meant and all(Path(source).is_file() for source in sources)):
        return None
    from filmcolor.media.images.sequence import sequence_of_files

    return sequence_of_files(sources)


def _by_name(source: str, target: str | None, options: RunOptions, *, is_film: bool) -> BatchItem:
    """A film or a picture that was named: as by itself, but in the folder `target`."""
    from filmcolor.jobs.batch import BatchItem

    place = Path(default_target(source, options.encode.codec, is_film=is_film))
    if target is not None:
        place = Path(target, place.name)
    work = None if options.work is None else str(Path(options.work, place.name))
    return BatchItem(source, str(place), "film" if is_film else "pictures", work)


def _in_folder(
    folder: Path, target: str | None, options: RunOptions, display: Display, *, alone: bool
) -> list[BatchItem]:
    """Films of a folder and its subfolders, and itself if it has pictures; results mirror it."""
    from filmcolor.jobs.batch import BatchItem
    from filmcolor.media.folders import look_into_folder

    found = look_into_folder(folder)
    output = base = Path(target or default_target(str(folder), options.encode.codec))
    if target is not None and not alone:
        output /= folder.resolve().name
    if found.films:
        refuse_inside(folder, output, options)
    items = [item_in(film, "film", folder, output, base, options) for film in found.films]
    if found.pictures or not found.films:
        items.append(BatchItem(str(folder), str(output), "pictures"))
    if found.films and found.others:
        names = ", ".join(format_filename(path.name) for path in found.others[:_NAMED])
        more = "" if len(found.others) <= _NAMED else ", ..."
        count = f"{len(found.others)} of its files are neither film nor picture"
        display.show(Notice(f"{format_filename(folder)}: {count} ({names}{more}): not used"))
    return items


def item_in(
    path: Path,
    kind: Literal["film", "pictures"],
    folder: Path,
    output: Path,
    base: Path,
    options: RunOptions,
) -> BatchItem:
    """A film or a picture of a folder; its result has the same place in `output`, and its work in
    --work the same as that has in `base`.
    """
    from filmcolor.jobs.batch import BatchItem
    from filmcolor.media.folders import film_target, mirror_target

    if kind == "pictures":
        return BatchItem(str(path), str(mirror_target(path, folder, output)), kind)
    place = film_target(path, folder, output, film_suffixes(options.encode.codec))
    work = None if options.work is None else str(Path(options.work, place.relative_to(base)))
    return BatchItem(str(path), str(place), work=work)


def refuse_inside(folder: Path, output: Path, options: RunOptions) -> None:
    """Raise `OptionError` where results or work would go into the folder that films are taken
    from.
    """
    inside = folder.resolve()
    if output.resolve().is_relative_to(inside):
        raise OptionError(f"{output}: the results must not go into the folder they are made from")
    if options.work is not None and Path(options.work).resolve().is_relative_to(inside):
        raise OptionError(
            f"--work {options.work}: must not lie in the folder that the films are taken from"
        )


def _refuse_strange(target: str | None, options: RunOptions) -> None:
    if target is not None and Path(target).exists() and not Path(target).is_dir():
        raise OptionError(f"-o {target}: must be a folder, since there are several films")
    refuse_film_name(target)
    for name in names_of(RunOptions, lambda facts: facts.file and facts.films_only):
        if getattr(options, name) is not None:
            raise OptionError(f"--{name}: is of one film; colour that film by itself")


def refuse_film_name(target: str | None) -> None:
    """Raise `OptionError` for the name of one film where a folder would be made of it."""
    if names_film(target):
        raise OptionError(
            f"-o {target}: is the name of one film, and these are several files; name a folder, or "
            "make it first"
        )


def table_lines(films: Sequence[FilmDone]) -> list[str]:
    """Films and how they ended, one a line, in columns."""
    names = [format_filename(film.source) for film in films]
    width = min(_WIDEST_NAME, max(map(len, names), default=0))
    return [
        f"{film.status:<8} {name:<{width}}  {film.reason.removeprefix(f'{name}: ')}".rstrip()
        for film, name in zip(films, names, strict=True)
    ]
