"""Bytes in, one RGB picture out: the only place where a picture is decoded.

Every format ends as (H, W, 3) uint8 the way a browser would show its first frame: rotated as EXIF says, CMYK and
palettes as RGB, transparency on white, 16 bits a channel brought to 8. Colour profiles (ICC) are not applied: a pair is
compared by its stored numbers, and most tools on the web drop profiles without converting.
"""

from __future__ import annotations

import io
import logging
import os
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile

from webiml.errors import BadImage
from webiml.images.sniff import AVIF, TIFF, WEBP, Format, looks_like, sniff
from webiml.types import Reason

MIN_SIDE = 16  # pixels; a smaller picture says nothing about an edit
_ORIENTATION = 0x0112  # EXIF tag
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PILLOW = threading.Lock()  # Pillow's limits and Python's warning filters are the process's own: one decode at a time


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture.

    Attributes:
        rgb: (H, W, 3) uint8, upright.
        extension: file ending that fits the bytes (".jpg", ".png", ...), whatever the file was called.
        note: what was noticed while decoding, words for a person; empty when nothing.
    """

    rgb: np.ndarray
    extension: str
    note: str = ""


def decode(data: bytes, max_pixels: int) -> Picture:
    """The first picture of a JPEG, MPO, PNG, GIF, WebP, AVIF, BMP or TIFF file.

    Args:
        data: the whole file.
        max_pixels: refuse a picture with more pixels (H * W), before any pixel is decoded.
    Raises:
        BadImage: EMPTY_FILE, NOT_AN_IMAGE, TRUNCATED, UNDECODABLE, TOO_MANY_PIXELS or TOO_SMALL; nothing else.
    """
    with _opened(data, max_pixels) as (picture_format, image):
        if min(image.size) < MIN_SIDE:
            raise BadImage(Reason.TOO_SMALL, f"{_size(image)} pixels, each side needs at least {MIN_SIDE}")
        image.load()
        notes = [_frames_note(image)]
        upright, note = _upright(image)
        notes.append(note)
        rgb, note = _to_rgb(upright)
        notes.append(note)
    return Picture(rgb, picture_format.extension, "; ".join(filter(None, notes)))


def from_pillow(image: Image.Image) -> np.ndarray:
    """(H, W, 3) uint8 of an open Pillow picture, converted as `decode` does, but not turned: its size stays.

    Raises:
        BadImage: TOO_SMALL, or UNDECODABLE when its file cannot be read to the end.
    """
    if min(image.size) < MIN_SIDE:
        raise BadImage(Reason.TOO_SMALL, f"{_size(image)} pixels, each side needs at least {MIN_SIDE}")
    with _quiet(image.width * image.height):
        try:
            image.load()
            return _to_rgb(image)[0]
        except Exception as error:  # as in `_opened`
            raise BadImage(Reason.UNDECODABLE, _words(error)) from None


def decode_stored(data: bytes, wanted: Format, mode: str, max_pixels: int) -> np.ndarray:
    """Pixels of a file that this project wrote itself: exactly one format and Pillow mode, nothing is converted.

    Raises:
        BadImage: as `decode`, and NOT_AN_IMAGE when it is another format or mode.
    """
    with _opened(data, max_pixels) as (found, image):
        if found is not wanted or image.mode != mode or image.info.get("transparency") is not None:
            raise BadImage(Reason.NOT_AN_IMAGE, f"expected {wanted.name} {mode}, found {found.name} {image.mode}")
        image.load()
        return np.array(image)


def decode_published(data: bytes, max_pixels: int) -> np.ndarray:
    """(H, W, 3) uint8 of a mask or a map that somebody else saved: any format, mode and size, as its numbers lie.

    Unlike a picture it is not turned, and where it is transparent its colour counts, not white.

    Raises:
        BadImage: as `decode`, but for TOO_SMALL.
    """
    with _opened(data, max_pixels) as (_, image):
        image.load()
        if image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
            opaque: Image.Image = image.convert({"LA": "L", "La": "L"}.get(image.mode, "RGB"))
        else:
            opaque = image.copy()
        opaque.info.pop("transparency", None)
        return _to_rgb(opaque)[0]


def size_of(data: bytes, max_pixels: int) -> tuple[int, int]:
    """Height and width that `decode` would give, from the header alone.

    Raises:
        BadImage: as `decode`, as far as the header tells.
    """
    with _opened(data, max_pixels) as (_, image):
        if min(image.size) < MIN_SIDE:
            raise BadImage(Reason.TOO_SMALL, f"{_size(image)} pixels, each side needs at least {MIN_SIDE}")
        try:
            turned = image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
        except Exception:  # broken EXIF is ignored, as by `decode`
            turned = False
        return (image.width, image.height) if turned else (image.height, image.width)


def is_turned(data: bytes, max_pixels: int) -> bool:
    """Whether a picture's EXIF says that it is to be shown turned or mirrored; what cannot be read is not."""
    try:
        with _opened(data, max_pixels) as (_, image):
            return image.getexif().get(_ORIENTATION, 1) in _UPRIGHT
    except BadImage:
        return False


@contextmanager
def _opened(data: bytes, max_pixels: int) -> Iterator[tuple[Format, ImageFile]]:
    """Header read, size checked; whatever fails in the body or in Pillow leaves as BadImage."""
    if not data:
        raise BadImage(Reason.EMPTY_FILE, "the file has no bytes")
    picture_format = sniff(data)
    if picture_format is None:
        raise BadImage(Reason.NOT_AN_IMAGE, f"looks like {looks_like(data)}")
    stream = io.BytesIO(data)
    image: ImageFile | None = None
    with _quiet(max_pixels), _no_stderr() if picture_format is TIFF else nullcontext():
        try:
            image = picture_format.open(stream)
            if image.width * image.height > max_pixels:
                raise BadImage(Reason.TOO_MANY_PIXELS, f"{_size(image)}, the limit is {max_pixels:,} pixels")
            yield picture_format, image
        except BadImage:
            raise
        except Image.DecompressionBombError:
            raise BadImage(Reason.TOO_MANY_PIXELS, f"the limit is {max_pixels:,} pixels") from None
        except MemoryError:
            size = f" for {_size(image)} pixels" if image is not None else ""
            raise BadImage(Reason.TOO_MANY_PIXELS, f"memory ran out{size}") from None
        except Exception as error:  # Pillow's readers raise OSError, ValueError, SyntaxError, struct.error and more
            header_ended = image is None and stream.tell() >= len(data) and picture_format not in (WEBP, AVIF)
            if header_ended or _ends_early(picture_format, data, image, error):
                raise BadImage(Reason.TRUNCATED, f"the {picture_format.name} file ends early") from None
            raise BadImage(Reason.UNDECODABLE, f"{picture_format.name}: {_words(error)}") from None
        finally:
            if image is not None:
                with suppress(Exception):
                    image.close()


@contextmanager
def _quiet(max_pixels: int) -> Iterator[None]:
    """Pillow with our pixel limit instead of its own, printing nothing; everything is put back afterwards."""
    logger, handler = logging.getLogger("PIL"), logging.NullHandler()  # else its errors go to stderr by default
    with _PILLOW, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        logger.addHandler(handler)
        pillow_limit = Image.MAX_IMAGE_PIXELS
        if pillow_limit is not None:  # only ever raised: other threads never find their own pictures refused
            Image.MAX_IMAGE_PIXELS = max(pillow_limit, max_pixels)
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = pillow_limit
            logger.removeHandler(handler)


@contextmanager
def _no_stderr() -> Iterator[None]:
    """libtiff prints its errors to the process's standard error, and Pillow offers no way to stop it."""
    try:
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    except OSError:  # a process without standard error
        yield
        return
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _ends_early(picture_format: Format, data: bytes, image: ImageFile | None, error: Exception) -> bool:
    """Was it the end of the bytes that made the decoder fail?"""
    if isinstance(error, EOFError) or "truncated" in str(error).lower():
        return True
    if picture_format is WEBP:
        return 8 + int.from_bytes(data[4:8], "little") > len(data)
    if picture_format is AVIF:
        return _boxes_end(data) > len(data)
    if picture_format is TIFF and image is not None:
        with suppress(Exception):
            tags = image.tag_v2  # type: ignore[attr-defined]
            for offsets, counts in ((273, 279), (324, 325)):  # strips, tiles
                ends = (int(o) + int(n) for o, n in zip(tags.get(offsets, ()), tags.get(counts, ()), strict=False))
                if any(end > len(data) for end in ends):
                    return True
    return False


def _boxes_end(data: bytes) -> int:
    """Where the top-level boxes of an ISO media file say that it ends."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size < 8:  # 0: up to the end of the file; other values are broken
            return len(data)
        at += size
    return at if at >= len(data) else len(data) + 1  # a box header cut in two


def _frames_note(image: ImageFile) -> str:
    with suppress(Exception):  # a broken later frame does not concern the first one
        count = getattr(image, "n_frames", 1)
        if count > 1:
            return f"first of {count} {'pictures' if image.format in ('MPO', 'TIFF') else 'frames'}"
    return ""


def _upright(image: ImageFile) -> tuple[Image.Image, str]:
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:
        return image, "broken EXIF ignored"
    method = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return (image.transpose(method), "") if method is not None else (image, "")


def _to_rgb(image: Image.Image) -> tuple[np.ndarray, str]:
    """Any Pillow mode as (H, W, 3) uint8, and a note on what that lost."""
    if image.mode.startswith("I;16"):
        grey = _grey_16_to_8(image)
        return np.repeat(grey[..., None], 3, axis=2), "16-bit grey brought to 8 bits"
    if image.mode in ("I", "F"):
        grey, white = _grey_32_to_8(np.asarray(image), is_float=image.mode == "F")
        return np.repeat(grey[..., None], 3, axis=2), f"32-bit grey brought to 8 bits, white at {white:g}"
    if image.has_transparency_data:
        colour = image.info.get("transparency")
        if isinstance(colour, tuple) and max(colour) > 255:  # 16-bit colour key, while Pillow reads the high bytes
            image.info["transparency"] = tuple(value >> 8 for value in colour)
        rgba = image.convert("LA").convert("RGBA") if image.mode == "La" else image.convert("RGBA")
        lowest, _ = rgba.getchannel("A").getextrema()
        if isinstance(lowest, int) and lowest < 255:
            white_page = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
            return np.array(Image.alpha_composite(white_page, rgba).convert("RGB")), "transparency laid on white"
        return np.array(rgba.convert("RGB")), ""
    note = "CMYK converted without its colour profile" if image.mode == "CMYK" else ""
    return np.array(image if image.mode == "RGB" else image.convert("RGB")), note


def _grey_16_to_8(image: Image.Image) -> np.ndarray:
    bits, white_is_zero = 16, False
    with suppress(Exception):  # TIFF only: 12 bits arrive as numbers below 4096, and white-is-zero is not turned round
        tags = image.tag_v2  # type: ignore[attr-defined]
        bits, white_is_zero = int(tags[258][0]), tags.get(262) == 0
    table = np.rint(np.arange(65536) * (255 / ((1 << bits) - 1))).clip(0, 255).astype(np.uint8)
    return (255 - table if white_is_zero else table)[np.asarray(image)]


def _grey_32_to_8(values: np.ndarray, is_float: bool) -> tuple[np.ndarray, float]:
    """No 32-bit file says what white is: the first of 1 (floats), 255, 65535 that holds all, or the maximum."""
    values = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = min(float(values.min()), 0.0), float(values.max())
    usual = (1.0, 255.0, 65535.0) if is_float else (255.0, 65535.0)
    white = next((w for w in usual if low == 0 and high <= w), max(high, 0.0))
    scaled = (values - low) / np.float32(max(white - low, 1e-30)) * np.float32(255)
    return np.rint(scaled).clip(0, 255).astype(np.uint8), white


def _size(image: Image.Image) -> str:
    return f"{image.width}x{image.height}"


def _words(error: Exception) -> str:
    """A library's message, without addresses of objects (they differ from run to run) and of bounded length."""
    text = re.sub(r"<[^>]* at 0x[0-9a-fA-F]+>", "", str(error)) or type(error).__name__
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]
