"""The parts of a mask as boxes and polygons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

MAX_REGIONS = 100  # the largest; a map of speckles would make a row of megabytes
MAX_DEVIATION = 1.0  # pixels between the outline of the mask and its polygon
# OpenCV drops points twice: within its epsilon, then within 0.71 of it from what the first pass left
_EPSILON = MAX_DEVIATION / (1 + 0.5**0.5)

Polygon = list[list[int]]
"""Points [x, y], pixels, the first pixel's centre at (0, 0); closed without repeating the first point."""


@dataclass(frozen=True, slots=True)
class Region:
    """One 8-connected part of a mask."""

    box: list[int]
    """x0, y0, x1, y1 in pixels: the part is `picture[y0:y1, x0:x1]`."""
    polygons: list[Polygon]
    """The outline, then one for each hole. They run through the centres of the outermost pixels, points [x, y]."""
    area: int
    """Pixels of the part, its holes left out."""
    score: float
    """Mean probability of its pixels, [0, 1]."""


def regions(mask: np.ndarray, probability: np.ndarray, most: int = MAX_REGIONS) -> tuple[list[Region], int]:
    """The largest parts of a mask, the largest first, and how many there are in all.

    A polygon lies at most MAX_DEVIATION pixels from the outermost pixels of its part or hole; it is a line or a point
    where the part is one pixel thin.

    Args:
        mask: (H, W) bool.
        probability: (H, W) float in [0, 1].
        most: parts at most.
    """
    levels = mask.view(np.uint8)
    count, labels, about, _ = cv2.connectedComponentsWithStats(levels, connectivity=8, ltype=cv2.CV_32S)
    areas = about[1:, cv2.CC_STAT_AREA]
    largest = np.argsort(-areas, kind="stable")[:most] + 1  # label 0 is what is not marked
    found = []
    for label in largest:
        x, y, width, height, area = (int(number) for number in about[label])
        inside = labels[y : y + height, x : x + width] == label
        mean = probability[y : y + height, x : x + width].sum(where=inside, dtype=np.float64) / area
        box = [x, y, x + width, y + height]
        found.append(Region(box, _polygons(inside, (x, y)), area, round(float(mean), 4)))
    return found, count - 1


def _polygons(part: np.ndarray, corner: tuple[int, int]) -> list[Polygon]:
    """Outline and holes of one part; `corner` (x, y) is where its box begins."""
    contours, _ = cv2.findContours(part.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE, offset=corner)
    return [_simple(contour) for contour in _outline_first(contours)]


def _outline_first(contours: Sequence[np.ndarray]) -> list[np.ndarray]:
    """OpenCV lists a part and its holes in any order; only the outline reaches every side of the box."""
    return sorted(contours, key=lambda contour: -np.prod(np.ptp(contour[:, 0].astype(np.int64), axis=0) + 1))


def _simple(contour: np.ndarray) -> Polygon:
    return cv2.approxPolyDP(contour, _EPSILON, closed=True)[:, 0].tolist()
