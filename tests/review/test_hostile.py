"""Requests that no page sends: refused with the right status, nothing written, the server alive."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from filmcolor.review.guard import Bucket, Guard, RefusedError
from filmcolor.review.server import ReviewServer
from tests.review.conftest import Reviewed, served


@pytest.fixture(scope="module")
def server(film: Reviewed) -> Iterator[ReviewServer]:
    with served(film.session) as made:
        made.guard.asked = Bucket(1e6, 1e6)
        made.guard.said = Bucket(1e6, 1e6)
        yield made


def sent(server: ReviewServer, content: bytes) -> tuple[int, bytes]:
    """Status and all of the answer to some bytes; 0 for a connection that is closed."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
        line.sendall(content)
        line.shutdown(socket.SHUT_WR)
        answer = b""
        while part := line.recv(1 << 16):
            answer += part
    return int(answer.split(b" ", 2)[1]) if answer else 0, answer


def request(
    server: ReviewServer,
    path: str,
    method: str = "GET",
    body: bytes = b"",
    token: str | None = None,
    **headers: str | None,
) -> bytes:
    host = f"127.0.0.1:{server.port}"
    lines: dict[str, str | None] = {"Host": host, "Connection": "close"}
    if method == "POST":
        lines |= {
            "Origin": f"http://{host}",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
        }
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
    token = server.guard.token if token is None else token
    return f"{method} /{token}/{path} HTTP/1.1\r\n{text}\r\n".encode() + body


PATHS = [
    "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "page/../page.css",
    "/etc/passwd", "//etc/passwd", "..\\..\\windows\\win.ini", "page.css/", "page.css%00.html",
    "index.html", "server.py", "guard.py", ".git/config", "review/page/page.js", "PAGE.CSS",
    "picture/after/-1", "picture/after/1e3", "picture/after/30", "picture/after/0x1",
    "picture/after/99999999999999999999", "picture/after/\u0661", "picture/after/../before/1",
    "picture/after/ 1", "picture/after/1/2", "picture/after/", "picture/other/1",
    "picture/after/%31", "picture/before/1.0", "thumb/before/1;ls", "thumb/after/NaN",
    "api", "api/", "api/files", "api/state/", "api/../api/film", "api/eval", "api/plan", "~root",
    "picture/after/../../../etc/passwd", "$(id)", "`id`", "' OR 1=1", "<script>", "{{7*7}}",
    "api/film/..", "film.plan.toml", "journal.jsonl", "file:///etc/passwd", "http://evil/", "*",
]  # fmt: skip
QUERIES = [
    "api/region?frame=1", "api/region?frame=1&x=a&y=1", "api/region?frame=1&x=nan&y=1",
    "api/region?frame=1&x=inf&y=1", "api/region?frame=1&x=1e999&y=2", "api/region?x=1&y=1",
    "api/region?frame=-1&x=1&y=1", "api/region?frame=1&frame=2&x=1&y=1",
    "api/region?frame=1&x=-5&y=1", "api/region?frame=1&x=96&y=1", "api/region?frame=1&x=1&y=64",
    "api/region?frame=1&x=1e9&y=1", "api/state?seen=-1", "api/state?seen=abc",
    "api/state?seen=99999999999999999999", "api/state?se%65n=1", "api/state?seen=1&seen=2",
    "api/region?frame=99&x=1&y=1", "api/state?__proto__=1", "picture/after/1?k.y=2",
]  # fmt: skip
BODIES = [
    b"", b"{", b"[]", b"null", b"1", b'"x"', b"{}}", b"\xff\xfe", b"{'a': 1}", b'{"a": NaN}',
    b'{"a": Infinity}', b"[" * 60_000, b'{"a":' * 9_000, b'{"a":[[[[[[[[[1]]]]]]]]]}', b"\x00" * 64,
    b'{"page": "p"', b"<xml/>", b"a=1&b=2", b'{"frame": 1} {"frame": 2}', b"\xef\xbb\xbf{}x",
]  # fmt: skip
SAID: list[tuple[str, object]] = [
    ("api/look", {}), ("api/look", {"frame": "1"}), ("api/look", {"frame": -1}),
    ("api/look", {"frame": 1.5}), ("api/look", {"frame": True}), ("api/look", {"frame": 10**30}),
    ("api/look", {"frame": None}), ("api/look", {"frame": [1]}),
    ("api/change", {}), ("api/change", {"page": 1}), ("api/change", {"page": "x" * 9}),
    ("api/change", {"page": "x", "set": 1}), ("api/change", {"page": "x", "set": {}}),
    ("api/change", {"page": "x", "set": {"shot": 0, "key": "stills", "value": "/"}}),
    ("api/change", {"page": "x", "set": {"shot": 0, "key": "reference", "value": "/etc/passwd"}}),
    ("api/change", {"page": "x", "set": {"shot": 0, "key": "model", "value": "../x.safetensors"}}),
    ("api/change", {"page": "x", "set": {"shot": 0, "key": "__class__", "value": 1}}),
    ("api/change", {"page": "x", "set": {"shot": -1, "key": "skip", "value": True}}),
    ("api/change", {"page": "x", "set": {"shot": 1e9, "key": "skip", "value": True}}),
    ("api/change", {"page": "x", "set": {"shot": 0, "key": "saturation", "value": 1e308}}),
    ("api/change", {"page": "x", "set": {"shot": 0, "key": "saturation", "value": "1\nskip=1"}}),
    ("api/change", {"page": "x", "set": {"shot": 0, "key": "look", "value": 'vivid"\n[x]'}}),
    ("api/change", {"page": "x", "set": {"shot": 0, "key": "look", "value": ["vivid"]}}),
    ("api/change", {"page": "x", "set": {"shot": 0, "key": ["look"], "value": 1}}),
    ("api/change", {"page": "x", "stroke": {"frame": 1, "points": [[1, 1]] * 65, "color": "#fff"}}),
    ("api/change", {"page": "x", "stroke": {"frame": 1, "points": [[1]], "color": "#ffffff"}}),
    ("api/change", {"page": "x", "stroke": {"frame": 1, "points": "ab", "color": "#ffffff"}}),
    ("api/change", {"page": "x", "stroke": {"frame": 1, "points": [[1, 1]], "color": "#ff\nfff"}}),
    ("api/change", {"page": "x", "stroke": {"box": [0, 0, 1e9, 1], "color": "#abcdef"}}),
    ("api/change", {"page": "x", "stroke": {"frame": 1, "points": [[1, 1]], "color": "#ffffff",
                                            "radius": 0}}),
    ("api/change", {"page": "x", "stroke": {"frame": 1, "points": [[1, 1]], "color": "#ffffff",
                                            "radius": 1e9}}),
    ("api/change", {"page": "x", "stroke": {"frame": 1, "points": [[1, 1]], "color": "#ffffff",
                                            "why": "x"}}),
    ("api/change", {"page": "x", "stroke": {"frame": 1, "points": [[1, 1]], "color": "#ffffff",
                                            "file": "/etc/passwd"}}),
    ("api/change", {"page": "x", "unstroke": {"shot": 1, "number": 0}}),
    ("api/change", {"page": "x", "unstroke": {"shot": 0, "number": -1}}),
    ("api/change", {"page": "x", "mark": 5, "undo": True}),
    ("api/change", {"page": "x", "mark": "old", "set": {"shot": 0, "key": "skip", "value": True}}),
    ("api/change", {"page": "x", "undo": True}), ("api/change", {"page": "x", "redo": True}),
    ("api/change", {"page": "x", "run": "ls"}), ("api/leave", {}), ("api/leave", {"page": 7}),
    ("api/render", {}), ("api/render", {"page": "x", "do": "burn"}),
    ("api/render", {"page": "x", "do": ["start"]}), ("api/render", {"page": 3, "do": "stop"}),
]  # fmt: skip


def hostile(server: ReviewServer) -> list[tuple[str, bytes, set[int]]]:
    """Name, bytes and the statuses that will do, of each request."""
    port = server.port
    found: list[tuple[str, bytes, set[int]]] = []

    def add(name: str, content: bytes, *statuses: int) -> None:
        found.append((name, content, set(statuses)))

    for path in PATHS:
        add(f"path {path}", request(server, path), 400, 403, 404, 505)
    for path in QUERIES:
        add(f"query {path}", request(server, path), 400, 404, 422)
    for body in BODIES:
        add(f"body {body[:20]!r}", request(server, "api/change", "POST", body), 400)
    for path, said in SAID:
        content = request(server, path, "POST", json.dumps(said).encode())
        add(f"{path} {said}", content, 403, 404, 409, 422)
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}",
                 f"localhost.evil:{port}", f"0.0.0.0:{port}", "", f"127.0.0.1:{port}@evil",
                 f"[::1]:{port}", f"user@127.0.0.1:{port}", f"127.1:{port}", None):  # fmt: skip
        add(f"host {host}", request(server, "", Host=host), 421)
    twice = request(server, "").replace(b"Connection", b"Host: evil\r\nConnection")
    add("two hosts", twice, 421)
    for origin in ("http://evil.example", "null", f"https://127.0.0.1:{port}", "http://127.0.0.1",
                   f"http://127.0.0.1:{port + 1}", f"http://127.0.0.1:{port}.evil", "file://",
                   f"http://evil@127.0.0.1:{port}", ""):  # fmt: skip
        add(f"origin {origin}", request(server, "", Origin=origin), 403)
        body = b'{"page": "x", "undo": true}'
        add(f"said {origin}", request(server, "api/change", "POST", body, Origin=origin), 403)
    add("no origin", request(server, "api/change", "POST", b"{}", Origin=None), 403)
    for site in ("cross-site", "same-site", "evil"):
        add(f"site {site}", request(server, "", Sec_Fetch_Site=site), 403)
    token = server.guard.token
    for wrong in ("", "x", token[:-1], token + "x", token.swapcase(), "%s", "../" + token, "\x7f",
                  f"{token}%00"):  # fmt: skip
        add(f"token {wrong!r}", request(server, "", token=wrong), 403, 400)
        add(f"said {wrong!r}", request(server, "api/change", "POST", b"{}", token=wrong), 403, 400)
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        add(method, request(server, "api/film", method), 405)
    for method in ("TRACE", "CONNECT", "PROPFIND", "get", "FOO", "GET/"):
        add(method, request(server, "api/film", method), 501, 405, 400)
    for path in ("api/change", "api/look", "api/render", "api/leave"):
        add(f"GET {path}", request(server, path), 405)
    for path in ("", "page.css", "api/film", "api/state", "picture/after/1"):
        add(f"POST {path}", request(server, path, "POST", b"{}"), 405)
    for length, status in (("70000", 413), ("99999999999", 413), ("-1", 400), ("1e3", 400),
                           ("+5", 400), ("", 400), ("5, 5", 400), (None, 411)):  # fmt: skip
        content = request(server, "api/change", "POST", b"{}", Content_Length=length)
        add(f"length {length}", content, status)
    add("shorter than said", request(server, "api/change", "POST", b"{}", Content_Length="50"), 400)
    chunked = request(server, "api/change", "POST", b"", Transfer_Encoding="chunked")
    add("chunked", chunked, 411)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        add(kind, request(server, "api/change", "POST", b"{}", Content_Type=kind), 415)
    add("no kind", request(server, "api/change", "POST", b"{}", Content_Type=None), 415)
    add("GET with a body", request(server, "api/film", body=b"x", Content_Length="1"), 400)
    add("long path", request(server, "a" * 600), 414)
    add("longer path", request(server, "a" * 70_000), 414)
    many = "".join(f"X-{n}: y\r\n" for n in range(150)).encode()
    add("many headers", request(server, "").replace(b"Connection", many + b"Connection"), 431)
    long = b"X: " + b"y" * 70_000 + b"\r\nConnection"
    add("long header", request(server, "").replace(b"Connection", long), 431)
    add("garbage", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, 0)
    add("old", b"GET /\r\n\r\n", 400, 421, 403)
    add("new", request(server, "").replace(b"HTTP/1.1", b"HTTP/2.0"), 505)
    add("no version", request(server, "").replace(b"HTTP/1.1", b"HTTP/x"), 400)
    add("nothing", b"\r\n\r\n", 0, 400)
    return found


@pytest.mark.process
def test_hostile_requests_are_refused_and_nothing_is_written(
    film: Reviewed, server: ReviewServer
) -> None:
    def there() -> dict[Path, bytes]:
        folder = film.film.parent
        return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    film.session.look(0)
    before, plan = set(there()), film.plan
    requests = hostile(server)
    assert len(requests) >= 200
    wrong = []
    for name, content, statuses in requests:
        status, answer = sent(server, content)
        if status not in statuses:
            wrong.append((name, status, answer[-200:]))
        elif status:
            assert b"Content-Security-Policy: default-src 'none'" in answer
    assert wrong == []
    assert film.plan == plan
    new = {path.name for path in set(there()) - before}
    assert not [name for name in new if not name.startswith(("things-", ".things", "drift-"))]
    assert sent(server, request(server, "api/film"))[0] == 200
    assert sent(server, request(server, ""))[0] == 200


def test_the_page_and_its_files_are_served(server: ReviewServer) -> None:
    for name in ("", "page.css", "page.js", "talk.js", "view.js", "strip.js", "panel.js"):
        status, answer = sent(server, request(server, name))
        assert status == 200, name
        assert b"unsafe-inline" not in answer.partition(b"\r\n\r\n")[0]
    status, answer = sent(server, request(server, "", "HEAD"))
    assert status == 200 and answer.endswith(b"\r\n\r\n")


def test_too_many_requests_are_refused() -> None:
    now = [0.0]
    bucket = Bucket(2, 3, lambda: now[0])
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    now[0] = 0.5
    assert [bucket.take(), bucket.take()] == [True, False]
    guard = Guard(frozenset({"h:1"}), "t", asked=Bucket(1, 1, lambda: 0.0))
    values = {"Host": ["h:1"]}
    assert guard.path("GET", "/t/x", lambda name: values.get(name, [])) == "x"
    with pytest.raises(RefusedError) as refused:
        guard.path("GET", "/t/x", lambda name: values.get(name, []))
    assert refused.value.status == 429
