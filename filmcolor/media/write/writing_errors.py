"""What is said when FFmpeg or the disk fails while a film is written."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterator

import av

from filmcolor.errors import MediaError

_DISK_ERRORS = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO)


@contextlib.contextmanager
def writing_errors(target: str, written: Callable[[], int]) -> Iterator[None]:
    """Turn the errors of FFmpeg and of the disk into one line about `target`.

    `written` says how many frames were written until then.
    """
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        code = getattr(error, "errno", None)
        way_out = "try an .mkv target or another --codec"
        if code in _DISK_ERRORS:
            way_out = "make room on the disk"
        elif code == errno.ENOENT:
            way_out = "its folder has gone: create it again"
        raise MediaError(
            f"{target}: writing failed after {written()} frames ({reason}); {way_out}"
        ) from error
