"""Looks at one picture at several sizes, and what was seen brought back to its own.

A small picture on the web is mostly a larger one made smaller: what was pasted is a few pixels wide in it, and a
network that sees cells of four pixels sees more of it when the picture is enlarged.
"""

from __future__ import annotations

import cv2
import numpy as np

SMALL = 400 * 400  # pixels: pictures with more are looked at as they are alone; chosen by benchmarks/localizer_looks.py


def looks(rgb: np.ndarray, enlargement: float) -> list[np.ndarray]:
    """RGB (H, W, 3) uint8 as it is and, where it is small, `enlargement` times larger; 1 adds nothing."""
    height, width = rgb.shape[:2]
    if enlargement == 1 or height * width > SMALL:
        return [rgb]
    size = round(enlargement * width), round(enlargement * height)
    return [rgb, cv2.resize(np.ascontiguousarray(rgb), size, interpolation=cv2.INTER_CUBIC)]


def mean_look(maps: list[np.ndarray]) -> np.ndarray:
    """Mean of maps (h, w) float32 of all looks at the size of the first; of log-odds, not of probabilities."""
    height, width = maps[0].shape
    at_one_size = [maps[0], *(cv2.resize(one, (width, height)) for one in maps[1:])]
    return np.stack(at_one_size).mean(axis=0, dtype=np.float32)
