"""Ranking: how well a soft map orders pixels, and how well one score follows another."""

from __future__ import annotations

import numpy as np

from webiml.errors import BadMap


def auc(probability: np.ndarray, true: np.ndarray) -> float | None:
    """Area under the ROC curve of an 8-bit map, ties counted half; None when only one class is there.

    Args:
        probability: (H, W) uint8. true: (H, W) bool.
    Raises:
        BadMap: shapes or types differ from these.
    Two histograms of 256 bins give it exactly: no sorting of pixels.
    """
    if probability.shape != true.shape or probability.dtype != np.uint8 or true.dtype != bool:
        raise BadMap(f"AUC needs a uint8 map and a bool mask of one size, got {probability.dtype} and {true.dtype}")
    positive = np.bincount(probability[true], minlength=256).astype(np.float64)
    negative = np.bincount(probability[~true], minlength=256).astype(np.float64)
    if not positive.sum() or not negative.sum():
        return None
    below = np.cumsum(negative) - negative
    return float((positive * (below + negative / 2)).sum() / (positive.sum() * negative.sum()))


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Rank correlation of two (N,) arrays, ties given their mean rank; nan when one is constant or N < 2."""
    if len(a) < 2:
        return float("nan")
    x, y = _ranks(np.asarray(a, float)), _ranks(np.asarray(b, float))
    x, y = x - x.mean(), y - y.mean()
    norm = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / norm if norm else float("nan")


def _ranks(values: np.ndarray) -> np.ndarray:
    _, inverse, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return (last - (count - 1) / 2)[inverse]
