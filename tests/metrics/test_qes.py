"""QES of the stored map: what anyone can recompute from the PNG."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from webiml.errors import BadMap
from webiml.metrics.qes import qes

maps = hnp.arrays(np.uint8, (3, 7))


def row(*levels: int) -> np.ndarray:
    return np.array([levels], np.uint8)


@pytest.mark.parametrize(
    ("stored", "want"),
    [
        (row(255, 255, 0, 0), 1.0),
        (row(255, 100, 0, 0), 0.5),
        (row(240, 239, 16, 15), 1 / 3),  # 240 is sure, 239 is not; 16 is suspected, 15 is not
        (row(16, 0), 0.0),
        (row(15, 15, 0), None),
        (row(0, 0), None),
    ],
    ids=["sure", "half-in-doubt", "the-cuts", "all-in-doubt", "below-the-lower-cut", "empty"],
)
def test_score(stored, want):
    assert qes(stored) == want


@given(maps, st.integers(1, 3), st.integers(1, 3))
def test_enlarging_by_repetition_changes_nothing(stored, down, right):
    assert qes(stored.repeat(down, axis=0).repeat(right, axis=1)) == qes(stored)


@given(maps, st.floats(1, 20))
def test_sharper_maps_score_no_less(stored, strength):
    sharper = np.clip((stored.astype(float) - 127.5) * strength + 127.5, 0, 255).round().astype(np.uint8)
    before, after = qes(stored), qes(sharper)
    assert before is None or after is None or after >= before


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((2, 3), np.float32), np.zeros((2, 3), bool), np.zeros(6, np.uint8), np.zeros((2, 3, 1), np.uint8)],
    ids=["not-stored-yet", "mask", "flat", "three-axes"],
)
def test_only_the_stored_map_is_scored(wrong):
    with pytest.raises(BadMap):
        qes(wrong)
