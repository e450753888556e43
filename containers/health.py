"""Is the container well? Where `filmcolor review` serves its page, whether that can be reached.

Called by HEALTHCHECK of the Dockerfiles. With any other command a container is well while it runs.
"""

import os
import socket
import sys
from pathlib import Path


def is_well(first_process: bytes, port: int) -> bool:
    """By the command line of the first process, its words ended by zeros."""
    if b"review" not in first_process.split(b"\0"):
        return True
    try:
        socket.create_connection(("127.0.0.1", port), timeout=3).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    port = int(os.environ.get("FILMCOLOR_REVIEW_PORT", "8080"))
    sys.exit(not is_well(Path("/proc/1/cmdline").read_bytes(), port))
