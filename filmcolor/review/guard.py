"""Which requests are let in: those of the page that was opened with the token, from this machine,
and not too many of them. It knows nothing of what is asked.
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

TOKEN_BYTES = 24
LARGEST_BODY = 64 << 10
"""Bytes of what a page says at once."""
LONGEST_PATH = 512
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
"""Of every answer."""


class RefusedError(Exception):
    """A request that is not answered, with the status that it gets."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Bucket:
    """Lets so many through a second, and some more at once. For several threads."""

    def __init__(
        self, per_second: float, most: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second, self._most, self._clock = per_second, most, clock
        self._left, self._last = most, clock()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Whether one more is let through."""
        with self._lock:
            now = self._clock()
            self._left = min(self._most, self._left + (now - self._last) * self._per_second)
            self._last = now
            if self._left < 1:
                return False
            self._left -= 1
            return True


@dataclass(slots=True)
class Guard:
    """Looks at each request before anything is done."""

    hosts: frozenset[str]
    """What may stand as Host: names and addresses with the port."""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(TOKEN_BYTES))
    asked: Bucket = field(default_factory=lambda: Bucket(300, 600))
    said: Bucket = field(default_factory=lambda: Bucket(40, 80))

    def path(self, method: str, path: str, headers: Callable[[str], list[str]]) -> str:
        """What is asked for, behind the token; `headers` gives all values of one.

        Raises `RefusedError`.
        """
        if len(path) > LONGEST_PATH:
            raise RefusedError(414, "too long an address")
        hosts = headers("Host")
        if len(hosts) != 1 or hosts[0].lower() not in self.hosts:
            raise RefusedError(421, "not the address of this page")
        for origin in headers("Origin"):
            if origin.lower() not in {f"http://{host}" for host in self.hosts}:
                raise RefusedError(403, "from another page")
        if any(site not in ("same-origin", "none") for site in headers("Sec-Fetch-Site")):
            raise RefusedError(403, "from another page")
        if method not in ("GET", "HEAD", "POST"):
            raise RefusedError(405, "only GET and POST")
        first, _, rest = path.removeprefix("/").partition("/")
        if not path.startswith("/") or not hmac.compare_digest(
            first.encode("utf-8", "replace"), self.token.encode()
        ):
            raise RefusedError(
                403, "the token in the address is another; use the address that filmcolor printed"
            )
        if not self.asked.take() or (method == "POST" and not self.said.take()):
            raise RefusedError(429, "too many requests")
        if method == "POST" and not headers("Origin"):
            raise RefusedError(403, "from no page")
        return rest

    def length(self, headers: Callable[[str], list[str]]) -> int:
        """Bytes of what is said; raises `RefusedError`."""
        if headers("Transfer-Encoding"):
            raise RefusedError(411, "say how long it is")
        lengths = headers("Content-Length")
        if len(lengths) != 1:
            raise RefusedError(411, "say how long it is")
        if not (lengths[0].isascii() and lengths[0].isdecimal()) or len(lengths[0]) > 12:
            raise RefusedError(400, "no length")
        length = int(lengths[0])
        if length > LARGEST_BODY:
            raise RefusedError(413, "too much at once")
        kinds = [kind.partition(";")[0].strip().lower() for kind in headers("Content-Type")]
        if kinds != ["application/json"]:
            raise RefusedError(415, "say it in JSON")
        return length


def guard_headers() -> dict[str, str]:
    """Headers of every answer."""
    return dict(_HEADERS)
