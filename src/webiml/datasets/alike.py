"""Pictures that may be one: alike as a whole, mirrored, or cut out of each other, by their hashes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from webiml.datasets.hashes import WINDOWS
from webiml.datasets.looks_table import Windows
from webiml.datasets.near import between_slices, near_slices

CROP_DISTANCE = 8  # bits of 64 between a picture and the window that it may be; chosen by benchmarks/crop_windows.py


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Pairs of pictures that may be one, n of them.

    Attributes:
        i, j: (n,) int64, where each picture stands in its list; of a crop, i is what is left of j.
        distance: (n,) uint8, bits of 64. mirrored: (n,) bool. window: (n,) int64, of WINDOWS; -1 for whole pictures.
    """

    i: np.ndarray
    j: np.ndarray
    distance: np.ndarray
    mirrored: np.ndarray
    window: np.ndarray

    def __len__(self) -> int:
        return len(self.i)

    def only(self, which: np.ndarray) -> Candidates:
        """Those at `which`, indices or (n,) bool."""
        parts = (getattr(self, name)[which] for name in ("i", "j", "distance", "mirrored", "window"))
        return Candidates(*parts)


def find_near(whole: np.ndarray, others: np.ndarray | None, mirrored: np.ndarray, distance: int) -> Candidates:
    """Pictures that look alike as a whole, or like each other's mirror image; a pair comes once, the nearer way.

    Args:
        whole: (n,) uint64 hashes of one list, 0 where there is none. others: (m,) of another list; None: pairs i < j
            of the one list.
        mirrored: (m,) uint64, of the mirror images of `others`, or of the one list.
        distance: bits.
    """
    found = []
    if others is None:
        found += [(i, j, apart, False) for i, j, apart in _told(whole, None, distance)]
        found += [(i[i != j], j[i != j], apart[i != j], True) for i, j, apart in _told(whole, mirrored, distance)]
        found = [(np.minimum(i, j), np.maximum(i, j), apart, turned) for i, j, apart, turned in found]
    else:
        found += [(i, j, apart, False) for i, j, apart in _told(whole, others, distance)]
        found += [(i, j, apart, True) for i, j, apart in _told(whole, mirrored, distance)]
    return _nearest(_joined([(i, j, apart, turned, np.full(len(i), -1)) for i, j, apart, turned in found]))


def find_crops(
    whole: np.ndarray, mirrored: np.ndarray, windows: np.ndarray | Windows, distance: int = CROP_DISTANCE
) -> Candidates:
    """Pictures i that look like a window of pictures j, as they are or mirrored; a pair comes once for each window.

    Args:
        whole, mirrored: (n,) uint64 of one list. windows: (m, len(WINDOWS)) uint64 of another one, or of the same.
    """
    found = []
    some = 1_050_000 // len(WINDOWS)  # pictures whose windows are looked at together: bounds the memory; from a
    # million hashes on near.py takes longer blocks, which leave a twentieth of the comparisons
    for start in range(0, len(windows), some):
        flat = windows[start : start + some].ravel()
        for turned, hashes in ((False, whole), (True, mirrored)):
            for i, at, apart in _told(hashes, flat, distance):
                found.append((i, start + at // len(WINDOWS), apart, turned, at % len(WINDOWS)))
    return _joined(found)


def _told(a: np.ndarray, b: np.ndarray | None, distance: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Near pairs of those that have a hash, by their places among all."""
    ours = np.flatnonzero(a)
    theirs = ours if b is None else np.flatnonzero(b)
    slices = near_slices(a[ours], distance) if b is None else between_slices(a[ours], b[theirs], distance)
    for i, j, apart in slices:
        if len(i):
            yield ours[i], theirs[j], apart


def _joined(found: list[tuple[np.ndarray, np.ndarray, np.ndarray, bool, np.ndarray]]) -> Candidates:
    if not found:
        none = np.zeros(0, np.int64)
        return Candidates(none, none, none.astype(np.uint8), none.astype(bool), none)
    i, j, apart, window = (np.concatenate([part[place] for part in found]) for place in (0, 1, 2, 4))
    turned = np.concatenate([np.full(len(part[0]), part[3]) for part in found])
    order = np.lexsort((window, turned, apart, j, i))
    return Candidates(i, j, apart, turned, window).only(order)


def _nearest(found: Candidates) -> Candidates:
    """Of each pair of pictures the first, which is the nearest."""
    new = np.ones(len(found), bool)
    new[1:] = (found.i[1:] != found.i[:-1]) | (found.j[1:] != found.j[:-1])
    return found.only(new)
