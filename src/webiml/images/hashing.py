"""Perceptual hashes: what stays of a picture when it is saved again or made smaller."""

from __future__ import annotations

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


def _signs(low: np.ndarray) -> str:
    bits = (low > np.median(low)).ravel()
    return f"{int(''.join('1' if bit else '0' for bit in bits), 2):016x}"


def _low_frequencies(rgb: np.ndarray) -> np.ndarray:
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    return cv2.dct(small)[:8, :8]
