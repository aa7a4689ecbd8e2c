"""Arrays to file bytes and back: masks and probabilities as 8-bit PNG, thumbnails as JPEG."""

from __future__ import annotations

import cv2
import numpy as np

from webiml.errors import BadMap
from webiml.images.decode import decode_stored
from webiml.images.sniff import PNG

_PNG_LEVEL = 3  # of 9: maps are flat, more work saves little
_MAX_MAP_PIXELS = 10_000_000_000  # the largest --max-megapixels


def to_8bit(probability: np.ndarray) -> np.ndarray:
    """(H, W) uint8, round(255 p): the stored form of a probability.

    Args:
        probability: (H, W) float in [0, 1].
    Raises:
        BadMap: it is no 2-D float map, or holds NaN or a value outside [0, 1].
    """
    if probability.ndim != 2 or probability.dtype.kind != "f":
        raise BadMap(f"A probability is a (H, W) float map, got {probability.dtype} {probability.shape}.")
    if not np.all((probability >= 0) & (probability <= 1)):  # NaN fails both
        raise BadMap("A probability lies in [0, 1]; this map holds NaN or values outside.")
    return np.rint(probability * np.asarray(255, probability.dtype)).astype(np.uint8)


def picture_to_8bit(picture: np.ndarray) -> np.ndarray:
    """uint8 of a float32 array of any shape that lies in [0, 1], as pictures in work do; checks nothing."""
    return (picture * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def from_8bit(levels: np.ndarray) -> np.ndarray:
    """(H, W) float32 in [0, 1] in steps of 1/255 from a stored (H, W) uint8 map.

    Raises:
        BadMap: it is no 2-D uint8 map.
    """
    if levels.ndim != 2 or levels.dtype != np.uint8:
        raise BadMap(f"A stored map is (H, W) uint8, got {levels.dtype} {levels.shape}.")
    return levels.astype(np.float32) / np.float32(255)


def encode_png(array: np.ndarray, level: int = _PNG_LEVEL) -> bytes:
    """PNG file bytes of a (H, W) or RGB (H, W, 3) uint8 array; equal arrays give equal bytes.

    Args:
        level: work that is spent on a small file, 0 to 9.
    Raises:
        BadMap: another shape or type.
    """
    return _encode(".png", array, [cv2.IMWRITE_PNG_COMPRESSION, level])


def encode_jpeg(rgb: np.ndarray, quality: int) -> bytes:
    """JPEG file bytes of a (H, W) or RGB (H, W, 3) uint8 array, quality 1 to 100.

    Raises:
        BadMap: another shape or type, or a quality outside its range.
    """
    if not 1 <= quality <= 100:
        raise BadMap(f"JPEG quality lies between 1 and 100, got {quality}.")
    return _encode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])


def decode_map(data: bytes, max_pixels: int = _MAX_MAP_PIXELS) -> np.ndarray:
    """(H, W) uint8 of a stored mask or probability.

    Raises:
        BadImage: it is no 8-bit grey PNG, is damaged, or has more than `max_pixels` pixels.
    """
    return decode_stored(data, PNG, "L", max_pixels)


def _encode(extension: str, array: np.ndarray, options: list[int]) -> bytes:
    colour = array.ndim == 3 and array.shape[2] == 3
    if array.dtype != np.uint8 or not (array.ndim == 2 or colour) or 0 in array.shape:
        raise BadMap(f"A picture is (H, W) or (H, W, 3) uint8 and not empty, got {array.dtype} {array.shape}.")
    done, coded = cv2.imencode(extension, cv2.cvtColor(array, cv2.COLOR_RGB2BGR) if colour else array, options)
    if not done:
        raise BadMap(f"A picture of {array.shape} could not be encoded as {extension}.")
    return coded.tobytes()
