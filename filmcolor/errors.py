"""Every error filmcolor raises on purpose: one small tree.

A message says what is wrong, where, and what to do next, in one line; the command line prints it
as it stands and exits with `exit_code`.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager


class FilmcolorError(Exception):
    """Base of all errors that a user can do something about."""

    exit_code = 1


class OptionError(FilmcolorError):
    """An option, or a combination of options, that cannot be carried out."""

    exit_code = 2


class MediaError(FilmcolorError):
    """A film or picture that cannot be read, decoded, encoded or written."""

    exit_code = 3


class CheckpointError(FilmcolorError):
    """A model that is unknown, damaged, or not of the kind that was asked for."""

    exit_code = 4


class JobError(FilmcolorError):
    """A run that began and could not be finished."""

    exit_code = 5


class NameTakenError(JobError):
    """A result that is whole but stands under another name, since something else got its own."""


@contextmanager
def refusals(kind: type[FilmcolorError], what: str, then: str = "") -> Generator[None, None, None]:
    """An `OSError` of what is done inside becomes a `kind`: WHAT (the system's reason)THEN."""
    try:
        yield
    except OSError as error:
        raise kind(f"{what} ({error.strerror or error}){then}") from error
