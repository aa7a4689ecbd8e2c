"""How far people agree, worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.datasets.reviewing import box, decided, undone
from tests.datasets.whole_dataset import HEIGHT, WIDTH, kept, rejected, write_whole

from webiml.datasets.agreement import MOST, PairAgreement, agreement, cohen_kappa, mask_agreement
from webiml.store.drawn_masks import drawn_mask_name
from webiml.store.place import Place
from webiml.store.reviews import Reviews
from webiml.types import Reason

SIZE = (HEIGHT, WIDTH)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_whole(tmp_path / "d", [kept(1), kept(2), rejected(3), kept(4)])


def with_masks(dataset: Path):
    return mask_agreement(Place(str(dataset)), Reviews.read(dataset))


@pytest.mark.parametrize(
    ("table", "want"),
    [
        ((20, 5, 10, 15), 0.4),  # observed 0.7; expected 0.5 * 0.6 + 0.5 * 0.4 = 0.5
        ((45, 15, 25, 15), 0.06 / 0.46),  # observed 0.6; expected 0.6 * 0.7 + 0.4 * 0.3 = 0.54
        ((5, 0, 0, 5), 1.0),
        ((0, 5, 5, 0), -1.0),
        ((3, 1, 0, 0), 0.0),  # one says yes to everything
        ((4, 0, 0, 0), None),
        ((0, 0, 0, 7), None),
    ],
    ids=["cohen", "less", "all", "none", "constant", "only-yes", "only-no"],
)
def test_kappa_is_agreement_beyond_chance(table, want):
    assert cohen_kappa(*table) == (None if want is None else pytest.approx(want))


def test_kappa_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="at least one"):
        cohen_kappa(0, 0, 0, 0)


def test_where_nobody_decided_there_is_nothing_to_agree_on(dataset):
    found = with_masks(dataset)
    assert (found.decisions, found.rows, found.reviewers, found.pairs) == (0, 0, {}, ())


def test_decisions_are_counted_by_row_and_by_couple(dataset):
    for key in ("pair-1", "pair-2", "pair-3"):
        decided(dataset, key, "Ann")
    decided(dataset, "pair-4", "Ann", Reason.WRONG_MASK)
    for key in ("pair-1", "pair-2"):
        decided(dataset, key, "Ben")
    for key in ("pair-3", "pair-4"):
        decided(dataset, key, "Ben", Reason.UNCLEAR)
    decided(dataset, "pair-1", "Cem", Reason.NOT_A_PAIR)
    decided(dataset, "pair-1", "Cem")  # the newest of one person counts
    undone(dataset, decided(dataset, "pair-2", "Cem", Reason.NOT_A_PAIR))
    found = agreement(Reviews.read(dataset))
    assert (found.decisions, found.rows, found.accepted, found.rejected, found.disputed) == (9, 4, 2, 1, 1)
    assert list(found.reviewers.items()) == [("Ann", 4), ("Ben", 4), ("Cem", 1)]
    # Ann says yes to 3 of 4, Ben to 2: observed 3/4, expected 0.75 * 0.5 + 0.25 * 0.5 = 0.5
    assert found.pairs == (
        PairAgreement("Ann", "Ben", 4, 0.75, 0.5),
        PairAgreement("Ann", "Cem", 1, 1.0, None),
        PairAgreement("Ben", "Cem", 1, 1.0, None),
    )


def test_masks_that_two_accept_are_laid_over_one_another(dataset):
    # The machine's mask of pair-1 is rows 2 to 10, columns 0 and 1; Ann's is twice as wide
    decided(dataset, "pair-1", "Ann", mask=box(SIZE, slice(2, 11), slice(0, 4)))
    decided(dataset, "pair-1", "Ben")
    for who in ("Ann", "Ben"):
        decided(dataset, "pair-2", who)  # both the machine's
    decided(dataset, "pair-4", "Ann", mask=box(SIZE, slice(0, 4), slice(0, 4)))
    decided(dataset, "pair-4", "Ben", Reason.UNCLEAR)  # not accepted by both
    (pair,) = with_masks(dataset).pairs
    assert (pair.rows, pair.masks, pair.mask_iou) == (3, 2, 0.75)


@pytest.mark.parametrize("fault", ["gone", "other size", "damaged"])
def test_a_mask_that_does_not_fit_is_named_and_left_out(dataset, fault):
    size = (HEIGHT + 1, WIDTH) if fault == "other size" else SIZE
    decision = decided(dataset, "pair-1", "Ann", mask=box(size, slice(2, 11), slice(0, 4)))
    path = dataset / drawn_mask_name(str(decision.mask))
    if fault == "gone":
        path.unlink()
    elif fault == "damaged":
        path.write_bytes(path.read_bytes()[:-20])
    decided(dataset, "pair-1", "Ben")
    for who in ("Ann", "Ben"):
        decided(dataset, "pair-2", who)
    found = with_masks(dataset)
    assert found.unread == ("pair-1",)
    assert (found.pairs[0].rows, found.pairs[0].masks, found.pairs[0].mask_iou) == (2, 1, 1.0)


def test_of_very_many_reviewers_those_with_the_most_decisions_are_compared(dataset):
    for number in range(MOST + 1):
        decided(dataset, "pair-1", f"R{number:02}")
    decided(dataset, "pair-2", f"R{MOST:02}")
    found = agreement(Reviews.read(dataset))
    assert len(found.reviewers) == MOST + 1 and len(found.pairs) == MOST * (MOST - 1) // 2
    assert f"R{MOST - 1:02}" not in {pair.a for pair in found.pairs} | {pair.b for pair in found.pairs}
