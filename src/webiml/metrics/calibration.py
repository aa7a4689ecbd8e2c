"""Calibration: does a probability of 0.8 mean that eight pixels in ten were manipulated?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from webiml.errors import BadMap

BINS = 15


@dataclass(frozen=True)
class Reliability:
    """Pixels, summed probability and manipulated pixels in each of BINS equal bins; add them over pictures.

    Attributes: count, probability, manipulated: (BINS,) float64.
    """

    count: np.ndarray
    probability: np.ndarray
    manipulated: np.ndarray

    def __add__(self, other: Reliability) -> Reliability:
        return Reliability(
            self.count + other.count, self.probability + other.probability, self.manipulated + other.manipulated
        )

    @property
    def ece(self) -> float:
        """Expected calibration error, [0, 1]: mean gap between probability and frequency, weighted by pixels."""
        return float(np.abs(self.probability - self.manipulated).sum() / max(self.count.sum(), 1))


def reliability(probability: np.ndarray, true: np.ndarray) -> Reliability:
    """Bin one map.

    Args:
        probability: (H, W) float in [0, 1]. true: (H, W) bool.
    Raises:
        BadMap: shapes or types differ from these.
    Source: Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015.
    """
    if probability.shape != true.shape or probability.dtype.kind != "f" or true.dtype != bool:
        raise BadMap(
            f"calibration needs a float map and a bool mask of one size, got {probability.dtype} and {true.dtype}"
        )
    flat = probability.reshape(-1).astype(np.float64)
    index = np.clip((flat * BINS).astype(int), 0, BINS - 1)
    return Reliability(
        np.bincount(index, minlength=BINS).astype(np.float64),
        np.bincount(index, weights=flat, minlength=BINS),
        np.bincount(index, weights=true.reshape(-1).astype(np.float64), minlength=BINS),
    )
