"""What the page asks for, and the answers: its own files, the state of the film, pictures, changes.

Names in addresses are those of a table here; nothing of an address ever becomes a name of a file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from filmcolor.errors import FilmcolorError
from filmcolor.review.guard import RefusedError
from filmcolor.review.project import ReadOnlyError, StaleError
from filmcolor.review.session import Session
from filmcolor.review.state import film_facts, state

_WAIT_SECONDS = 20.0
_DEEPEST = 8
_PAGE = {
    "": ("index.html", "text/html; charset=utf-8"),
    "page.css": ("page.css", "text/css; charset=utf-8"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
    "page.js": ("page.js", "text/javascript; charset=utf-8"),
    "strip.js": ("strip.js", "text/javascript; charset=utf-8"),
    "view.js": ("view.js", "text/javascript; charset=utf-8"),
    "panel.js": ("panel.js", "text/javascript; charset=utf-8"),
    "talk.js": ("talk.js", "text/javascript; charset=utf-8"),
}
"""Files of the page by what is asked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the page."""

    content: bytes
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


class Answers:
    """Answers the requests that were let in. For several threads."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._page = {
            name: (files("filmcolor.review").joinpath("page", file).read_bytes(), kind)
            for name, (file, kind) in _PAGE.items()
        }

    def get(self, path: str) -> Answer:
        """The answer to what is asked for behind the token; raises `RefusedError`."""
        name, _, query = path.partition("?")
        if name in self._page:
            content, kind = self._page[name]
            return Answer(content, kind)
        asked = _query(query)
        parts = name.split("/")
        if parts == ["api", "film"]:
            return _json(film_facts(self._session))
        if parts == ["api", "state"]:
            return self._state(asked)
        if parts == ["api", "region"]:
            return self._region(asked)
        if len(parts) == 3 and parts[0] in ("picture", "thumb") and parts[1] in ("before", "after"):
            return self._picture(parts[1], parts[2], small=parts[0] == "thumb", asked=asked)
        if name in _SAID:
            raise RefusedError(405, "say it with POST")
        raise RefusedError(404, "nothing of that name")

    def post(self, path: str, content: bytes) -> Answer:
        """The answer to what is said; raises `RefusedError`."""
        if path not in _SAID:
            known = path in self._page or path.startswith(("api/", "picture/", "thumb/"))
            raise RefusedError(405 if known else 404, "nothing that can be said here")
        return _SAID[path](self, _object(content))

    def _state(self, asked: Mapping[str, str]) -> Answer:
        """The state, as soon as it is another than the one seen."""
        session = self._session
        page, seen = asked.get("page", ""), _number(asked, "seen", 1 << 53)
        may_write = session.pages.is_writer(page)
        if seen:
            session.board.wait(seen, _WAIT_SECONDS)
            may_write = session.pages.is_writer(page)
        return _json(state(session, may_write=may_write))

    def _region(self, asked: Mapping[str, str]) -> Answer:
        index = self._index(asked.get("frame", ""))
        point = (_real(asked, "x"), _real(asked, "y"))
        reach = asked.get("reach", "place")
        if reach not in ("thing", "alike", "place"):
            raise RefusedError(400, "reach: must be thing, alike or place")
        return _said_by(lambda: self._session.region(index, point, reach))

    def _picture(self, kind: str, name: str, *, small: bool, asked: Mapping[str, str]) -> Answer:
        index = self._index(name)
        try:
            content, exact = self._session.picture(kind, index, small=small)
        except FilmcolorError as error:
            raise RefusedError(409, str(error)) from None
        keeps = (exact or small) and "key" in asked
        cache = "private, max-age=3600, immutable" if keeps else "no-store"
        headers = {"Cache-Control": cache, "X-Exact": "1" if exact else "0"}
        return Answer(content, "image/jpeg", headers)

    def _index(self, text: str) -> int:
        """A frame's number; those of frames that are not known are refused."""
        film = self._session.table.film
        if film is None or not _is_number(text) or not int(text) < film.frames:
            raise RefusedError(404, "no such frame")
        return int(text)

    def look(self, asked: Mapping[str, Any]) -> Answer:
        """A page looks at a frame."""
        frame = asked.get("frame")
        if isinstance(frame, bool) or not isinstance(frame, int) or frame < 0:
            raise RefusedError(422, "frame: must be a whole number")
        self._session.look(self._index(str(frame)))
        return _json({})

    def change(self, asked: Mapping[str, Any]) -> Answer:
        """A page says something."""
        return _said_by(lambda: {"done": self._session.change(asked)})

    def leave(self, asked: Mapping[str, Any]) -> Answer:
        """A page is closed."""
        page = asked.get("page")
        if not isinstance(page, str):
            raise RefusedError(422, "page: must be text")
        self._session.pages.leave(page)
        return _json({})

    def render(self, asked: Mapping[str, Any]) -> Answer:
        """A page wants the film, or wants it no more."""
        page, session = asked.get("page"), self._session
        if not isinstance(page, str) or not session.pages.is_writer(page):
            raise RefusedError(403, "another page works on this film")
        if session.project.holder:
            raise RefusedError(403, f"{session.project.holder} works on this film")
        what, replaces = asked.get("do"), asked.get("replace")
        if what not in ("start", "stop"):
            raise RefusedError(422, "do: must be start or stop")
        if what == "stop":
            session.renderer.stop()
            return _json({})
        if not session.table.is_whole or session.plan_error:
            raise RefusedError(409, session.plan_error or "the shots are still being found")

        def start() -> Mapping[str, Any]:
            session.renderer.start(replace=replaces is True)
            return {}

        return _said_by(start)


_SAID: Mapping[str, Callable[[Answers, Mapping[str, Any]], Answer]] = {
    "api/look": Answers.look,
    "api/change": Answers.change,
    "api/leave": Answers.leave,
    "api/render": Answers.render,
}


def _said_by(what: Callable[[], Any]) -> Answer:
    """What was done, or a refusal that says why not."""
    try:
        return _json(what())
    except ReadOnlyError as error:
        raise RefusedError(403, str(error)) from None
    except StaleError as error:
        raise RefusedError(409, str(error)) from None
    except (FilmcolorError, ValueError, OverflowError) as error:
        raise RefusedError(422, str(error)) from None


def _json(values: Any) -> Answer:
    text = json.dumps(values, ensure_ascii=False, allow_nan=False)
    return Answer(text.encode("utf-8", "replace"), headers={"Cache-Control": "no-store"})


def _object(content: bytes) -> Mapping[str, Any]:
    """What is said as an object; raises `RefusedError`."""
    if content.count(b"[") + content.count(b"{") > 10_000:
        raise RefusedError(400, "nested too deeply")
    try:
        value = json.loads(content.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise RefusedError(400, "no JSON") from None
    if not isinstance(value, dict) or _depth(value) > _DEEPEST:
        raise RefusedError(400, "not the object that was expected")
    return value


def _no_number(text: str) -> float:
    raise ValueError(text)


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


def _query(text: str) -> dict[str, str]:
    """The part of an address behind the question mark; raises `RefusedError`."""
    found: dict[str, str] = {}
    for part in filter(None, text.split("&")):
        key, _, value = part.partition("=")
        if key in found or not (key.isascii() and key.isalpha()):
            raise RefusedError(400, "not understood")
        found[key] = value
    return found


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 16


def _number(asked: Mapping[str, str], key: str, most: int) -> int:
    text = asked.get(key, "0")
    if not _is_number(text) or int(text) > most:
        raise RefusedError(400, f"{key}: no number")
    return int(text)


def _real(asked: Mapping[str, str], key: str) -> float:
    try:
        value = float(asked.get(key, ""))
    except ValueError:
        raise RefusedError(400, f"{key}: no number") from None
    if not math.isfinite(value):
        raise RefusedError(400, f"{key}: no number")
    return value
