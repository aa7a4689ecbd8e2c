"""Pictures for a person: masks as overlays, probabilities as heat maps, thumbnails."""

from __future__ import annotations

import cv2
import numpy as np

from webiml.errors import BadMap
from webiml.images.codec import to_8bit


def overlay(
    rgb: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int] = (255, 0, 80), strength: float = 0.5
) -> np.ndarray:
    """The picture with the mask tinted and outlined, (H, W, 3) uint8.

    Args:
        rgb: (H, W, 3) uint8.
        mask: (H, W) bool.
        colour: RGB of tint and outline.
        strength: share of the tint inside the mask, [0, 1]; the outline is always full.
    Raises:
        BadMap: wrong types, or sizes that differ.
    """
    _check_rgb(rgb)
    if mask.dtype != np.bool_ or mask.shape != rgb.shape[:2]:
        raise BadMap(f"The mask of a {rgb.shape[:2]} picture is bool of that size, got {mask.dtype} {mask.shape}.")
    tinted = np.rint(np.arange(256)[:, None] * (1 - strength) + np.asarray(colour, np.float32) * strength)
    drawn = cv2.LUT(rgb, tinted.astype(np.uint8)[:, None])  # of every level, not every pixel: pictures are large
    np.copyto(drawn, rgb, where=~mask[..., None])
    drawn[_outline(mask, 1 if max(mask.shape) < 600 else 2)] = colour
    return drawn


def thumbnail(rgb: np.ndarray, side: int) -> np.ndarray:
    """The picture with its long side at most `side` pixels, (h, w, 3) or (h, w) uint8; never enlarged.

    Raises:
        BadMap: no uint8 picture, or a side below 1.
    """
    if rgb.dtype != np.uint8 or rgb.ndim not in (2, 3) or 0 in rgb.shape or side < 1:
        raise BadMap(f"A thumbnail needs a uint8 picture and a side of 1 or more, got {rgb.dtype} {rgb.shape}, {side}.")
    scale = side / max(rgb.shape[:2])
    if scale >= 1:
        return rgb.copy()
    height, width = (max(1, round(n * scale)) for n in rgb.shape[:2])
    return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)


def heat(probability: np.ndarray) -> np.ndarray:
    """A probability as colours from black (0) over red to pale yellow (1), (H, W, 3) uint8.

    Args:
        probability: (H, W) float in [0, 1].
    Raises:
        BadMap: as `to_8bit`.
    """
    coloured = cv2.applyColorMap(to_8bit(probability), cv2.COLORMAP_INFERNO)
    return cv2.cvtColor(coloured, cv2.COLOR_BGR2RGB)


def _outline(mask: np.ndarray, width: int) -> np.ndarray:
    """Pixels of the mask within `width` of its edge; the picture's border is no edge."""
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), width, width, width, width, cv2.BORDER_REPLICATE)
    inner = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=width)[width:-width, width:-width]
    return mask & (inner == 0)


def _check_rgb(rgb: np.ndarray) -> None:
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise BadMap(f"A picture is RGB (H, W, 3) uint8, got {rgb.dtype} {rgb.shape}.")
