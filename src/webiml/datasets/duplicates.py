"""Which manipulated pictures show one and the same edit? Candidates by hash, then by mask, then by the pixels."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from webiml.datasets.alike import Candidates, find_crops, find_near
from webiml.datasets.compare import Doubt, Likeness, compare_all, in_workers
from webiml.datasets.dropped import Steps
from webiml.datasets.hashes import WINDOWS, Source
from webiml.datasets.looks_table import LooksTable
from webiml.datasets.packed_rows import Chosen
from webiml.errors import BadImage
from webiml.images.codec import decode_map
from webiml.store.dataset import read_member

GRID = 48  # cells of a side, at which masks are compared before any picture is opened
PERHAPS = 0.3  # intersection over union of two such masks, from which on the pictures are looked at
_AT_ONCE = 2_000  # pairs of masks that are compared together


@dataclass(frozen=True, slots=True)
class Twin:
    """Two pictures that show one edit: places i and j in the list, and how they were found."""

    i: int
    j: int
    distance: int
    mirrored: bool
    window: int
    likeness: Likeness


def find_twins(
    pictures: Sequence[Source],
    new: int,
    table: LooksTable,
    distance: int,
    workers: int,
    max_pixels: int,
    steps: Steps,
) -> list[Twin]:
    """All pairs of pictures that show one edit, of which at least one is among the first `new`.

    Two edits of one authentic picture differ in few bits of a hash, or in none. So near hashes are not enough: the
    masks have to agree and to hold the same colours; where neither picture has a mask, no part may differ.

    Args:
        pictures: manipulated pictures of datasets, no two of the same bytes. table: with the hashes of all.
        distance: bits of 64 up to which two whole pictures are candidates.
    """
    candidates = _candidates(pictures, new, table, distance)
    named = _as_they_lie(pictures, np.unique(np.concatenate([part for one in candidates for part in (one.i, one.j)])))
    masks, has = _masks(Chosen(pictures, named), workers, steps)
    place = np.zeros(len(pictures), np.int64)
    place[named] = np.arange(len(named))
    doubts: list[Doubt] = []
    of: list[tuple[int, int, int]] = []
    for found in candidates:
        at = _Masks(masks, has, place[found.i], place[found.j])
        for index in _plausible(found, at):
            i, j = int(found.i[index]), int(found.j[index])
            both = bool(has[place[i]] and has[place[j]])
            doubts.append(
                Doubt(
                    len(doubts), pictures[i], pictures[j], bool(found.mirrored[index]), int(found.window[index]), both
                )
            )
            of.append((i, j, int(found.distance[index])))
    tick = steps("compare pictures", len(doubts))
    twins = []
    for doubt, likeness in compare_all(doubts, workers, max_pixels):
        if likeness is not None and likeness.same_edit:
            i, j, apart = of[doubt.index]
            twins.append(Twin(i, j, apart, doubt.mirrored, doubt.window, likeness))
        tick()
    return twins


def _as_they_lie(pictures: Sequence[Source], named: np.ndarray) -> np.ndarray:
    """The same places in the order of the tars, each of which is listed when it is read from."""

    def lies(at: int) -> tuple[str, str, str]:
        row = pictures[at].row
        return str(pictures[at].place), (row.shard if row else None) or "", row.key if row else ""

    return np.array(sorted(named.tolist(), key=lies), np.int64)


def _candidates(pictures: Sequence[Source], new: int, table: LooksTable, distance: int) -> list[Candidates]:
    whole, mirrored, windows = table.columns([pictures[index].sha256 for index in range(new)])
    their_whole, their_mirrored, their_windows = table.columns(
        [pictures[index].sha256 for index in range(new, len(pictures))]
    )
    found = [
        find_near(whole, None, mirrored, distance),
        _moved(find_near(whole, their_whole, their_mirrored, distance), 0, new),
        find_crops(whole, mirrored, windows),
        _moved(find_crops(whole, mirrored, their_windows), 0, new),
        _moved(find_crops(their_whole, their_mirrored, windows), new, 0),
    ]
    return [one.only(one.i != one.j) for one in found]


def _moved(found: Candidates, i: int, j: int) -> Candidates:
    return Candidates(found.i + i, found.j + j, found.distance, found.mirrored, found.window)


# ---------------------------------------------------------------- masks, before any picture is opened


class _Small:
    """The masks of n pictures made small, (n, GRID, GRID) uint8, in a nameless temporary file: 2 kB a picture."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (it goes with this object)
        weakref.finalize(self, self._file.close)

    def append(self, mask: np.ndarray) -> None:
        self._file.write(mask.tobytes())

    def __getitem__(self, which: np.ndarray) -> np.ndarray:
        places, back = np.unique(which, return_inverse=True)
        masks = np.empty((len(places), GRID, GRID), np.uint8)
        for mask, place in zip(masks, places.tolist(), strict=True):
            self._file.seek(place * GRID * GRID)
            mask[:] = np.frombuffer(self._file.read(GRID * GRID), np.uint8).reshape(GRID, GRID)
        return masks[back]


def _masks(pictures: Sequence[Source], workers: int, steps: Steps) -> tuple[_Small, np.ndarray]:
    """The mask of each picture made small, and (n,) bool, whether it has one."""
    masks, has = _Small(), np.zeros(len(pictures), bool)
    nothing = np.zeros((GRID, GRID), np.uint8)
    tick = steps("read masks", len(pictures))
    for index, (_, mask) in enumerate(in_workers(_mask, pictures, workers)):
        masks.append(nothing if mask is None else mask)
        has[index] = mask is not None
        tick()
    return masks, has


def _mask(picture: Source) -> np.ndarray | None:
    if picture.row is None or picture.row.mask_area is None:
        return None
    try:
        levels = decode_map(read_member(picture.place, picture.row, "mask"))
    except BadImage:
        return None
    return cv2.resize(levels, (GRID, GRID), interpolation=cv2.INTER_AREA)


@dataclass(frozen=True, slots=True, eq=False)
class _Masks:
    """The masks of candidates: where each one's two masks stand."""

    masks: _Small
    has: np.ndarray
    i: np.ndarray
    j: np.ndarray


def _plausible(found: Candidates, at: _Masks) -> list[int]:
    """Candidates whose masks may agree, and those of which neither has one; of each two pictures the best alone."""
    agreement = np.full(len(found), -1.0)
    both, neither = at.has[at.i] & at.has[at.j], ~at.has[at.i] & ~at.has[at.j]
    for window in np.unique(found.window):
        which = np.flatnonzero(both & (found.window == window))
        for start in range(0, len(which), _AT_ONCE):
            some = which[start : start + _AT_ONCE]
            ours, theirs = at.masks[at.i[some]], at.masks[at.j[some]]
            turned = found.mirrored[some]
            ours[turned] = ours[turned][:, :, ::-1]
            agreement[some] = _overlap(ours, theirs if window < 0 else _within(theirs, WINDOWS[window]))
    agreement[neither] = 1 - found.distance[neither] / 64
    agreement[both & (agreement < PERHAPS)] = -1
    order = np.lexsort((-agreement, found.j, found.i))
    i, j = found.i[order], found.j[order]
    first = np.ones(len(order), bool)
    first[1:] = (i[1:] != i[:-1]) | (j[1:] != j[:-1])
    return [int(index) for index in order[first] if agreement[index] >= 0]


def _overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n,) float, intersection over union of soft masks (n, GRID, GRID) uint8; 1 where both are empty."""
    union = np.maximum(a, b).sum(axis=(1, 2), dtype=np.int64)
    inter = np.minimum(a, b).sum(axis=(1, 2), dtype=np.int64)
    return np.where(union > 0, inter / np.maximum(union, 1), 1.0)


def _within(masks: np.ndarray, window: tuple[float, float, float, float]) -> np.ndarray:
    """What a window shows of (n, GRID, GRID) masks, (n, GRID, GRID)."""
    cells = (np.arange(GRID) + 0.5) / GRID
    rows, columns = (
        np.floor((start + share * cells) * GRID).astype(int).clip(0, GRID - 1)
        for start, share in ((window[0], window[2]), (window[1], window[3]))
    )
    return masks[:, rows[:, None], columns[None, :]]
