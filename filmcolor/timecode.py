"""Times as people write them, 12.5, 1:02.5, 00:01:12.4, and as they stand in names of files; rates.

Words only: `Fraction` seconds in and out.
"""

from __future__ import annotations

import re
from fractions import Fraction

_TIME = re.compile(r"(?:(?:(?P<hours>\d+):)?(?P<minutes>\d+):)?(?P<seconds>\d+(?:\.\d*)?|\.\d+)")
_RATE = re.compile(r"(?P<rate>\d{1,6}(?:\.\d{1,4})?)(?:/(?P<below>\d{1,4}))?")
_VIDEO_RATES = (24, 30, 48, 60, 120)
"""Times 1000/1001, the rates of NTSC and its kin."""
_RATE_ROUNDING = Fraction(5, 1000)
_IN_NAME = re.compile(r"(\d+)-([0-5]\d)-([0-5]\d(?:\.\d+)?)")


def parse_seconds(text: str) -> Fraction:
    """A time or a length of time, exactly, in seconds: from `12.5`, `1:02.5` or `1:00:00`.

    Raises `ValueError`, with what is wrong, if the text is neither.
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no time: give seconds (12.5) or [HH:]MM:SS (1:02.5)")
    hours, minutes = int(match["hours"] or 0), int(match["minutes"] or 0)
    seconds = Fraction(match["seconds"])
    if (match["hours"] and minutes >= 60) or (match["minutes"] and seconds >= 60):
        raise ValueError(f"{text!r} is no time: minutes and seconds go up to 59")
    return 3600 * hours + 60 * minutes + seconds


def parse_rate(text: str) -> Fraction:
    """Frames a second: 18, 16.67, or 24000/1001, which 23.976 and the like are short for.

    Raises `ValueError`, with what is wrong, if the text is none.
    """
    match = _RATE.fullmatch(text.strip())
    if match is None or not int(match["below"] or 1):
        raise ValueError(f"{text!r} is no rate: give frames a second, such as 18 or 24000/1001")
    rate = Fraction(match["rate"]) / int(match["below"] or 1)
    whole = -(-rate.numerator // rate.denominator)
    video = Fraction(whole * 1000, 1001)
    return video if whole in _VIDEO_RATES and 0 < abs(rate - video) < _RATE_ROUNDING else rate


def clock_text(seconds: float | Fraction, digits: int = 0) -> str:
    """A time as a clock shows it, rounded to so many digits: 0:05, 12:34, 1:02:03, 0:04.5."""
    hours, minutes, rest = _clock(seconds, digits)
    return f"{hours}:{minutes:02}:{rest}" if hours else f"{minutes}:{rest}"


def name_of(seconds: Fraction) -> str:
    """A time for the name of a file, rounded to milliseconds: 00-01-12.400."""
    hours, minutes, rest = _clock(seconds, 3)
    return f"{hours:02}-{minutes:02}-{rest}"


def seconds_in(name: str) -> Fraction | None:
    """The time in a file's name as `name_of` writes it, the last if there are several; or None."""
    found = _IN_NAME.findall(name)
    if not found:
        return None
    hours, minutes, seconds = found[-1]
    return 3600 * int(hours) + 60 * int(minutes) + Fraction(seconds)


def time_text(seconds: Fraction) -> str:
    """A time for people: 00:01:12.400, to the nanosecond where it has to be."""
    for digits in (3, 6, 9):
        if (seconds * 10**digits).denominator == 1:
            break
    hours, minutes, rest = _clock(seconds, digits)
    return f"{hours:02}:{minutes:02}:{rest}"


def _clock(seconds: float | Fraction, digits: int) -> tuple[int, int, str]:
    """Hours, minutes, and seconds as text, with so many digits after the point."""
    whole, part = divmod(round(seconds * 10**digits), 10**digits)
    point = f".{part:0{digits}}" if digits else ""
    return whole // 3600, whole // 60 % 60, f"{whole % 60:02}{point}"
