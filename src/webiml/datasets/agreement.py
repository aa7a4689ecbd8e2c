"""How far the people who reviewed a dataset agree: on what to keep, and on where it was manipulated."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from webiml.errors import BadImage
from webiml.images.codec import decode_map
from webiml.metrics.overlap import iou
from webiml.store.dataset import read_member, read_rows
from webiml.store.drawn_masks import read_drawn_mask
from webiml.store.place import Place
from webiml.store.reviews import Decision, Reviews, Verdict
from webiml.types import Reason, Row, Status

MOST = 20  # reviewers who are compared, those with the most decisions: pairs of them grow with the square


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """How far two reviewers agree."""

    a: str
    """The one."""
    b: str
    """The other."""
    rows: int
    """Rows about which both decided."""
    agreement: float
    """Share of these rows that both accept or both reject, [0, 1]."""
    kappa: float | None
    """Cohen's kappa of accept and reject; null where both gave one and the same answer to every row."""
    masks: int = 0
    """Rows that both accept, and whose two masks could be compared."""
    mask_iou: float | None = None
    """Mean intersection over union of these masks, [0, 1]; null where there are none."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What people decided, counted."""

    decisions: int = 0
    """Decisions that stand: of every reviewer and row the newest that is not undone."""
    rows: int = 0
    """Rows about which somebody decided."""
    accepted: int = 0
    """Of them, those that all accept."""
    rejected: int = 0
    """Those that all reject."""
    disputed: int = 0
    """Those that one accepts and another rejects."""
    drawn: int = 0
    """Accepted rows whose mask a person drew."""
    reviewers: dict[str, int] = field(default_factory=dict)
    """Reviewer to decisions that stand, the most first."""
    pairs: tuple[PairAgreement, ...] = ()
    """Of the 20 reviewers with the most decisions every two who decided about the same row."""
    unread: tuple[str, ...] = ()
    """Keys of rows of which a mask is not there, is damaged or has another size, so that it is not compared."""


def agreement(reviews: Reviews) -> Agreement:
    """What people decided, and how far every two of them agree; of their masks see `mask_agreement`."""
    by: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    keys = reviews.keys()
    for key in keys:
        standing = reviews.standing(key)
        by.update(decision.reviewer for decision in standing)
        verdicts = {decision.verdict for decision in standing}
        accepted = verdicts == {Verdict.ACCEPT.value}
        counts["accepted" if accepted else "rejected" if len(verdicts) == 1 else "disputed"] += 1
        counts["drawn"] += accepted and standing[-1].mask is not None
    reviewers = dict(sorted(by.items(), key=lambda one: (-one[1], one[0])))
    tables: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    compared = _compared(reviewers)
    for key in keys:
        for a, b in _couples(reviews.standing(key), compared):
            tables[a.reviewer, b.reviewer][2 * (a.verdict != Verdict.ACCEPT) + (b.verdict != Verdict.ACCEPT)] += 1
    pairs = tuple(_pair(a, b, *table) for (a, b), table in sorted(tables.items()))
    return Agreement(
        decisions=by.total(),
        rows=len(keys),
        accepted=counts["accepted"],
        rejected=counts["rejected"],
        disputed=counts["disputed"],
        drawn=counts["drawn"],
        reviewers=reviewers,
        pairs=pairs,
    )


def mask_agreement(place: Place, reviews: Reviews) -> Agreement:
    """As `agreement`, with how far the masks agree on the rows that both of two people accept.

    Two people who accept the same mask agree without a look at it, so only masks that differ are read.

    Raises:
        SettingError: the dataset at `place` cannot be read.
    """
    found = agreement(reviews)
    compared = _compared(found.reviewers)
    overlaps: dict[tuple[str, str], list[float]] = defaultdict(list)
    differ: dict[str, list[tuple[Decision, Decision]]] = {}
    keys = reviews.keys()
    for key in keys:
        for a, b in _couples(reviews.standing(key), compared):
            if a.verdict == b.verdict == Verdict.ACCEPT:
                if a.mask == b.mask:
                    overlaps[a.reviewer, b.reviewer].append(1.0)
                else:
                    differ.setdefault(key, []).append((a, b))
    unread = []
    for row in read_rows(place) if differ else ():
        masks: dict[str | None, np.ndarray | None] = {}
        for a, b in differ.get(row.key, ()) if row.status != Status.FAILED else ():
            for mask in (a.mask, b.mask):
                if mask not in masks:
                    masks[mask] = _mask(place, row, mask)
            one, other = masks[a.mask], masks[b.mask]
            if one is not None and other is not None:
                overlaps[a.reviewer, b.reviewer].append(iou(one, other))
        if any(mask is None for mask in masks.values()):
            unread.append(row.key)
    pairs = tuple(
        replace(pair, masks=len(values), mask_iou=round(float(np.mean(values)), 6))
        if (values := overlaps.get((pair.a, pair.b)))
        else pair
        for pair in found.pairs
    )
    return replace(found, pairs=pairs, unread=tuple(unread))


def cohen_kappa(both: int, only_a: int, only_b: int, neither: int) -> float | None:
    """Agreement of two judges beyond chance, at most 1; None where both gave one and the same answer throughout.

    Args:
        both, neither: things of which both say yes, or no. only_a, only_b: of which one alone says yes.
    Raises:
        ValueError: nothing was judged.
    Source: Cohen, "A Coefficient of Agreement for Nominal Scales", Educational and Psychological Measurement 20(1),
        1960: (observed - expected) / (1 - expected).
    """
    total = both + only_a + only_b + neither
    if not total:
        raise ValueError("kappa needs at least one thing that both judged")
    yes_a, yes_b = both + only_a, both + only_b
    # Times the square of the total, in whole numbers, so that perfect agreement is seen to be one
    expected = yes_a * yes_b + (total - yes_a) * (total - yes_b)
    if expected == total * total:
        return None
    return ((both + neither) * total - expected) / (total * total - expected)


def _compared(reviewers: dict[str, int]) -> frozenset[str]:
    return frozenset(list(reviewers)[:MOST])


def _couples(standing: Sequence[Decision], compared: frozenset[str]) -> list[tuple[Decision, Decision]]:
    """Every two decisions about a row, in the order of their reviewers."""
    mine = sorted((one for one in standing if one.reviewer in compared), key=lambda one: one.reviewer)
    return list(combinations(mine, 2))


def _pair(a: str, b: str, both: int, only_a: int, only_b: int, neither: int) -> PairAgreement:
    rows = both + only_a + only_b + neither
    kappa = cohen_kappa(both, only_a, only_b, neither)
    return PairAgreement(a, b, rows, round((both + neither) / rows, 6), None if kappa is None else round(kappa, 6))


def _mask(place: Place, row: Row, sha256: str | None) -> np.ndarray | None:
    """(H, W) bool of the drawn mask, or of the machine's where None; None where it does not fit its row."""
    size = (row.height or 0, row.width or 0)
    try:
        if sha256 is None and row.mask_area is None:
            raise BadImage(Reason.NOT_FOUND, f"{row.key} has no mask")
        data = read_member(place, row, "mask") if sha256 is None else read_drawn_mask(place, sha256)
        levels = decode_map(data, max(1, size[0] * size[1]))
    except BadImage:
        return None
    return levels >= 128 if levels.shape == size else None
