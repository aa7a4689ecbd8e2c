"""Figures from histograms against scikit-learn, and against numbers worked out by hand."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from webiml.errors import BadMap
from webiml.metrics import histograms as pixels
from webiml.metrics.histograms import HALF, LEVELS, Confusion, histograms

EXACT = 1e-9
ZERO: Any = 0  # scikit-learn's annotations want a text


def tied(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return rng.choice(np.array([0, 127, 128, 255], np.uint8), shape)


def maps() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Random, constant, empty, full and tied maps, each with a truth that has both kinds of pixels."""
    rng, shape = np.random.default_rng(0), (37, 53)
    truth = rng.random(shape) < 0.2
    return {
        "random": (rng.integers(0, 256, shape, dtype=np.uint8), truth),
        "good": (np.clip(truth * 120 + rng.normal(80, 50, shape), 0, 255).astype(np.uint8), truth),
        "constant": (np.full(shape, 77, np.uint8), truth),
        "constant at the threshold": (np.full(shape, HALF, np.uint8), truth),
        "empty": (np.zeros(shape, np.uint8), truth),
        "full": (np.full(shape, 255, np.uint8), truth),
        "tied": (tied(rng, shape), truth),
        "right": (truth.astype(np.uint8) * 255, truth),
        "inverted": ((~truth).astype(np.uint8) * 255, truth),
    }


ALL = maps()


@pytest.mark.parametrize("name", ALL)
def test_every_figure_is_that_of_scikit_learn(name):
    levels, truth = ALL[name]
    found = histograms(levels, truth)
    c = pixels.confusion(found)
    y, marked = truth.ravel(), (levels >= HALF).ravel()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = {
            "precision": sk.precision_score(y, marked, zero_division=ZERO),
            "recall": sk.recall_score(y, marked),
            "f1": sk.f1_score(y, marked),
            "iou": sk.jaccard_score(y, marked),
            "mcc": sk.matthews_corrcoef(y, marked),
        }
    for figure, value in wanted.items():
        assert getattr(pixels, figure)(c) == pytest.approx(value, abs=EXACT), figure
    assert pixels.auc(found) == pytest.approx(sk.roc_auc_score(y, levels.ravel()), abs=EXACT)
    assert pixels.average_precision(found) == pytest.approx(sk.average_precision_score(y, levels.ravel()), abs=EXACT)
    tn, fp, fn, tp = sk.confusion_matrix(y, marked, labels=[False, True]).ravel()
    assert c == Confusion(tp, fp, fn, tn)


@pytest.mark.parametrize("name", ALL)
def test_f1_at_each_level_is_that_of_the_mask_cut_there(name):
    levels, truth = ALL[name]
    curve = pixels.f1_at_levels(histograms(levels, truth))
    assert curve.shape == (LEVELS + 1,)
    for level in (0, 1, 77, 78, 127, 128, 129, 255, 256):
        wanted = sk.f1_score(truth.ravel(), (levels.astype(int) >= level).ravel(), zero_division=ZERO)
        assert curve[level] == pytest.approx(wanted, abs=EXACT), level


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 12))
def test_random_small_maps_agree_too(seed, height, width):
    rng = np.random.default_rng(seed)
    levels, truth = tied(rng, (height, width)), rng.random((height, width)) < 0.5
    found = histograms(levels, truth)
    y, scores = truth.ravel(), levels.ravel()
    if truth.any():
        assert pixels.average_precision(found) == pytest.approx(sk.average_precision_score(y, scores), abs=EXACT)
    if truth.any() and not truth.all():
        assert pixels.auc(found) == pytest.approx(sk.roc_auc_score(y, scores), abs=EXACT)
    assert found.manipulated == truth.sum() and found.authentic == (~truth).sum()


def test_one_kind_of_pixels_has_no_order_and_an_empty_pair_agrees():
    levels = np.array([[200, 10]], np.uint8)
    nothing, all_of_it = histograms(levels, np.zeros((1, 2), bool)), histograms(levels, np.ones((1, 2), bool))
    assert pixels.auc(nothing) is None and pixels.auc(all_of_it) is None
    assert pixels.average_precision(nothing) is None and pixels.average_precision(all_of_it) == 1
    empty = Confusion(0, 0, 0, 4)
    assert (pixels.f1(empty), pixels.iou(empty), pixels.precision(empty), pixels.recall(empty)) == (1, 1, 1, 1)
    assert (pixels.f1(empty, 0.0), pixels.iou(empty, 0.0), pixels.mcc(empty)) == (0, 0, 0)
    wrongly_marked = Confusion(0, 1, 0, 3)
    assert (pixels.precision(wrongly_marked), pixels.recall(wrongly_marked), pixels.f1(wrongly_marked)) == (0, 0, 0)


def test_mcc_of_large_pictures_does_not_overflow():
    big = 10**8
    assert pixels.mcc(Confusion(big, 0, 0, big)) == 1
    assert pixels.mcc(Confusion(0, big, big, 0)) == -1
    assert pixels.mcc(Confusion(6 * big, 2 * big, 1 * big, 3 * big)) == pytest.approx(16 / (8 * 7 * 5 * 4) ** 0.5)


def test_the_inverted_map_marks_what_the_map_leaves_out():
    levels, truth = ALL["random"]
    found = histograms(levels, truth)
    plain, turned = pixels.confusion(found), pixels.confusion(found.inverted)
    assert (turned.tp, turned.fp, turned.fn, turned.tn) == (plain.fn, plain.tn, plain.tp, plain.fp)
    again = histograms(255 - levels, truth)
    assert (again.inside == found.inverted.inside).all() and (again.outside == found.inverted.outside).all()


def test_pixels_that_do_not_count_are_ignored_and_histograms_add_up():
    levels = np.array([[10, 200, 200], [10, 200, 10]], np.uint8)
    truth = np.array([[0, 1, 0], [1, 1, 0]], bool)
    counted = np.array([[1, 1, 0], [1, 1, 0]], bool)
    found = histograms(levels, truth, counted)
    assert pixels.confusion(found) == Confusion(tp=2, fp=0, fn=1, tn=1)
    left = histograms(levels, truth, ~counted)
    both, whole = found + left, histograms(levels, truth)
    assert (both.inside == whole.inside).all() and (both.outside == whole.outside).all()


@pytest.mark.parametrize(
    ("levels", "truth", "counted"),
    [
        (np.zeros((2, 2), np.float32), np.zeros((2, 2), bool), None),
        (np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint8), None),
        (np.zeros((2, 2), np.uint8), np.zeros((2, 3), bool), None),
        (np.zeros(4, np.uint8), np.zeros(4, bool), None),
        (np.zeros((2, 2), np.uint8), np.zeros((2, 2), bool), np.zeros((2, 3), bool)),
    ],
)
def test_other_shapes_and_types_are_refused(levels, truth, counted):
    with pytest.raises(BadMap):
        histograms(levels, truth, counted)
