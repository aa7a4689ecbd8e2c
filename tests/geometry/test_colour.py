"""Colours of one picture given to another, though part of it was edited."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webiml.geometry.colour import apply_colour, fit_colour
from webiml.geometry.maps import blur

EVERYWHERE = np.ones((60, 80), bool)


def colours(seed: int = 0) -> np.ndarray:
    """(60, 80, 3) float32 in [0, 1]: smooth, of every brightness."""
    rough = np.random.default_rng(seed).random((60, 80, 3), np.float32)
    smooth = blur(rough, 4)
    return (smooth - smooth.min()) / np.float32(np.ptp(smooth))


@pytest.mark.parametrize("gamma", [0.8, 1.0, 1.25])
@pytest.mark.parametrize("gain", [(1, 1, 1), (0.92, 1.0, 0.85)])
def test_gamma_and_gain_are_undone_though_a_third_was_edited(gamma, gain):
    source = colours()
    target = np.clip(source**gamma * np.float32(gain), 0, 1)
    edited = np.zeros(EVERYWHERE.shape, bool)
    edited[:, :24] = True  # 30 %
    target[edited] = colours(9)[edited]
    error = np.abs(apply_colour(source, fit_colour(source, target, EVERYWHERE)) - target)[~edited]
    assert np.quantile(error, 0.99) < 5 / 255  # a cubic is not quite a power


def test_mixed_channels_are_fitted_by_every_degree():
    source = colours() * np.float32(0.8)
    mixed = source @ np.array([[0.8, 0.1, 0], [0.1, 0.85, 0.1], [0, 0.05, 0.9]], np.float32) + np.float32(0.03)
    for degree, terms in ((1, 4), (2, 10), (3, 13)):
        coefficients = fit_colour(source, mixed, EVERYWHERE, degree=degree)
        assert coefficients.shape == (terms, 3)
        assert np.abs(apply_colour(source, coefficients) - mixed).max() < 2 / 255


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_too_few_pixels_change_nothing(degree):
    few = np.zeros(EVERYWHERE.shape, bool)
    few[:3, :33] = True  # 99
    coefficients = fit_colour(colours(), colours(1), few, degree=degree)
    assert apply_colour(colours(), coefficients) == pytest.approx(colours(), abs=1e-6)


def test_only_pixels_with_weight_are_looked_at():
    source, target = colours(), colours()
    target[:, 40:] = 1 - target[:, 40:]
    left = EVERYWHERE.copy()
    left[:, 40:] = False
    fitted = apply_colour(source, fit_colour(source, target, left))
    assert np.abs(fitted - source).max() < 1e-3


@given(st.sampled_from([0.0, 0.2, 1.0]), st.sampled_from([0.0, 0.5, 1.0]))
def test_one_colour_becomes_the_other_and_invents_nothing(a, b):
    source, target = np.full((20, 20, 3), a, np.float32), np.full((20, 20, 3), b, np.float32)
    coefficients = fit_colour(source, target, np.ones((20, 20), bool))
    assert np.isfinite(coefficients).all()
    fitted = apply_colour(source, coefficients)
    assert np.abs(fitted - b).max() < 0.01
