"""Whether what people decided about a dataset fits it: its lines, the rows they name, and the masks that were drawn."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np

from webiml.datasets.faults import Fault, Finding, whole_png
from webiml.errors import MAX_DETAIL, BadImage, one_line
from webiml.evidence.judge import components
from webiml.images.codec import decode_map
from webiml.runners.cores import one_thread
from webiml.runners.local import Crashed, run_ordered
from webiml.store.drawn_masks import FOLDER, drawn_mask_name, read_drawn_mask
from webiml.store.place import Place
from webiml.store.reviews import REVIEWS, Decision, read_decisions
from webiml.types import Reason, Row

_MASK = re.compile(rf"{FOLDER}/[0-9a-f]{{64}}\.png")
_NEAR = 1e-6  # by which the area of a drawn mask may differ from what its decision says

Mask = tuple[Row, Decision]


@dataclass
class ReadReviews:
    """The decisions of a dataset as they lie there, and the rows that they name, once these are known.

    Attributes:
        decisions: those that can be read. findings: what is wrong with the others. notes: what is no fault.
        rows: by key those that were met.
    """

    decisions: list[Decision] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    rows: dict[str, Row] = field(default_factory=dict)

    def meet(self, row: Row) -> None:
        """Keep a row that a decision names."""
        if row.key in self.keys:
            self.rows[row.key] = row


def read_for_verify(place: Place) -> ReadReviews:
    """All whole lines of the decisions there, also where some are none.

    Raises:
        OSError: they cannot be read.
    """
    found, whole = ReadReviews(), 0
    for end, one in read_decisions(place):
        whole = end
        if isinstance(one, str):
            found.findings.append(Finding(REVIEWS, Fault.REVIEW, one))
        else:
            found.decisions.append(one)
            found.keys.add(one.key)
    size = place.size(REVIEWS) or 0
    if size > whole:
        found.notes.append(f"the last line of {REVIEWS} was cut short or is being written, so it does not count")
    return found


def review_findings(place: Place, found: ReadReviews, workers: int, *, quick: bool) -> tuple[list[Finding], int]:
    """What is wrong with the decisions and with what lies in reviews/, and how many drawn masks there should be.

    Args:
        found: with all rows that its decisions name. quick: only whether the masks are there; none is read.
    Raises:
        OSError: the place cannot be listed.
    """
    findings = list(found.findings)
    there = dict(place.sizes(FOLDER))
    masks: dict[tuple[str, str], Mask] = {}
    for one in found.decisions:
        row = found.rows.get(one.key)
        if row is None:
            findings.append(
                Finding(one.key, Fault.REVIEW, f"{one.reviewer} decided about it, and there is no such row")
            )
        elif row.reason == Reason.REMOVED:
            findings.append(Finding(one.key, Fault.REMOVED, f"what {one.reviewer} decided about it is still there"))
        if one.mask is not None:
            masks.setdefault((one.key, one.mask), (row or Row(one.key, "", ""), one))
    named = {drawn_mask_name(mask) for _, mask in masks}
    for (key, mask), _ in masks.items():
        name = drawn_mask_name(mask)
        if not there.get(name):
            findings.append(Finding(key, Fault.MISSING, f"{name} is {'empty' if name in there else 'not there'}"))
    for name in sorted(there.keys() - named):
        words = "no decision has it" if _MASK.fullmatch(name) else "that is no name of a drawn mask"
        findings.append(Finding(name, Fault.STRAY, f"{name}: {words}"))
    if not quick:
        whole = [mask for mask in masks.values() if there.get(drawn_mask_name(mask[1].mask or "")) and mask[0].name]
        findings += _looked_into(place, whole, workers)
    return findings, len(named)


def _looked_into(place: Place, masks: Iterable[Mask], workers: int) -> Iterator[Finding]:
    masks = list(masks)
    if not masks:
        return
    with closing(run_ordered(MaskCheck(place), masks, max(1, min(workers, len(masks))), one_thread)) as results:
        for (row, _), wrong in results:
            if isinstance(wrong, Crashed):
                wrong = [Finding(row.key, Fault.UNREADABLE, wrong.detail[:MAX_DETAIL])]
            yield from wrong


@dataclass(frozen=True)
class MaskCheck:
    """Looks at one drawn mask, in a worker process."""

    place: Place

    def __call__(self, one: Mask) -> list[Finding]:
        """What is wrong with the mask of a decision about a row."""
        row, decision = one
        try:
            return [Finding(row.key, fault, words) for fault, words in self._wrong(row, decision)]
        except Exception as error:  # no memory to decode, say
            return [Finding(row.key, Fault.UNREADABLE, one_line(error))]

    def _wrong(self, row: Row, decision: Decision) -> Iterator[tuple[Fault, str]]:
        name, size = drawn_mask_name(decision.mask or ""), (row.height, row.width)
        try:
            data = read_drawn_mask(self.place, decision.mask or "")
            if not whole_png(data):
                yield Fault.UNREADABLE, f"{name}: some bytes of it have changed"
                return
            levels = decode_map(data, max(1, (row.height or 0) * (row.width or 0)))
        except BadImage as error:
            if error.reason is Reason.OTHER_BYTES:
                yield Fault.OTHER_BYTES, str(error)
            elif error.reason is Reason.TOO_MANY_PIXELS:
                yield Fault.SIZE, f"{name} has more pixels than its picture"
            else:
                yield Fault.UNREADABLE, f"{name}: {error}"
            return
        if levels.shape != size:
            yield Fault.SIZE, f"{name} is {levels.shape[1]}x{levels.shape[0]}, its picture {row.width}x{row.height}"
            return
        inside = levels >= 128
        if not np.array_equal(levels, np.where(inside, 255, 0)) or not inside.any():
            yield Fault.MASK, f"{name} is empty, or has values other than 0 and 255"
        area, parts = float(inside.mean()), components(inside)
        if decision.mask_area is None or abs(decision.mask_area - area) > _NEAR or decision.components != parts:
            words = f"mask_area {decision.mask_area}, components {decision.components}"
            yield Fault.SCORE, f"the decision of {decision.reviewer} says {words}; the mask has {area} and {parts}"
