"""People who decide about the rows of a dataset, for tests of what reads their decisions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from webiml.evidence.judge import components
from webiml.images.codec import encode_png
from webiml.store.dataset import read_rows
from webiml.store.reviews import Decision, Reviews, State, Verdict, decide
from webiml.types import Reason


def decided(
    dataset: Path, key: str, who: str, reason: Reason | None = None, mask: np.ndarray | None = None, note: str = ""
) -> Decision:
    """`who` accepts the row, with a mask of his own if there is one, or rejects it for a reason."""
    row = next(row for row in read_rows(dataset) if row.key == key)
    return decide(
        dataset,
        Reviews.read(dataset),
        State(row.status, row.reason),
        key,
        who,
        Verdict.ACCEPT if reason is None else Verdict.REJECT,
        reason=reason,
        note=note,
        mask=None if mask is None else encode_png(np.where(mask, 255, 0).astype(np.uint8)),
        mask_area=None if mask is None else float(mask.mean()),
        components=None if mask is None else components(mask),
    )


def undone(dataset: Path, decision: Decision) -> Decision:
    """The same person takes the decision back."""
    machine = State(decision.before.status, decision.before.reason)
    reviews, who = Reviews.read(dataset), decision.reviewer
    return decide(dataset, reviews, machine, decision.key, who, Verdict.UNDO, undoes=decision.id)


def box(shape: tuple[int, int], rows: slice, columns: slice) -> np.ndarray:
    """(H, W) bool, True inside."""
    mask = np.zeros(shape, bool)
    mask[rows, columns] = True
    return mask
