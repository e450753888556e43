"""How every command runs: signals, Ctrl-C, errors as events, and what is said after a stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, closing, contextmanager
from types import FrameType
from typing import Any, TypeVar

from filmcolor.cli.arguments import exit_code
from filmcolor.cli.config import settings_notices
from filmcolor.cli.display.base import Display
from filmcolor.events import Event, Failed

_E = TypeVar("_E", bound="Event")


class Interrupted(KeyboardInterrupt):
    """The command was stopped from outside, by a signal; the text says what is left behind."""

    def __init__(self, text: str = "", *, signal_number: int = signal.SIGINT) -> None:
        super().__init__(text)
        self.signal_number = signal_number


@contextmanager
def running(
    display: Display,
    left: Callable[[], str] = str,
    *,
    signals: AbstractContextManager[None] | None = None,
) -> Generator[None, None, None]:
    """Do a command's work inside: an error becomes an event, and a stop says what is `left`.

    `signals` handles signals in place of a stop by SIGTERM and SIGHUP as by Ctrl-C.
    """
    with signals or caught(_stop, "SIGTERM", "SIGHUP"), display:
        try:
            for notice in settings_notices():
                display.show(notice)
            with stopped(left):
                yield
        except Exception as error:
            if code := exit_code(error):
                display.show(Failed(str(error), code))
            raise


@contextmanager
def stopped(left: Callable[[], str]) -> Generator[None, None, None]:
    """Let a stop of what is done inside say what is `left`."""
    try:
        yield
    except KeyboardInterrupt as stop:
        number = stop.signal_number if isinstance(stop, Interrupted) else signal.SIGINT
        raise Interrupted(str(stop) or left(), signal_number=number) from None


def show_all(
    display: Display, events: Generator[_E, None, Any], note: Callable[[_E], None] | None = None
) -> _E | None:
    """Show every event, and close the generator whatever happens; the last one. `note` is shown
    each before the display is.
    """
    last = None
    with closing(events):
        for last in events:
            if note is not None:
                note(last)
            display.show(last)
    return last


@contextmanager
def caught(
    handle: Callable[[int, FrameType | None], object], *names: str
) -> Generator[None, None, None]:
    """Handle the signals of these names, but for those that somebody else has chosen to handle, or
    to ignore; SIGINT in any case.
    """
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []
    before = {
        number: signal.getsignal(number)
        for number in numbers
        if number == signal.SIGINT or signal.getsignal(number) is signal.SIG_DFL
    }
    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, _frame: FrameType | None) -> None:
    raise Interrupted(signal_number=number)
