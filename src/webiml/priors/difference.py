"""The SPG prior: what differs between the manipulated picture and the aligned, recoloured authentic one.

Resaving, resizing and small misalignment make every pixel differ a little, more in texture than in the sky. So a
difference counts by how far it stands out of what this very pair shows at equal local contrast, at several scales;
found once, the suspects are left out, colours and noise are measured again, and the second look is the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from webiml.geometry.colour import apply_colour, fit_colour
from webiml.geometry.logistic import Logistic, load
from webiml.geometry.maps import (
    blur,
    close,
    disk,
    fill_holes,
    grey,
    guided,
    length,
    local_correlation,
    log_odds,
    opened,
    spread,
    tolerant_difference,
    top_mean,
)

SAMPLE = 20_000  # pixels from which noise is measured
CONTRASTS = 8  # classes of local contrast with a noise level each
Features = dict[str, "np.ndarray | float"]


@cache
def curves() -> dict[str, Logistic]:
    """The fitted curves; read once."""
    return load("webiml.priors", "difference")


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs, and what it was told from.

    Attributes:
        probability: (H, W) float32 in [0, 1], P(pixel was changed); 0 where the authentic picture says nothing.
        first: (H, W) float32 in [0, 1], the same before suspects were left out of colours and noise.
        authentic: (H, W, 3) float32 in [0, 1], recoloured by what was left unchanged.
        look: the features of the second look, (H, W) float32 each.
    """

    probability: np.ndarray
    first: np.ndarray
    authentic: np.ndarray
    look: Features


def difference_prior(authentic: np.ndarray, manipulated: np.ndarray, validity: np.ndarray) -> Difference:
    """Probability that a pixel was changed, from the difference alone.

    Args:
        authentic, manipulated: (H, W, 3) float32 in [0, 1], aligned. validity: (H, W) bool.
    Source: method 2.2 and 9 (the prior of DASS), with an adaptive threshold in place of a fixed one.
    """
    if not validity.any():
        nothing = np.zeros(validity.shape, np.float32)
        return Difference(nothing, nothing, authentic, {})
    first = curves()["first"](first_look(authentic, manipulated, validity))
    first[~validity] = 0
    authentic = recoloured(first, authentic, manipulated, validity)
    look = second_look(first, authentic, manipulated, validity)
    second = curves()["second"](look)
    second[~validity] = 0
    return Difference(second, first, authentic, look)


def first_look(authentic: np.ndarray, manipulated: np.ndarray, validity: np.ndarray) -> Features:
    """Features of a pixel when nothing is known yet: noise is measured on the calmer part of all pixels."""
    a, m = blur(authentic, 0.7), blur(manipulated, 0.7)
    raw, tolerant = length(a - m), tolerant_difference(a, m)
    raw[~validity] = tolerant[~validity] = 0
    grey_a, grey_m = grey(a), grey(m)
    contrast = np.minimum(spread(grey_a, 2), spread(grey_m, 2))
    noise = Noise(contrast, validity, quantile=0.4, gain=1.5, floor=0.006)
    middle = np.log(noise.relative(blur(raw, 2.5)) + 0.1)
    radius = max(2.0, min(raw.shape) * 0.012)
    element, wide = disk(2 * radius), disk(4 * radius)
    return {
        "fine": np.log(noise.relative(blur(raw, 1)) + 0.1),
        "middle": middle,
        "coarse": np.log(noise.relative(blur(raw, 6)) + 0.1),
        "tolerant": np.log(noise.relative(blur(tolerant, 1.5)) + 0.1),
        "absolute": np.log(blur(raw, 1.5) + 0.005),
        "structure": 1 - local_correlation(grey_a, grey_m, 2.5, 2e-5),
        "opened": opened(middle, radius),
        "closed": cv2.morphologyEx(middle, cv2.MORPH_CLOSE, element),
        "solid": cv2.morphologyEx(cv2.morphologyEx(middle, cv2.MORPH_CLOSE, wide), cv2.MORPH_OPEN, element),
        "filled": fill_holes(middle, np.linspace(-1, 3.5, 10).tolist()),
    }


def recoloured(first: np.ndarray, authentic: np.ndarray, manipulated: np.ndarray, validity: np.ndarray) -> np.ndarray:
    """The authentic picture in the colours of the manipulated one, fitted where the first look suspects nothing."""
    return apply_colour(authentic, fit_colour(authentic, manipulated, unsuspected(first, validity)))


def unsuspected(first: np.ndarray, validity: np.ndarray) -> np.ndarray:
    """(H, W) bool: valid pixels away from what the first look suspects; its calmest where it suspects nearly all."""
    calm = (blur(first, 2 * _size(first)) < 0.15) & validity
    if calm.sum() < 0.05 * validity.sum():
        calm = validity & (first <= np.quantile(first[validity], 0.3))
    return calm


def _size(array: np.ndarray) -> float:
    """Radii grow with the picture; 1 at a shorter side of 256 pixels."""
    return max(min(array.shape) / 256, 0.5)


def second_look(first: np.ndarray, authentic: np.ndarray, manipulated: np.ndarray, validity: np.ndarray) -> Features:
    """Features of a pixel when the suspects of the first look are left out of the noise.

    Args: first (H, W) float32 in [0, 1], the first look's probability; authentic recoloured without the suspects; the
        rest as in `difference_prior`.
    """
    size = _size(first)
    calm = unsuspected(first, validity)
    a, m = blur(authentic, 0.6), blur(manipulated, 0.6)
    signed, tolerant = a - m, tolerant_difference(a, m)
    signed[~validity] = tolerant[~validity] = 0
    raw = length(signed)
    grey_a, grey_m = grey(a), grey(m)
    contrast = np.minimum(spread(grey_a, 2), spread(grey_m, 2))
    noise = Noise(contrast, calm, quantile=0.9, gain=1, floor=0.004)

    def stands_out(difference: np.ndarray) -> np.ndarray:
        return np.log(noise.relative(difference) + 0.05)

    fine = stands_out(blur(raw, 1))
    ratio = np.exp(fine)
    evidence = ratio / (ratio + 1.5)
    filled = fill_holes(blur(evidence, 0.8 * size), (0.3, 0.4, 0.5, 0.6, 0.7, 0.8))
    solid = opened(filled, 1.5 * size)
    radius = max(2, round(4 * size))
    return {
        # Signed differences cancel noise where they are averaged; absolute ones keep what alternates.
        "signed_fine": stands_out(length(blur(signed, 0.5))),
        "signed_middle": stands_out(length(blur(signed, 1.2))),
        "signed_coarse": stands_out(length(blur(signed, 3))),
        "fine": fine,
        "middle": stands_out(blur(raw, 3)),
        "tolerant": stands_out(blur(tolerant, 1)),
        "structure": stands_out(1 - local_correlation(grey_a, grey_m, 2, 1e-5)),
        "guided_manipulated": log_odds(guided(manipulated, evidence, radius)),
        "guided_authentic": log_odds(guided(authentic, evidence, radius)),
        "filled": log_odds(filled),
        "solid": log_odds(solid),
        "closed_near": log_odds(close(solid, 3 * size)),
        "closed_middle": log_odds(close(solid, 7 * size)),
        "closed_far": log_odds(close(solid, 14 * size)),
        "first": log_odds(first),
        "first_middle": log_odds(blur(first, 3 * size)),
        "first_coarse": log_odds(blur(first, 9 * size)),
        "strongest": float(log_odds(np.array(top_mean(solid)))),
        "absolute": np.log(blur(np.abs(authentic - manipulated).max(axis=2) * validity, 1.5) + 0.005),
    }


class Noise:
    """What a difference amounts to where nothing was changed, by local contrast, measured on the pair itself."""

    def __init__(self, contrast: np.ndarray, where: np.ndarray, *, quantile: float, gain: float, floor: float) -> None:
        chosen = np.flatnonzero(where)
        self._chosen = chosen[:: max(1, len(chosen) // SAMPLE)]
        self._contrast, self._quantile, self._gain, self._floor = contrast, quantile, gain, floor
        values = contrast.reshape(-1)[self._chosen]
        order = np.argsort(values, kind="stable")
        self._classes = [part for part in np.array_split(order, CONTRASTS) if len(part) >= 20]
        self._centres = [float(values[part].mean()) for part in self._classes]

    def relative(self, difference: np.ndarray) -> np.ndarray:
        """(H, W) differences as multiples of the noise at their contrast, which never falls as contrast grows."""
        sample = difference.reshape(-1)[self._chosen]
        if not self._classes:
            return difference / (0.05 + self._floor)
        levels = np.maximum.accumulate([np.quantile(sample[part], self._quantile) for part in self._classes])
        expected = np.interp(self._contrast, self._centres, levels * self._gain).astype(np.float32)
        return difference / (expected + np.float32(self._floor))
