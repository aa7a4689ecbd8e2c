"""Is one picture another one, or cut out of it? The pixels decide what hashes can only propose.

A hash of 64 bits keeps no detail. The smaller picture is laid where it fits best into the larger, and what lies inside
the masks is compared by its colours, since two edits of one place look alike to every hash.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TypeVar

import cv2
import numpy as np

from webiml.datasets.hashes import WINDOWS, Source
from webiml.errors import BadImage
from webiml.images.codec import decode_map
from webiml.images.decode import decode
from webiml.images.draw import thumbnail
from webiml.runners.cores import one_thread, usable_cores
from webiml.runners.local import Crashed, run_ordered
from webiml.store.dataset import read_member

Item = TypeVar("Item")
Result = TypeVar("Result")

FEW = 8  # for which no processes are started
SIDE = 256  # pixels, the long side at which two pictures are compared
COARSE = 128  # pixels, the long side at which the place of a crop is looked for
SIZES = np.linspace(0.92, 1.08, 17)  # of a window, that are tried around it
TILE = 16  # pixels of the reduced picture

# Chosen on data; docs/duplicates.md has the figures
SAME_PICTURE = 0.9  # correlation of the grey levels, from which on one picture lies in the other
SAME_MASK = 0.5  # intersection over union, from which on two masks mark one edit
SAME_INSIDE = 12.0  # levels of 255, up to which the masks hold one and the same
SAME_TILES = 16.0  # levels of 255, up to which two pictures without masks are one edit everywhere


@dataclass(frozen=True, slots=True)
class Doubt:
    """Two pictures that may be one, for `compare`.

    Attributes:
        small, large: two pictures; small may be a crop of large. window: of WINDOWS; -1 for whole pictures.
        masks: whether both masks are compared as well.
    """

    index: int
    small: Source
    large: Source
    mirrored: bool
    window: int
    masks: bool


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two pictures are.

    Attributes:
        similarity: correlation of the grey levels, [-1, 1], where the smaller one fits best.
        box: top, left, height, width of the smaller one in the larger, as shares of its sides.
        iou: intersection over union of the two masks there; None where they are not compared.
        difference: mean difference of the colours inside the masks, levels of 255; where no mask holds anything, that
            of the tile of TILE x TILE pixels that differs most.
        iou: intersection over union of the two masks there; None where they are not compared.
    """

    similarity: float
    box: tuple[float, float, float, float]
    difference: float
    iou: float | None = None

    @property
    def same_picture(self) -> bool:
        """Whether one picture lies in the other, edited or not."""
        return self.similarity >= SAME_PICTURE

    @property
    def same_edit(self) -> bool:
        """Whether both are one edit of one picture."""
        if self.iou is None:
            return self.same_picture and self.difference <= SAME_TILES
        return self.same_picture and self.iou >= SAME_MASK and self.difference <= SAME_INSIDE


def compare_all(doubts: Iterable[Doubt], workers: int, max_pixels: int) -> Iterator[tuple[Doubt, Likeness | None]]:
    """Each doubt with what the pixels say of it, in their order; None where a picture or a mask cannot be read."""
    with closing(in_workers(partial(_compare, max_pixels=max_pixels), list(doubts), workers)) as results:
        yield from results


def in_workers(
    function: Callable[[Item], Result | None], items: Sequence[Item], workers: int
) -> Generator[tuple[Item, Result | None], None, None]:
    """(item, result) in the order of the items, by processes where there are more than FEW; None where one died.

    Pictures come here that have been decoded before, so that a few of them need no process of their own.
    """
    if len(items) <= FEW:
        for item in items:
            yield item, function(item)
        return
    processes = min(workers or usable_cores(), len(items))
    with closing(run_ordered(function, items, processes, one_thread)) as results:
        for item, result in results:
            yield item, None if isinstance(result, Crashed) else result


def compare(
    small: np.ndarray,
    large: np.ndarray,
    window: int,
    masks: tuple[np.ndarray, np.ndarray] | None = None,
) -> Likeness:
    """How alike two pictures are where the smaller fits best into the larger.

    Args:
        small, large: (H, W, 3) uint8. window: of WINDOWS, near which small lies in large; -1: both are whole.
        masks: of both, (H, W) uint8, 0 to 255, of any size.
    """
    small, large = thumbnail(small, SIDE), thumbnail(large, SIDE)
    box = (0.0, 0.0, 1.0, 1.0) if window < 0 else _place(small, large, WINDOWS[window])
    there = _fitted(large, box, (small.shape[0], small.shape[1]))
    similarity = _correlation(*(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in (small, there)))
    apart = np.abs(small.astype(np.float32) - there).mean(axis=2)
    if masks is not None:
        size = (small.shape[0], small.shape[1])
        ours = _fitted(masks[0], (0.0, 0.0, 1.0, 1.0), size).astype(np.float32) / 255
        theirs = _fitted(masks[1], box, size).astype(np.float32) / 255
        union = np.maximum(ours, theirs)
        if union.sum() > 0:
            iou = float(np.minimum(ours, theirs).sum() / union.sum())
            return Likeness(similarity, box, float((apart * union).sum() / union.sum()), iou)
    tiles = (max(1, apart.shape[1] // TILE), max(1, apart.shape[0] // TILE))
    return Likeness(similarity, box, float(cv2.resize(apart, tiles, interpolation=cv2.INTER_AREA).max()))


def _compare(doubt: Doubt, max_pixels: int) -> Likeness | None:
    try:
        small, small_mask = _read(doubt.small, doubt.masks, max_pixels)
        large, large_mask = _read(doubt.large, doubt.masks, max_pixels)
    except BadImage:
        return None
    if doubt.mirrored:
        small = np.ascontiguousarray(small[:, ::-1])
        small_mask = None if small_mask is None else np.ascontiguousarray(small_mask[:, ::-1])
    masks = None if small_mask is None or large_mask is None else (small_mask, large_mask)
    return compare(small, large, doubt.window, masks)


@lru_cache(maxsize=8)  # one picture often stands beside several
def _read(source: Source, mask: bool, max_pixels: int) -> tuple[np.ndarray, np.ndarray | None]:
    rgb = thumbnail(decode(source.read(), max_pixels).rgb, SIDE)
    if not mask or source.row is None:
        return rgb, None
    return rgb, thumbnail(decode_map(read_member(source.place, source.row, "mask")), SIDE)


def _place(
    small: np.ndarray, large: np.ndarray, window: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    """Where `small` fits best into `large`, in sizes around a window's: top, left, height, width as shares."""
    within = cv2.cvtColor(thumbnail(large, COARSE), cv2.COLOR_RGB2GRAY)
    grey = cv2.cvtColor(thumbnail(small, COARSE), cv2.COLOR_RGB2GRAY)
    height, width = within.shape
    aspect = grey.shape[0] / grey.shape[1]
    around = np.sqrt(window[2] * height * window[3] * width / aspect)  # a width with the window's area
    best, box = -2.0, window
    for wide in sorted({round(float(around * size)) for size in SIZES}):
        high = round(wide * aspect)
        if min(wide, high) < 8 or wide > 1.04 * width or high > 1.04 * height:
            continue
        wide, high = min(wide, width), min(high, height)
        fit = cv2.matchTemplate(
            within, cv2.resize(grey, (wide, high), interpolation=cv2.INTER_AREA), cv2.TM_CCOEFF_NORMED
        )
        _, highest, _, (left, top) = cv2.minMaxLoc(fit)
        if highest > best:
            best, box = highest, (top / height, left / width, high / height, wide / width)
    return box


def _fitted(picture: np.ndarray, box: tuple[float, float, float, float], size: tuple[int, int]) -> np.ndarray:
    """The part of a picture inside `box`, made (H, W) = size."""
    height, width = picture.shape[:2]
    top, left = round(box[0] * height), round(box[1] * width)
    bottom, right = round((box[0] + box[2]) * height), round((box[1] + box[3]) * width)
    part = picture[top : max(bottom, top + 1), left : max(right, left + 1)]
    return cv2.resize(part, (size[1], size[0]), interpolation=cv2.INTER_AREA)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    fit = float(cv2.matchTemplate(a, b, cv2.TM_CCOEFF_NORMED)[0, 0])
    return fit if np.isfinite(fit) else 0.0
