"""Several local transforms between two pictures: one object may have been pasted two or three times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from webiml.geometry import fit
from webiml.geometry.features import Features, Matches


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One place where a piece of the source may lie in the target.

    Attributes:
        transform: 3x3 float64 affine, source points to target points. mirrored: the source was mirrored first
            (the transform already contains the mirror).
        points: (K, 2) float32, inliers in the target. sizes: (K,) float32, diameters of their neighbourhoods, pixels.
        sources: (K, 2) float32, the inliers in the (unmirrored) source.
    """

    transform: np.ndarray
    points: np.ndarray
    sizes: np.ndarray
    sources: np.ndarray
    mirrored: bool


MOST_PROPOSALS = 2000  # matches that propose a similarity; all of them vote


def vote(
    source: Features, target: Features, matches: Matches, *, tolerance: float = 6.0, block: int = 512
) -> tuple[np.ndarray, np.ndarray]:
    """The similarity that one match alone proposes, and how much the others agree: no random sampling.

    A key point knows its place, size and angle, so each match is a whole similarity. For every match counts the others
    that lie within `tolerance` pixels of where its similarity puts them.

    Returns:
        (N,) float weighted votes of each match's similarity, 0 for those left out by MOST_PROPOSALS; (N, 4) float its
        parameters (a, b, tx, ty) with x' = a x - b y + tx, y' = b x + a y + ty.
    """
    p, q = source.points[matches.source].astype(np.float64), target.points[matches.target].astype(np.float64)
    scale = target.sizes[matches.target] / np.maximum(source.sizes[matches.source], 1e-3)
    turn = target.angles[matches.target] - source.angles[matches.source]
    a, b = scale * np.cos(turn), scale * np.sin(turn)
    tx, ty = q[:, 0] - a * p[:, 0] + b * p[:, 1], q[:, 1] - b * p[:, 0] - a * p[:, 1]
    # Many key points may share one place (several angles or sizes): together they count as one vote.
    cell = np.round(q / 3).astype(np.int64)
    _, inverse, count = np.unique(cell, axis=0, return_inverse=True, return_counts=True)
    weight = 1.0 / count[inverse.reshape(-1)]
    votes = np.zeros(len(p))
    proposals = np.arange(0, len(p), max(1, -(-len(p) // MOST_PROPOSALS)))
    for start in range(0, len(proposals), block):
        rows = proposals[start : start + block]
        x = a[rows, None] * p[:, 0] - b[rows, None] * p[:, 1] + tx[rows, None] - q[:, 0]
        y = b[rows, None] * p[:, 0] + a[rows, None] * p[:, 1] + ty[rows, None] - q[:, 1]
        ratio = np.abs(np.log(scale[None, :] / scale[rows, None])) < 0.7
        votes[rows] = ((x * x + y * y < tolerance**2) & ratio) @ weight
    votes[(scale < 0.15) | (scale > 6)] = 0
    return votes, np.column_stack([a, b, tx, ty])


def find_hypotheses(
    source: Features,
    target: Features,
    matches: Matches,
    *,
    mirrored_width: int | None = None,
    limit: int = 6,
    least: float = 4.0,
    tolerance: float = 6.0,
    threshold: float = 3.0,
) -> list[Hypothesis]:
    """Sequential hypotheses: the strongest, its inliers removed, then the next.

    Args:
        mirrored_width: width of the source when `source` holds its mirrored features; the mirror is then undone.
        limit: most hypotheses. least: fewest votes. tolerance, threshold: pixels, before and after the affine refit.
    """
    left = np.arange(len(matches))
    votes, parameters = vote(source, target, matches, tolerance=tolerance)
    found: list[Hypothesis] = []
    mirror = np.eye(3) if mirrored_width is None else fit.mirror_map(mirrored_width)
    while len(found) < limit and len(left) >= least:
        best = left[votes[left].argmax()]
        if votes[best] < least:
            break
        a, b, tx, ty = parameters[best]
        transform = np.array([[a, -b, tx], [b, a, ty], [0, 0, 1.0]])
        p, q = source.points[matches.source[left]], target.points[matches.target[left]]
        transform, inliers = refine(transform, p, q, tolerance=tolerance, threshold=threshold)
        distinct = len(np.unique(np.round(q[inliers] / 3), axis=0))
        if distinct >= least and fit.is_sane(transform, max_skew=2.5):
            chosen = left[inliers]
            original = source.points[matches.source[chosen]]
            if mirrored_width is not None:
                original = fit.mirrored_points(original, mirrored_width)
            found.append(
                Hypothesis(
                    transform @ mirror,
                    target.points[matches.target[chosen]],
                    target.sizes[matches.target[chosen]],
                    original,
                    mirrored_width is not None,
                )
            )
            left = left[fit.residuals(transform, p, q) >= 2 * tolerance]
            rest = Matches(matches.source[left], matches.target[left], matches.similarity[left])
            votes[left], parameters[left] = vote(source, target, rest, tolerance=tolerance)
        else:
            votes[best] = 0
    return found


def refine(
    transform: np.ndarray, source: np.ndarray, target: np.ndarray, *, tolerance: float, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Refit an affine map to its inliers while the tolerance shrinks to the threshold; few inliers stay stiff."""
    reach = tolerance
    inliers = fit.residuals(transform, source, target) < reach
    for _ in range(6):
        if inliers.sum() < 3:
            break
        transform = _least_squares(source[inliers], target[inliers], transform)
        reach = max(reach * 0.8, threshold)
        inliers = fit.residuals(transform, source, target) < reach
    return transform, inliers


def _least_squares(source: np.ndarray, target: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Affine least squares, the linear part pulled towards the prior: a handful of points on a line stays sane."""
    centre_p, centre_q = source.mean(axis=0), target.mean(axis=0)
    x, y = source - centre_p, target - centre_q
    ridge = 25.0 * 4  # as if four matches five pixels off confirmed the prior
    left = x.T @ x + ridge * np.eye(2)
    linear = np.linalg.solve(left, x.T @ y + ridge * prior[:2, :2].T).T
    result = np.eye(3)
    result[:2, :2] = linear
    result[:2, 2] = centre_q - linear @ centre_p
    return result
