"""The bytes of a picture file; what is no picture is not read to its end."""

from __future__ import annotations

import os
from pathlib import Path

from filmcolor.errors import MediaError
from filmcolor.media.images.formats import MAGIC_BYTES, format_of_file

LARGEST_FILE = 4 << 30
"""Bytes of a picture file, which is read as a whole."""


def file_content(path: Path) -> bytes:
    """All of a file that begins as a picture does, else its head; `MediaError` if there is none."""
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise MediaError(f"{path}: not a regular file; give a picture file")
        with path.open("rb") as file:
            head = content = file.read(MAGIC_BYTES)
            if format_of_file(path, head):  # a film named by mistake is not read to its end
                if os.fstat(file.fileno()).st_size > LARGEST_FILE:
                    most = LARGEST_FILE >> 30
                    raise MediaError(
                        f"{path}: a picture file of more than {most} GB; scale it down first"
                    )
                content += file.read()
    except FileNotFoundError as error:
        raise MediaError(f"{path}: no such file; check the spelling") from error
    except IsADirectoryError as error:
        raise MediaError(f"{path}: a folder, not a picture") from error
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise MediaError(f"{path!s}: not a file name") from error
    if not content:
        raise MediaError(f"{path}: empty (0 bytes); copy it from the original again")
    return content
