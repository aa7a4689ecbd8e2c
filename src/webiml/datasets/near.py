"""All pairs of 64-bit hashes that differ in few bits, none missed, without looking at every pair.

A hash is cut into four blocks of 16 bits. Of two hashes within d bits one block differs in at most d // 4 of its bits,
so it is enough to compare hashes that share a block but for so many bits: for d = 6 those in the 17 buckets around
each. Whichever block finds a pair first counts it, so no pair comes twice. Where there are millions of hashes, three
longer blocks leave fewer in a bucket. benchmarks/near_duplicates.py measures it against faiss.

Source: the pigeonhole of M. Norouzi et al., "Fast Search in Hamming Space with Multi-Index Hashing", CVPR 2012.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from webiml.images.hashing import bits_set

MAX_DISTANCE = 16  # of 64 bits; two pictures chosen at random differ in about 32
MAX_PAIRS = 50_000_000  # that near_pairs and near_between hold at once
SLICE = 500_000  # candidates that are compared at a time: bounds the memory, about 100 bytes each

_FOUR, _THREE = (16, 16, 16, 16), (21, 21, 22)  # bits of each block
_MANY = 1_000_000  # hashes, from which on buckets of 16 bits hold too many

Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]
"""i, j and distance: (n,) int64, (n,) int64, (n,) uint8."""


def near_pairs(hashes: np.ndarray, distance: int) -> Pairs:
    """All pairs i < j of hashes that differ in at most `distance` bits, sorted by i, then j.

    Args:
        hashes: (n,) uint64. distance: bits, 0 to MAX_DISTANCE.
    Raises:
        ValueError: another type or distance, or more than MAX_PAIRS pairs: take `near_slices`, or `np.unique` first.
    """
    return _gathered(near_slices(hashes, distance))


def near_between(a: np.ndarray, b: np.ndarray, distance: int) -> Pairs:
    """All pairs of a hash of `a` and one of `b` that differ in at most `distance` bits, sorted by i of a, then j of b.

    Args and Raises: as those of `near_pairs`.
    """
    return _gathered(between_slices(a, b, distance))


def near_slices(hashes: np.ndarray, distance: int) -> Iterator[Pairs]:
    """What `near_pairs` gives, in slices and in no useful order; memory does not grow with the number of pairs."""
    _check(hashes, distance)
    blocks = _blocks(len(hashes), distance)
    radius = distance // len(blocks)
    for block, bits in enumerate(blocks):
        buckets = _Buckets(hashes, blocks, block)
        for mask in _masks(bits, radius):
            other = buckets.keys ^ mask
            mine = buckets.keys <= other  # a bucket and its neighbour meet once
            for first, second in _meetings(buckets, buckets, buckets.keys[mine], other[mine]):
                if mask == 0:
                    once = first < second
                    first, second = first[once], second[once]
                i, j, apart = _near(hashes, hashes, first, second, blocks[:block], radius, distance)
                yield np.minimum(i, j), np.maximum(i, j), apart


def between_slices(a: np.ndarray, b: np.ndarray, distance: int) -> Iterator[Pairs]:
    """What `near_between` gives, in slices and in no useful order; memory does not grow with the number of pairs."""
    _check(a, distance)
    _check(b, distance)
    blocks = _blocks(max(len(a), len(b)), distance)
    radius = distance // len(blocks)
    for block, bits in enumerate(blocks):
        ours, theirs = _Buckets(a, blocks, block), _Buckets(b, blocks, block)
        for mask in _masks(bits, radius):
            for first, second in _meetings(ours, theirs, ours.keys, ours.keys ^ mask):
                yield _near(a, b, first, second, blocks[:block], radius, distance)
        del ours, theirs  # before the next are made


class _Buckets:
    """Hashes by the value of one of their blocks.

    Attributes:
        keys: (k,) int64, the values that occur, ascending. counts: of each possible value, how many hashes have it.
        starts: where each value's hashes begin in `order`.
    """

    def __init__(self, hashes: np.ndarray, blocks: Sequence[int], block: int) -> None:
        values = _block(hashes, blocks[:block], blocks[block])
        self.order = np.argsort(values, kind="stable")
        small = np.int32 if len(hashes) < 1 << 31 else np.int64  # of 22 bits there are four million
        self.counts = np.bincount(values, minlength=1 << blocks[block]).astype(small)
        self.starts = np.zeros(len(self.counts) + 1, small)
        np.cumsum(self.counts, out=self.starts[1:])
        self.keys = np.flatnonzero(self.counts)


def _meetings(
    a: _Buckets, b: _Buckets, a_keys: np.ndarray, b_keys: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Every hash of a bucket of `a` beside every one of the bucket of `b` at its place, at most SLICE at a time."""
    there = b.counts[b_keys] > 0
    a_keys, b_keys = a_keys[there], b_keys[there]
    # One line a hash of a: it meets `widths` hashes of b, from `begins` on
    heights = a.counts[a_keys]
    first = a.order[_ranges(a.starts[a_keys], heights)]
    widths = np.repeat(b.counts[b_keys], heights)
    begins = np.repeat(b.starts[b_keys], heights)
    ends = np.cumsum(widths, dtype=np.int64)
    total, done = int(ends[-1]) if len(ends) else 0, 0
    while done < total:
        upto = min(done + SLICE, total)
        low, high = np.searchsorted(ends, done, side="right"), np.searchsorted(ends, upto, side="left") + 1
        # A slice may begin and end within a line
        skipped = done - (int(ends[low]) - int(widths[low]))
        some, at = widths[low:high].copy(), begins[low:high].copy()
        some[-1] -= int(ends[high - 1]) - upto
        some[0] -= skipped
        at[0] += skipped
        yield np.repeat(first[low:high], some), b.order[_ranges(at, some)]
        done = upto


def _ranges(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """start, start + 1, ... of `counts` numbers each, one range behind the other."""
    before = np.cumsum(counts) - counts
    return np.repeat(starts - before, counts) + np.arange(counts.sum())


def _near(
    a: np.ndarray,
    b: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    earlier: Sequence[int],
    radius: int,
    distance: int,
) -> Pairs:
    """Those candidates that are near, and that none of the earlier blocks has found."""
    differing = a[first] ^ b[second]
    apart = bits_set(differing)
    near = np.flatnonzero(apart <= distance)
    first, second, apart, differing = first[near], second[near], apart[near], differing[near]
    new = np.ones(len(near), bool)
    for block, bits in enumerate(earlier):
        new &= bits_set(_block(differing, earlier[:block], bits).astype(np.uint64)) > radius
    return first[new], second[new], apart[new]


def _blocks(hashes: int, distance: int) -> tuple[int, ...]:
    return _THREE if hashes >= _MANY and distance < 9 else _FOUR  # 3 of 21 bits have 1,500 buckets around each


def _block(hashes: np.ndarray, before: Sequence[int], bits: int) -> np.ndarray:
    """(n,) int64, `bits` bits of each hash, behind those of the blocks before."""
    return ((hashes >> np.uint64(sum(before))) & np.uint64((1 << bits) - 1)).astype(np.int64)


def _masks(bits: int, radius: int) -> Iterator[int]:
    """Every change of at most `radius` bits of a block."""
    for changed in range(radius + 1):
        for places in combinations(range(bits), changed):
            yield sum(1 << place for place in places)


def _gathered(slices: Iterator[Pairs]) -> Pairs:
    found, count = [], 0
    for one in slices:
        count += len(one[0])
        if count > MAX_PAIRS:
            raise ValueError(f"more than {MAX_PAIRS:,} near pairs: take slices, or each value once")
        if len(one[0]):
            found.append(one)
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint8)
    i, j, apart = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((j, i))
    return i[order], j[order], apart[order]


def _check(hashes: np.ndarray, distance: int) -> None:
    if hashes.dtype != np.uint64 or hashes.ndim != 1:
        raise ValueError(f"hashes are (n,) uint64, got {hashes.dtype} {hashes.shape}")
    if not 0 <= distance <= MAX_DISTANCE:
        raise ValueError(f"a distance lies between 0 and {MAX_DISTANCE}, got {distance}")
