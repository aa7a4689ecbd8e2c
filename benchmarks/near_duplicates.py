"""How long does it take to find all pairs of near hashes, and is any missed? Ours beside faiss.

    pip install faiss-cpu     (for this script alone)
    python benchmarks/near_duplicates.py [--hashes 200000] [--distance 6] [--threads 2]

The hashes are like those of pictures: 64 signs about the median of frequencies that fall off, a few thousand of them
with neighbours 1 to 8 bits away, and some clusters, in which hundreds are equal or nearly so, as edits of one picture
are. IndexBinaryFlat compares all with all, so it says what is there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from machine import machine

from webiml.datasets.near import near_pairs


def main() -> None:
    """Make the hashes, search them in three ways, and print times and what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hashes", type=int, default=200_000)
    parser.add_argument("--distance", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2, help="that faiss may use; ours uses one")
    arguments = parser.parse_args()
    hashes = made_hashes(arguments.hashes, seed=0)
    print(f"{machine()}\n{len(hashes):,} hashes, all pairs within {arguments.distance} bits\n")
    ways: dict[str, Callable[[], set[tuple[int, int]]]] = {
        "webiml near_pairs": lambda: ours(hashes, arguments.distance)
    }
    try:
        import faiss  # pyright: ignore[reportMissingImports]
    except ImportError:
        print("faiss-cpu is not installed: ours alone")
    else:
        faiss.omp_set_num_threads(arguments.threads)
        flat, multi = faiss.IndexBinaryFlat(64), faiss.IndexBinaryMultiHash(64, 4, 16)
        multi.nflip = arguments.distance // 4  # of 4 parts one differs in at most so many bits: none is missed
        ways["faiss IndexBinaryMultiHash"] = lambda: searched(multi, hashes, arguments.distance)
        ways["faiss IndexBinaryFlat"] = lambda: searched(flat, hashes, arguments.distance)
    found, seconds = {}, {}
    for name, search in ways.items():
        started = time.perf_counter()
        found[name] = search()
        seconds[name] = time.perf_counter() - started
    every, first = set.union(*found.values()), seconds["webiml near_pairs"]
    for name in ways:
        share = f"{len(found[name]):,} of {len(every):,} pairs"
        print(f"{name:<28} {seconds[name]:>7.2f} s   {seconds[name] / first:>6.1f} x   {share}")


def made_hashes(count: int, seed: int) -> np.ndarray:
    """(count,) uint64 that are spread as those of pictures are."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(*np.meshgrid(np.arange(8), np.arange(8)))
    scale = 1 / np.maximum(frequency, 0.5).ravel()
    low = rng.normal(size=(count, 64)) * scale
    low[:, 0] = 10  # the mean lies above all others
    bits = low > np.median(low, axis=1, keepdims=True)
    hashes = np.packbits(bits, axis=1).view(">u8").ravel().astype(np.uint64)
    for place in range(0, count // 10, 2):  # neighbours
        hashes[place + 1] = _changed(rng, hashes[place], int(rng.integers(1, 9)))
    for cluster in range(5):  # edits of one picture
        start = count // 2 + cluster * (count // 200)
        for place in range(start, start + min(400, count // 400)):
            hashes[place] = _changed(rng, hashes[start], int(rng.integers(0, 3)))
    return hashes[rng.permutation(count)]


def _changed(rng: np.random.Generator, value: np.uint64, bits: int) -> np.uint64:
    for place in rng.choice(64, bits, replace=False):
        value ^= np.uint64(1) << np.uint64(place)
    return value


def ours(hashes: np.ndarray, distance: int) -> set[tuple[int, int]]:
    """The pairs that this project finds."""
    i, j, _ = near_pairs(hashes, distance)
    return set(zip(i.tolist(), j.tolist(), strict=True))


def searched(index, hashes: np.ndarray, distance: int) -> set[tuple[int, int]]:
    """The pairs that an index of faiss finds; its own range search leaves out the radius itself."""
    data = hashes.view(np.uint8).reshape(-1, 8)
    index.add(data)
    limits, _, labels = index.range_search(data, distance + 1)
    i = np.repeat(np.arange(len(hashes)), np.diff(limits.astype(np.int64)))
    once = i < labels
    return set(zip(i[once].tolist(), labels[once].tolist(), strict=True))


if __name__ == "__main__":
    main()
