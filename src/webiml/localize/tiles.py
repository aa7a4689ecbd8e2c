"""Large pictures: overlapping tiles without seams, and one look at the whole made smaller; memory stays bounded.

A tile sees every pixel as it is, which the traces of an edit need; the look at the whole sees what a tile is a part of.
Tiles begin at multiples of GRID, so that a network sees each pixel at the same place of its own grid, and of JPEG's, in
all tiles. Windows fall off like a squared cosine over what two tiles share, and add up to one everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from webiml.geometry.maps import log_odds, sigmoid
from webiml.images.decode import MIN_SIDE

GRID = 32  # pixels; a multiple of the strides of networks and of JPEG's blocks
WHOLE_PIXELS = 1_500_000
GLOBAL_SHARE = 0.2
FLOOR = 1e-5  # how far probabilities are kept from 0 and 1 before their log-odds are averaged
_BAND = 256  # rows that are finished at a time, for the sake of memory

Look = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, float]]
"""RGB uint8 (h, w, 3) to probability (h, w), confidence (h, w), both float32 in [0, 1], and score in [0, 1]."""


@dataclass(frozen=True)
class Tiling:
    """How large pictures are looked at; side and overlap are multiples of GRID."""

    whole_pixels: int = WHOLE_PIXELS  # H * W up to which a picture is looked at as a whole, once
    side: int = 1024  # longest side of a tile, pixels
    overlap: int = 128  # what two neighbours share at least, but for GRID, pixels
    global_side: int = 1024  # longest side of the look at the whole, pixels
    global_share: float = GLOBAL_SHARE  # of the log-odds that the look at the whole decides, [0, 1]; 0 leaves it out


@dataclass(frozen=True)
class Span:
    """What a tile covers along one axis: pixels start to stop (exclusive), and their weights (stop - start,)."""

    start: int
    stop: int
    weights: np.ndarray


def look_at(look: Look, rgb: np.ndarray, tiling: Tiling | None = None) -> tuple[np.ndarray, np.ndarray, float]:
    """What `look` says of a picture of any size, in tiles where it is large; nothing is lost to a resize.

    Args:
        rgb: (H, W, 3) uint8, sides at least 16.
    Returns:
        Probability and confidence (H, W) float32 in [0, 1], and the score. Log-odds and confidence are means over the
        tiles that cover a pixel and the look at the whole. The score is that of the most suspicious tile, averaged in
        the same way with the look at the whole: an edit need not be visible in more than one tile.
    """
    tiling = tiling or Tiling()
    height, width = rgb.shape[:2]
    if height * width <= tiling.whole_pixels:
        return look(rgb)
    probability, confidence = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
    scores = []
    for rows in spans(height, tiling.side, tiling.overlap):
        for columns in spans(width, tiling.side, tiling.overlap):
            place = np.s_[rows.start : rows.stop, columns.start : columns.stop]
            likely, sure, score = look(rgb[place])
            window = np.outer(rows.weights, columns.weights)
            probability[place] += window * log_odds(likely, FLOOR)  # log-odds until all tiles are in
            confidence[place] += window * sure
            scores.append(score)
    best = max(scores)
    if tiling.global_share:
        best = _blend_whole(look, rgb, tiling, probability, confidence, best)
    for start in range(0, height, _BAND):
        band = np.s_[start : start + _BAND]
        probability[band] = sigmoid(probability[band])
    return probability, np.clip(confidence, 0, 1, out=confidence), best


def spans(length: int, side: int, overlap: int) -> list[Span]:
    """Tiles along an axis of `length` pixels: as few as possible, of one size but for the last, weights adding to one.

    Each is at most `side` long, and shares at least `overlap` less GRID with its neighbours.
    """
    if length <= side:
        return [Span(0, length, np.ones(length, np.float32))]
    cells, most, shared = -(-length // GRID), side // GRID, overlap // GRID
    count = -(-(cells - shared) // (most - shared))
    size = -(-(cells + (count - 1) * shared) // count)
    starts = [GRID * ((cells - size) * index // (count - 1)) for index in range(count)]
    stops = [min(start + GRID * size, length) for start in starts]
    windows = np.zeros((count, length))
    for index, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        windows[index, start:stop] = 1
        if index:
            windows[index, start : stops[index - 1]] *= _rise(stops[index - 1] - start)
        if index + 1 < count:
            windows[index, starts[index + 1] : stop] *= _rise(stop - starts[index + 1])[::-1]
    windows /= windows.sum(axis=0)
    return [
        Span(start, stop, window[start:stop].astype(np.float32))
        for start, stop, window in zip(starts, stops, windows, strict=True)
    ]


def mean_score(scores: Sequence[float], shares: Sequence[float] | None = None) -> float:
    """Mean of probabilities in [0, 1], taken of their log-odds; `shares` say how much each counts."""
    odds = np.average(log_odds(np.array(scores), FLOOR), weights=shares, keepdims=True)
    return float(sigmoid(odds)[0])


def _rise(length: int) -> np.ndarray:
    """From 0 to 1 like a squared sine; it and its mirror add up to one."""
    return np.sin(np.pi / 2 * (np.arange(length) + 0.5) / length) ** 2


def _blend_whole(
    look: Look, rgb: np.ndarray, tiling: Tiling, evidence: np.ndarray, confidence: np.ndarray, score: float
) -> float:
    """Mix the look at the whole into log-odds and confidence (H, W), in place; the mixed score."""
    height, width = evidence.shape
    scale = min(1.0, tiling.global_side / max(height, width))
    small = max(MIN_SIDE, round(scale * height)), max(MIN_SIDE, round(scale * width))
    likely, sure, whole = look(cv2.resize(rgb, small[::-1], interpolation=cv2.INTER_AREA))
    share = np.float32(tiling.global_share)
    for into, seen in ((evidence, log_odds(likely, FLOOR).astype(np.float32)), (confidence, sure)):
        for start in range(0, height, _BAND):
            band = into[start : start + _BAND]
            band *= 1 - share
            band += share * _enlarged(seen, height, width, start, start + len(band))
    return mean_score((score, whole), (1 - tiling.global_share, tiling.global_share))


def _enlarged(small: np.ndarray, height: int, width: int, start: int, stop: int) -> np.ndarray:
    """Rows start to stop of a map (h, w) enlarged to (height, width), linear in between."""
    at = ((np.arange(start, stop) + 0.5) * len(small) / height - 0.5).clip(0, len(small) - 1)
    above = at.astype(int)
    below = np.minimum(above + 1, len(small) - 1)
    part = (at - above).astype(np.float32)[:, None]
    rows = (1 - part) * small[above] + part * small[below]
    return cv2.resize(rows, (width, stop - start), interpolation=cv2.INTER_LINEAR)
