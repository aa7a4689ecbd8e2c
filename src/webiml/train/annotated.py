"""Samples from annotated datasets, as people have reviewed them: the manipulated picture and its mask."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from webiml.errors import BadImage, SettingError
from webiml.images.codec import decode_map
from webiml.images.decode import decode
from webiml.pairs.keys import unique_keys
from webiml.store.dataset import read_member
from webiml.store.reviews import read_reviewed
from webiml.train.samples import Arrays, prepare
from webiml.types import Row, Status

LONGEST = 768  # pixels: of a larger picture a part is kept, at its own resolution
MAX_PIXELS = 200_000_000


@dataclass(frozen=True)
class AnnotatedPicture:
    """Makes the sample of one kept row; picklable.

    Attributes: rows: key of the sample to the dataset and the row it comes from.
    """

    rows: dict[str, tuple[Path, Row]]

    def __call__(self, key: str) -> Arrays | None:
        """`picture` (3, H, W) uint8; `mask` (H, W) uint8, 255 manipulated; None where they do not fit."""
        dataset, row = self.rows[key]
        try:
            rgb = decode(read_member(dataset, row, "manipulated"), MAX_PIXELS).rgb
            mask = decode_map(read_member(dataset, row, "mask"), MAX_PIXELS)
        except BadImage:
            return None
        if mask.shape != rgb.shape[:2]:
            return None
        window = _window(mask > 127)
        inside = np.where(mask[window] > 127, 255, 0).astype(np.uint8)
        return {"picture": rgb[window].transpose(2, 0, 1), "mask": inside}


def prepare_annotated(datasets: Sequence[Path], folder: Path, *, workers: int, quiet: bool) -> list[str]:
    """Make a sample of every kept row of the datasets in FOLDER/train, or go on there; their keys.

    Raises:
        SettingError: a path is no finished dataset, its decisions are damaged, or no row is kept.
    """
    found = [(dataset, row) for dataset in datasets for row in read_reviewed(dataset) if row.status == Status.KEPT]
    if not found:
        raise SettingError(f"{', '.join(map(str, datasets))}: no row is kept, so there is nothing to learn from.")
    rows = dict(zip(unique_keys([row.key for _, row in found]), found, strict=True))
    listed = "\n".join(map(_what_decides, (row for _, row in found)))
    settings = {"rows": hashlib.sha256(listed.encode()).hexdigest()[:16], "longest": LONGEST}
    return prepare(AnnotatedPicture(rows), sorted(rows), folder / "train", settings, workers, quiet=quiet)


def _what_decides(row: Row) -> str:
    """What tells one sample from another, without a look at the pictures."""
    drawn = "" if row.drawn_mask is None else f" {row.drawn_mask}"
    return f"{row.key} {row.manipulated_sha256} {row.settings_hash} {row.weights}{drawn}"


def _window(mask: np.ndarray) -> tuple[slice, slice]:
    """The part of a picture, at most LONGEST a side, in whose middle what was manipulated lies."""
    window = []
    for axis in (0, 1):
        side, inside = mask.shape[axis], np.flatnonzero(mask.any(axis=1 - axis))
        middle = (inside[0] + inside[-1]) // 2 if len(inside) else side // 2
        start = int(np.clip(middle - LONGEST // 2, 0, max(0, side - LONGEST)))
        window.append(slice(start, start + LONGEST))
    return window[0], window[1]
