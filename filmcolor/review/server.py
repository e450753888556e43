"""The page's server: the standard library's, a thread a request, on this machine alone.

It reads requests and writes answers; who is let in is the guard's matter, what is answered that of
`answers`.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from filmcolor._version import __version__
from filmcolor.errors import OptionError
from filmcolor.review.answers import Answer, Answers
from filmcolor.review.guard import Guard, RefusedError, guard_headers

_IDLE_SECONDS = 60
"""After which a connection that says nothing is closed."""
_MOST_CONNECTIONS = 48


class ReviewServer(ThreadingHTTPServer):
    """Listens for the page."""

    daemon_threads = True
    request_queue_size = 32
    allow_reuse_address = True

    def __init__(self, host: str, port: int, answers: Answers) -> None:
        """Port 0 takes any that is free. Raises `OptionError` where it cannot listen."""
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.answers = answers
        self._room = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise OptionError(
                f"--host {host} --port {port}: cannot be listened at ({error.strerror or error}); "
                "choose another"
            ) from error
        self.port = int(self.server_address[1])
        shown = {"0.0.0.0": "127.0.0.1"}.get(host, f"[{host}]" if ":" in host else host)
        names = {shown} | ({"localhost"} if shown == "127.0.0.1" else set())
        self.guard = Guard(frozenset(f"{name.lower()}:{self.port}" for name in names))
        self.address = f"http://{shown}:{self.port}/{self.guard.token}/"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a connection, unless there are too many."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke off is no matter; anything else is a fault, and is told."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: ReviewServer
    protocol_version = "HTTP/1.1"
    server_version = f"filmcolor/{__version__}"
    sys_version = ""
    timeout = _IDLE_SECONDS

    def _values(self, name: str) -> list[str]:
        found: list[str] = self.headers.get_all(name) or []
        return found

    def _answered(self) -> Answer:
        path = self.server.guard.path(self.command, self.path, self._values)
        if self.command != "POST":
            if self._values("Content-Length") not in ([], ["0"]) or self._values(
                "Transfer-Encoding"
            ):
                raise RefusedError(400, "says something where nothing is to be said")
            return self.server.answers.get(path)
        length = self.server.guard.length(self._values)
        content = self.rfile.read(length)
        if len(content) < length:
            raise RefusedError(400, "cut off")
        return self.server.answers.post(path, content)

    def _serve(self) -> None:
        is_bare, self.request_version = self.request_version == "HTTP/0.9", "HTTP/1.1"
        try:
            if is_bare:
                raise RefusedError(400, "not understood")
            answer = self._answered()
        except RefusedError as error:
            self.close_connection = True  # what is left of it is not read
            content = json.dumps({"error": str(error)}).encode()
            answer = Answer(content, headers={"Cache-Control": "no-store"}, status=error.status)
            if error.status == 405:
                answer.headers["Allow"] = "GET, HEAD, POST"  # type: ignore[index]
        self.send_response(answer.status)
        headers = {"Content-Type": answer.kind, "Content-Length": str(len(answer.content))}
        for name, value in {**guard_headers(), **headers, **answer.headers}.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.content)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _serve  # noqa: N815

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the library refuses by itself, with our headers."""
        self.close_connection = True
        content = json.dumps({"error": message or "not understood"}).encode()
        self.request_version = "HTTP/1.1"  # with another one headers are left out
        self.send_response(code)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(content))}
        for name, value in {**guard_headers(), **headers, "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is said of requests."""
