"""The SDG prior: what the manipulated picture shares with the authentic one, an object that was pasted elsewhere.

Each hypothesis says where a piece of the authentic picture would lie. Laid there and recoloured, it must look like the
manipulated picture: by colour, by structure, more than by chance (as two patches of sky would), and near the key points
that proposed it. The hypotheses are composited, since one object is often pasted two or three times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from webiml.geometry.colour import apply_colour, fit_colour
from webiml.geometry.hypotheses import Hypothesis
from webiml.geometry.logistic import Logistic, load
from webiml.geometry.maps import (
    blur,
    close,
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
from webiml.geometry.warp import warp

Features = dict[str, "np.ndarray | float"]


@dataclass(frozen=True, slots=True)
class Correlation:
    """The SDG prior of a pair.

    Attributes:
        probability: (H, W) float32 in [0, 1] that a pixel belongs to an object of the authentic picture.
        authentic: (H, W, 3) float32 in [0, 1], the authentic picture as the hypotheses lay and recolour it, at each
            pixel that one which explains it best; validity: (H, W) bool, where any of them covers the picture.
        look: the features of `composite_look`, (H, W) float32 or plain numbers; empty without hypotheses.
    """

    probability: np.ndarray
    authentic: np.ndarray
    validity: np.ndarray
    look: Features


@dataclass(frozen=True, slots=True)
class SingleLook:
    """The pair under one hypothesis.

    Attributes:
        features: of a pixel, (H, W) float32 or plain numbers.
        authentic: (H, W, 3) float32 in [0, 1], laid and recoloured; validity: (H, W) bool, where it covers the picture.
    """

    features: Features
    authentic: np.ndarray
    validity: np.ndarray


@cache
def curves() -> dict[str, Logistic]:
    """The fitted curves; read once."""
    return load("webiml.priors", "correlation")


def correlation_prior(authentic: np.ndarray, manipulated: np.ndarray, hypotheses: Sequence[Hypothesis]) -> Correlation:
    """What the manipulated picture shares with the authentic one, at the manipulated size; nothing without hypotheses.

    Args:
        authentic, manipulated: (H, W, 3) float32 in [0, 1], sizes may differ. hypotheses: strongest first.
    Source: method 2.3 and 9 (the prior of Corr-DINO, with several sequential hypotheses).
    """
    if not hypotheses:
        nowhere = np.zeros(manipulated.shape[:2], np.float32)
        return Correlation(nowhere, manipulated, nowhere > 0, {})
    looks = [single_look(authentic, manipulated, hypothesis) for hypothesis in hypotheses]
    singles = [curves()["single"](look.features) for look in looks]
    look = composite_look(manipulated, hypotheses, looks, singles)
    composed, winner = manipulated.copy(), winners(looks, singles)
    for number, one in enumerate(looks):
        mine = one.validity & (winner == number)
        composed[mine] = one.authentic[mine]
    covered = np.any([one.validity for one in looks], axis=0)
    return Correlation(curves()["composite"](look), composed, covered, look)


def single_look(authentic: np.ndarray, manipulated: np.ndarray, hypothesis: Hypothesis) -> SingleLook:
    """What a pixel looks like under one hypothesis."""
    height, width = manipulated.shape[:2]
    size = max(min(height, width) / 256, 0.5)
    warped, validity = warp(authentic, hypothesis.transform, (height, width))
    near = _around(hypothesis, (height, width), size) & validity
    colours = fit_colour(blur(warped, 1), blur(manipulated, 1), near, degree=1 if near.sum() < 1500 * size**2 else 2)
    warped = apply_colour(warped, colours)
    a, m = blur(warped, 0.8), blur(manipulated, 0.8)
    signed = a - m

    def against_near(difference: np.ndarray) -> np.ndarray:
        usual = float(np.quantile(difference[near], 0.6)) if near.any() else 0.05
        return np.log(difference / (usual + 0.01) + 0.05)

    raw = blur(length(signed), 1.5)
    grey_a, grey_m = grey(a), grey(m)
    # Bounded: where no neighbourhood is covered, OpenCV says that the nearest one is infinitely far away.
    distance = np.minimum(cv2.distanceTransform((~near).astype(np.uint8), cv2.DIST_L2, 3), np.float32(height + width))
    extent = np.sqrt(max(float(np.prod(np.ptp(hypothesis.points, axis=0))), 1.0)) + 10 * size
    chance, least_chance = _by_chance(warped, manipulated, size)
    features: Features = {
        "fine": against_near(length(blur(signed, 0.6))),
        "middle": against_near(length(blur(signed, 2))),
        "raw": against_near(raw),
        "tolerant": against_near(blur(tolerant_difference(a, m), 1)),
        "absolute": np.log(raw + 0.005),
        "structure": local_correlation(grey_a, grey_m, 2 * size, 3e-5),
        "structure_wide": local_correlation(grey_a, grey_m, 5 * size, 3e-5),
        "texture": local_correlation(grey_a, grey_m, 2 * size, 1e-4, flat=0),
        "texture_wide": local_correlation(grey_a, grey_m, 5 * size, 1e-4, flat=0),
        "chance": np.log((raw + 0.01) / (chance + 0.01)),
        "chance_best": np.log((raw + 0.01) / (least_chance + 0.01)),
        "contrast": np.log(spread(grey_m, 3) + 0.003),
        "distance": np.log(distance / size + 1),
        "distance_extent": distance / np.float32(extent),
        "density": np.log(_density(hypothesis.points, (height, width), 8 * size) + 0.02),
        "inliers": float(np.log(len(hypothesis.points))),
    }
    return SingleLook(features, warped, validity)


def winners(looks: Sequence[SingleLook], singles: Sequence[np.ndarray]) -> np.ndarray:
    """(H, W) int: the number of the hypothesis that explains a pixel best."""
    return np.argmax([np.where(look.validity, p, 0) for look, p in zip(looks, singles, strict=True)], axis=0)


def composite_look(
    manipulated: np.ndarray,
    hypotheses: Sequence[Hypothesis],
    looks: Sequence[SingleLook],
    singles: Sequence[np.ndarray],
) -> Features:
    """Features of a pixel from all hypotheses: those of the one that explains it best, and of its surroundings.

    Args: looks, singles: `single_look` of each hypothesis and its (H, W) probability.
    """
    size = max(min(manipulated.shape[:2]) / 256, 0.5)
    masked = np.stack([np.where(look.validity, p, 0) for look, p in zip(looks, singles, strict=True)])
    winner = winners(looks, singles)
    best = masked.max(axis=0)
    own = {
        name: np.choose(winner, [np.broadcast_to(look.features[name], best.shape) for look in looks]).astype(np.float32)
        for name in looks[0].features
    }
    filled = fill_holes(blur(best, 0.8 * size), (0.3, 0.4, 0.5, 0.6, 0.7, 0.8))
    solid = opened(filled, 2 * size)
    return own | {
        "best": log_odds(best),
        "any": log_odds(1 - np.prod(1 - masked, axis=0)),
        "near": log_odds(blur(best, 1.5 * size)),
        "around": log_odds(blur(best, 4 * size)),
        "far": log_odds(blur(best, 9 * size)),
        "guided": log_odds(guided(manipulated, best, max(2, round(4 * size)))),
        "guided_wide": log_odds(guided(manipulated, best, max(3, round(9 * size)))),
        "filled": log_odds(filled),
        "solid": log_odds(solid),
        "closed_near": log_odds(close(solid, 4 * size)),
        "closed_far": log_odds(close(solid, 9 * size)),
        "support": _support(blur(best, size), hypotheses),
        "strongest": float(log_odds(np.array(top_mean(solid)))),
        "most_inliers": float(np.log(max(len(h.points) for h in hypotheses))),
    }


def pixels(points: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the pixels that hold (N, 2) points (x, y), kept inside `size` (H, W)."""
    column = np.clip((points[:, 0] + 0.5).astype(int), 0, size[1] - 1)
    return np.clip((points[:, 1] + 0.5).astype(int), 0, size[0] - 1), column


def _around(hypothesis: Hypothesis, size: tuple[int, int], scale: float) -> np.ndarray:
    """(H, W) bool: the neighbourhoods of the inliers."""
    drawn = np.zeros(size, np.uint8)
    for (y, x), diameter in zip(
        np.column_stack(pixels(hypothesis.points, size)).tolist(), hypothesis.sizes, strict=True
    ):
        cv2.circle(drawn, (x, y), int(max(3 * scale, min(float(diameter), 12 * scale))), 1, -1)
    return drawn > 0


def _density(points: np.ndarray, size: tuple[int, int], sigma: float) -> np.ndarray:
    """Inliers under a Gaussian of height 1."""
    drawn = np.zeros(size, np.float32)
    np.add.at(drawn, pixels(points, size), 1)
    return blur(drawn, sigma) * np.float32(2 * np.pi * sigma**2)


def _by_chance(warped: np.ndarray, manipulated: np.ndarray, size: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and least difference if the warped picture lay aside: small where anything would fit, as in the sky."""
    height, width = manipulated.shape[:2]
    half = (max(8, width // 2), max(8, height // 2))  # a smooth quantity: half the size does
    a, m = (cv2.resize(blur(picture, 1.5), half, interpolation=cv2.INTER_AREA) for picture in (warped, manipulated))
    near, far = round(7 * size), round(11 * size)
    asides = []
    for x, y in ((near, 0), (-near, 0), (0, near), (0, -near), (far, far), (-far, far), (far, -far), (-far, -far)):
        moved = cv2.warpAffine(a, np.array([[1, 0, x], [0, 1, y]], float), half, borderMode=cv2.BORDER_REFLECT)
        asides.append(blur(length(moved - m), 1))
    mean, least = np.mean(asides, axis=0), np.min(asides, axis=0)
    return cv2.resize(mean, (width, height)), cv2.resize(least, (width, height))


def _support(best: np.ndarray, hypotheses: Sequence[Hypothesis]) -> np.ndarray:
    """How many inliers lie in a pixel's own connected part, summed as logarithms over three levels."""
    seeds = np.zeros(best.shape)
    for hypothesis in hypotheses:
        np.add.at(seeds, pixels(hypothesis.points, best.shape), 1)
    support = np.zeros(best.shape, np.float32)
    for level in (0.3, 0.5, 0.7):
        count, label = cv2.connectedComponents((best > level).astype(np.uint8))
        inside = np.bincount(label.reshape(-1), weights=seeds.reshape(-1), minlength=count)
        inside[0] = 0
        support += np.log1p(inside).astype(np.float32)[label.astype(np.intp)]
    return support
