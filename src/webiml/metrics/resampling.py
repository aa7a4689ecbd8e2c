"""How sure is a mean, and is one run better than another? Answers by drawing again from what was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 2000
FLIPS = 10_000
_EXACT = 12  # so many groups have few enough signs to try them all
_AT_ONCE = 1 << 20  # numbers that are drawn together: bounds the memory


@dataclass(frozen=True, slots=True)
class Difference:
    """Two runs on the same pictures.

    Attributes:
        mean: of the second less that of the first. low, high: its 95 % interval.
        p: how often chance alone gives a mean as far from 0, had the two runs no difference.
        first, second, equal: pictures on which that run is better, and on which none is.
    """

    mean: float
    low: float
    high: float
    p: float
    first: int
    second: int
    equal: int


def interval(values: np.ndarray, groups: Sequence[str], seed: int = 0, draws: int = DRAWS) -> tuple[float, float]:
    """95 % interval of the mean of (N,) values, N at least 1: whole groups are drawn with replacement.

    Source: B. Efron, "Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics 1979; percentiles.
    """
    index = group_index(groups)
    sums, counts = np.bincount(index, weights=values), np.bincount(index)
    means = [sums[picks].sum(1) / counts[picks].sum(1) for picks in _picks(len(sums), seed, draws)]
    low, high = np.quantile(np.concatenate(means), (0.025, 0.975))
    return float(low), float(high)


def interval_of(
    figure: Callable[[np.ndarray], float | None], groups: Sequence[str], seed: int = 0, draws: int = DRAWS
) -> tuple[float, float] | None:
    """95 % interval of any figure of a set of pictures: whole groups are drawn with replacement.

    Args:
        figure: of the positions (M,) of the pictures that were drawn, some of them several times; None where it is
            not defined, such as an AUC of one class: that draw is left out.
    Returns: None where more than half of the draws are.
    """
    index = group_index(groups)
    order, counts = np.argsort(index, kind="stable"), np.bincount(index)
    starts = np.cumsum(counts) - counts  # of each group in `order`
    found = []
    for picks in _picks(len(counts), seed, draws):
        for row in picks:
            sizes = counts[row]
            within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            found.append(figure(order[np.repeat(starts[row], sizes) + within]))
    known = [one for one in found if one is not None]
    if 2 * len(known) < draws:
        return None
    low, high = np.quantile(known, (0.025, 0.975))
    return float(low), float(high)


def paired_difference(first: np.ndarray, second: np.ndarray, groups: Sequence[str], seed: int = 0) -> Difference:
    """How much better the second run is than the first on the same pictures.

    The interval draws whole groups with replacement. The p-value turns the sign of whole groups round at random, as it
    would be if nothing but chance told the runs apart; with up to 12 groups every combination of signs is tried.

    Args: first, second: (N,) of the same N pictures, N at least 1.
    """
    gained = np.asarray(second, np.float64) - np.asarray(first, np.float64)
    low, high = interval(gained, groups, seed)
    sums = np.bincount(group_index(groups), weights=gained)
    seen, tried = abs(sums.sum()) - 1e-12 * np.abs(sums).sum(), 0
    as_far = 0
    for signs in _signs(len(sums), seed):
        as_far += int(np.count_nonzero(np.abs(signs @ sums) >= seen))
        tried += len(signs)
    exact = len(sums) <= _EXACT
    p = as_far / tried if exact else (as_far + 1) / (tried + 1)
    return Difference(
        float(gained.mean()),
        low,
        high,
        float(p),
        int(np.count_nonzero(gained < 0)),
        int(np.count_nonzero(gained > 0)),
        int(np.count_nonzero(gained == 0)),
    )


def group_index(groups: Sequence[str]) -> np.ndarray:
    """(N,) int: the number of each one's group; an empty name is a group of its own."""
    named = [group or f"\0{position}" for position, group in enumerate(groups)]
    return np.unique(np.asarray(named), return_inverse=True)[1]


def _picks(count: int, seed: int, draws: int) -> Iterator[np.ndarray]:
    """(some, count) positions at a time, `draws` in all."""
    rng = np.random.default_rng(seed)
    step = max(1, _AT_ONCE // count)
    for start in range(0, draws, step):
        yield rng.integers(count, size=(min(step, draws - start), count))


def _signs(count: int, seed: int) -> Iterator[np.ndarray]:
    """(some, count) of 1 and -1 at a time: all there are of few, FLIPS drawn ones of many."""
    if count <= _EXACT:
        bits = (np.arange(1 << count)[:, None] >> np.arange(count)) & 1
        yield 1.0 - 2.0 * bits
        return
    rng = np.random.default_rng(seed)
    step = max(1, _AT_ONCE // count)
    for start in range(0, FLIPS, step):
        yield 1.0 - 2.0 * rng.integers(2, size=(min(step, FLIPS - start), count))
