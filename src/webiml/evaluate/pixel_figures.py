"""One map against its truth: all figures of a picture, by one protocol."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from webiml.evaluate.protocols import Protocol
from webiml.metrics import histograms as pixels
from webiml.metrics.histograms import HALF, LEVELS, Confusion, Histograms, histograms

NEUTRAL_BORDER = (15, 11)
"""Sides of the squares that erode and dilate the truth for `f1_inner`, pixels; TruFor's."""


@dataclass(frozen=True, slots=True)
class PixelFigures:
    """What one map comes to; None where a figure is not defined, or the protocol leaves the picture out.

    Attributes:
        precision, recall, f1, iou, mcc: at 0.5. auc, ap: over all thresholds.
        f1_best, threshold_best: the best threshold of this picture, and its F1.
        f1_permuted: the better F1 of the map and its inversion at 0.5; f1_best_permuted: at the best threshold.
        f1_inner: F1 at 0.5 without the edges of the truth, see NEUTRAL_BORDER.
        marked, true: share of the picture in the mask and in the truth, [0, 1].
    """

    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    iou: float | None = None
    mcc: float | None = None
    auc: float | None = None
    ap: float | None = None
    f1_best: float | None = None
    threshold_best: float | None = None
    f1_permuted: float | None = None
    f1_best_permuted: float | None = None
    f1_inner: float | None = None
    marked: float = 0.0
    true: float = 0.0


MEANS = ("precision", "recall", "f1", "iou", "mcc", "auc", "ap", "f1_best")
MEANS += ("f1_permuted", "f1_best_permuted", "f1_inner")
"""The figures of PixelFigures of which a result gives the mean."""


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """One map against its truth.

    Attributes:
        counts: pixels by level, those that the protocol counts; they add up to pooled figures. None: left out.
        curve: (257,) float64, F1 at each level, see `webiml.metrics.histograms.f1_at_levels`; None: left out.
        largest: the largest probability of the map, [0, 1].
    """

    figures: PixelFigures
    counts: Histograms | None
    curve: np.ndarray | None
    largest: float


def score_map(levels: np.ndarray, truth: np.ndarray | None, protocol: Protocol) -> Scored:
    """All figures of one map.

    Args:
        levels: (H, W) uint8, the stored probability, at the size at which the protocol compares.
        truth: (H, W) bool of the same size; None for an authentic picture.
    Raises:
        BadMap: shapes or types differ from these.
    """
    largest = float(levels.max()) / (LEVELS - 1)
    if truth is None:
        return _authentic(levels, largest, protocol)
    whole = histograms(levels, truth)
    counted = histograms(levels, truth, _inner(truth, protocol.border)) if protocol.border else whole
    c, mirrored = pixels.confusion(counted), pixels.confusion(counted.inverted)
    plain, turned = (pixels.f1_at_levels(one, protocol.empty) for one in (counted, counted.inverted))
    either = np.maximum(plain, turned[::-1])  # the inverted mask of level n marks what lies below n
    curve = either if protocol.permuted else plain
    # Level 0 marks everything whatever the map is, and is a threshold only where its inversion, nothing, is one, too
    best = int(np.argmax(curve[1:])) + 1
    inner = counted if protocol.border else histograms(levels, truth, _inner(truth, NEUTRAL_BORDER))
    figures = PixelFigures(
        precision=pixels.precision(c),
        recall=pixels.recall(c),
        f1=_better(pixels.f1(c, protocol.empty), pixels.f1(mirrored, protocol.empty), protocol),
        iou=_better(pixels.iou(c, protocol.empty), pixels.iou(mirrored, protocol.empty), protocol),
        mcc=abs(pixels.mcc(c)) if protocol.permuted else pixels.mcc(c),
        auc=pixels.auc(counted),
        ap=pixels.average_precision(counted),
        f1_best=float(curve[best]),
        threshold_best=threshold_of(best),
        f1_permuted=max(pixels.f1(c, protocol.empty), pixels.f1(mirrored, protocol.empty)),
        f1_best_permuted=float(either.max()),
        f1_inner=pixels.f1(pixels.confusion(inner), protocol.empty),
        marked=_share(pixels.confusion(whole)),
        true=whole.manipulated / levels.size,
    )
    if protocol.name == "trufor" and _one_kind(c):
        figures = _without(figures, ("f1", "mcc", "iou", "precision", "recall", "f1_permuted"))
    return Scored(figures, counted, curve, largest)


def threshold_of(level: int) -> float:
    """The probability from which on a pixel is marked at a level: halfway to the level below; 0.5 for HALF."""
    return (level - 0.5) / (LEVELS - 1)


def best_level(mean_curve: np.ndarray) -> int:
    """The level from 1 on with the highest mean F1 (257,) of a set; of equals the one next to 0.5."""
    curve = mean_curve[1:LEVELS]
    levels = 1 + np.flatnonzero(curve >= curve.max() - 1e-12)
    return int(levels[np.argmin(np.abs(levels - HALF))])


def _authentic(levels: np.ndarray, largest: float, protocol: Protocol) -> Scored:
    marked = float(np.count_nonzero(levels >= HALF)) / levels.size
    if protocol.authentic == "left out":
        return Scored(PixelFigures(marked=marked), None, None, largest)
    nothing = dict.fromkeys(MEANS, 0.0)
    return Scored(
        PixelFigures(**nothing, marked=marked),
        histograms(levels, np.zeros(levels.shape, bool)),
        np.zeros(LEVELS + 1),
        largest,
    )


def _inner(truth: np.ndarray, border: tuple[int, int]) -> np.ndarray:
    """(H, W) bool: pixels that lie well inside or well outside the truth."""
    mask = truth.view(np.uint8)
    core = cv2.erode(mask, np.ones((border[0],) * 2, np.uint8))  # beyond the picture's edge nothing is eroded
    around = cv2.dilate(mask, np.ones((border[1],) * 2, np.uint8))
    return (core != 0) | (around == 0)


def _better(plain: float, mirrored: float, protocol: Protocol) -> float:
    return max(plain, mirrored) if protocol.permuted else plain


def _one_kind(c: Confusion) -> bool:
    """Whether truth and mask are both of one and the same kind, or no pixel is left: there is no 2x2 table."""
    return sum(n > 0 for n in (c.tp, c.fp, c.fn, c.tn)) <= 1 and c.fp == c.fn == 0


def _without(figures: PixelFigures, names: tuple[str, ...]) -> PixelFigures:
    return replace(figures, **dict.fromkeys(names))


def _share(c: Confusion) -> float:
    return (c.tp + c.fp) / (c.tp + c.fp + c.fn + c.tn)
