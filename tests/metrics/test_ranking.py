"""AUC and rank correlation against definitions that look at every pair."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import rankdata

from webiml.errors import BadMap
from webiml.metrics.ranking import auc, spearman


def test_auc_on_paper():
    stored = np.array([[200, 100, 100, 0]], np.uint8)
    true = np.array([[True, True, False, False]])
    assert auc(stored, true) == 3.5 / 4  # of four pairs three are in order and one is a tie
    assert auc(stored, ~true) == 0.5 / 4


@given(hnp.arrays(np.uint8, (3, 6), elements=st.sampled_from([0, 1, 90, 254, 255])), hnp.arrays(bool, (3, 6)))
def test_auc_is_the_share_of_pairs_in_order(stored, true):
    above, below = stored[true].astype(int), stored[~true].astype(int)
    if not len(above) or not len(below):
        assert auc(stored, true) is None
        return
    order = np.sign(above[:, None] - below[None, :])
    assert auc(stored, true) == pytest.approx(((order + 1) / 2).mean())


def test_auc_refuses_maps_that_are_not_stored_ones():
    with pytest.raises(BadMap):
        auc(np.zeros((2, 2), np.float32), np.zeros((2, 2), bool))
    with pytest.raises(BadMap):
        auc(np.zeros((2, 2), np.uint8), np.zeros((2, 3), bool))


def test_spearman_on_paper():
    # Ranks 1 2 3 4 against 2 1 4 3: 1 - 6 * (1 + 1 + 1 + 1) / (4 * 15).
    assert spearman(np.array([10, 20, 30, 40]), np.array([0.2, 0.1, 0.9, 0.5])) == pytest.approx(0.6)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-3, 3)), min_size=2, max_size=30))
def test_spearman_agrees_with_scipy_also_on_ties(pairs):
    a, b = np.array(pairs, float).T
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        assert np.isnan(spearman(a, b))
    else:
        assert spearman(a, b) == pytest.approx(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def test_spearman_of_fewer_than_two_is_not_a_number():
    assert np.isnan(spearman(np.array([1.0]), np.array([2.0])))
    assert np.isnan(spearman(np.array([]), np.array([])))
