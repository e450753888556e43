"""Stills of a film as picture files: written to be corrected in a paint program, and read back.

A still that is written carries a digest of its pixels, so that one that nobody has changed is known
when it comes back. Pixels are R'G'B' of 8 bit, sRGB, as the film is displayed.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from filmcolor.errors import MediaError
from filmcolor.files_read import FilesRead
from filmcolor.hashing import blake2
from filmcolor.media.images.formats import MAGIC_BYTES, format_of_file
from filmcolor.media.images.icc import srgb_of
from filmcolor.media.images.picture import scaled
from filmcolor.media.images.rare import RARE, read_rare
from filmcolor.media.images.reader import DAMAGE
from filmcolor.media.images.tiff_samples import silent_libtiff
from filmcolor.media.partfile import write_bytes, write_if_free

Rgb = NDArray[np.uint8]
"""Shape (height, width, 3)."""

_KEY = "filmcolor still"


def write_still(path: Path, rgb: Rgb, *, overwrite: bool = False) -> bool:
    """Write a PNG that gets its name only when it is whole; `MediaError` if it cannot be.

    Without `overwrite`, what is there stays. Returns whether it was written.
    """
    text = PngInfo()
    text.add_text(_KEY, _digest(rgb))
    content = io.BytesIO()
    Image.fromarray(rgb).save(content, "PNG", pnginfo=text)
    if not overwrite:
        return write_if_free(path, content.getvalue())
    write_bytes(path, content.getvalue(), overwrite=True)
    return True


def read_still(path: Path, files: FilesRead | None = None) -> tuple[Rgb, bool]:
    """A picture's pixels, upright, in sRGB, and whether they are just as `write_still` left them;
    `files` takes note of it.

    Raises `MediaError`.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror})") from error
    if files is not None:
        files.note(path, content)
    kind = format_of_file(path, content[:MAGIC_BYTES])
    if kind is None:
        raise MediaError(f"{path}: not a picture, or damaged; save it as PNG or JPEG")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if kind in RARE:
                return _rare_rgb(content, kind), False
            with silent_libtiff(), Image.open(io.BytesIO(content), formats=(kind,)) as image:
                image.load()
                mark = getattr(image, "text", {}).get(_KEY)
                rgb = np.asarray(_srgb(ImageOps.exif_transpose(image)), np.uint8)
    except MediaError as error:
        raise MediaError(f"{path}: {error}") from error
    except (Image.DecompressionBombError, MemoryError) as error:
        raise MediaError(f"{path}: too large a picture for a still") from error
    except DAMAGE as error:
        why = " ".join(str(error).split())[:80]
        raise MediaError(f"{path}: damaged {kind} picture ({why}); save it again") from error
    return rgb, mark == _digest(rgb)


def _rare_rgb(content: bytes, kind: str) -> Rgb:
    found = read_rare(content, kind)
    codes = scaled(found.pixels.codes, 8).astype(np.uint8, copy=False)
    rgb = np.repeat(codes[..., None], 3, axis=2) if codes.ndim == 2 else codes
    if found.icc is None:
        return np.ascontiguousarray(rgb)
    return np.asarray(srgb_of(Image.fromarray(np.ascontiguousarray(rgb)), found.icc), np.uint8)


def _srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if image.mode == "CMYK":
        return srgb_of(image, profile)
    if image.mode.startswith("I;16"):  # which Pillow would clip to white
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    rgb = image.convert("RGB")
    if profile is None or image.mode not in ("RGB", "RGBA"):
        return rgb
    return srgb_of(rgb, profile)


def _digest(rgb: Rgb) -> str:
    found = blake2()
    found.update(str(rgb.shape).encode())
    found.update(np.ascontiguousarray(rgb).data)
    return found.hexdigest()
