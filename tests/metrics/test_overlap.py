"""IoU and F1 against counts on paper."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from webiml.errors import BadMap
from webiml.metrics.overlap import counts, f1, iou

PREDICTED = np.array([[1, 1, 0, 0], [1, 0, 0, 0]], bool)
TRUE = np.array([[1, 0, 1, 0], [1, 0, 1, 0]], bool)  # two hits, one false alarm, two misses
masks = hnp.arrays(bool, (4, 5))


def test_counts_on_paper():
    assert counts(PREDICTED, TRUE) == (2, 1, 2)
    assert iou(PREDICTED, TRUE) == 2 / 5
    assert f1(PREDICTED, TRUE) == 4 / 7


def test_two_empty_masks_agree_and_one_empty_mask_does_not():
    empty = np.zeros((2, 4), bool)
    assert iou(empty, empty) == f1(empty, empty) == 1
    assert iou(empty, TRUE) == f1(empty, TRUE) == 0


@given(masks, masks)
def test_iou_is_symmetric_and_f1_follows_it(a, b):
    assert iou(a, b) == iou(b, a)
    assert 0 <= iou(a, b) <= f1(a, b) <= 1
    assert f1(a, b) == pytest.approx(2 * iou(a, b) / (1 + iou(a, b)))


@given(masks, st.integers(0, 19))
def test_one_more_hit_never_lowers_the_iou(true, index):
    less = true.copy()
    less.flat[index] = False
    assert iou(less, true) <= iou(true, true) == 1


@pytest.mark.parametrize(
    "other", [TRUE[:, :3], TRUE.astype(np.uint8), TRUE.astype(float)], ids=["other-size", "bytes", "floats"]
)
def test_anything_but_two_masks_of_one_size_is_refused(other):
    with pytest.raises(BadMap):
        iou(TRUE, other)
    with pytest.raises(BadMap):
        f1(other, TRUE)
