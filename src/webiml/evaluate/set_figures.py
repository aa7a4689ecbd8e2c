"""What all pictures come to: the figures of a set, with their intervals, as result.json holds them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from webiml.evaluate.pixel_figures import MEANS, best_level, threshold_of
from webiml.evaluate.protocols import Protocol
from webiml.evaluate.rows import ImageRow, Result
from webiml.evaluate.score import ScoredItem
from webiml.metrics import detection
from webiml.metrics import histograms as pixels
from webiml.metrics.histograms import LEVELS, Histograms
from webiml.metrics.resampling import interval, interval_of

ALARM = 0.01
"""Share of an authentic picture's area from which on it counts as a false alarm."""
WITH_INTERVAL = ("f1", "iou", "auc")
SKIPPED_NAMED = 1000  # pictures that result.json names; per_image.parquet has them all
_DRAWS_OF_AUC = 1000  # each costs a sort of all scores


@dataclass
class Pool:
    """What adds up over pictures: pixels by level, and F1 at each level."""

    counts: Histograms = field(
        default_factory=lambda: Histograms(np.zeros(LEVELS, np.int64), np.zeros(LEVELS, np.int64))
    )
    curve: np.ndarray = field(default_factory=lambda: np.zeros(LEVELS + 1))
    pictures: int = 0

    def add(self, one: ScoredItem) -> None:
        """One more picture, if it counts."""
        if one.counts is not None and one.curve is not None:
            self.counts, self.curve, self.pictures = self.counts + one.counts, self.curve + one.curve, self.pictures + 1

    @classmethod
    def sum(cls, pools: Iterable[Pool]) -> Pool:
        """All of them together."""
        total = cls()
        for one in pools:
            total += one
        return total

    def __add__(self, other: Pool) -> Pool:
        return Pool(self.counts + other.counts, self.curve + other.curve, self.pictures + other.pictures)


def figures(rows: Sequence[ImageRow], pool: Pool, protocol: Protocol) -> dict[str, Any]:
    """The figures of a set of pictures, nested as in result.json; None where one is not defined.

    Args:
        rows: of these pictures. pool: what adds up over the same pictures.
    """
    counted = [row for row in rows if row.result != Result.SKIPPED]
    authentic = [row for row in counted if not row.manipulated]
    return {
        "n": len(counted),
        "manipulated": sum(row.manipulated for row in counted),
        "authentic": len(authentic),
        "failed": sum(row.result == Result.FAILED for row in counted),
        "skipped": len(rows) - len(counted),
        "pixel": _pixel(counted, pool, protocol),
        "pooled": _pooled(pool, protocol),
        "image": _image(counted, protocol),
        "false_alarms": _false_alarms(authentic),
    }


def reasons(rows: Iterable[ImageRow], result: Result) -> dict[str, int]:
    """How many pictures of one result have each reason, the most frequent first."""
    found = Counter(row.reason or "" for row in rows if row.result == result)
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))


def named(rows: Iterable[ImageRow], result: Result) -> list[dict[str, Any]]:
    """The first SKIPPED_NAMED pictures of one result, with what was wrong."""
    found = []
    for row in rows:
        if row.result == result and len(found) < SKIPPED_NAMED:
            found.append({"benchmark": row.benchmark, "key": row.key, "reason": row.reason, "detail": row.detail})
    return found


def _pixel(counted: Sequence[ImageRow], pool: Pool, protocol: Protocol) -> dict[str, Any]:
    """Means over pictures."""
    judged = [row for row in counted if row.manipulated or protocol.authentic == "zero"]
    result: dict[str, Any] = {"n": len(judged)}
    known = {name: [row for row in judged if getattr(row, name) is not None] for name in MEANS}
    for name in MEANS:
        values = [getattr(row, name) for row in known[name]]
        result[name] = float(np.mean(values)) if values else None
    result["undefined"] = {name: len(judged) - len(known[name]) for name in MEANS if len(judged) > len(known[name])}
    result["intervals"] = {
        name: list(interval(np.array([getattr(row, name) for row in known[name]]), groups_of(known[name])))
        for name in WITH_INTERVAL
        if known[name]
    }
    best = best_level(pool.curve) if pool.pictures else None
    result["f1_best_of_set"] = float(pool.curve[best] / pool.pictures) if best is not None else None
    result["threshold_best_of_set"] = threshold_of(best) if best is not None else None
    result["f1_by_threshold"] = (pool.curve[1:LEVELS] / pool.pictures).round(6).tolist() if pool.pictures else []
    return result


def _pooled(pool: Pool, protocol: Protocol) -> dict[str, Any]:
    """Of all pixels of all pictures together."""
    names = ("precision", "recall", "f1", "iou", "mcc", "auc", "ap", "f1_best", "threshold_best")
    if not pool.pictures:
        return dict.fromkeys(names)
    c = pixels.confusion(pool.counts)
    curve = pixels.f1_at_levels(pool.counts, protocol.empty)
    level = best_level(curve)
    return {
        "precision": pixels.precision(c),
        "recall": pixels.recall(c),
        "f1": pixels.f1(c, protocol.empty),
        "iou": pixels.iou(c, protocol.empty),
        "mcc": pixels.mcc(c),
        "auc": pixels.auc(pool.counts),
        "ap": pixels.average_precision(pool.counts),
        "f1_best": float(curve[level]),
        "threshold_best": threshold_of(level),
    }


def _image(counted: Sequence[ImageRow], protocol: Protocol) -> dict[str, Any]:
    """Manipulated pictures against authentic ones, by score."""
    name = score_name(counted, protocol)
    scores = np.array([getattr(row, name) for row in counted], np.float64)
    manipulated = np.array([row.manipulated for row in counted], bool)
    threshold = float(np.nextafter(0.5, 1)) if protocol.strict else 0.5
    c = detection.confusion_of_scores(scores, manipulated, threshold)
    both = bool(manipulated.any() and not manipulated.all())
    sensitivity, specificity = detection.sensitivity(c), detection.specificity(c)
    f1: float | None = pixels.f1(c, 0.0)
    if protocol.harmonic:  # of sensitivity and specificity
        total = (sensitivity or 0.0) + (specificity or 0.0)
        f1 = 2 * (sensitivity or 0.0) * (specificity or 0.0) / total if total else 0.0

    def auc(positions: np.ndarray) -> float | None:
        return detection.auc_of_scores(scores[positions], manipulated[positions])

    ends = interval_of(auc, groups_of(counted), draws=_DRAWS_OF_AUC) if both else None
    return {
        "n": len(counted),
        "score": name,
        "threshold": 0.5,
        "auc": detection.auc_of_scores(scores, manipulated),
        "ap": detection.average_precision_of_scores(scores, manipulated) if both else None,
        "f1": f1 if both else None,
        "accuracy": detection.accuracy(c),
        "balanced_accuracy": detection.balanced_accuracy(c),
        "sensitivity": sensitivity,
        "specificity": specificity,
        "eer": detection.equal_error_rate(scores, manipulated),
        "intervals": {"auc": list(ends)} if ends else {},
    }


def score_name(rows: Iterable[ImageRow], protocol: Protocol) -> str:
    """The column that whole pictures are told by: the largest probability where the protocol says so or one lacks."""
    if protocol.score == "largest" or any(row.score is None for row in rows):
        return "largest"
    return "score"


def _false_alarms(authentic: Sequence[ImageRow]) -> dict[str, Any]:
    """How much is marked in pictures in which there is nothing to find."""
    if not authentic:
        return {"n": 0, "area": None, "share": None, "alarm": ALARM, "intervals": {}}
    areas = np.array([row.marked for row in authentic], np.float64)
    return {
        "n": len(authentic),
        "area": float(areas.mean()),
        "share": float((areas > ALARM).mean()),
        "alarm": ALARM,
        "intervals": {"area": list(interval(areas, groups_of(authentic)))},
    }


def groups_of(rows: Iterable[ImageRow]) -> list[str]:
    """What is drawn together, for `webiml.metrics.resampling`: groups of one benchmark; empty for one on its own."""
    return [f"{row.benchmark}\0{row.group}" if row.group else "" for row in rows]
