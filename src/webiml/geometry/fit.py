"""Robust transforms from matched points, and what a transform does to points."""

from __future__ import annotations

import cv2
import numpy as np


def apply(transform: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Map (N, 2) points (x, y) by a 3x3 transform; returns (N, 2) float64."""
    homogeneous = np.column_stack([points, np.ones(len(points))]) @ transform.T
    return homogeneous[:, :2] / np.where(np.abs(homogeneous[:, 2:]) < 1e-12, 1e-12, homogeneous[:, 2:])


def residuals(transform: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(N,) distance in pixels between mapped source points and their targets."""
    return np.linalg.norm(apply(transform, source) - target, axis=1)


def is_sane(transform: np.ndarray | None, *, max_scale: float = 8.0, max_skew: float = 3.0) -> bool:
    """True for a transform that a person could have made: no collapse, no explosion, no fold."""
    if transform is None or not np.isfinite(transform).all():
        return False
    scales = np.linalg.svd(transform[:2, :2], compute_uv=False)
    return bool(scales[1] > 1 / max_scale and scales[0] < max_scale and scales[0] < max_skew * scales[1])


def affine(source: np.ndarray, target: np.ndarray, *, threshold: float) -> tuple[np.ndarray | None, np.ndarray]:
    """The affine map of most matches, refitted on its inliers.

    Args:
        source, target: (N, 2) points, pixels. threshold: largest residual of an inlier, pixels.
    Returns:
        3x3 float64, or None when there is none; (N,) bool inliers.
    """
    none = np.zeros(len(source), bool)
    if len(source) < 4:
        return None, none
    matrix, _ = cv2.estimateAffine2D(
        source.astype(np.float64), target.astype(np.float64), method=cv2.RANSAC, ransacReprojThreshold=threshold,
        maxIters=3000, confidence=0.999, refineIters=10,
    )  # fmt: skip
    if matrix is None:
        return None, none
    transform = np.vstack([matrix, [0, 0, 1]])
    return transform, residuals(transform, source, target) < threshold


def homography(source: np.ndarray, target: np.ndarray, *, threshold: float) -> tuple[np.ndarray | None, np.ndarray]:
    """Like `affine`, with perspective. Source: Barath et al., MAGSAC++, CVPR 2020 (OpenCV's USAC)."""
    none = np.zeros(len(source), bool)
    if len(source) < 8:
        return None, none
    transform, _ = cv2.findHomography(
        source.astype(np.float64),
        target.astype(np.float64),
        cv2.USAC_MAGSAC,
        threshold,
        maxIters=3000,
        confidence=0.999,
    )
    if transform is None:
        return None, none
    return transform, residuals(transform, source, target) < threshold


def scaled(transform: np.ndarray, source_scale: float | np.ndarray, target_scale: float | np.ndarray) -> np.ndarray:
    """The same map between pictures resized by these factors (one number, or (x, y)).

    Pixel centres are at whole numbers, so a resize by s maps x to s (x + 0.5) - 0.5.
    """
    return resize_map(target_scale) @ transform @ np.linalg.inv(resize_map(source_scale))


def mirror_map(width: int) -> np.ndarray:
    """3x3 map of points under a left-right mirror of a picture of this width."""
    return np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1.0]])


def mirrored_points(points: np.ndarray, width: int) -> np.ndarray:
    """(N, 2) points under the same mirror, in the type that came."""
    return points * np.array([-1, 1], points.dtype) + np.array([width - 1, 0], points.dtype)


def resize_map(scale: float | np.ndarray) -> np.ndarray:
    """3x3 map of points under a resize by `scale` (one number, or (x, y))."""
    sx, sy = np.broadcast_to(np.asarray(scale, float), 2)
    return np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2], [0, 0, 1.0]])
