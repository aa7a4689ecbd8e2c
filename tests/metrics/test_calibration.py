"""Calibration error against bins filled on paper."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from webiml.errors import BadMap
from webiml.metrics.calibration import BINS, reliability

maps = hnp.arrays(np.float32, (4, 4), elements=st.floats(0, 1, width=32))
masks = hnp.arrays(bool, (4, 4))


def test_ece_on_paper():
    probability = np.array([[0.85, 0.85, 0.85, 0.85, 0.1, 0.1, 0.0, 1.0]])
    true = np.array([[1, 1, 1, 0, 0, 0, 0, 1]], bool)
    # Bin of 0.85: four pixels, sum 3.4, three true: gap 0.4. Bin of 0.1: sum 0.2, none true: gap 0.2. The ends agree.
    assert reliability(probability, true).ece == pytest.approx((0.4 + 0.2) / 8)


def test_bins_are_of_equal_width_and_one_belongs_to_the_last():
    probability = (np.arange(BINS)[None, :] + 0.5) / BINS
    binned = reliability(np.hstack([probability, [[1.0]]]), np.zeros((1, BINS + 1), bool))
    assert binned.count.tolist() == [1] * (BINS - 1) + [2]


@pytest.mark.parametrize(("value", "true", "want"), [(1.0, True, 0.0), (1.0, False, 1.0), (0.25, False, 0.25)])
def test_constant_maps(value, true, want):
    assert reliability(np.full((3, 3), value), np.full((3, 3), true)).ece == pytest.approx(want)


@given(maps, masks, maps, masks)
def test_adding_two_pictures_is_binning_both(a, true_a, b, true_b):
    both = reliability(a, true_a) + reliability(b, true_b)
    together = reliability(np.vstack([a, b]), np.vstack([true_a, true_b]))
    assert both.count.tolist() == together.count.tolist()
    assert 0 <= both.ece <= 1
    assert both.ece == pytest.approx(together.ece)


@pytest.mark.parametrize(
    ("probability", "true"),
    [
        (np.zeros((2, 2)), np.zeros((2, 3), bool)),
        (np.zeros((2, 2), np.uint8), np.zeros((2, 2), bool)),
        (np.zeros((2, 2)), np.zeros((2, 2), np.uint8)),
    ],
    ids=["other-size", "stored-map", "mask-of-bytes"],
)
def test_wrong_maps_are_refused(probability, true):
    with pytest.raises(BadMap):
        reliability(probability, true)
