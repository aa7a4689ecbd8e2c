import time

import numpy as np
import pytest

from webiml.datasets import near
from webiml.datasets.near import near_between, near_pairs, near_slices


def clustered(count: int, seed: int) -> np.ndarray:
    """(count,) uint64: random hashes, some of which have neighbours a few bits away, and some of which are equal."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 1 << 64, count, dtype=np.uint64)
    for place in range(0, count // 2, 2):
        for bit in rng.choice(64, int(rng.integers(0, 18)), replace=False):
            hashes[place + 1] = (hashes[place + 1] if bit < 0 else hashes[place]) ^ (np.uint64(1) << np.uint64(bit))
    hashes[-count // 10 :] = hashes[0]
    for place in range(count // 2, count // 2 + count // 5):
        hashes[place] = hashes[1] ^ np.uint64(int(rng.integers(0, 64)) << int(rng.integers(0, 58)))
    return hashes


def brute_force(a: np.ndarray, b: np.ndarray, distance: int, once: bool) -> set[tuple[int, int, int]]:
    apart = np.array([[(int(x) ^ int(y)).bit_count() for y in b] for x in a])
    return {(int(i), int(j), int(apart[i, j])) for i, j in np.argwhere(apart <= distance) if i < j or not once}


def as_set(found: tuple[np.ndarray, np.ndarray, np.ndarray]) -> set[tuple[int, int, int]]:
    rows = list(zip(*(part.tolist() for part in found), strict=True))
    assert len(rows) == len(set(rows))  # no pair comes twice
    assert rows == sorted(rows)
    return set(rows)


@pytest.mark.parametrize("distance", [0, 1, 3, 4, 6, 8, 11, 16])
@pytest.mark.parametrize("many", [0, 10**6], ids=["three-blocks", "four-blocks"])
def test_no_pair_is_missed_and_none_comes_twice(monkeypatch, distance, many):
    monkeypatch.setattr(near, "_MANY", many)
    monkeypatch.setattr(near, "SLICE", 97)  # slices that end within a bucket
    hashes, others = clustered(120, 1), clustered(60, 2)
    others[:20] = hashes[:20]
    assert as_set(near_pairs(hashes, distance)) == brute_force(hashes, hashes, distance, once=True)
    assert as_set(near_between(hashes, others, distance)) == brute_force(hashes, others, distance, once=False)


def test_hashes_worked_out_by_hand():
    hashes = np.array([0, 0b111, 0, 1 << 63, (1 << 63) | (1 << 20)], np.uint64)
    assert as_set(near_pairs(hashes, 1)) == {(0, 2, 0), (0, 3, 1), (2, 3, 1), (3, 4, 1)}
    assert as_set(near_between(hashes[:1], hashes[1:], 2)) == {(0, 1, 0), (0, 2, 1), (0, 3, 2)}


def test_many_equal_hashes_are_all_pairs_in_slices_of_bounded_size(monkeypatch):
    monkeypatch.setattr(near, "SLICE", 10_000)
    slices = [len(i) for i, _, _ in near_slices(np.full(400, 77, np.uint64), 6)]
    assert sum(slices) == 400 * 399 // 2 and max(slices) <= 10_000


@pytest.mark.parametrize("empty", [0, 1])
def test_no_pairs_of_no_hashes_or_one(empty):
    found = near_pairs(np.arange(empty, dtype=np.uint64), 6)
    assert [part.dtype for part in found] == [np.int64, np.int64, np.uint8] and not len(found[0])


def test_more_pairs_than_fit_are_refused(monkeypatch):
    monkeypatch.setattr(near, "MAX_PAIRS", 100)
    with pytest.raises(ValueError, match="more than 100 near pairs"):
        near_pairs(np.zeros(20, np.uint64), 0)


@pytest.mark.parametrize(
    ("hashes", "distance"),
    [(np.zeros(3, np.int64), 6), (np.zeros((3, 2), np.uint64), 6), (np.zeros(3, np.uint64), 17)],
    ids=["type", "shape", "distance"],
)
def test_other_arrays_and_distances_are_refused(hashes, distance):
    with pytest.raises(ValueError, match=r"uint64|distance"):
        near_pairs(hashes, distance)


def test_two_hundred_thousand_hashes_in_the_time_that_is_allowed():
    rng = np.random.default_rng(3)
    hashes = rng.integers(0, 1 << 64, 200_000, dtype=np.uint64)
    planted = {}
    for place in range(0, 3000, 2):
        bits = rng.choice(64, 1 + place // 2 % 6, replace=False)
        hashes[place + 1] = hashes[place] ^ np.bitwise_or.reduce(np.uint64(1) << bits.astype(np.uint64))
        planted[place, place + 1] = len(bits)
    started = time.monotonic()
    i, j, apart = near_pairs(hashes, 6)
    assert time.monotonic() - started < 15
    found = dict(zip(zip(i.tolist(), j.tolist(), strict=True), apart.tolist(), strict=True))
    assert planted.items() <= found.items()
