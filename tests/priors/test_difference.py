"""The SPG prior: marks what differs, says nothing where nothing is known, and stays a probability on any picture."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webiml.metrics.overlap import iou
from webiml.priors.difference import Noise, curves, difference_prior, first_look, second_look


def unit(picture: np.ndarray) -> np.ndarray:
    return picture.astype(np.float32) / np.float32(255)


def resaved(picture: np.ndarray, quality: int) -> np.ndarray:
    _, code = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    again = cv2.imdecode(code, cv2.IMREAD_COLOR)
    assert again is not None
    return again


@pytest.fixture
def pasted(picture) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Aligned authentic and manipulated pictures, both saved again, and where a piece of another one was pasted."""
    authentic = picture("canyon", 300)
    manipulated = authentic.copy()
    mask = np.zeros(authentic.shape[:2], np.uint8)
    cv2.ellipse(mask, (110, 90), (45, 30), 20, 0, 360, 1, -1)
    manipulated[mask > 0] = picture("coffee", 300)[mask > 0]
    return unit(resaved(authentic, 85)), unit(resaved(manipulated, 75)), mask > 0


def test_a_pasted_piece_is_marked(pasted):
    authentic, manipulated, mask = pasted
    found = difference_prior(authentic, manipulated, np.ones(mask.shape, bool)).probability
    assert found.shape == mask.shape and found.dtype == np.float32
    assert iou(found >= 0.5, mask) > 0.8
    assert found[mask].mean() > 0.8 and found[~mask].mean() < 0.05


def test_the_pairs_own_colours_do_not_count(pasted):
    authentic, manipulated, mask = pasted
    darker = np.clip(authentic**1.15 * np.array([0.95, 1, 0.9], np.float32), 0, 1)
    found = difference_prior(darker, manipulated, np.ones(mask.shape, bool)).probability
    assert iou(found >= 0.5, mask) > 0.75


def test_saving_again_is_no_edit(picture):
    authentic = picture("pier", 260)
    found = difference_prior(
        unit(authentic), unit(resaved(authentic, 60)), np.ones(authentic.shape[:2], bool)
    ).probability
    assert (found >= 0.5).mean() < 0.01


def test_where_the_authentic_picture_is_silent_nothing_is_claimed(pasted):
    authentic, manipulated, mask = pasted
    validity = np.ones(mask.shape, bool)
    validity[:, 100:] = False
    authentic[:, 100:] = 0  # whatever lies there must not matter
    found = difference_prior(authentic, manipulated, validity).probability
    assert not found[:, 100:].any()
    assert iou(found[:, :96] >= 0.5, mask[:, :96]) > 0.7
    assert not difference_prior(authentic, manipulated, np.zeros(mask.shape, bool)).probability.any()


def test_curves_use_the_features_that_are_computed(pasted):
    authentic, manipulated, mask = pasted
    validity = np.ones(mask.shape, bool)
    first = first_look(authentic, manipulated, validity)
    assert set(curves()["first"].names) == set(first)
    second = second_look(np.zeros(mask.shape, np.float32), authentic, manipulated, validity)
    assert set(curves()["second"].names) == set(second)


def make(what: str, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) float32 in [0, 1]: the pictures that break formulas."""
    if what == "noise":
        return rng.random((*shape, 3), np.float32)
    if what == "primaries":
        return rng.integers(0, 2, (*shape, 3)).astype(np.float32)
    return np.full((*shape, 3), {"black": 0, "grey": 0.5, "white": 1}[what], np.float32)


kinds = st.sampled_from(["black", "grey", "white", "noise", "primaries"])


@given(
    kinds, kinds, st.sampled_from([(16, 16), (16, 60), (40, 33)]), st.sampled_from([0, 0.01, 0.5, 1]), st.integers(0, 9)
)
def test_a_probability_on_any_picture(one, two, shape, covered, seed):
    rng = np.random.default_rng(seed)
    validity = rng.random(shape) < covered
    found = difference_prior(make(one, shape, rng), make(two, shape, rng), validity).probability
    assert found.shape == shape and found.dtype == np.float32
    assert np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1
    assert not found[~validity].any()


def test_noise_is_measured_where_it_may_be_and_grows_with_contrast():
    contrast = np.repeat(np.linspace(0, 1, 64, dtype=np.float32)[None], 64, axis=0)
    difference = 0.1 * contrast
    where = np.ones(contrast.shape, bool)
    difference[:, :16] = 9  # an edit, left out of the measurement
    where[:, :16] = False
    relative = Noise(contrast, where, quantile=0.5, gain=1, floor=0).relative(difference)
    assert relative[:, 20:60] == pytest.approx(1, abs=0.1)
    assert relative[:, :16].min() > 50


def test_noise_without_enough_pixels_is_a_fixed_one():
    where = np.zeros((20, 20), bool)
    where[0, :7] = True
    noise = Noise(np.ones((20, 20), np.float32), where, quantile=0.5, gain=1, floor=0.01)
    assert noise.relative(np.full((20, 20), 0.6, np.float32)) == pytest.approx(10)
