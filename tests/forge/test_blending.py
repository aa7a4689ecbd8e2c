"""Pasting: to the pixel where it says, coloured as asked."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webiml.forge.blending import BLENDS, laid_over, paste, placement, recolour
from webiml.forge.lettering import fitted_ink, ink


def rectangle(shape: tuple[int, int], top: int, bottom: int, left: int, right: int) -> np.ndarray:
    made = np.zeros(shape, bool)
    made[top:bottom, left:right] = True
    return made


def test_paste_moves_the_pixels_it_says():
    onto, donor = np.zeros((40, 60, 3), np.uint8), np.full((40, 60, 3), 200, np.uint8)
    shift = np.array([[1, 0, 30], [0, 1, 10], [0, 0, 1.0]])
    thing = rectangle((40, 60), 5, 15, 5, 20)
    out, inside = paste(onto, donor, thing, shift, "hard", np.random.default_rng(0))
    want = rectangle((40, 60), 15, 25, 35, 50)
    assert np.array_equal(inside, want)
    assert np.array_equal(out, np.where(want[..., None], np.uint8(200), np.uint8(0)).repeat(3, axis=2))


@pytest.mark.parametrize("blend", BLENDS)
def test_every_blend_stays_near_its_place(blend):
    rng = np.random.default_rng(1)
    onto, donor = (rng.integers(0, 256, (60, 80, 3)).astype(np.uint8) for _ in range(2))
    out, inside = paste(onto, donor, rectangle((60, 80), 20, 40, 25, 55), np.eye(3), blend, rng, 0.5)
    given = rectangle((60, 80), 20, 40, 25, 55)
    rim = np.ones((1, 1) if blend != "feathered" else (7, 7), np.uint8)  # a soft rim belongs to what was touched
    assert inside[given].all() and not inside[cv2.dilate(given.astype(np.uint8), rim) == 0].any()
    assert blend != "feathered" or inside.sum() > given.sum()
    far = cv2.dilate(inside.astype(np.uint8), np.ones((17, 17), np.uint8)) == 0
    assert np.array_equal(out[far], onto[far]) and (out[inside] != onto[inside]).mean() > 0.5


def test_poisson_at_the_border_is_feathered_instead():
    onto, donor = np.full((40, 40, 3), 50, np.uint8), np.full((40, 40, 3), 200, np.uint8)
    out, _ = paste(onto, donor, rectangle((40, 40), 0, 20, 0, 20), np.eye(3), "poisson", np.random.default_rng(0))
    assert out[5, 5, 0] > 190  # the clone would have taken over the ground's colour


@given(seed=st.integers(0, 9999))
def test_placement_keeps_the_share(seed):
    thing = rectangle((120, 160), 30, 70, 40, 100)  # an eighth of the picture
    transform = placement(thing, (120, 160), 0.05, 0.2, np.random.default_rng(seed))
    big = np.array([[1, 0, 200], [0, 1, 200], [0, 0, 1.0]]) @ transform  # room for what lies outside
    landed = cv2.warpPerspective(thing.astype(np.uint8) * 255, big, (560, 520)) >= 128
    assert 0.035 <= landed.sum() / (120 * 160) <= 0.26  # shear and tilt may change an area a little


def test_laid_over_by_hand():
    ground, over = np.full((1, 3, 3), 100, np.uint8), np.full((1, 3, 3), 200, np.uint8)
    alpha = np.array([[0, 51, 255]], np.uint8)
    assert laid_over(ground, over, alpha)[0, :, 0].tolist() == [100, 120, 200]
    assert laid_over(ground, over, alpha, 0.5)[0, :, 0].tolist() == [100, 110, 150]


def test_recolour_without_any_range_changes_nothing():
    picture = np.random.default_rng(0).integers(0, 256, (20, 20, 3)).astype(np.uint8)
    same = recolour(picture, np.random.default_rng(1), gamma=1, gain=0, saturation=0, contrast=0)
    assert np.array_equal(same, picture)
    other = recolour(picture, np.random.default_rng(1))
    assert other.dtype == np.uint8 and not np.array_equal(other, picture)


@given(seed=st.integers(0, 999), width=st.integers(10, 200))
def test_ink_fits(seed, width):
    rng = np.random.default_rng(seed)
    made = fitted_ink("WEB", 30, width, rng)
    assert made.dtype == np.uint8 and made.shape[1] <= width and made.any()
    assert ink("l", 40, rng).shape[0] > 15
