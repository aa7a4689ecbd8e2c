"""What people decided goes along into every dataset that is made of others, and out with what is taken out."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from tests.benchmarks.in_this_process import one_by_one
from tests.datasets.edited import contents
from tests.datasets.reviewing import box, decided, undone
from tests.datasets.whole_dataset import HEIGHT, WIDTH, failed, kept, levels, rejected, write_whole

from webiml.cli.dataset.filter import filter as filter_command
from webiml.datasets.carry_reviews import CarriedReviews, in_one_order
from webiml.datasets.export.write import export_dataset
from webiml.datasets.filter import filter_dataset, plan_filter, try_filter
from webiml.datasets.merge import merge_datasets, plan_merge
from webiml.datasets.remove import remove
from webiml.datasets.split import plan_split, split_dataset
from webiml.datasets.verify import verify_dataset
from webiml.datasets.without import write_without
from webiml.errors import SettingError
from webiml.evidence.judge import Drawn, annotated, decide, segmenter_of
from webiml.images.codec import encode_png
from webiml.settings import AnnotatorSettings
from webiml.store.dataset import read_member, read_rows
from webiml.store.drawn_masks import drawn_mask_name
from webiml.store.place import Place
from webiml.store.removed_rows import Asked
from webiml.store.reviews import REVIEWS, Decision, Reviews, State, read_reviewed
from webiml.types import Finished, Kind, Reason

MASK = box((HEIGHT, WIDTH), slice(4, 9), slice(10, 20))
OTHER = box((HEIGHT, WIDTH), slice(0, 3), slice(0, 3))
SETTINGS = {name: value for name, value in asdict(AnnotatorSettings()).items() if name != "weights"} | {"weights": {}}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait neither for the disk nor for workers, which take longer to start than these few rows."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    for module in ("filter", "verify", "verify_reviews"):
        monkeypatch.setattr(f"webiml.datasets.{module}.run_ordered", one_by_one)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Ann and Ben have looked at three of the rows; Ann has drawn the mask of pair-2."""
    path = write_whole(tmp_path / "d", [kept(1), kept(2), rejected(3), kept(4), failed(5)])
    decided(path, "pair-1", "Ann", Reason.WRONG_MASK, note="the whole sky")
    decided(path, "pair-2", "Ann", mask=MASK)
    decided(path, "pair-3", "Ben")
    undone(path, decided(path, "pair-4", "Ben", Reason.UNCLEAR))
    return path


def decisions(dataset: Path) -> list[Decision]:
    return Reviews.read(dataset).all


def statuses(dataset: Path) -> dict[str, str]:
    return {row.key: row.status for row in read_reviewed(dataset)}


def whole(dataset: Path, quick: bool = True) -> bool:
    return verify_dataset(Place(str(dataset)), quick=quick).findings == ()


def without(dataset: Path, out: Path, *keys: str, on_row=None) -> Path:
    write_without(Place(str(dataset)), out, keys, {"dedup": {}}, on_row)
    return out


def test_a_dataset_without_some_pairs_has_the_decisions_about_the_others(dataset, tmp_path):
    out = without(dataset, tmp_path / "out", "pair-1")
    lines = (dataset / REVIEWS).read_bytes().splitlines(keepends=True)
    assert (out / REVIEWS).read_bytes() == b"".join(lines[1:])  # as they were
    assert statuses(out) == {"pair-2": "kept", "pair-3": "kept", "pair-4": "kept", "pair-5": "failed"}
    row = next(row for row in read_reviewed(out) if row.key == "pair-2")
    assert read_member(out, row, "mask") == encode_png(np.where(MASK, 255, 0).astype(np.uint8))
    assert whole(out, quick=False)


def test_a_second_run_changes_nothing_and_a_new_decision_comes_along(dataset, tmp_path):
    out = without(dataset, tmp_path / "out")
    before = (out / REVIEWS).stat()
    without(dataset, out)
    after = (out / REVIEWS).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    decided(out, "pair-4", "Cem", Reason.UNCLEAR)  # in the new dataset
    decided(dataset, "pair-4", "Ann")  # and in the old one
    without(dataset, out)
    assert [one.reviewer for one in decisions(out)] == ["Ann", "Ann", "Ben", "Ben", "Ben", "Cem", "Ann"]
    assert next(row.reason for row in read_reviewed(out) if row.key == "pair-4") == "disputed"


def test_decisions_are_there_before_a_dataset_counts_as_finished(dataset, tmp_path):
    def stop(row) -> None:
        if row.key == "pair-3":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        without(dataset, tmp_path / "out", on_row=stop)
    assert not (tmp_path / "out" / "annotations.parquet").exists()
    without(dataset, tmp_path / "out")
    without(dataset, tmp_path / "at once")
    assert contents(tmp_path / "out") == contents(tmp_path / "at once")
    assert len(decisions(tmp_path / "out")) == 5


def test_a_pair_whose_files_are_damaged_takes_no_decision_along(dataset, tmp_path):
    (dataset / "manipulated" / "pair-2.png").write_bytes(b"no picture")
    out = without(dataset, tmp_path / "out")
    assert {one.key for one in decisions(out)} == {"pair-1", "pair-3", "pair-4"}
    assert statuses(out)["pair-2"] == "failed" and not (out / "reviews").exists() and whole(out)


def test_a_drawn_mask_that_is_lost_is_missing_in_the_new_dataset(dataset, tmp_path):
    (dataset / drawn_mask_name(decisions(dataset)[1].mask or "")).unlink()
    out = without(dataset, tmp_path / "out")
    (finding,) = verify_dataset(Place(str(out)), quick=True).findings
    assert (finding.key, finding.fault) == ("pair-2", "missing")


# Split and merge


def test_parts_have_the_decisions_about_their_rows_and_merge_to_the_same(dataset, tmp_path):
    plan = plan_split(Place(str(dataset)), {"one": 0.5, "two": 0.5}, seed=3)
    split_dataset(plan, tmp_path / "parts")
    parts = [tmp_path / "parts" / name for name in ("one", "two")]
    for part in parts:
        assert {one.key for one in decisions(part)} <= {row.key for row in read_rows(part)} and whole(part)
    assert sum(len(decisions(part)) for part in parts) == 5 and all(decisions(part) for part in parts)
    assert sum(part.kept for part in plan.parts) == 3
    for number, order in enumerate((parts, parts[::-1])):
        counts = merge_datasets(plan_merge([Place(str(part)) for part in order]), tmp_path / f"merged-{number}")
        assert statuses(tmp_path / f"merged-{number}") == statuses(dataset) and counts.kept == 3
    assert contents(tmp_path / "merged-0") == contents(tmp_path / "merged-1")


def test_a_renamed_row_keeps_its_decisions(dataset, tmp_path):
    twin = write_whole(tmp_path / "twin", [replace(kept(9), row=replace(kept(9).row, key="pair-1"))])
    decided(twin, "pair-1", "Cem")
    out = tmp_path / "out"
    merge_datasets(plan_merge([Place(str(dataset)), Place(str(twin))]), out)
    rows = {row.extra.get("merged_from", row.key): row for row in read_reviewed(out)}
    ours, theirs = rows["d/pair-1"], rows["twin/pair-1"]
    assert (ours.status, ours.reviewed_by, theirs.status, theirs.reviewed_by) == ("rejected", "Ann", "kept", "Cem")
    renamed = next(one for one in decisions(out) if one.key == ours.key)
    assert asdict(replace(renamed, key="pair-1")) == asdict(decisions(dataset)[0])
    assert whole(out)


def test_one_pair_of_two_datasets_has_the_decisions_of_both(dataset, tmp_path):
    copy = without(dataset, tmp_path / "copy")
    decided(copy, "pair-1", "Cem")
    plain = write_whole(tmp_path / "plain", [kept(1), kept(2), rejected(3), kept(4), failed(5)])
    decided(plain, "pair-1", "Dan")
    for number, order in enumerate(((dataset, plain), (plain, dataset))):
        merge_datasets(plan_merge([Place(str(one)) for one in order]), tmp_path / f"m{number}")
    assert contents(tmp_path / "m0") == contents(tmp_path / "m1")
    found = next(row for row in read_reviewed(tmp_path / "m0") if row.key == "pair-1")
    assert (found.reviewed_by, found.reason) == ("Ann, Dan", "disputed")


def line(number: int, time: int, undoes: int | None = None) -> Decision:
    state, second = State("kept"), f"2026-01-02T03:04:{time:02}Z"
    verdict = "accept" if undoes is None else "undo"
    return Decision(
        f"{number:032x}", "a", "Ann", second, verdict, state, state, undoes=None if undoes is None else f"{undoes:032x}"
    )


def test_decisions_of_several_files_stand_in_one_order():
    a, b, c, d = line(1, 5), line(2, 5, undoes=1), line(3, 4), line(4, 9)
    # One file alone knows that b follows a, in the same second; c was written by a clock that was behind
    for files in ([[a, d], [a, b, c]], [[a, b, c], [a, d]]):
        assert in_one_order(files) == [a, b, c, d]
    assert in_one_order([[a, b], [b, a]]) in ([a, b], [b, a])  # they contradict one another: each still comes once
    assert in_one_order([]) == in_one_order([[], []]) == []


# Filter


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    """Two rows that thresholds decided; pair-5 is of an uncertain kind, since neither of its maps is sure enough."""
    old = AnnotatorSettings(min_qes=0.95)
    surer = np.where(levels(5)[:, ::-1] == 255, 255, 0).astype(np.uint8)
    surer[0, :6] = 100  # 54 of 60 pixels are sure; of the first map 54 of 77
    drawn = {Kind.SPG: Drawn(levels(5), np.eye(3), 0.0), Kind.SDG: Drawn(surer)}
    likely = dict(zip(Kind, (0.5, 0.45, 0.05, 0.0), strict=True))
    base = kept(5)
    row = annotated(base.row, decide(likely, 0.6, drawn.__getitem__, old), "")
    doubtful = Finished(row, base.files | {"alternative.png": encode_png(surer)})
    assert (row.kind, row.alternative_kind, row.reason) == ("SPG", "SDG", "kind_uncertain")
    sure = kept(1, kind_probabilities=[0.9, 0.1, 0.0, 0.0])
    return write_whole(tmp_path / "judged", [sure, doubtful], settings=SETTINGS | {"min_qes": 0.95})


def filtered(dataset: Path, out: Path, **thresholds: float):
    return filter_dataset(plan_filter(Place(str(dataset)), thresholds), out)


def test_what_people_decided_wins_over_thresholds(judged, tmp_path):
    decided(judged, "pair-1", "Ann", Reason.NOT_MANIPULATED)
    decided(judged, "pair-5", "Ann")
    dry = try_filter(plan_filter(Place(str(judged)), {"min_qes": 0.5}))
    counts = filtered(judged, tmp_path / "out", min_qes=0.5)
    assert dry == counts
    assert (counts.kept, counts.rejected, counts.decided, counts.changes.total()) == (1, 1, 2, 0)
    assert statuses(tmp_path / "out") == {"pair-1": "rejected", "pair-5": "kept"} and whole(tmp_path / "out")
    again = filtered(judged, tmp_path / "out", min_qes=0.5)
    assert (again.resumed, again.kept, again.decided) == (2, 1, 2)


def test_a_map_that_somebody_looked_at_is_not_changed_for_another(judged, tmp_path):
    filtered(judged, tmp_path / "machine", min_qes=0.5)
    decided(judged, "pair-5", "Ann")
    filtered(judged, tmp_path / "reviewed", min_qes=0.5)
    found = {}
    for name in ("judged", "machine", "reviewed"):
        row = next(row for row in read_rows(tmp_path / name) if row.key == "pair-5")
        found[name] = (row.kind, read_member(tmp_path / name, row, "mask"))
        assert segmenter_of(Kind(row.kind)) != segmenter_of(Kind(row.alternative_kind))
    assert found["machine"][0] == "SDG" and found["machine"][1] != found["judged"][1]
    assert found["reviewed"] == found["judged"]
    assert whole(tmp_path / "reviewed")


def test_the_command_says_how_many_rows_stay(judged, tmp_path, capsys):
    decided(judged, "pair-1", "Ann", Reason.NOT_MANIPULATED)
    arguments = {"out": tmp_path / "out", "min_qes": 0.5, "dry_run": True, "workers": 1}
    assert filter_command(str(judged), **arguments) == 0
    assert "1 row stays as people decided" in capsys.readouterr().out
    assert filter_command(str(judged), **arguments, json=True) == 0
    assert json.loads(capsys.readouterr().out)["decided"] == 1


# Removal


def test_what_was_decided_about_a_pair_goes_with_it(dataset):
    shared = decided(dataset, "pair-1", "Ben", mask=MASK)  # the mask that pair-2 has, too
    own = decided(dataset, "pair-1", "Cem", mask=OTHER)
    drafts = dataset / ".webiml" / "review"
    drafts.mkdir()
    for name, text in {"a": '{"key": "pair-1"}', "b": '{"key": "pair-2"}', "c": "no draft"}.items():
        (drafts / f"{name}.jsonl").write_text(f"{text}\n")
    remove([dataset], Asked(key=("pair-1",)))
    assert [one.key for one in decisions(dataset)] == ["pair-2", "pair-3", "pair-4", "pair-4"]
    assert (dataset / drawn_mask_name(shared.mask or "")).exists()
    assert not (dataset / drawn_mask_name(own.mask or "")).exists()
    assert [path.name for path in drafts.iterdir()] == ["b.jsonl"]
    assert whole(dataset)


def test_a_pair_that_goes_out_of_a_manifest_takes_its_decisions_with_it(dataset, tmp_path):
    out = tmp_path / "manifest"
    export_dataset(Place(str(dataset)), Place(str(out)), "manifest", status="all", workers=1)
    assert decisions(out) == decisions(dataset) and len(list((out / "reviews").iterdir())) == 1
    remove([out], Asked(key=("pair-2",)))
    assert [one.key for one in decisions(out)] == ["pair-1", "pair-3", "pair-4", "pair-4"]
    assert not list((out / "reviews").iterdir())


def test_what_was_taken_out_takes_no_decision_along(dataset, tmp_path):
    out = without(dataset, tmp_path / "out")
    remove([dataset], Asked(key=("pair-2",)))
    fresh = without(dataset, tmp_path / "fresh")
    assert {one.key for one in decisions(fresh)} == {"pair-1", "pair-3", "pair-4"}
    assert {one.key for one in decisions(out)} == {"pair-1", "pair-2", "pair-3", "pair-4"}  # removed in one place alone


def test_damaged_decisions_stop_a_removal_before_it_begins(dataset):
    with open(dataset / REVIEWS, "ab") as file:
        file.write(b"{}\n")
    with pytest.raises(SettingError, match="is damaged"):
        remove([dataset], Asked(key=("pair-1",)))
    assert next(read_rows(dataset)).status == "kept"


def test_decisions_go_to_an_object_store_and_come_from_one(dataset, tmp_path, s3):
    far = Place(f"{s3}/reviewed")
    for name in (REVIEWS, *(path.relative_to(dataset).as_posix() for path in (dataset / "reviews").iterdir())):
        far.write(name, (dataset / name).read_bytes())
    along = CarriedReviews([Reviews.read(far)])
    for row in read_rows(dataset):
        along.take(far, row.key, row)
    along.write(Place(f"{s3}/again"))
    assert Reviews.read(Place(f"{s3}/again")).all == decisions(dataset)
    assert Place(f"{s3}/again").exists(drawn_mask_name(decisions(dataset)[1].mask or ""))
