"""Detection: does a score tell manipulated pictures from authentic ones?"""

from __future__ import annotations

import numpy as np

from webiml.errors import BadMap
from webiml.metrics.histograms import Confusion


def confusion_of_scores(scores: np.ndarray, manipulated: np.ndarray, threshold: float = 0.5) -> Confusion:
    """Pictures by what they are and whether their score is at least `threshold`.

    Args: scores (N,) float. manipulated (N,) bool.
    """
    _check(scores, manipulated)
    flagged = scores >= threshold
    return Confusion(
        int(np.count_nonzero(flagged & manipulated)),
        int(np.count_nonzero(flagged & ~manipulated)),
        int(np.count_nonzero(~flagged & manipulated)),
        int(np.count_nonzero(~flagged & ~manipulated)),
    )


def accuracy(c: Confusion) -> float | None:
    """Share of pictures that were told rightly; None without any."""
    total = c.tp + c.fp + c.fn + c.tn
    return (c.tp + c.tn) / total if total else None


def sensitivity(c: Confusion) -> float | None:
    """Share of the manipulated pictures that were flagged; None without any."""
    return c.tp / (c.tp + c.fn) if c.tp + c.fn else None


def specificity(c: Confusion) -> float | None:
    """Share of the authentic pictures that were not flagged; None without any."""
    return c.tn / (c.tn + c.fp) if c.tn + c.fp else None


def balanced_accuracy(c: Confusion) -> float | None:
    """Mean of sensitivity and specificity; None where a class is missing."""
    found, left = sensitivity(c), specificity(c)
    return None if found is None or left is None else (found + left) / 2


def auc_of_scores(scores: np.ndarray, manipulated: np.ndarray) -> float | None:
    """Area under the ROC curve, ties counted half; None where a class is missing.

    Args: scores (N,) float. manipulated (N,) bool.
    """
    curve = roc(scores, manipulated)
    if curve is None:
        return None
    flagged, found = curve
    return float((np.diff(flagged) * (found[1:] + found[:-1]) / 2).sum())


def average_precision_of_scores(scores: np.ndarray, manipulated: np.ndarray) -> float | None:
    """Average precision, equal scores taken together; None without manipulated pictures."""
    _check(scores, manipulated)
    if not manipulated.any():
        return None
    hits, wrong = _cumulated(scores, manipulated)
    gained = np.diff(hits, prepend=0)
    return float((gained * hits / (hits + wrong)).sum() / hits[-1])


def equal_error_rate(scores: np.ndarray, manipulated: np.ndarray) -> float | None:
    """Where as many manipulated pictures are missed as authentic ones are flagged, as a share; None without a class.

    Between two thresholds the ROC curve is a straight line.
    """
    curve = roc(scores, manipulated)
    if curve is None:
        return None
    flagged, found = curve
    gap = flagged - (1 - found)  # rises from -1 to 1
    right = int(np.argmax(gap >= 0))
    if gap[right] == 0:
        return float(flagged[right])
    left = right - 1
    part = -gap[left] / (gap[right] - gap[left])
    return float(flagged[left] + part * (flagged[right] - flagged[left]))


def roc(scores: np.ndarray, manipulated: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """The ROC curve from (0, 0) to (1, 1): share of authentic pictures flagged and of manipulated ones found.

    Args: scores (N,) float. manipulated (N,) bool.
    Returns: two (K,) float64; None where a class is missing.
    Raises:
        BadMap: other shapes or types, or a score that is no number.
    """
    _check(scores, manipulated)
    if not manipulated.any() or manipulated.all():
        return None
    hits, wrong = _cumulated(scores, manipulated)
    return np.append(0, wrong) / wrong[-1], np.append(0, hits) / hits[-1]


def _cumulated(scores: np.ndarray, manipulated: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Manipulated and authentic pictures down to each different score, the highest first, (K,) float64."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    hits = np.cumsum(manipulated[order], dtype=np.float64)[last]
    return hits, last + 1 - hits


def _check(scores: np.ndarray, manipulated: np.ndarray) -> None:
    if scores.shape != manipulated.shape or scores.ndim != 1 or manipulated.dtype != bool:
        raise BadMap(
            f"scores are (N,) numbers and their truth (N,) bool, got {scores.dtype} {scores.shape} and "
            f"{manipulated.dtype} {manipulated.shape}"
        )
    if not np.isfinite(scores).all():
        raise BadMap("a score is no number")
