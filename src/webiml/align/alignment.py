"""Authentic onto manipulated: one transform for the whole frame, if there is one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from webiml.geometry import fit
from webiml.geometry.colour import apply_colour, fit_colour
from webiml.geometry.features import Features, match, mirrored
from webiml.geometry.frame import frame_strips
from webiml.geometry.maps import blur
from webiml.geometry.warp import warp
from webiml.images.codec import picture_to_8bit

AGREE = 12 / 255  # a pixel agrees when its blurred, colour-corrected difference is below this (method 2.4)
MIN_INLIERS = 8
MIN_COVERED = 0.05  # of the manipulated picture
THRESHOLD = 3.0  # pixels of the working size
FRAME_DIFFERS = 0.6  # a strip of one colour is a frame where it differs on this share from what the other side shows
FRAME_LEVEL = 24 / 255  # by this much
FRAME_SEEN = 0.05  # of a strip must lie on what is no strip of the other picture, to be judged by that alone
GAIN = 0.005  # a later candidate must agree on this much more of the picture than an earlier, simpler one


@dataclass(frozen=True, slots=True)
class Alignment:
    """The authentic picture in the frame of the manipulated one.

    Attributes:
        transform: 3x3 float64, authentic points to manipulated points.
        authentic: (H, W, 3) float32 in [0, 1], warped and recoloured; manipulated size.
        validity: (H, W) bool, covered by the authentic picture, and no frame in either.
        unknown: share of the manipulated picture within its frame about which the authentic one says nothing, [0, 1].
        agreement: share of the valid pixels that agree, [0, 1].
        inliers: (K, 2) float32, points of the manipulated picture whose match obeys the transform.
    """

    transform: np.ndarray
    authentic: np.ndarray
    validity: np.ndarray
    unknown: float
    agreement: float
    inliers: np.ndarray


def align(authentic: np.ndarray, manipulated: np.ndarray, source: Features, target: Features) -> Alignment | None:
    """Find the transform under which most of the two pictures agrees; None when no candidate is sane.

    Candidates: the same frame, an affine map and a homography of the matched key points, and both for the mirrored
    authentic picture where that matches better.

    Args:
        authentic, manipulated: (H, W, 3) float32 in [0, 1], sizes may differ. source, target: their features.
    Source: method 2.4, with MAGSAC and a least-squares refit.
    """
    best: Alignment | None = None
    strips_a = frame_strips(picture_to_8bit(authentic))
    strips_m = frame_strips(picture_to_8bit(manipulated))
    for transform, inliers in _candidates(authentic, manipulated, source, target):
        warped, validity = warp(authentic, transform, manipulated.shape[:2])
        if validity.mean() < MIN_COVERED:
            continue
        followed = [_follow(strip, transform, validity) for strip in strips_a]
        # Colours are fitted without what may be a frame: a fit could make two frames of any colours agree.
        inner = validity & ~np.any([np.zeros_like(validity), *strips_m, *followed], axis=0)
        recoloured = apply_colour(warped, fit_colour(warped, manipulated, inner))
        own_frame = _frame(strips_m, followed, recoloured, manipulated, validity)
        framed = own_frame | _frame(followed, strips_m, recoloured, manipulated, validity)
        validity &= ~framed
        if validity.mean() < MIN_COVERED:
            continue
        if not np.array_equal(inner, validity):
            recoloured = apply_colour(warped, fit_colour(warped, manipulated, validity))
        covered = float(validity.sum() / np.count_nonzero(~own_frame))
        agreement = agree(recoloured, manipulated, validity)
        if best is None or agreement * covered > best.agreement * (1 - best.unknown) + GAIN:
            best = Alignment(transform, recoloured, validity, 1 - covered, agreement, inliers)
    return best


def _frame(
    strips: list[np.ndarray],
    others: list[np.ndarray],
    authentic: np.ndarray,
    manipulated: np.ndarray,
    covered: np.ndarray,
) -> np.ndarray:
    """(H, W) bool: strips that are a frame, because the other picture shows something else nearly all along them.

    Args: others: strips of the other picture. Where both have one, two frames of one colour agree and say nothing.
    """
    found = np.zeros(covered.shape, bool)
    if not strips:
        return found
    differs = np.any(np.abs(authentic - manipulated) > FRAME_LEVEL, axis=2)
    plain = np.any([found, *others], axis=0)
    for strip in strips:
        seen = strip & covered
        inner = seen & ~plain
        if inner.sum() > FRAME_SEEN * strip.sum():
            seen = inner
        # A strip about which the other side is silent is a frame too: there is nothing in it to compare.
        if not seen.any() or differs[seen].mean() > FRAME_DIFFERS:
            found |= strip
    return found


def _follow(strip: np.ndarray, transform: np.ndarray, like: np.ndarray) -> np.ndarray:
    """A strip of the authentic picture in the frame of the manipulated one, (H, W) bool."""
    moved, _ = warp(strip.astype(np.float32), transform, like.shape)
    return moved > 0.1


def agree(authentic: np.ndarray, manipulated: np.ndarray, validity: np.ndarray) -> float:
    """Share of the valid pixels whose blurred difference is below AGREE in every channel."""
    difference = np.abs(blur(authentic, 1.5) - blur(manipulated, 1.5))
    disagrees = np.any(difference >= AGREE, axis=2)
    return 1 - float(np.mean(disagrees, where=validity))


def _candidates(
    authentic: np.ndarray, manipulated: np.ndarray, source: Features, target: Features
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Transforms, simplest first, each with the target points that obey it."""
    found: list[tuple[np.ndarray, np.ndarray]] = []
    straight = match(source, target, ratio=0.8)
    turned_source = mirrored(source, authentic.shape[1])
    turned = match(turned_source, target, ratio=0.8)
    if authentic.shape == manipulated.shape:
        goals = target.points[straight.target]
        found.append((np.eye(3), goals[fit.residuals(np.eye(3), source.points[straight.source], goals) < THRESHOLD]))
    for features, matches, mirror in (
        (source, straight, np.eye(3)),
        (turned_source, turned, fit.mirror_map(authentic.shape[1])),
    ):
        if matches is turned and len(turned) < len(straight):
            continue
        points, goals = features.points[matches.source], target.points[matches.target]
        for estimate in (fit.affine, fit.homography):
            transform, inliers = estimate(points, goals, threshold=THRESHOLD)
            if transform is not None and inliers.sum() >= MIN_INLIERS and fit.is_sane(transform):
                found.append((transform @ mirror, goals[inliers]))
    return found
