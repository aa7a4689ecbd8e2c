"""All that can be said of an 8-bit map against its truth, from one pass over its pixels.

Two histograms of 256 levels hold how often each level occurs inside and outside the truth. Every threshold, every area
under a curve and the inverted map follow from them exactly, ties included, without another look at a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from webiml.errors import BadMap

LEVELS = 256
HALF = 128
"""The level from which on a pixel is in the mask at a threshold of 0.5."""


@dataclass(frozen=True, slots=True, eq=False)
class Histograms:
    """How often each level occurs, (LEVELS,) int64: in manipulated pixels, and in the others. They add up."""

    inside: np.ndarray
    outside: np.ndarray

    def __add__(self, other: Histograms) -> Histograms:
        return Histograms(self.inside + other.inside, self.outside + other.outside)

    @property
    def inverted(self) -> Histograms:
        """Those of the map 255 - level. Its mask at 0.5 is what the mask of the map leaves out."""
        return Histograms(self.inside[::-1], self.outside[::-1])

    @property
    def manipulated(self) -> int:
        """Manipulated pixels."""
        return int(self.inside.sum())

    @property
    def authentic(self) -> int:
        """The other pixels."""
        return int(self.outside.sum())


@dataclass(frozen=True, slots=True)
class Confusion:
    """Pixels, or pictures, that were found rightly, marked wrongly, missed, and left alone rightly."""

    tp: int
    fp: int
    fn: int
    tn: int


def histograms(levels: np.ndarray, truth: np.ndarray, counted: np.ndarray | None = None) -> Histograms:
    """Both histograms of one map.

    Args:
        levels: (H, W) uint8, a stored probability. truth: (H, W) bool, True where manipulated.
        counted: (H, W) bool, pixels outside it are ignored; None counts all.
    Raises:
        BadMap: shapes or types differ from these.
    """
    if levels.shape != truth.shape or levels.ndim != 2 or levels.dtype != np.uint8 or truth.dtype != bool:
        raise BadMap(
            f"a map to score is (H, W) uint8 and its truth bool of that size, got {levels.dtype} {levels.shape} and "
            f"{truth.dtype} {truth.shape}"
        )
    if counted is not None:
        if counted.shape != truth.shape or counted.dtype != bool:
            raise BadMap(f"the pixels that count are bool {truth.shape}, got {counted.dtype} {counted.shape}")
        levels, truth = levels[counted], truth[counted]
    # One count of level + 256 x truth: faster than picking the pixels of either side out first
    both = np.bincount((levels + (truth.view(np.uint8).astype(np.uint16) << 8)).ravel(), minlength=2 * LEVELS)
    return Histograms(both[LEVELS:].astype(np.int64), both[:LEVELS].astype(np.int64))


def confusion(found: Histograms, level: int = HALF) -> Confusion:
    """What the mask `map >= level` comes to, 0 to 256; 256 marks nothing."""
    tp, fp = int(found.inside[level:].sum()), int(found.outside[level:].sum())
    return Confusion(tp, fp, found.manipulated - tp, found.authentic - fp)


def precision(c: Confusion) -> float:
    """Share of what was marked that is manipulated; nothing marked: 1 where there was nothing to find, else 0."""
    return c.tp / (c.tp + c.fp) if c.tp + c.fp else float(c.fn == 0)


def recall(c: Confusion) -> float:
    """Share of what is manipulated that was marked; nothing to find: 1 where nothing was marked, else 0."""
    return c.tp / (c.tp + c.fn) if c.tp + c.fn else float(c.fp == 0)


def f1(c: Confusion, empty: float = 1.0) -> float:
    """F1 (Dice), [0, 1]; `empty` where there was nothing to find and nothing was marked."""
    total = 2 * c.tp + c.fp + c.fn
    return 2 * c.tp / total if total else empty


def iou(c: Confusion, empty: float = 1.0) -> float:
    """Intersection over union, [0, 1]; `empty` where there was nothing to find and nothing was marked."""
    union = c.tp + c.fp + c.fn
    return c.tp / union if union else empty


def mcc(c: Confusion) -> float:
    """Matthews correlation, [-1, 1]; 0 where the truth or the mask is of one kind alone."""
    product = (c.tp + c.fp) * (c.tp + c.fn) * (c.tn + c.fp) * (c.tn + c.fn)  # whole numbers of any size: exact
    return (c.tp * c.tn - c.fp * c.fn) / product**0.5 if product else 0.0


def f1_at_levels(found: Histograms, empty: float = 1.0) -> np.ndarray:
    """(LEVELS + 1,) float64: F1 of the mask `map >= level` for each level from 0, which marks all, to 256, none."""
    hits, wrong = _at_least(found.inside), _at_least(found.outside)
    total = hits + wrong + found.manipulated
    return np.divide(2.0 * hits, total, out=np.full(LEVELS + 1, empty), where=total > 0)


def auc(found: Histograms) -> float | None:
    """Area under the ROC curve, ties counted half; None where all pixels are of one kind."""
    inside, outside = found.inside.astype(np.float64), found.outside.astype(np.float64)
    if not inside.any() or not outside.any():
        return None
    below = np.cumsum(outside) - outside
    return float((inside * (below + outside / 2)).sum() / (inside.sum() * outside.sum()))


def average_precision(found: Histograms) -> float | None:
    """Average precision: the sum of precision times what recall gains at each level; None with nothing to find.

    Pixels of one level come together, as in scikit-learn's `average_precision_score`.
    """
    if not found.inside.any():
        return None
    inside, outside = found.inside[::-1].astype(np.float64), found.outside[::-1].astype(np.float64)
    hits = np.cumsum(inside)
    marked = hits + np.cumsum(outside)
    share = np.divide(hits, marked, out=np.zeros(LEVELS), where=marked > 0)
    return float((share * inside).sum() / inside.sum())


def _at_least(counts: np.ndarray) -> np.ndarray:
    """(LEVELS + 1,): how many pixels reach each level."""
    return np.append(counts[::-1].cumsum()[::-1], 0)
