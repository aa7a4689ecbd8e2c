"""Risk and coverage: how wrong are the answers that are kept, when the least sure are left out first?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from webiml.errors import BadMap


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """The curve of N answers, and three areas.

    Attributes:
        coverage: (N,) float64, 1/N to 1: the share that is kept.
        risk: (N,) float64: mean loss of those that are kept.
        area: under the curve: mean of `risk` over all coverages. None without answers.
        ideal: the same if the order were that of the losses themselves; no order has less.
        random: the same if the order meant nothing: the mean loss.
    """

    coverage: np.ndarray
    risk: np.ndarray
    area: float | None
    ideal: float | None
    random: float | None


def risk_coverage(score: np.ndarray, loss: np.ndarray) -> RiskCoverage:
    """Keep answers by falling score, one after the other.

    Of answers with one score nobody knows which comes first: each counts with the mean loss of them all, which is what
    a random order among them gives on average. So the curve does not depend on the order that they come in.

    Args:
        score: (N,) how sure each answer is. loss: (N,) how wrong it is.
    Raises:
        BadMap: not two arrays of one length, or one holds NaN.
    Source: El-Yaniv and Wiener, "On the Foundations of Noise-free Selective Classification", JMLR 2010, for the curve.
    """
    score, loss = np.asarray(score, np.float64), np.asarray(loss, np.float64)
    if score.shape != loss.shape or score.ndim != 1 or np.isnan(score).any() or np.isnan(loss).any():
        raise BadMap(f"risk and coverage need two arrays of one length without NaN, got {score.shape}, {loss.shape}")
    if not len(score):
        return RiskCoverage(score, loss, None, None, None)
    _, equals = np.unique(-score, return_inverse=True)
    members = np.bincount(equals)
    means = np.bincount(equals, weights=loss) / members
    risk = _running_mean(np.repeat(means, members))
    coverage = np.arange(1, len(score) + 1) / len(score)
    ideal = float(_running_mean(np.sort(loss)).mean())
    return RiskCoverage(coverage, risk, float(risk.mean()), ideal, float(loss.mean()))


def _running_mean(values: np.ndarray) -> np.ndarray:
    return np.cumsum(values) / np.arange(1, len(values) + 1)
