"""Cross- and self-correlation of two pictures' features: how every place of one looks for itself in all of the other.

The matrices of all places against all places are never held: both are gone through in blocks of rows, twice, so memory
grows with the area of the pictures and not with its square.

Source: method 2.3 (Corr-DINO; the `rank` form of the correlation), and Liu et al., the predecessor's self-correlation.
"""

from __future__ import annotations

import cv2
import numpy as np

from webiml.geometry.maps import turned
from webiml.nets import dinov2, weights
from webiml.nets.weights import SHIPPED_BACKBONE

SEEN_PLACES = 48  # places along the longer side of what the backbone sees of a picture
RANKS = (0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144)  # of the sorted cosines of a place; the last stand for "anything"
SHARPNESS = 30.0  # of the softmax over cosines; 0.03 more similar is e times more likely
FIELD = ("mutual", "spread", "cycle", "bend", "x_across", "y_across", "x_down", "y_down")
MAPS = (
    *(f"cross_{rank}" for rank in RANKS),
    *(f"self_{rank}" for rank in RANKS),
    *FIELD,
)
BLOCK = 512  # rows of the matrix that are held at once


def descriptors(picture: np.ndarray, backbone: str = SHIPPED_BACKBONE) -> np.ndarray:
    """(C, h, w) float32: a backbone's features of (H, W, 3) float32 RGB in [0, 1], unit vectors of each place.

    Raises:
        SettingError: it is one of DINOv2's sizes, and not on this machine.
    """
    if backbone == SHIPPED_BACKBONE:
        net, cell, stride = weights.load("trunk"), 8, 16
    else:
        net, cell, stride = dinov2.load(backbone), dinov2.PATCH, dinov2.PATCH
    height, width = picture.shape[:2]
    factor = min(1.0, SEEN_PLACES * cell / max(height, width))
    size = [max(stride, round(side * factor / stride) * stride) for side in (width, height)]
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    seen = np.clip(cv2.resize(picture, size, interpolation=how), 0, 1)
    return net(np.ascontiguousarray(seen.transpose(2, 0, 1)[None]))[0]


def without_common(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two pictures' descriptors, each again of unit length, less what all places of both have in common."""
    common = (first.mean(axis=(1, 2)) + second.mean(axis=(1, 2)))[:, None, None] / 2
    one, two = (features - common for features in (first, second))
    return tuple(features / np.maximum(np.linalg.norm(features, axis=0), 1e-4) for features in (one, two))  # type: ignore


def match_maps(picture: np.ndarray, other: np.ndarray, block: int = BLOCK) -> np.ndarray:
    """What matching says of each place of one picture of a pair.

    Args:
        picture, other: (C, h, w) float32 unit vectors (over C) of each place; sizes may differ.
        block: rows held at once; decides memory, not the result.
    Returns:
        (len(MAPS), h, w) float32, in the order of MAPS: cosines with the other picture's places at RANKS of their
        order; cosines with the places of the own picture, its 3x3 neighbourhood left out; how mutual the best match is,
        how widely it is spread, how far a match's match is from home, how far the field of matches is from linear, and
        its derivatives (1 where the match moves as the place does).
    """
    here, there = _flat(picture), _flat(other)
    size, home = picture.shape[1:], _places(*picture.shape[1:])
    match, spread, total = _soft_match(here, there, _places(*other.shape[1:]), block)
    back, _, back_total = _soft_match(there, here, home, block)
    mutual, cycle = _mutual(here, there, total, back_total, back, home, block)
    maps = [
        ranked(here, there, block).reshape(len(RANKS), *size),
        ranked(here, here, block, size=size).reshape(len(RANKS), *size),
        np.stack([mutual, 2 * spread, 2 * cycle]).reshape(3, *size),
        _field(match.T.reshape(2, *size)),
    ]
    return np.concatenate(maps).astype(np.float32)


def ranked(
    rows: np.ndarray, columns: np.ndarray, block: int = BLOCK, size: tuple[int, ...] | None = None
) -> np.ndarray:
    """(len(RANKS), N) float32: of each of N rows, its cosines with M columns at RANKS of their descending order.

    Args:
        rows (N, C), columns (M, C): float32 unit vectors. Where M is smaller than a rank, the last one stands for it.
        size: (h, w) when both are the places of one picture; each place's 3x3 neighbourhood is then left out.
    """
    places = len(columns)
    wanted = np.minimum(RANKS, places - 1)
    order = np.unique(places - 1 - wanted)
    found = np.empty((len(rows), len(RANKS)), np.float32)
    for start in range(0, len(rows), block):
        cosine = rows[start : start + block] @ columns.T
        if size is not None:
            _leave_out_neighbours(cosine, start, size)
        cosine.partition(order, axis=1)
        found[start : start + block] = cosine[:, places - 1 - wanted]
    return found.T


def _leave_out_neighbours(cosine: np.ndarray, start: int, size: tuple[int, ...]) -> None:
    height, width = size
    own = np.arange(start, start + len(cosine))
    y, x = own // width, own % width
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            there = (y + dy >= 0) & (y + dy < height) & (x + dx >= 0) & (x + dx < width)
            cosine[np.flatnonzero(there), (own + dy * width + dx)[there]] = -1


def _soft_match(
    rows: np.ndarray, columns: np.ndarray, places: np.ndarray, block: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each row: the mean place (N, 2) of its softmax over the columns, its spread (N,), and the softmax's sum."""
    home, spread = np.empty((len(rows), 2), np.float32), np.empty(len(rows), np.float32)
    total = np.empty(len(rows), np.float32)
    # Places, their squares and 1 in one product; cosines are at most 1, so nothing overflows unshifted.
    moments = np.column_stack([places, (places * places).sum(axis=1), np.ones(len(places), np.float32)])
    for start in range(0, len(rows), block):
        likely = np.exp(rows[start : start + block] @ columns.T * np.float32(SHARPNESS))
        sums = likely @ moments.astype(np.float32)
        total[start : start + block] = sums[:, 3]
        sums /= sums[:, 3:]
        home[start : start + block] = sums[:, :2]
        variance = sums[:, 2] - (sums[:, :2] ** 2).sum(axis=1)
        spread[start : start + block] = np.sqrt(np.maximum(variance, 1e-6))
    return home, spread, total


def _mutual(
    rows: np.ndarray,
    columns: np.ndarray,
    row_total: np.ndarray,
    column_total: np.ndarray,
    back: np.ndarray,
    places: np.ndarray,
    block: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Of each row: how mutual its best match is, [0, 1], and how far its matches' matches lie from its own place."""
    mutual, cycle = np.empty(len(rows), np.float32), np.empty(len(rows), np.float32)
    for start in range(0, len(rows), block):
        part = slice(start, start + block)
        likely = np.exp(rows[part] @ columns.T * np.float32(SHARPNESS))
        likely /= row_total[part, None]
        returned = likely @ back
        cycle[part] = np.sqrt(((returned - places[part]) ** 2).sum(axis=1))
        likely *= likely
        likely *= row_total[part, None] / column_total[None, :]
        mutual[part] = np.sqrt(likely.max(axis=1))
    return mutual, cycle


def _field(home: np.ndarray) -> np.ndarray:
    """(5, h, w): how far the field (2, h, w) of matched places is from linear, and its four derivatives."""
    height, width = home.shape[1:]
    around = np.pad(home, ((0, 0), (1, 1), (1, 1)), mode="edge")
    mean = sum(around[:, y : y + height, x : x + width] for y in range(3) for x in range(3)) / np.float32(9)
    scale = np.float32(max(height, width))
    bend = np.minimum(np.sqrt(((home - mean) ** 2).sum(axis=0)) * scale / 2, 2)
    across = (around[:, 1:-1, 2:] - around[:, 1:-1, :-2]) * scale / 2
    down = (around[:, 2:, 1:-1] - around[:, :-2, 1:-1]) * scale / 2
    return np.concatenate([bend[None], np.clip(across, -2, 2), np.clip(down, -2, 2)])


def _flat(features: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(features.reshape(len(features), -1).T, np.float32)


def _places(height: int, width: int) -> np.ndarray:
    """(N, 2) float32 centres (x, y) of the places, in units of the longer side."""
    y, x = np.mgrid[:height, :width]
    return ((np.column_stack([x.ravel(), y.ravel()]) + 0.5) / max(height, width)).astype(np.float32)


def turned_matching(maps: np.ndarray, symmetry: int) -> np.ndarray:
    """The matching maps of a pair, both pictures of which are turned alike: derivatives follow."""
    maps = turned(maps, symmetry).copy()
    x_across, y_across, x_down, y_down = range(len(MAPS) - 4, len(MAPS))
    if (symmetry & 1) != (symmetry >> 1 & 1):
        maps[[y_across, x_down]] *= -1  # of what moves one way and is counted the other
    if symmetry & 4:
        maps[[x_across, y_across, x_down, y_down]] = maps[[y_down, x_down, y_across, x_across]]
    return maps
