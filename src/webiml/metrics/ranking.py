"""Ranking: how well a soft map orders pixels, and how well one score follows another."""

from __future__ import annotations

import numpy as np

from webiml.metrics.histograms import auc as histogram_auc
from webiml.metrics.histograms import histograms


def auc(probability: np.ndarray, true: np.ndarray) -> float | None:
    """Area under the ROC curve of an 8-bit map, ties counted half; None when only one class is there.

    Args:
        probability: (H, W) uint8. true: (H, W) bool.
    Raises:
        BadMap: shapes or types differ from these.
    """
    return histogram_auc(histograms(probability, true))


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
