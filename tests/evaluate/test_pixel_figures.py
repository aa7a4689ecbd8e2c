"""Each protocol on maps whose figures are worked out by hand; what it does on authentic pictures included."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import maximum_filter, minimum_filter
from sklearn import metrics as sk

from webiml.evaluate.pixel_figures import MEANS, best_level, score_map, threshold_of
from webiml.evaluate.protocols import BENCO, MIML, MVSS, PROTOCOLS, TRUFOR, WEBIML
from webiml.metrics.histograms import HALF

ZERO: Any = 0  # scikit-learn's annotations want a text
EACH = pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=lambda one: one.name)


def picture(rows: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Levels and truth: a letter is a manipulated pixel, upper or lower case; # and X are marked (200), others 50."""
    cells = np.array([list(row) for row in rows])
    marked, truth = np.isin(cells, ["#", "X"]), np.isin(cells, ["X", "x"])
    return np.where(marked, 200, 50).astype(np.uint8), truth


HALF_FOUND = picture(["XX##", "xx..", "....", "...."])  # tp 2, fp 2, fn 2, tn 10


@pytest.mark.parametrize("protocol", [WEBIML, BENCO, MVSS, MIML], ids=lambda one: one.name)
def test_figures_of_a_mask_that_is_half_right(protocol):
    scored = score_map(*HALF_FOUND, protocol)
    found = scored.figures
    assert (found.precision, found.recall, found.f1, found.iou) == (0.5, 0.5, 0.5, pytest.approx(2 / 6))
    assert found.mcc == pytest.approx((2 * 10 - 2 * 2) / (4 * 4 * 12 * 12) ** 0.5)
    # 2 of 4 manipulated above all of 10, and level with 2; 2 level with 10, below 2
    assert found.auc == pytest.approx((2 * (10 + 1) + 2 * 5) / (4 * 12))
    assert found.ap == pytest.approx(0.5 * 0.5 + 0.5 * 4 / 16)
    assert (found.f1_best, found.threshold_best) == (0.5, threshold_of(51))  # marking all would be 2 * 4 / 20
    assert found.f1_permuted == 0.5  # the inverted mask: 2 found, 10 wrong, 2 missed: 4 / 16
    assert (found.marked, found.true) == (4 / 16, 4 / 16)
    assert scored.largest == pytest.approx(200 / 255)


def test_trufor_takes_the_better_of_map_and_inverted_map():
    levels, truth = np.full((60, 60), 200, np.uint8), np.zeros((60, 60), bool)
    truth[:, :30] = True
    levels[:, :30] = 50  # exactly the wrong way round
    assert score_map(levels, truth, WEBIML).figures.f1 == 0
    found = score_map(levels, truth, TRUFOR).figures
    assert (found.f1, found.f1_best, found.iou, found.mcc) == (1, 1, 1, 1)
    assert score_map(levels, truth, WEBIML).figures.f1_permuted == 1


def test_trufor_ignores_the_edges_of_the_truth():
    truth = np.zeros((60, 60), bool)
    truth[20:40, 20:40] = True
    levels = np.zeros((60, 60), np.uint8)
    levels[15:45, 15:45] = 255  # five pixels too far on every side, as the dilation by 11 forgives
    assert score_map(levels, truth, WEBIML).figures.f1 == pytest.approx(2 * 400 / (400 + 900))
    assert score_map(levels, truth, TRUFOR).figures.f1 == 1
    assert score_map(levels, truth, WEBIML).figures.f1_inner == 1
    levels[14, 30] = 255  # the sixth pixel is not forgiven; of the truth 20 - 14 = 6 a side are left
    assert score_map(levels, truth, TRUFOR).figures.f1 == pytest.approx(2 * 36 / (2 * 36 + 1))


def test_trufor_leaves_out_what_its_code_cannot_count():
    truth = np.zeros((40, 40), bool)
    truth[10:18, 10:18] = True  # eroded by 15 nothing of it is left
    found = score_map(np.zeros((40, 40), np.uint8), truth, TRUFOR).figures
    assert found.f1 is None and found.iou is None and found.f1_best == 0
    marked = np.zeros((40, 40), np.uint8)
    marked[0, 0] = 255  # now there is a wrong pixel, and a table of two rows: its F1 is 0
    assert score_map(marked, truth, TRUFOR).figures.f1 == 0


def reference_of_trufor(levels: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """F1 at the best threshold and at 0.5, written out as its rules say: border, both polarities, every threshold."""
    core, around = np.asarray(minimum_filter(truth, 15), bool), np.asarray(maximum_filter(truth, 11), bool)
    counted = core | ~around
    values, y = levels[counted].astype(int), truth[counted]

    def best_of_both(mask: np.ndarray) -> float:
        return max(sk.f1_score(y, mask, zero_division=ZERO), sk.f1_score(y, ~mask, zero_division=ZERO))

    return max(best_of_both(values > one) for one in np.unique(values)), best_of_both(values >= HALF)


@given(st.integers(0, 2**32 - 1), st.integers(0, 50), st.integers(0, 50))
def test_trufor_is_what_its_rules_say_written_out(seed, top, left):
    rng = np.random.default_rng(seed)
    truth = np.zeros((70, 60), bool)
    truth[top : top + 20, left : left + 25] = True
    levels = rng.choice([0, 60, 130, 200], (70, 60)).astype(np.uint8)
    best, fixed = reference_of_trufor(levels, truth)
    found = score_map(levels, truth, TRUFOR).figures
    assert found.f1_best == pytest.approx(best, abs=1e-9) and found.f1 == pytest.approx(fixed, abs=1e-9)


@EACH
def test_nothing_marked_in_a_manipulated_picture_is_nothing_found(protocol):
    _, truth = HALF_FOUND
    truth = np.kron(truth, np.ones((20, 20), bool))  # large enough that TruFor's erosion leaves some of it
    found = score_map(np.zeros(truth.shape, np.uint8), truth, protocol).figures
    if protocol is TRUFOR:  # the inverted map marks everything, and that counts
        assert found.f1 is not None and found.f1 > 0.2
    else:
        assert (found.f1, found.iou, found.precision, found.recall, found.auc) == (0, 0, 0, 0, 0.5)


@EACH
@pytest.mark.parametrize("level", [0, 255], ids=["nothing marked", "all marked"])
def test_an_authentic_picture_is_left_out_or_counts_zero(protocol, level):
    scored = score_map(np.full((8, 8), level, np.uint8), None, protocol)
    assert (scored.figures.marked, scored.figures.true, scored.largest) == (level // 255, 0, level // 255)
    if protocol is BENCO:  # zero, however right the map is
        assert all(getattr(scored.figures, name) == 0 for name in MEANS)
        assert scored.counts is not None and scored.counts.authentic == 64 and scored.counts.manipulated == 0
    else:
        assert all(getattr(scored.figures, name) is None for name in MEANS) and scored.counts is None


@pytest.mark.parametrize(
    ("protocol", "wanted"), [(WEBIML, 1), (MVSS, 1), (BENCO, 0), (MIML, 0)], ids=lambda one: getattr(one, "name", one)
)
def test_an_empty_truth_with_an_empty_map(protocol, wanted):
    found = score_map(np.zeros((8, 8), np.uint8), np.zeros((8, 8), bool), protocol).figures
    assert (found.f1, found.iou, found.auc, found.ap) == (wanted, wanted, None, None)


def test_a_hard_mask_has_one_threshold_and_its_best_is_its_own():
    levels, truth = HALF_FOUND
    hard = np.where(levels >= HALF, 255, 0).astype(np.uint8)
    found = score_map(hard, truth, WEBIML).figures
    assert (found.f1, found.f1_best, found.threshold_best) == (0.5, 0.5, threshold_of(1))


def test_the_best_level_of_a_set_is_the_one_next_to_a_half():
    curve = np.zeros(257)
    curve[100:121] = 0.4
    assert best_level(curve) == 120
    assert threshold_of(HALF) == 0.5
    curve[0] = curve[256] = 1  # everything, and nothing, is no threshold
    assert best_level(curve) == 120


def test_every_protocol_says_where_it_was_read():
    for name, protocol in PROTOCOLS.items():
        assert protocol.name == name and protocol.source and protocol.words.endswith("mean over pictures.")
