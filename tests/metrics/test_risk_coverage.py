"""The risk-coverage curve, with answers worked out by hand."""

import numpy as np
import pytest

from webiml.errors import BadMap
from webiml.metrics.risk_coverage import risk_coverage


def test_curve_and_areas_of_three_answers():
    # by falling score: losses 0.0, 0.6, 0.3; ideal order 0.0, 0.3, 0.6
    found = risk_coverage(np.array([0.2, 0.9, 0.5]), np.array([0.3, 0.0, 0.6]))
    assert found.coverage == pytest.approx([1 / 3, 2 / 3, 1])
    assert found.risk == pytest.approx([0, 0.3, 0.3])
    assert (found.area, found.ideal, found.random) == pytest.approx((0.2, (0 + 0.15 + 0.3) / 3, 0.3))


def test_equal_scores_count_with_their_mean_in_any_order():
    score, loss = np.array([0.5, 0.9, 0.5, 0.1]), np.array([0.0, 0.2, 0.4, 1.0])
    found = risk_coverage(score, loss)
    assert found.risk == pytest.approx([0.2, 0.2, 0.2, 0.4])
    turned = risk_coverage(score[::-1], loss[::-1])
    assert turned.risk == pytest.approx(found.risk) and turned.area == found.area
    # what all orders among the equals give on average
    orders = [risk_coverage(np.array([0.5, 0.9, 0.5 + by, 0.1]), loss).area or 0 for by in (1e-6, -1e-6)]
    assert found.area == pytest.approx(np.mean(orders))


def test_a_score_that_is_the_truth_is_ideal_and_one_that_says_nothing_is_random():
    loss = np.array([0.4, 0.1, 0.9])
    best = risk_coverage(-loss, loss)
    assert best.area == best.ideal and best.area < best.random  # type: ignore[operator]
    assert risk_coverage(np.zeros(3), loss).area == pytest.approx(best.random)
    worst = risk_coverage(loss, loss)
    assert worst.area == pytest.approx((0.9 + 0.65 + 1.4 / 3) / 3)


def test_one_answer_and_none():
    one = risk_coverage(np.array([0.3]), np.array([0.25]))
    assert (one.area, one.ideal, one.random, list(one.coverage)) == (0.25, 0.25, 0.25, [1])
    none = risk_coverage(np.array([]), np.array([]))
    assert (none.area, none.ideal, none.random, len(none.risk)) == (None, None, None, 0)


@pytest.mark.parametrize(
    ("score", "loss"), [([0.1], [0.1, 0.2]), ([[0.1]], [[0.1]]), ([np.nan], [0.1]), ([0.1], [np.nan])]
)
def test_what_is_no_list_of_answers_is_refused(score, loss):
    with pytest.raises(BadMap):
        risk_coverage(np.array(score), np.array(loss))
