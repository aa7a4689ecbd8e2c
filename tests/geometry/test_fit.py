"""Transforms from matched points: the true one is found among false matches, or there is none."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webiml.geometry import fit

CORNERS = np.array([[0, 0], [499, 0], [499, 399], [0, 399.0]])
SIMILARITY = np.array([[0.6, -0.35, 120], [0.35, 0.6, -40], [0, 0, 1.0]])
AFFINE = np.array([[1.1, 0.15, -30], [-0.05, 0.8, 25], [0, 0, 1.0]])
PERSPECTIVE = np.array([[0.95, 0.08, 12], [-0.04, 1.05, 7], [2e-4, -1e-4, 1.0]])


def matched(
    transform: np.ndarray, count: int, false: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, their images 0.2 pixels off, and which of them are true; the share `false` lies anywhere."""
    rng = np.random.default_rng(seed)
    source = rng.uniform([0, 0], [500, 400], (count, 2))
    target = fit.apply(transform, source) + rng.normal(0, 0.2, (count, 2))
    wrong = rng.permutation(count) < false * count
    target[wrong] = rng.uniform([0, 0], [500, 400], (int(wrong.sum()), 2))
    return source, target, ~wrong


def test_apply_divides_by_the_third_coordinate():
    transform = np.array([[2, 0, 1], [0, 3, 0], [0, 1, 1.0]])
    assert fit.apply(transform, np.array([[4, 1.0], [0, 0]])).tolist() == [[4.5, 1.5], [1, 0]]


def test_residuals_are_distances_in_the_target():
    shift = np.array([[1, 0, 10], [0, 1, 0], [0, 0, 1.0]])
    assert fit.residuals(shift, np.array([[1, 1.0]]), np.array([[14, 5.0]])) == pytest.approx([5.0])


@pytest.mark.parametrize(
    ("estimate", "truth"),
    [
        (fit.affine, SIMILARITY),
        (fit.affine, AFFINE),
        (fit.homography, AFFINE),
        (fit.homography, PERSPECTIVE),
    ],
    ids=["affine-of-similarity", "affine", "homography-of-affine", "homography"],
)
@pytest.mark.parametrize("false", [0.0, 0.3, 0.5])
def test_known_transform_is_found_among_false_matches(estimate, truth, false):
    source, target, true = matched(truth, 150, false)
    found, inliers = estimate(source, target, threshold=3.0)
    assert np.abs(fit.apply(found, CORNERS) - fit.apply(truth, CORNERS)).max() < 0.5
    assert inliers[true].all()
    assert inliers[~true].mean() < 0.1 if false else True


@pytest.mark.parametrize("estimate", [fit.affine, fit.homography])
@given(
    count=st.integers(0, 12), shape=st.sampled_from(["scattered", "on a line", "in one place"]), seed=st.integers(0, 99)
)
def test_hopeless_points_give_none_or_a_finite_map(estimate, count, shape, seed):
    rng = np.random.default_rng(seed)
    source = rng.uniform(0, 100, (count, 2))
    if shape == "on a line":
        source[:, 1] = 2 * source[:, 0]
    elif shape == "in one place":
        source[:] = 7
    found, inliers = estimate(source, rng.uniform(0, 100, (count, 2)), threshold=3.0)
    assert inliers.shape == (count,) and inliers.dtype == bool
    if found is None:
        assert not inliers.any()
    else:
        assert found.shape == (3, 3) and np.isfinite(found).all()


@pytest.mark.parametrize(
    ("transform", "sane"),
    [
        (np.eye(3), True),
        (np.diag([-1.0, 1, 1]), True),  # a mirror
        (np.diag([7.0, 7, 1]), True),
        (np.diag([9.0, 9, 1]), False),
        (np.diag([0.1, 0.1, 1]), False),
        (np.diag([2.0, 0.5, 1]), False),  # four times as wide as high
        (np.full((3, 3), np.nan), False),
        (None, False),
    ],
)
def test_sane_is_what_a_person_could_have_made(transform, sane):
    assert fit.is_sane(transform) is sane


@pytest.mark.parametrize(("factor", "kernel"), [(2, cv2.INTER_LINEAR), (0.5, cv2.INTER_AREA), (0.25, cv2.INTER_AREA)])
def test_resize_map_is_where_opencv_puts_a_pixel(factor, kernel):
    x, y = np.meshgrid(np.arange(32, dtype=np.float32), np.arange(24, dtype=np.float32))
    came_from = cv2.resize(np.dstack([x, y]), None, fx=factor, fy=factor, interpolation=kernel)
    height, width = came_from.shape[:2]
    inner = np.s_[4 : height - 4, 4 : width - 4] if factor > 1 else np.s_[:, :]  # OpenCV repeats the border
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    arrived = fit.apply(fit.resize_map(factor), came_from[inner].reshape(-1, 2))
    assert arrived == pytest.approx(np.dstack([columns, rows])[inner].reshape(-1, 2), abs=1e-4)


def test_scaled_is_the_same_map_between_resized_pictures():
    # A shift by (10, 6), source halved, target doubled in x alone: the source's pixel (1, 1) has its centre at
    # (2.5, 2.5) of the original, goes to (12.5, 8.5) and lies at 2 * 13 - 0.5 = 25.5 in the target.
    shift = np.array([[1, 0, 10], [0, 1, 6], [0, 0, 1.0]])
    between = fit.scaled(shift, 0.5, np.array([2.0, 1.0]))
    assert fit.apply(between, np.array([[1, 1.0]])).tolist() == [[25.5, 8.5]]


@given(st.floats(0.2, 5), st.floats(0.2, 5), st.floats(0.2, 5))
def test_scaling_back_gives_the_map_again(a, b, c):
    there = fit.scaled(PERSPECTIVE, a, np.array([b, c]))
    assert fit.scaled(there, 1 / a, 1 / np.array([b, c])) == pytest.approx(PERSPECTIVE, abs=1e-9)
