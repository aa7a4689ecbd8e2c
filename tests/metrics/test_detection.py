"""Figures of whole pictures against scikit-learn, and against curves worked out by hand."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from webiml.errors import BadMap
from webiml.metrics import detection
from webiml.metrics import histograms as pixels
from webiml.metrics.histograms import Confusion

EXACT = 1e-9
ZERO: Any = 0  # scikit-learn's annotations want a text


def scores_and_truth(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.choice([0.0, 0.25, 0.5, 0.75, 1.0, rng.random()], count), rng.random(count) < 0.5


@given(st.integers(0, 2**32 - 1), st.integers(2, 60))
def test_every_figure_is_that_of_scikit_learn(seed, count):
    scores, manipulated = scores_and_truth(seed, count)
    if not manipulated.any() or manipulated.all():
        assert detection.auc_of_scores(scores, manipulated) is None
        assert detection.equal_error_rate(scores, manipulated) is None
        return
    c, flagged = detection.confusion_of_scores(scores, manipulated), scores >= 0.5
    assert detection.auc_of_scores(scores, manipulated) == pytest.approx(
        sk.roc_auc_score(manipulated, scores), abs=EXACT
    )
    wanted = sk.average_precision_score(manipulated, scores)
    assert detection.average_precision_of_scores(scores, manipulated) == pytest.approx(wanted, abs=EXACT)
    assert detection.accuracy(c) == pytest.approx(sk.accuracy_score(manipulated, flagged), abs=EXACT)
    assert detection.balanced_accuracy(c) == pytest.approx(sk.balanced_accuracy_score(manipulated, flagged), abs=EXACT)
    assert pixels.f1(c, 0.0) == pytest.approx(sk.f1_score(manipulated, flagged, zero_division=ZERO), abs=EXACT)


@pytest.mark.parametrize(
    ("scores", "manipulated", "wanted"),
    [
        ([0.9, 0.8, 0.2, 0.1], [1, 1, 0, 0], 0.0),
        ([0.1, 0.2, 0.8, 0.9], [1, 1, 0, 0], 1.0),
        ([0.5, 0.5, 0.5, 0.5], [1, 1, 0, 0], 0.5),  # from (0, 0) straight to (1, 1)
        ([0.9, 0.6, 0.7, 0.1], [1, 1, 0, 0], 0.5),  # (0, .5) and (.5, .5): there a half is missed and a half flagged
        # (0, 1/3), (0.5, 1/3), (0.5, 2/3), (1, 2/3), (1, 1): up from (0.5, 1/3), the line is met at 0.5
        ([0.9, 0.7, 0.5, 0.8, 0.6], [1, 1, 1, 0, 0], 0.5),
        # (0, 0), (1/4, 1/2), (1, 1): flagged = missed on the first stretch, where t/4 = 1 - t/2 has no t <= 1;
        # on the second, 1/4 + 3t/4 = 1/2 - t/2 at t = 1/5: 0.4
        ([0.9, 0.1, 0.9, 0.1, 0.1, 0.1], [1, 1, 0, 0, 0, 0], 0.4),
    ],
    ids=["all right", "all wrong", "one score", "on a corner", "between", "on a slope"],
)
def test_equal_error_rate_by_hand(scores, manipulated, wanted):
    found = detection.equal_error_rate(np.array(scores), np.array(manipulated, bool))
    assert found == pytest.approx(wanted, abs=1e-12)


def test_a_score_at_the_threshold_is_flagged_unless_it_must_lie_above():
    scores, manipulated = np.array([0.5, 0.5]), np.array([True, False])
    assert detection.confusion_of_scores(scores, manipulated) == Confusion(1, 1, 0, 0)
    above = float(np.nextafter(0.5, 1))
    assert detection.confusion_of_scores(scores, manipulated, above) == Confusion(0, 0, 1, 1)


def test_a_missing_class_has_no_figure_that_needs_it():
    c = detection.confusion_of_scores(np.array([0.9, 0.1]), np.array([True, True]))
    assert (detection.accuracy(c), detection.sensitivity(c)) == (0.5, 0.5)
    assert detection.specificity(c) is None and detection.balanced_accuracy(c) is None
    none = detection.confusion_of_scores(np.empty(0), np.empty(0, bool))
    assert detection.accuracy(none) is None
    assert detection.average_precision_of_scores(np.array([0.3]), np.array([False])) is None


@pytest.mark.parametrize("scores", [np.array([np.nan, 0.1]), np.array([[0.1, 0.2]]), np.array([0.1])])
def test_what_is_no_list_of_scores_is_refused(scores):
    with pytest.raises(BadMap):
        detection.roc(scores, np.array([True, False]))
