"""Decisions and drawn masks that do not fit their dataset are named."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from tests.benchmarks.in_this_process import one_by_one
from tests.datasets.reviewing import box, decided
from tests.datasets.whole_dataset import HEIGHT, WIDTH, failed, kept, write_whole

from webiml.cli.dataset.verify import verify
from webiml.datasets.faults import Fault
from webiml.datasets.remove import remove
from webiml.datasets.repair import repair_dataset
from webiml.datasets.verify import verify_dataset
from webiml.images.codec import encode_png
from webiml.store.drawn_masks import drawn_mask_name, write_drawn_mask
from webiml.store.place import Place
from webiml.store.removed_rows import Asked
from webiml.store.reviews import REVIEWS, Reviews
from webiml.types import Reason

MASK = box((HEIGHT, WIDTH), slice(4, 9), slice(10, 20))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait neither for the disk nor for workers, which take longer to start than these few rows."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    for module in ("verify", "verify_reviews"):
        monkeypatch.setattr(f"webiml.datasets.{module}.run_ordered", one_by_one)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    path = write_whole(tmp_path / "d", [kept(1), kept(2), failed(3)])
    decided(path, "pair-1", "Ann", mask=MASK)
    decided(path, "pair-2", "Ben", Reason.UNCLEAR)
    return path


def found(dataset: Path, quick: bool = False) -> list[tuple[str, str]]:
    findings = verify_dataset(Place(str(dataset)), quick=quick).findings
    return [(finding.key, finding.fault.value) for finding in findings]


def drawn(dataset: Path) -> Path:
    return dataset / drawn_mask_name(Reviews.read(dataset).all[0].mask or "")


def other_mask(dataset: Path, levels: np.ndarray, **changes: object) -> None:
    """The first decision has this mask instead, and says the same of it."""
    drawn(dataset).unlink()
    sha256 = write_drawn_mask(dataset, encode_png(levels.astype(np.uint8)))
    rewrite(dataset, lambda record: {**record, "mask": sha256, **changes})


def rewrite(dataset: Path, change: Callable[[dict], dict]) -> None:
    records = [asdict(one) for one in Reviews.read(dataset).all]
    text = "".join(json.dumps(record) + "\n" for record in (change(records[0]), *records[1:]))
    (dataset / REVIEWS).write_text(text)


def test_decisions_that_fit_are_no_finding_and_their_masks_are_counted(dataset):
    before = verify_dataset(Place(str(write_whole(dataset.parent / "e", [kept(1), kept(2), failed(3)]))), quick=True)
    verified = verify_dataset(Place(str(dataset)))
    assert (verified.findings, verified.notes, verified.files) == ((), (), before.files + 1)


def gone(dataset: Path) -> None:
    drawn(dataset).unlink()


def empty(dataset: Path) -> None:
    drawn(dataset).write_bytes(b"")


def other_bytes(dataset: Path) -> None:
    drawn(dataset).write_bytes(drawn(dataset).read_bytes() + b"!")


def other_size(dataset: Path) -> None:
    other_mask(dataset, np.where(MASK.T, 255, 0))


def too_many_pixels(dataset: Path) -> None:
    other_mask(dataset, np.zeros((HEIGHT * 2, WIDTH)))


def no_picture(dataset: Path) -> None:
    drawn(dataset).unlink()
    sha256 = write_drawn_mask(dataset, b"no picture")
    rewrite(dataset, lambda record: {**record, "mask": sha256})


def grey(dataset: Path) -> None:
    other_mask(dataset, np.where(MASK, 200, 0))


def nothing_marked(dataset: Path) -> None:
    other_mask(dataset, np.zeros((HEIGHT, WIDTH)), mask_area=0.0, components=0)


def other_area(dataset: Path) -> None:
    rewrite(dataset, lambda record: {**record, "mask_area": 0.5})


def no_row(dataset: Path) -> None:
    rewrite(dataset, lambda record: {**record, "key": "pair-9", "mask": None})
    for path in (dataset / "reviews").iterdir():
        path.unlink()


def no_decision(dataset: Path) -> None:
    with open(dataset / REVIEWS, "ab") as file:
        file.write(b'{"key": "../../etc", "verdict": "accept"}\n')


def stray(dataset: Path) -> None:
    write_drawn_mask(dataset, b"nobody names me")


def other_name(dataset: Path) -> None:
    (dataset / "reviews" / "notes.txt").write_text("mine")


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (gone, Fault.MISSING),
        (empty, Fault.MISSING),
        (other_bytes, Fault.OTHER_BYTES),
        (other_size, Fault.SIZE),
        (too_many_pixels, Fault.SIZE),
        (no_picture, Fault.UNREADABLE),
        (grey, Fault.MASK),
        (nothing_marked, Fault.MASK),
        (other_area, Fault.SCORE),
    ],
)
def test_a_drawn_mask_that_does_not_fit_is_named_with_its_row(dataset, damage, fault):
    damage(dataset)
    assert found(dataset) == [("pair-1", fault.value)]


@pytest.mark.parametrize(
    ("damage", "key", "fault"),
    [
        (gone, "pair-1", Fault.MISSING),
        (no_row, "pair-9", Fault.REVIEW),
        (no_decision, REVIEWS, Fault.REVIEW),
        (other_name, "reviews/notes.txt", Fault.STRAY),
    ],
)
def test_what_can_be_seen_without_reading_a_mask_is_named_quickly(dataset, damage, key, fault):
    damage(dataset)
    assert found(dataset, quick=True) == [(key, fault.value)]


def test_a_line_that_was_cut_short_is_a_note(dataset, capsys):
    with open(dataset / REVIEWS, "ab") as file:
        file.write(b'{"id": "cut')
    assert verify(str(dataset), quick=True) == 0
    assert "note      the last line of reviews.jsonl was cut short" in capsys.readouterr().out


def test_a_decision_about_a_row_that_was_taken_out_is_named(dataset):
    line = (dataset / REVIEWS).read_bytes()
    remove([dataset], Asked(key=("pair-2",)))
    (dataset / REVIEWS).write_bytes(line)
    assert found(dataset, quick=True) == [("pair-2", Fault.REMOVED.value)]


def test_a_repair_sets_masks_aside_that_nobody_names(dataset):
    stray(dataset)
    other_name(dataset)
    done = repair_dataset(Place(str(dataset)), quick=True)
    assert sorted(one.action.value for one in done.done) == ["set_aside", "set_aside"] and done.left == ()
    assert (dataset / ".webiml/lost/reviews/notes.txt").read_text() == "mine"
    assert found(dataset, quick=True) == []


def test_a_dataset_in_shards_is_looked_at_too_by_workers(tmp_path, monkeypatch):
    monkeypatch.undo()
    path = write_whole(tmp_path / "d", [kept(1), kept(2)], "shards")
    decided(path, "pair-1", "Ann", mask=MASK)
    assert found(path) == []
    rewrite(path, lambda record: {**record, "components": 7})
    assert found(path) == [("pair-1", Fault.SCORE.value)]


def test_one_row_with_masks_of_two_people_has_both_looked_at(dataset):
    decision = decided(dataset, "pair-1", "Ben", mask=~MASK)
    assert found(dataset) == []
    rewrite(dataset, lambda record: asdict(replace(Reviews.read(dataset).all[0], mask_area=0.9)))
    (dataset / drawn_mask_name(decision.mask or "")).unlink()
    assert sorted(found(dataset)) == [("pair-1", "missing"), ("pair-1", "score")]
