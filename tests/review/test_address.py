"""Under which addresses the page answers."""

from __future__ import annotations

from typing import Any, cast

import pytest

from filmcolor.review.server import ReviewServer


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_of_this_machine_it_is_reached_at_its_own_address(host: str) -> None:
    """A container listens at all of its addresses, and its port is published on the machine's."""
    server = ReviewServer(host, 0, cast(Any, None))
    server.server_close()
    port = server.port
    assert server.guard.hosts == {f"127.0.0.1:{port}", f"localhost:{port}"}
    assert server.address.startswith(f"http://127.0.0.1:{port}/")
