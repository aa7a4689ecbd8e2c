"""Perceptual hashes: what stays of a picture when it is saved again or made smaller."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

TELLING = 1.0  # grey levels; natural pictures have 3 and more, rounding alone gives 0.2


def perceptual_hash(rgb: np.ndarray) -> str:
    """64 signs of the lowest frequencies of (H, W, 3) uint8, 16 hex digits; near pictures differ in few bits.

    Source: N. Krawetz, "Looks Like It", 2011; the bit order is that of the package imagehash.
    """
    return _signs(_low_frequencies(rgb))


def telling_hash(rgb: np.ndarray) -> str | None:
    """The perceptual hash of (H, W, 3) uint8, or None where it would be one of rounding and grain, not of a picture.

    So it is of a picture that is nearly constant, or a plain ramp from one side to the other: half of its 64 lowest
    frequencies lie within TELLING grey levels of their median.
    """
    low = _low_frequencies(rgb)
    return _signs(low) if np.median(np.abs(low - np.median(low))) > TELLING else None


def telling_hashes(greys: Iterable[np.ndarray]) -> np.ndarray:
    """(n,) uint64, `telling_hash` of each (H, W) uint8 as a number; 0, which is no hash, where it tells nothing."""
    low = np.stack([_lowest(grey) for grey in greys]).reshape(-1, 64)
    median = np.median(low, axis=1, keepdims=True)
    hashes = np.packbits(low > median, axis=1).view(">u8").ravel().astype(np.uint64)
    return np.where(np.median(np.abs(low - median), axis=1) > TELLING, hashes, np.uint64(0))


def distances(one: int, hashes: np.ndarray) -> np.ndarray:
    """(n,) bits in which a 64-bit hash differs from each of (n,) uint64."""
    return bits_set(hashes ^ np.uint64(one)).astype(int)


def bits_set(values: np.ndarray) -> np.ndarray:
    """(n,) uint8, how many bits are set in each of (n,) uint64."""
    if hasattr(np, "bitwise_count"):
        return np.bitwise_count(values)
    return _BITS[np.ascontiguousarray(values).view(np.uint16)].reshape(-1, 4).sum(axis=1, dtype=np.uint8)  # numpy 1.26


_BITS = np.array([value.bit_count() for value in range(1 << 16)], np.uint8)


def _signs(low: np.ndarray) -> str:
    bits = (low > np.median(low)).ravel()
    return f"{int(''.join('1' if bit else '0' for bit in bits), 2):016x}"


def _low_frequencies(rgb: np.ndarray) -> np.ndarray:
    return _lowest(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))


def _lowest(grey: np.ndarray) -> np.ndarray:
    small = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    return cv2.dct(small)[:8, :8]
