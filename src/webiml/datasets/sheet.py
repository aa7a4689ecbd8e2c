"""A contact sheet: pairs of pictures side by side with a few words below, for a person to look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from webiml.images.draw import thumbnail

SIDE, GAP = 220, 8  # pixels: a picture's long side, and what lies between two
COLUMNS = 3  # pairs beside each other
LINE = 15  # pixels, of a line of words
_GROUND, _INK, _FAINT = 245, (20, 20, 20), 205


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """Two pictures beside each other and the words below them.

    Attributes:
        left, right: (H, W, 3) uint8; None where there is none to show.
        words: a line each; what is not ASCII is shown as a question mark.
        box: of the right picture, what is outlined: top, left, height, width as shares.
    """

    left: np.ndarray | None
    right: np.ndarray | None
    words: tuple[str, ...] = ()
    box: tuple[float, float, float, float] | None = None


def draw_sheet(pairs: Iterable[Shown], columns: int = COLUMNS) -> np.ndarray:
    """(H, W, 3) uint8: the pairs in their order, `columns` beside each other; a blank line where there are none."""
    tiles = [_tile(pair) for pair in pairs]
    width = 2 * SIDE + 3 * GAP
    if not tiles:
        return np.full((SIDE, width, 3), _GROUND, np.uint8)
    height = max(len(tile) for tile in tiles)
    tiles = [
        cv2.copyMakeBorder(tile, 0, height - len(tile), 0, 0, cv2.BORDER_CONSTANT, value=(_GROUND,) * 3)
        for tile in tiles
    ]
    beside = min(columns, len(tiles))
    blank = np.full((height, width, 3), _GROUND, np.uint8)
    tiles += [blank] * (-len(tiles) % beside)
    return np.vstack([np.hstack(tiles[start : start + beside]) for start in range(0, len(tiles), beside)])


def _tile(pair: Shown) -> np.ndarray:
    tile = np.full((SIDE + 2 * GAP + LINE * (len(pair.words) + 1), 2 * SIDE + 3 * GAP, 3), _GROUND, np.uint8)
    for place, rgb in enumerate((pair.left, pair.right)):
        left = GAP + place * (SIDE + GAP)
        if rgb is None:
            tile[GAP : GAP + SIDE, left : left + SIDE] = _FAINT
            continue
        small = thumbnail(rgb, SIDE)
        height, width = small.shape[:2]
        if place and pair.box is not None:
            top, start = round(pair.box[0] * height), round(pair.box[1] * width)
            bottom, end = round((pair.box[0] + pair.box[2]) * height), round((pair.box[1] + pair.box[3]) * width)
            cv2.rectangle(small, (start, top), (end - 1, bottom - 1), (255, 0, 80), 2)
        down, along = GAP + (SIDE - height) // 2, left + (SIDE - width) // 2
        tile[down : down + height, along : along + width] = small
    for line, words in enumerate(pair.words, 1):
        fits = words.encode("ascii", "replace").decode()[: (2 * SIDE + GAP) // 7]
        at = (GAP, SIDE + GAP + LINE * line)
        cv2.putText(tile, fits, at, cv2.FONT_HERSHEY_SIMPLEX, 0.4, _INK, 1, cv2.LINE_AA)
    return tile
