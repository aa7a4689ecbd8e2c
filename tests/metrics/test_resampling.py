"""Intervals and tests against answers that can be worked out."""

import numpy as np
import pytest
from scipy import stats

from webiml.metrics.resampling import DRAWS, interval, interval_of, paired_difference


def test_of_one_group_or_equal_values_there_is_nothing_to_draw():
    assert interval(np.array([0.2, 0.4]), ["a", "a"]) == pytest.approx((0.3, 0.3))
    assert interval(np.full(5, 0.7), list("abcde")) == pytest.approx((0.7, 0.7))


def test_two_groups_give_the_three_means_that_can_be_drawn():
    # Drawn twice out of {0, 1}: 0, 1/2 and 1 with probabilities 1/4, 1/2, 1/4
    assert interval(np.array([0.0, 1.0]), ["a", "b"]) == (0.0, 1.0)
    # A group of three zeros against one of one 1: means 0, 1/4 and 1
    assert interval(np.array([0.0, 0, 0, 1]), ["a", "a", "a", "b"]) == (0.0, 1.0)


def test_the_interval_of_many_is_that_of_the_normal_distribution():
    values = np.random.default_rng(1).normal(5, 2, 2000)
    low, high = interval(values, [str(n) for n in range(2000)])
    half = 1.96 * values.std() / 2000**0.5
    assert low == pytest.approx(values.mean() - half, abs=0.015) and high == pytest.approx(
        values.mean() + half, abs=0.015
    )


def test_an_empty_name_is_a_group_of_its_own():
    values = np.arange(6.0)
    assert interval(values, [""] * 6) == interval(values, list("abcdef"))
    assert interval(values, [""] * 6) != interval(values, ["a"] * 6)


def test_groups_make_an_interval_wider_than_pictures_that_are_alike():
    values = np.repeat(np.random.default_rng(0).random(10), 20)
    groups = np.repeat([f"g{n}" for n in range(10)], 20).tolist()
    low, high = interval(values, groups)
    alone_low, alone_high = interval(values, [""] * 200)
    assert high - low > 2 * (alone_high - alone_low)


def test_any_figure_of_the_drawn_positions_has_an_interval_and_the_mean_has_its_own():
    values, groups = np.random.default_rng(3).random(40), [f"g{n // 4}" for n in range(40)]
    found = interval_of(lambda positions: float(values[positions].mean()), groups)
    assert found == pytest.approx(interval(values, groups), abs=1e-12)
    assert interval_of(lambda positions: None, groups) is None
    assert interval_of(lambda positions: 1.0 if len(set(positions)) > 1 else None, ["a", "b"], draws=DRAWS) == (1, 1)


def test_p_of_few_groups_is_exact():
    # Three groups, the second run better in all: of 8 combinations of signs, two reach as far
    found = paired_difference(np.array([0.1, 0.2, 0.3]), np.array([0.2, 0.4, 0.6]), ["a", "b", "c"])
    assert found.p == 2 / 8 and found.mean == pytest.approx(0.2)
    assert (found.first, found.second, found.equal) == (0, 3, 0)
    # 0.1 + 0.2 - 0.3 = 0: every combination reaches as far
    assert paired_difference(np.zeros(3), np.array([0.1, 0.2, -0.3]), ["a", "b", "c"]).p == 1


def test_pictures_of_one_group_turn_together():
    gained = np.array([0.1] * 8)
    assert paired_difference(np.zeros(8), gained, [""] * 8).p == 2 / 256
    assert paired_difference(np.zeros(8), gained, ["a"] * 4 + ["b"] * 4).p == 2 / 4


def test_p_of_many_groups_is_near_that_of_a_t_test():
    rng = np.random.default_rng(5)
    first = rng.random(300)
    second = first + rng.normal(0.01, 0.08, 300)
    found = paired_difference(first, second, [""] * 300)
    assert found.p == pytest.approx(stats.ttest_rel(first, second).pvalue, abs=0.01)
    assert found.low < found.mean < found.high
    assert found.first + found.second + found.equal == 300


def test_equal_runs_do_not_differ():
    found = paired_difference(np.array([0.5, 0.7]), np.array([0.5, 0.7]), ["", ""])
    assert (found.mean, found.low, found.high, found.p, found.equal) == (0, 0, 0, 1, 2)
