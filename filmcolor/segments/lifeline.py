"""Ends a worker process when the process that started it ends."""

from __future__ import annotations

import multiprocessing
import os
import threading


def end_with_parent() -> None:
    """End this process at once when the one that started it ends, however that comes about: nobody
    would hear of its work, and the next run must not find it there.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, name="filmcolor-lifeline", daemon=True).start()
