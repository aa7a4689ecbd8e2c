"""One pair of a dataset against its published mask; runs in the worker processes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from webiml.errors import BadImage, one_line
from webiml.evaluate.annotated.figures import NO_KIND, ScoredPair
from webiml.evaluate.annotated.truth import Published
from webiml.evaluate.benchmarks.items import Item, MaskRule, Member, read_truth
from webiml.images.codec import decode_map, from_8bit
from webiml.metrics.calibration import Reliability, reliability
from webiml.metrics.overlap import f1, iou
from webiml.store.dataset import read_member
from webiml.types import Kind, Problem, Reason, Row, Status

LEVEL = 128  # of a stored mask; from it on a pixel is marked
MOST_PIXELS = 200_000_000  # of a published mask, unless the row says that its picture is larger
_LARGEST_PICTURE = 10_000_000_000  # pixels; no dataset is made with a higher limit, whatever a row says


def score_pair(dataset: Path, task: tuple[Row, Published]) -> tuple[ScoredPair, Reliability | None]:
    """Compare one pair with its published mask; with the bins of its stored map. What goes wrong skips the pair."""
    row, published = task
    try:
        return _score(dataset, row, published)
    except BadImage as error:
        return skipped(published, row, Problem(error.reason, error.detail)), None
    except Exception as error:  # a bug of ours, or no memory: one pair, not the end of the run
        return skipped(published, row, Problem(Reason.INTERNAL_ERROR, one_line(error))), None


def skipped(published: Published, row: Row | None = None, problem: Problem | None = None) -> ScoredPair:
    """A pair that cannot be scored, for `problem` or the one that its truth has."""
    found = problem or published.problem
    assert found is not None  # only what has a problem is skipped
    return replace(_pair(published, row), skipped=found.reason.value, detail=found.detail or None)


def _score(dataset: Path, row: Row, published: Published) -> tuple[ScoredPair, Reliability | None]:
    pair = _pair(published, row)
    if published.mask is None:
        return pair, None
    picture = Member(dataset, row, "manipulated")
    item = Item(row.key, published.name, picture, published.mask, root=published.root)
    most_pixels = min(max(MOST_PIXELS, (row.height or 0) * (row.width or 0)), _LARGEST_PICTURE)
    true = read_truth(item, MaskRule(), most_pixels)
    if row.height is not None and row.width is not None and true.shape != (row.height, row.width):
        words = f"the published mask is {_size(true.shape)}, the picture {_size((row.height, row.width))} (H x W)"
        raise BadImage(Reason.MASK_SIZE, words)
    empty = np.zeros(true.shape, bool)
    stored, bins = empty, None
    if row.status != Status.FAILED:
        stored = _read_map(dataset, row, "mask", true.shape) >= LEVEL
        levels = _read_map(dataset, row, "probability", true.shape)
        bins = reliability(from_8bit(levels), true)
    given = stored if row.status == Status.KEPT else empty
    bits = repr(true.shape).encode() + np.packbits(true).tobytes()
    scored = replace(
        pair,
        iou=iou(stored, true),
        f1=f1(stored, true),
        iou_all=iou(given, true),
        f1_all=f1(given, true),
        stored=row.status != Status.FAILED,
        true_area=float(true.mean()),
        area=float(stored.mean()),
        height=true.shape[0],
        width=true.shape[1],
        truth_sha256=hashlib.sha256(bits).hexdigest(),
    )
    return scored, bins


def _read_map(dataset: Path, row: Row, role: Literal["mask", "probability"], size: tuple[int, ...]) -> np.ndarray:
    try:
        found = decode_map(read_member(dataset, row, role), max(size[0] * size[1], 1))
    except BadImage as error:
        raise BadImage(error.reason, f"the stored {role}: {error.detail}") from None
    if found.shape != size:
        words = f"the stored {role} is {_size(found.shape)}, the published mask {_size(size)} (H x W)"
        raise BadImage(Reason.MAP_SIZE, words)
    return found


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _pair(published: Published, row: Row | None) -> ScoredPair:
    """A pair of which nothing has been compared yet."""
    kind = None if published.kind is None else published.kind.value
    if row is None:
        return ScoredPair(published.name, None, None, None, published.group or None, kind, None, None, None, None)
    abstained = row.kind is None or row.status == Status.FAILED or row.reason == Reason.KIND_UNCERTAIN
    predicted = row.kind if not abstained and row.kind in set(Kind) else NO_KIND
    return ScoredPair(
        name=published.name,
        key=row.key,
        skipped=None,
        detail=None,
        group=published.group or None,
        kind=kind,
        predicted=predicted,
        status=row.status,
        reason=row.reason,
        qes=row.qes if row.qes is not None and 0 <= row.qes <= 1 else None,  # a table may hold anything, NaN too
    )
