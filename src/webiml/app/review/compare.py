"""The two pictures of a pair beside one another: aligned, what differs, and where they do not look alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from webiml.app.review.grid import Size
from webiml.geometry.colour import apply_colour, fit_colour
from webiml.geometry.maps import blur, grey, length, local_correlation
from webiml.geometry.warp import warp
from webiml.images.codec import picture_to_8bit
from webiml.images.draw import heat

UNCOVERED = (128, 128, 128)  # where the authentic picture says nothing
DIFFERENCE_WHITE = 0.5  # Euclidean, colours in [0, 1]: a difference that is drawn brightest
WINDOW = 2.5  # pixels, the Gaussian in which pictures are correlated
NOISE = 2e-5  # variance, colours in [0, 1], that two windows may differ by without a reason
_ROWS = 256  # that are recoloured at once: the terms of a fit take ten times the memory of a picture


@dataclass(frozen=True, slots=True)
class Aligned:
    """The authentic picture in the manipulated one's frame.

    Attributes: rgb: (h, w, 3) uint8, borders repeated. validity: (h, w) bool, where it covers the manipulated picture.
    """

    rgb: np.ndarray
    validity: np.ndarray


def align(
    authentic: np.ndarray, shares: tuple[float, float], transform: np.ndarray, scales: tuple[float, float], size: Size
) -> Aligned:
    """Lay the authentic picture onto a grid.

    Args:
        authentic: (h, w, 3) uint8, at `shares` (x, y) of its own size.
        transform: (3, 3), authentic points to manipulated points, both at their own size.
        scales: what the grid is of the manipulated picture, (x, y). size: (H, W) of the grid.
    """
    matrix = _scaling(scales) @ transform @ np.linalg.inv(_scaling(shares))
    warped, validity = warp(authentic.astype(np.float32) / np.float32(255), matrix / matrix[2, 2], size)
    return Aligned(picture_to_8bit(warped), validity)


def lay_pieces(authentic: np.ndarray, manipulated: np.ndarray) -> tuple[Aligned, np.ndarray]:
    """Lay the pieces of the authentic picture that were pasted onto the manipulated one: the SDG prior, made anew.

    Args: authentic: (h, w, 3) uint8 of any size. manipulated: (H, W, 3) uint8, the grid.
    Returns:
        The pieces where they lie, recoloured as they look there, grey elsewhere; and (H, W) float32 in [0, 1], how
        likely a pixel belongs to one of them.
    """
    import cv2

    from webiml.evidence.evidence import Evidence

    found = Evidence(authentic, manipulated).correlation
    height, width = manipulated.shape[:2]
    rgb = cv2.resize(picture_to_8bit(np.clip(found.authentic, 0, 1)), (width, height))
    covered = cv2.resize(found.validity.view(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    rgb[~covered] = UNCOVERED
    return Aligned(rgb, covered), np.clip(cv2.resize(found.probability, (width, height)), 0, 1)


def difference(aligned: Aligned, manipulated: np.ndarray, where: np.ndarray | None = None) -> np.ndarray:
    """(H, W, 3) uint8: how much the pictures differ once the authentic one is recoloured, black none, pale much.

    Args:
        manipulated: (H, W, 3) uint8. where: (H, W) bool, from which colours are fitted; None: wherever both show.
    """
    a, m = _as_float(aligned.rgb), _as_float(manipulated)
    fitted = aligned.validity if where is None else aligned.validity & where
    colours = fit_colour(blur(a, 1), blur(m, 1), fitted, degree=2)
    found = np.empty(a.shape[:2], np.float32)
    for top in range(0, len(a), _ROWS):
        rows = slice(top, top + _ROWS)
        found[rows] = length(apply_colour(a[rows], colours) - m[rows])
    shown = np.sqrt(np.clip(blur(found, 0.8) / DIFFERENCE_WHITE, 0, 1))  # a root: faint traces are what one looks for
    return _coloured(shown, aligned.validity)


def likeness(probability: np.ndarray, validity: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: where a piece of the authentic picture lies, pale, and where not, black; of `lay_pieces`."""
    return _coloured(probability, validity)


def correlation(aligned: Aligned, manipulated: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: where the two look alike in a small window, black, and where not, pale."""
    alike = local_correlation(
        _as_float(grey(aligned.rgb)), _as_float(grey(manipulated)), WINDOW, NOISE
    )  # zero-normalised, [-1, 1]
    return _coloured(np.clip(1 - alike, 0, 1), aligned.validity)


def _coloured(values: np.ndarray, validity: np.ndarray) -> np.ndarray:
    drawn = heat(values)
    drawn[~validity] = UNCOVERED
    return drawn


def _as_float(array: np.ndarray) -> np.ndarray:
    return array / np.float32(255)


def _scaling(shares: tuple[float, float]) -> np.ndarray:
    """Points of a picture to points of the same picture at another size; pixel centres are at whole numbers."""
    x, y = shares
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])
