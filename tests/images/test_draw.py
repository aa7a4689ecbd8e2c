import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webiml.errors import BadMap
from webiml.images.draw import heat, overlay, thumbnail


def square() -> np.ndarray:
    mask = np.zeros((20, 20), bool)
    mask[5:15, 5:15] = True
    return mask


def test_overlay_tints_inside_outlines_the_edge_and_leaves_the_rest():
    rgb = np.full((20, 20, 3), 100, np.uint8)
    drawn = overlay(rgb, square(), (200, 0, 0), 0.5)
    assert drawn[10, 10].tolist() == [150, 50, 50]
    assert drawn[5, 5].tolist() == [200, 0, 0] and drawn[10, 14].tolist() == [200, 0, 0]
    assert (drawn[~square()] == 100).all()
    assert (rgb == 100).all()  # the picture given is not drawn on


def test_a_mask_of_everything_has_no_edge():
    drawn = overlay(np.full((20, 20, 3), 100, np.uint8), np.ones((20, 20), bool), (200, 0, 0), 0.5)
    assert (drawn == (150, 50, 50)).all()


def test_no_mask_no_change():
    rgb = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    assert (overlay(rgb, np.zeros((20, 20), bool)) == rgb).all()


def test_overlay_refuses_sizes_that_differ_and_soft_masks():
    rgb = np.zeros((20, 20, 3), np.uint8)
    for mask in (np.zeros((20, 21), bool), np.zeros((20, 20), np.uint8)):
        with pytest.raises(BadMap):
            overlay(rgb, mask)
    with pytest.raises(BadMap):
        overlay(rgb[..., 0], square())


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 120))
def test_thumbnails_fit_and_are_never_enlarged(height, width, side):
    rgb = np.full((height, width, 3), 77, np.uint8)
    small = thumbnail(rgb, side)
    assert (small == 77).all()
    assert min(small.shape) >= 1
    if max(height, width) <= side:
        assert small.shape == rgb.shape
    else:
        assert max(small.shape[:2]) == side


def test_thumbnail_averages_areas():
    checks = np.tile(np.array([[0, 200], [200, 0]], np.uint8), (8, 8))
    assert (thumbnail(checks, 8) == 100).all()


def test_heat_grows_brighter():
    colours = heat(np.linspace(0, 1, 11, dtype=np.float32)[None])
    assert colours.shape == (1, 11, 3) and colours.dtype == np.uint8
    light = colours[0].astype(int) @ [2, 7, 1]
    assert (np.diff(light) > 0).all()
    assert colours[0, 5, 0] > colours[0, 5, 2]  # red in the middle: RGB, not BGR
