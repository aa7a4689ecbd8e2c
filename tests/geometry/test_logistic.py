"""The curve that turns evidence into a probability, worked out by hand."""

import numpy as np
import pytest

from webiml.geometry.logistic import from_dict

CURVE = from_dict({"offset": -1, "features": {"a": [1, 2, 3, 0.5], "b": [0, 1, -1, 0]}})


def sigmoid(x: float) -> float:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize(
    ("a", "b", "total"),
    [
        (1, 0, -1),  # both at their means: the offset
        (3, 0, -1 + 3),  # z = 1
        (-1, 0, -1 - 3 - 0.5),  # z = -1: below the mean the second slope counts too
        (1, 2, -1 - 2),
        (1, -2, -1 + 2),
    ],
)
def test_probability_by_hand(a, b, total):
    assert float(CURVE({"a": a, "b": b})) == pytest.approx(sigmoid(total), rel=1e-5)


def test_json_form_keeps_names_and_order():
    assert CURVE.names == ("a", "b")
    assert (CURVE.mean.tolist(), CURVE.scale.tolist()) == ([1, 0], [2, 1])
    assert (CURVE.slope.tolist(), CURVE.low.tolist(), CURVE.offset) == ([3, -1], [0.5, 0], -1)


def test_maps_and_plain_numbers_may_be_mixed():
    a = np.array([[1, 3], [-1, 1]], np.float32)
    found = CURVE({"a": a, "b": 2.0})
    assert found.shape == (2, 2) and found.dtype == np.float32
    assert found[0, 1] == pytest.approx(sigmoid(-1 + 3 - 2), rel=1e-5)


def test_huge_evidence_saturates_without_overflow():
    found = CURVE({"a": np.array([1e30, -1e30], np.float32), "b": np.array([0, 0], np.float32)})
    assert found.tolist() == pytest.approx([1, 0], abs=1e-6)
