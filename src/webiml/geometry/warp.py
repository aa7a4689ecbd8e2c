"""One picture in the frame of another."""

from __future__ import annotations

import cv2
import numpy as np


def warp(picture: np.ndarray, transform: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Warp (h, w, 3) float32 in [0, 1] to `size` (H, W) by a 3x3 transform of points (x, y).

    Returns:
        (H, W, 3) float32 in [0, 1], borders repeated; (H, W) bool validity, True where the picture covers it.
    A picture that shrinks is blurred first, so that it does not become sharper than the other by aliasing.
    """
    height, width = size
    shrink = float(np.sqrt(abs(np.linalg.det(transform[:2, :2]))))
    if shrink < 0.7:
        picture = cv2.GaussianBlur(picture, (0, 0), 0.5 * np.sqrt(1 / max(shrink, 0.05) ** 2 - 1))
    warped = cv2.warpPerspective(
        picture, transform, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    inside = cv2.warpPerspective(
        np.ones(picture.shape[:2], np.float32), transform, (width, height), flags=cv2.INTER_LINEAR
    )
    return np.clip(warped, 0, 1), inside > 0.999
