"""Warping: what is moved where, and what is covered, worked out by hand."""

import cv2
import numpy as np
import pytest

from webiml.geometry.warp import warp


def shift(x: float, y: float) -> np.ndarray:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(3).random((20, 30, 3), np.float32)


def test_identity_changes_nothing_and_covers_everything(noise):
    warped, validity = warp(noise, np.eye(3), (20, 30))
    assert warped == pytest.approx(noise, abs=1e-6)
    assert validity.all() and validity.dtype == bool


def test_whole_pixels_move_as_they_are_and_leave_a_gap(noise):
    warped, validity = warp(noise, shift(4, -3), (20, 30))
    assert warped[:17, 4:] == pytest.approx(noise[3:, :26], abs=1e-6)
    want = np.zeros((20, 30), bool)
    want[:17, 4:] = True
    assert np.array_equal(validity, want)
    assert warped[:17, :4] == pytest.approx(noise[3:, :1].repeat(4, axis=1), abs=1e-6)  # the border repeated


def test_half_a_pixel_is_not_quite_covered_at_the_border(noise):
    _, validity = warp(noise, shift(0.5, 0), (20, 30))
    assert not validity[:, 0].any() and validity[:, 1:].all()


def test_frame_is_the_targets(noise):
    warped, validity = warp(noise, shift(2, 1), (26, 35))
    assert warped.shape == (26, 35, 3) and validity.shape == (26, 35)
    assert validity.sum() == 20 * 30


def test_what_shrinks_is_averaged_not_sampled():
    stripes = np.zeros((64, 64, 3), np.float32)
    stripes[:, ::2] = 1  # every other column: sampled at every fourth pixel it would be all black or all white
    small, _ = warp(stripes, np.diag([0.25, 0.25, 1]), (16, 16))
    assert np.abs(small[4:12, 4:12] - 0.5).max() < 0.1


def test_values_stay_in_range_though_the_kernel_overshoots(noise):
    steps = (noise > 0.5).astype(np.float32)
    turned = np.vstack([cv2.getRotationMatrix2D((14.5, 9.5), 17, 1.3), [0, 0, 1]])
    warped, _ = warp(steps, turned, (20, 30))
    assert warped.min() >= 0 and warped.max() <= 1
