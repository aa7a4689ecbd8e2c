"""What people decided counts wherever a dataset is read: stats, export, card, training."""

from __future__ import annotations

import csv
from itertools import count, product
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.datasets.reviewing import box, decided, undone
from tests.datasets.small_dataset import HEIGHT, WIDTH, finished, picture, write_pictured

from webiml.cli.dataset.stats import stats
from webiml.datasets.card import write_card
from webiml.datasets.dedup import find_duplicates
from webiml.datasets.export.write import count_wanted, export_dataset
from webiml.datasets.rebuild import rebuild
from webiml.datasets.split import plan_split
from webiml.datasets.stats import dataset_stats
from webiml.errors import SettingError
from webiml.images.codec import decode_map
from webiml.store.dataset import read_rows
from webiml.store.link_writer import LinkWriter
from webiml.store.links import link_id, picture_name
from webiml.store.place import Place
from webiml.store.reviews import REVIEWS, Reviews, reviewed
from webiml.train.annotated import prepare_annotated
from webiml.train.samples import read
from webiml.types import Link, LinkRow, Reason

MASK = box((HEIGHT, WIDTH), slice(10, 22), slice(8, 24))  # 192 of 3072 pixels: 1/16
PICTURES: tuple[Literal["authentic", "manipulated"], ...] = ("authentic", "manipulated")
FORMATS = ("folder", "webdataset", "imdl-benco", "coco", "huggingface", "fiftyone", "manifest")


@pytest.fixture(params=["folder", "shards"])
def dataset(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Of the usual pairs 0 is rejected, 3 and 4 are kept, 4 with a mask where the machine drew none; 1 is disputed."""
    path = write_pictured(tmp_path / "dataset", format=request.param)
    decided(path, "pair-0", "Ann", Reason.CHANGED_ALL_OVER)
    decided(path, "pair-1", "Ann")
    decided(path, "pair-1", "Ben", Reason.UNCLEAR)
    decided(path, "pair-3", "Ann")
    decided(path, "pair-4", "Ben", mask=MASK)
    undone(path, decided(path, "pair-2", "Ann", Reason.UNCLEAR))
    return path


def exported(dataset: Path, out: Path, format: str, **more) -> Path:
    export_dataset(Place(str(dataset)), Place(str(out)), format, workers=1, **more)
    return out


def test_stats_count_what_people_decided(dataset):
    found = dataset_stats(Place(str(dataset)))
    assert found.statuses == {"kept": 3, "rejected": 2, "failed": 1}  # kept: 2, 3 and 4
    assert found.reasons == {"changed_all_over": 1, "disputed": 1, "not_found": 1}
    assert found.kinds == {
        "SDG": {"kept": 1, "rejected": 1},
        "SPG": {"kept": 1, "rejected": 1},
        "identical": {"kept": 1},
    }
    assert found.mask_area["100"] == 0.0625  # the mask that Ben drew is the largest
    assert found.reviews is not None
    assert (found.reviews.decisions, found.reviews.rows, found.reviews.drawn) == (5, 4, 1)
    assert [(pair.a, pair.b, pair.rows, pair.agreement) for pair in found.reviews.pairs] == [("Ann", "Ben", 1, 0.0)]


def test_stats_without_decisions_are_those_of_the_machine(tmp_path):
    found = dataset_stats(Place(str(write_pictured(tmp_path / "d"))))
    assert found.statuses == {"kept": 3, "rejected": 2, "failed": 1} and found.reviews is None
    assert found.mask_area["100"] < 0.0625


def test_the_command_says_how_far_people_agree(dataset, capsys):
    decided(dataset, "pair-3", "Ben")
    assert stats(str(dataset)) == 0
    text = capsys.readouterr().out
    assert "accepted 2, with 1 drawn masks" in text and "disputed 1" in text and "by        Ann 3 · Ben 3" in text
    assert "Ann and Ben: 50% of 2 rows alike, kappa 0.00, IoU of 1 masks 1.00" in text


@pytest.mark.parametrize("dataset", ["folder"], indirect=True)
@pytest.mark.parametrize("format", FORMATS)
def test_every_format_has_the_rows_that_people_kept(dataset, tmp_path, format):
    assert count_wanted(Place(str(dataset)), Place(str(tmp_path / "e")), format, "kept") == 3
    out = exported(dataset, tmp_path / "e", format)
    rows = {row["key"]: row for row in pq.read_table(out / "rows.parquet").to_pylist()}
    assert rows.keys() == {"pair-2", "pair-3", "pair-4"}
    assert (rows["pair-3"]["status"], rows["pair-3"]["machine_reason"]) == ("kept", "low_qes")
    assert (rows["pair-4"]["reviewed_by"], rows["pair-4"]["mask_area"]) == ("Ben", 0.0625)
    assert rows["pair-2"]["reviewed_by"] is None and rows["pair-2"]["machine_status"] is None


def test_a_mask_that_was_drawn_is_the_mask_of_the_export(dataset, tmp_path):
    out = exported(dataset, tmp_path / "e", "folder")
    assert np.array_equal(decode_map((out / "masks/pair-4.png").read_bytes()) == 255, MASK)
    assert not (out / "probability/pair-4.png").exists()  # the machine drew nothing
    with open(out / "rows.csv", newline="") as file:
        found = {row["key"]: row for row in csv.DictReader(file)}
    assert (found["pair-4"]["mask"], found["pair-4"]["probability"]) == ("masks/pair-4.png", "")
    assert found["pair-3"]["probability"] == "probability/pair-3.png"


def test_what_people_rejected_is_exported_as_rejected(dataset, tmp_path):
    out = exported(dataset, tmp_path / "e", "webdataset", status="rejected")
    rows = pq.read_table(out / "rows.parquet").to_pylist()
    assert [(row["key"], row["reason"]) for row in rows] == [("pair-0", "changed_all_over"), ("pair-1", "disputed")]


def test_an_export_from_before_a_decision_is_another_one(dataset, tmp_path):
    out = exported(dataset, tmp_path / "e", "folder")
    assert not export_dataset(Place(str(dataset)), Place(str(out)), "folder", workers=1).changed
    decided(dataset, "pair-2", "Ben", Reason.WRONG_MASK)
    with pytest.raises(SettingError, match="as it was before"):
        exported(dataset, out, "folder")


def test_damaged_decisions_stop_an_export_before_it_begins(dataset, tmp_path):
    with open(dataset / REVIEWS, "ab") as file:
        file.write(b'{"key": "pair-0"}\n')
    with pytest.raises(SettingError, match="is damaged"):
        exported(dataset, tmp_path / "e", "folder")
    assert not (tmp_path / "e").exists()


def pictures_of(dataset: Path, store: Path) -> Place:
    """A store with all pictures of a dataset in the shape of plain files."""
    with LinkWriter.open(store) as writer:
        numbers = count()
        for row, role in product((row for row in read_rows(dataset) if row.authentic_path), PICTURES):
            sha256, path = getattr(row, f"{role}_sha256"), getattr(row, f"{role}_path")
            data = (dataset / path).read_bytes()
            link = Link(f"{row.key}-{role}", row.key, role, getattr(row, f"{role}_url"))
            name = picture_name(sha256, Path(path).suffix)
            fields = (link_id(link), link.name, link.group, link.role, link.url, "fetched")
            writer.add(next(numbers), LinkRow(*fields, sha256=sha256, bytes=len(data), path=name, attempts=1), data)
        writer.finish()
    return Place(str(store))


@pytest.mark.parametrize("dataset", ["folder"], indirect=True)
def test_a_manifest_brings_the_machines_rows_and_the_decisions_back(dataset, tmp_path):
    manifest = exported(dataset, tmp_path / "manifest", "manifest", status="all")
    assert (manifest / REVIEWS).read_bytes() == (dataset / REVIEWS).read_bytes()
    rebuild(Place(str(manifest)), pictures_of(dataset, tmp_path / "store"), tmp_path / "again")
    assert list(read_rows(tmp_path / "again")) == list(read_rows(dataset))
    reviews = Reviews.read(tmp_path / "again")
    again = [reviewed(row, reviews) for row in read_rows(tmp_path / "again")]
    assert [row.status for row in again] == ["rejected", "rejected", "kept", "kept", "kept", "failed"]
    assert (tmp_path / "again" / f"reviews/{again[4].drawn_mask}.png").exists()


def test_the_card_says_how_many_pairs_people_looked_at(dataset, tmp_path):
    counts = write_card(Place(str(dataset)), Place(str(tmp_path / "card")), "README.md", "A set", {})
    text = (tmp_path / "card" / "README.md").read_text()
    assert (counts.kept, counts.decided, counts.drawn) == (3, 4, 1)
    assert "People decided about 4 of 6 pairs, and drew 1 of the masks that were kept" in text
    assert "| rejected | disputed | 1 |" in text and "no person has looked at each" not in text


def test_samples_are_made_of_what_people_kept_with_their_masks(dataset, tmp_path):
    keys = prepare_annotated([dataset], tmp_path / "samples", workers=1, quiet=True)
    assert keys == ["pair-2", "pair-3", "pair-4"]
    assert np.array_equal(read(tmp_path / "samples" / "train", "pair-4")["mask"] == 255, MASK)


def test_a_split_counts_what_people_kept(tmp_path):
    path = write_pictured(tmp_path / "dataset")
    (part,) = plan_split(Place(str(path)), {"all": 1.0}).parts
    decided(path, "pair-0", "Ann", Reason.UNCLEAR)
    (after,) = plan_split(Place(str(path)), {"all": 1.0}).parts
    assert (part.kept, after.kept) == (3, 2)


def test_of_two_pairs_with_one_picture_that_stays_which_a_person_keeps(tmp_path):
    shown = picture(1)
    pairs = [finished(1), finished(2, manipulated=shown, status="rejected", reason="low_qes")]
    path = write_pictured(tmp_path / "dataset", pairs)

    def dropped() -> list[str]:
        steps = lambda *_: lambda *_: None  # noqa: E731
        found = find_duplicates(Place(str(path)), [], 6, 1, 10**8, steps)
        return [one.key for one in found.dropped]

    assert dropped() == ["pair-2"]
    decided(path, "pair-1", "Ann", Reason.WRONG_MASK)
    decided(path, "pair-2", "Ann")
    assert dropped() == ["pair-1"]
