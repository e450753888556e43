"""Text of old files, whose bytes are UTF-8 or in the code page of Western Windows.

What it came from is told by whoever asks; nothing here reads a file.
"""

from __future__ import annotations

CODE_PAGE = "Windows-1252"
"""What text that is not UTF-8 is taken for; old German, French or English software wrote it."""
UNDECODED = "surrogateescape"
"""Error handler by which text that is not UTF-8 comes, so that its bytes are not lost."""


def decoded(content: bytes) -> tuple[str, bool]:
    """The text of these bytes, and whether it had to be taken for `CODE_PAGE`."""
    try:
        return content.decode(), False
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace"), True


def mend_tags(tags: dict[str, str]) -> list[str]:
    """Bring tags that were decoded with `UNDECODED` to true text, in place; the keys of those."""
    mended = []
    for key, text in list(tags.items()):
        name, renamed = decoded(key.encode("utf-8", UNDECODED))
        words, changed = decoded(text.encode("utf-8", UNDECODED))
        if renamed or changed:
            del tags[key]
            tags[name] = words
            mended.append(name)
    return mended
