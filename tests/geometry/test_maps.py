"""The small map operations, against values on paper and slow definitions."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from webiml.geometry import maps

small = hnp.arrays(np.float32, (16, 18), elements=st.floats(0, 1, width=32))


def rings() -> np.ndarray:
    """A wall of 0.9 around a court of 0.1, and a wall of 0.5 around another; the second court opens on the border."""
    values = np.zeros((12, 24), np.float32)
    values[2:9, 2:9] = 0.9
    values[4:7, 4:7] = 0.1
    values[2:9, 12:21] = 0.5
    values[4:7, 14:19] = 0.1
    values[0:7, 16] = 0.1
    return values


def test_holes_are_raised_to_the_highest_level_that_encloses_them():
    filled = maps.fill_holes(rings(), (0.3, 0.6, 0.8, 0.95))
    want = rings()
    want[4:7, 4:7] = 0.8
    assert np.array_equal(filled, want)


def test_a_hole_that_touches_the_border_is_none():
    values = np.full((7, 7), 0.9, np.float32)
    values[0:3, 3] = 0
    assert np.array_equal(maps.fill_holes(values, (0.5,)), values)


@given(small)
def test_filling_never_lowers_and_never_exceeds_the_levels(values):
    filled = maps.fill_holes(values, (0.3, 0.6))
    assert (filled >= values).all()
    changed = filled > values
    assert np.isin(filled[changed], np.array([0.3, 0.6], np.float32)).all()


def test_closing_bridges_a_gap_but_not_the_border():
    values = np.zeros((15, 21), np.float32)
    values[5:10, 4:9] = values[5:10, 11:16] = 0.7  # a gap of two columns
    closed = maps.close(values, 2)
    assert closed[7, 9] == closed[7, 10] == np.float32(0.7)
    at_border = np.zeros((9, 9), np.float32)
    at_border[3:6, 2:5] = 1  # two columns from the border: nothing lies beyond it to be bridged to
    assert not maps.close(at_border, 2)[:, :2].any()


def test_opening_takes_away_what_is_thin():
    values = np.zeros((20, 30), np.float32)
    values[5:16, 3:14] = 1
    values[9, 14:28] = 1  # a line
    opened = maps.opened(values, 2)
    assert not opened[9, 17:].any()
    assert opened[7:14, 5:12].all()


@given(small, st.sampled_from([1.0, 2.4, 4.0]))
def test_opening_lowers_and_closing_raises(values, radius):
    assert (maps.opened(values, radius) <= values).all()
    assert (maps.close(values, radius) >= values).all()


@pytest.mark.parametrize(("radius", "side"), [(0.2, 3), (1, 3), (2.4, 5), (2.6, 7)])
def test_a_disk_is_round_and_odd(radius, side):
    element = maps.disk(radius)
    assert element.shape == (side, side)
    assert element[side // 2].all() and not (side > 3 and element[0, 0])


def test_top_mean_looks_at_two_thousandths_but_fifty_pixels():
    values = np.zeros((200, 200), np.float32)
    values[0, :40] = 1
    assert maps.top_mean(values) == pytest.approx(40 / 80)  # 40,000 / 500
    few = np.zeros((10, 10), np.float32)
    few[0] = 0.5
    assert maps.top_mean(few) == pytest.approx(10 * 0.5 / 50)
    assert maps.top_mean(np.full((3, 3), 0.25, np.float32)) == 0.25


@given(small)
def test_top_mean_is_that_of_the_sorted_values(values):
    assert maps.top_mean(values) == pytest.approx(float(np.sort(values, axis=None)[-50:].mean()), abs=1e-5)


def test_log_odds_are_kept_finite_and_symmetric():
    p = np.array([0, 0.2, 0.5, 0.8, 1, 1.2, -3], np.float32)
    odds = maps.log_odds(p)
    assert odds[2] == 0
    assert odds[1] == pytest.approx(np.log(0.203 / 0.803))
    assert odds[0] == -odds[4] == odds[6] == -odds[5]
    assert odds[0] == pytest.approx(np.log(0.003 / 1.003))


def gaussian(sigma: float, radius: int) -> np.ndarray:
    """(2r+1, 2r+1) weights that sum to 1."""
    line = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * sigma**2))
    return np.outer(line, line) / line.sum() ** 2


def test_spread_and_correlation_are_those_of_a_gaussian_window():
    rng = np.random.default_rng(2)
    a, b = rng.random((2, 25, 25)).astype(np.float32)
    b += a
    w = gaussian(1.5, 12)  # the whole picture, seen from its middle
    mean_a, mean_b = (w * a).sum(), (w * b).sum()
    var_a, var_b = (w * (a - mean_a) ** 2).sum(), (w * (b - mean_b) ** 2).sum()
    shared = (w * (a - mean_a) * (b - mean_b)).sum()
    assert maps.spread(a, 1.5)[12, 12] == pytest.approx(np.sqrt(var_a), rel=2e-3)
    want = (shared + 1e-4) / np.sqrt((var_a + 1e-4) * (var_b + 1e-4))
    assert maps.local_correlation(a, b, 1.5, 1e-4)[12, 12] == pytest.approx(want, rel=2e-3)


def test_correlation_of_equal_opposite_and_flat_maps():
    a = np.random.default_rng(3).random((20, 20)).astype(np.float32)
    flat = np.full((20, 20), 0.4, np.float32)
    assert maps.local_correlation(a, a, 2, 1e-5) == pytest.approx(1, abs=1e-4)
    assert maps.local_correlation(a, 1 - a, 2, 1e-5) == pytest.approx(-1, abs=0.01)
    assert maps.local_correlation(flat, flat + np.float32(0.3), 2, 1e-5) == pytest.approx(1, abs=0.01)
    assert np.abs(maps.local_correlation(a, flat, 2, 1e-5)).max() < 0.05


def test_half_a_pixel_is_forgiven_and_a_new_value_is_not():
    a = np.random.default_rng(4).random((20, 20, 3)).astype(np.float32)
    assert not maps.tolerant_difference(a, np.roll(a, 1, axis=1))[2:-2, 2:-2].any()
    b = np.full((9, 9, 3), 0.2, np.float32)
    c = b.copy()
    c[4, 4] = [0.5, 0.6, 0.2]
    # b's 0.2 lies within the 3x3 range of c everywhere, though c's pixel lies outside of b's: the smaller counts.
    assert not maps.tolerant_difference(b, c).any()
    c[3:6, 3:6] = [0.5, 0.6, 0.2]
    difference = maps.tolerant_difference(b, c)
    assert difference[4, 4] == pytest.approx(0.5, abs=1e-6)  # 0.3 and 0.4 in two channels
    assert np.count_nonzero(difference) == 1


def test_length_is_euclidean():
    assert maps.length(np.array([[[2, 3, 6], [0, 0, 0]]], np.float32)).tolist() == [[7, 0]]


# ---------------------------------------------------------------- guided filter


def naive_guided(guide: np.ndarray, values: np.ndarray, radius: int, smoothness: float) -> np.ndarray:
    """The filter as the paper writes it: a linear model a window, and at a pixel the mean of its windows' models."""
    pad = ((radius, radius), (radius, radius))
    height, width = values.shape
    wide_guide, wide_values = np.pad(guide, (*pad, (0, 0)), "symmetric"), np.pad(values, pad, "symmetric")
    slope, offset = np.zeros((height, width, 3)), np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            window = np.s_[y : y + 2 * radius + 1, x : x + 2 * radius + 1]
            colour, p = wide_guide[window].reshape(-1, 3).astype(float), wide_values[window].reshape(-1).astype(float)
            covariance = colour.T @ colour / len(p) - np.outer(colour.mean(0), colour.mean(0))
            shared = colour.T @ p / len(p) - colour.mean(0) * p.mean()
            slope[y, x] = np.linalg.solve(covariance + smoothness * np.eye(3), shared)
            offset[y, x] = p.mean() - slope[y, x] @ colour.mean(0)
    size = (2 * radius + 1, 2 * radius + 1)
    mean_slope = cv2.blur(slope, size, borderType=cv2.BORDER_REFLECT)
    return (mean_slope * guide).sum(2) + cv2.blur(offset, size, borderType=cv2.BORDER_REFLECT)


@pytest.mark.parametrize("smoothness", [1e-3, 1e-2])
def test_guided_equals_the_filter_of_the_paper(smoothness):
    rng = np.random.default_rng(5)
    guide = maps.blur(rng.random((14, 17, 3)).astype(np.float32), 1)
    values = rng.random((14, 17)).astype(np.float32)
    want = naive_guided(guide, values, 3, smoothness)
    assert maps.guided(guide, values, 3, smoothness) == pytest.approx(want, abs=2e-3)


def test_a_constant_guide_leaves_two_box_filters():
    values = np.random.default_rng(6).random((20, 25)).astype(np.float32)
    guide = np.full((20, 25, 3), 0.6, np.float32)
    box = cv2.blur(cv2.blur(values, (5, 5), borderType=cv2.BORDER_REFLECT), (5, 5), borderType=cv2.BORDER_REFLECT)
    assert maps.guided(guide, values, 2) == pytest.approx(box, abs=1e-3)


def test_edges_of_the_guide_stay_sharp():
    guide = np.zeros((30, 30, 3), np.float32)
    guide[:, 15:] = 0.8
    values = (guide[..., 0] > 0).astype(np.float32)
    assert maps.guided(guide, values, 4) == pytest.approx(values, abs=0.02)


@given(
    kind=st.sampled_from(["black", "white", "noise", "primaries"]),
    values=small,
    radius=st.integers(1, 20),
    seed=st.integers(0, 9),
)
def test_guided_is_finite_on_any_picture(kind, values, radius, seed):
    rng = np.random.default_rng(seed)
    guide = {
        "black": np.zeros((16, 18, 3)),
        "white": np.ones((16, 18, 3)),
        "noise": rng.random((16, 18, 3)),
        "primaries": rng.integers(0, 2, (16, 18, 3)),
    }[kind]
    smooth = maps.guided(guide.astype(np.float32), values, radius)
    assert np.isfinite(smooth).all()
    assert smooth.min() > -1 and smooth.max() < 2  # a linear model may overshoot a little
