"""Maps that are judged again: as a fresh run would, whatever the thresholds were and are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.datasets.edited import contents, edit_rows
from tests.datasets.stub_annotator import annotated, make_pairs
from tests.datasets.whole_dataset import kept, write_whole

from webiml.datasets.filter import filter_dataset, plan_filter, try_filter
from webiml.errors import SettingError
from webiml.evidence.judge import SURE
from webiml.store.dataset import read_rows
from webiml.store.place import Place, open_place
from webiml.store.removed import Tombstone, add_removed, hidden, read_removed
from webiml.types import Row

THRESHOLDS = {
    "usual": {},
    "strict": {"min_qes": 0.9, "max_unknown": 0.1},
    "loose": {"min_qes": 0.0, "min_area": 0.0, "max_area": 1.0, "max_unknown": 1.0},
    "large": {"min_qes": 0.2, "min_area": 0.4, "max_area": 0.7},
}
USUAL = {"min_qes": 0.5, "min_area": 0.001, "max_area": 0.9, "max_unknown": 0.4}


@pytest.fixture(scope="module", autouse=True)
def quick_disk() -> Iterator[None]:
    """Do not wait for the disk: nothing here pulls its plug."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> dict[str, Path]:
    """Datasets of the same pairs at all thresholds; some are of shards, too."""
    folder = tmp_path_factory.mktemp("fresh")
    pairs = make_pairs(folder / "pairs", 80)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(repository)  # where worker processes find the annotator
        return {
            name.replace(" folder", ""): annotated(pairs, folder / name, name.split()[1], **THRESHOLDS[name.split()[0]])
            for name in (*(f"{name} folder" for name in THRESHOLDS), "usual shards", "strict shards")
        }


@pytest.fixture
def dataset(fresh, tmp_path) -> Path:
    """A copy of the usual dataset that a test may change."""
    return Path(shutil.copytree(fresh["usual"], tmp_path / "dataset"))


def filtered(dataset: Path, out: Path, name: str, workers: int = 1) -> Path:
    filter_dataset(plan_filter(Place(str(dataset)), USUAL | THRESHOLDS[name]), out, workers)
    return out


def rows(dataset: Path) -> dict[str, Row]:
    return {row.key: row for row in read_rows(dataset)}


def test_the_random_pairs_try_what_can_happen(fresh):
    every = {name: rows(fresh[name]) for name in THRESHOLDS}
    assert {row.reason for found in every.values() for row in found.values()} >= {
        *(None, "identical", "unrelated", "kind_uncertain", "unknown_area", "low_qes"),
        *("too_small_area", "too_large_area", "nothing_found", "is_url"),
    }
    strict, loose = every["strict"], every["loose"]
    both = [key for key, row in strict.items() if row.alternative_kind is not None]
    assert len(both) > 10
    assert any(strict[key].kind != loose[key].kind for key in both)
    assert any(strict[key].alternative_kind != loose[key].alternative_kind for key in both)
    assert any("16-bit" in (row.detail or "") for row in strict.values())


@pytest.mark.parametrize(
    ("there", "wanted"),
    [("usual", "strict"), ("usual", "loose"), ("strict", "usual"), ("strict", "loose"), ("loose", "strict"),
     ("loose", "large"), ("large", "usual"), ("usual", "usual")],
)  # fmt: skip
def test_it_is_what_a_fresh_run_would_have_made(fresh, tmp_path, there, wanted):
    assert contents(filtered(fresh[there], tmp_path / "out", wanted)) == contents(fresh[wanted])


@pytest.mark.parametrize("workers", [1, 2])
def test_shards_stay_shards_of_the_same_size(fresh, tmp_path, workers):
    out = filtered(fresh["usual shards"], tmp_path / "out", "strict", workers)
    assert contents(out) == contents(fresh["strict shards"])


def test_what_is_not_given_stays_as_it_was(fresh):
    plan = plan_filter(Place(str(fresh["large"])), {"min_qes": 0.6, "max_unknown": None})
    assert (plan.new.min_qes, plan.new.min_area, plan.new.max_area) == (0.6, 0.4, 0.7)


def test_a_dry_run_counts_what_the_run_will_do_and_writes_nothing(fresh, tmp_path):
    before = contents(fresh["usual"])
    plan = plan_filter(Place(str(fresh["usual"])), THRESHOLDS["strict"])
    tried = try_filter(plan)
    assert contents(fresh["usual"]) == before
    assert tried == filter_dataset(plan, tmp_path / "out")
    was, now = rows(fresh["usual"]), rows(fresh["strict"])
    word = {"kept": lambda row: "kept", "failed": lambda row: "failed", "rejected": lambda row: row.reason}
    changed = [(word[was[key].status](was[key]), word[row.status](row)) for key, row in now.items()]
    assert tried.changes.total() == sum(before != after for before, after in changed) > 10
    assert tried.kept == sum(row.status == "kept" for row in now.values())


class Stop(Exception):
    """Somebody pulls the plug."""


def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(fresh, tmp_path):
    plan = plan_filter(Place(str(fresh["usual shards"])), THRESHOLDS["strict"])
    seen = []

    def stop(row, counts):
        seen.append(row.key)
        if len(seen) == 12:
            raise Stop

    with pytest.raises(Stop):
        filter_dataset(plan, tmp_path / "out", on_row=stop)
    counts = filter_dataset(plan, tmp_path / "out", on_row=lambda row, counts: seen.append(row.key))
    assert (counts.resumed, counts.rows, len(seen), len(set(seen))) == (12, 81, 81, 81)
    assert contents(tmp_path / "out") == contents(fresh["strict shards"])
    with pytest.raises(SettingError, match=r"min_qes is 0\.9 there and 0\.7 now"):
        filter_dataset(replace(plan, new=replace(plan.new, min_qes=0.7)), tmp_path / "out")


def test_a_pair_whose_file_is_damaged_fails_and_is_counted(dataset, tmp_path):
    (dataset / "probability" / "p001.png").unlink()
    (dataset / "manipulated" / "p002.png").write_bytes((dataset / "manipulated" / "p003.png").read_bytes())
    (dataset / "probability" / "p003.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    counts = filter_dataset(plan_filter(Place(str(dataset)), THRESHOLDS["strict"]), tmp_path / "out")
    found = rows(tmp_path / "out")
    assert counts.damaged == 3
    assert [found[f"p00{number}"].reason for number in (1, 2, 3)] == ["not_found", "other_bytes", "undecodable"]
    assert found["p001"].detail is not None and found["p001"].detail.startswith("probability: ")
    assert (found["p002"].kind, found["p002"].qes, found["p002"].name) == (None, None, "pair 2")
    assert not list((tmp_path / "out").rglob("p001.*"))


def test_sure_rows_of_an_older_version_are_judged_and_uncertain_ones_refused(dataset, fresh, tmp_path):
    new = ("kind_probabilities", "alternative_kind", "alternative_transform", "alternative_unknown_fraction")
    edit_rows(dataset, lambda row: replace(row, **dict.fromkeys(new)))
    uncertain = [row.key for row in rows(dataset).values() if (row.kind_confidence or 1) < SURE["learned"]]
    with pytest.raises(SettingError, match=f"{len(uncertain)} rows of .* cannot be judged again"):
        plan_filter(Place(str(dataset)), THRESHOLDS["strict"])
    edit_rows(dataset, lambda row: None if row.key in uncertain else row)
    found = rows(filtered(dataset, tmp_path / "out", "strict"))
    there = {key: row for key, row in rows(fresh["strict"]).items() if key not in uncertain}
    assert len(found) > 20
    for key, row in found.items():
        same = replace(there[key], kind_probabilities=None, annotated_at=None)
        assert replace(row, annotated_at=None) == same


def test_notes_of_a_version_with_other_words_are_found_in_the_pictures(dataset, fresh, tmp_path):
    edit_rows(dataset, lambda row: row if row.status == "failed" else replace(row, detail="so sure; manipulated: odd"))
    found, there = rows(filtered(dataset, tmp_path / "out", "strict")), rows(fresh["strict"])
    before = rows(dataset)
    judged = [key for key in found if rows(fresh["usual"])[key].detail and before[key].status == "rejected"]
    assert any("16-bit" in (found[key].detail or "") for key in judged)
    assert {key: found[key].detail for key in judged} == {key: there[key].detail for key in judged}


def test_what_was_taken_out_does_not_come_along(dataset, tmp_path):
    taken = rows(dataset)["p004"]
    assert taken.authentic_sha256 is not None
    tombstone = Tombstone("sha256", hidden("sha256", taken.authentic_sha256), "2026-01-02T03:04:05Z")
    add_removed(open_place(dataset), [tombstone])
    found = rows(filtered(dataset, tmp_path / "out", "strict"))["p004"]
    assert (found.status, found.reason, found.name, found.license) == ("failed", "removed", "p004", None)
    assert not list((tmp_path / "out").rglob("p004.*"))
    assert read_removed(open_place(tmp_path / "out")).tombstones == (tombstone,)


def test_what_cannot_be_judged_again_is_refused_in_a_sentence(dataset, tmp_path):
    with pytest.raises(SettingError, match="--min-qes must lie between 0 and 1, got 2"):
        plan_filter(Place(str(dataset)), {"min_qes": 2})
    with pytest.raises(SettingError, match="is above --max-area"):
        plan_filter(Place(str(dataset)), {"min_area": 0.95})
    with pytest.raises(SettingError, match="is not a dataset"):
        plan_filter(Place(str(tmp_path)), {})
    with pytest.raises(SettingError, match="says no such settings"):
        plan_filter(Place(str(write_whole(tmp_path / "else", [kept(1)]))), {})
    with pytest.raises(SettingError, match="lie in one another"):
        filter_dataset(plan_filter(Place(str(dataset)), {}), dataset / "deeper")
    edit_rows(dataset, lambda row: replace(row, kind="elephant") if row.key == "p001" else row)
    with pytest.raises(SettingError, match=r"1 row of .* cannot be judged again"):
        plan_filter(Place(str(dataset)), {})


def test_an_out_of_another_dataset_is_refused(dataset, fresh, tmp_path):
    out = filtered(dataset, tmp_path / "out", "strict")
    edit_rows(dataset, lambda row: None if row.key == "p001" else row)
    with pytest.raises(SettingError, match="1 finished pairs that are not in the input"):
        filtered(dataset, out, "strict")
    edit_rows(dataset, lambda row: replace(row, name="another") if row.key == "p002" else row)
    with pytest.raises(SettingError, match="p002 that came from another dataset"):
        filtered(dataset, out, "strict")
