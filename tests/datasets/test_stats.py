"""A dataset and a store in numbers, worked out by hand."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.datasets.whole_dataset import failed, kept, picture, rejected, write_whole

from webiml.datasets.stats import dataset_stats
from webiml.datasets.store_stats import store_stats
from webiml.errors import SettingError
from webiml.store.link_writer import LinkWriter
from webiml.store.links import link_id, picture_name
from webiml.store.place import Place, open_place
from webiml.store.removed import Tombstone, add_removed, hidden
from webiml.types import Finished, Link, LinkRow


def pairs() -> list[Finished]:
    return [
        kept(1, qes=0.6, mask_area=0.1, source="a forum", height=1000, width=2000),
        kept(2, authentic=1, qes=0.8, mask_area=0.3, source="a forum", license="CC BY 4.0", author="Author 1"),
        rejected(3, authentic=1, qes=0.1, mask_area=0.9, author=None, height=500, width=100),
        failed(4, source="another"),
        failed(5, reason="truncated"),
        failed(6),
    ]


@pytest.mark.parametrize("format", ["folder", "shards"])
def test_a_dataset_in_numbers(tmp_path, format):
    path = write_whole(tmp_path / "d", pairs(), format)
    found = dataset_stats(Place(str(path)))
    assert (found.rows, found.statuses) == (6, {"kept": 2, "rejected": 1, "failed": 3})
    assert found.kinds == {"SPG": {"kept": 2, "rejected": 1}}
    assert list(found.reasons.items()) == [("not_found", 2), ("low_qes", 1), ("truncated", 1)]
    assert (found.pictures, found.authentic_pictures, found.manipulated_pictures) == (4, 1, 3)
    assert (found.shared_authentic, found.rows_that_share) == (1, 3)
    assert list(found.sources.items()) == [("", 3), ("a forum", 2), ("another", 1)] and found.source_count == 2
    assert found.licenses == {"": 3, "CC0": 2, "CC BY 4.0": 1} and found.license_count == 2
    assert (found.author_count, found.settings, found.tombstones) == (1, 1, 0)
    # Rejected rows are of no account here
    assert (found.qes["0"], found.qes["50"], found.qes["100"]) == (0.6, 0.7, 0.8)
    assert (found.mask_area["0"], found.mask_area["100"]) == (0.1, 0.3)
    # Three sizes were read: 20x28, 100x500 and 2000x1000
    assert (found.megapixels["0"], found.megapixels["50"], found.megapixels["100"]) == (0.00056, 0.05, 2.0)
    assert (found.long_side["0"], found.long_side["50"], found.long_side["100"]) == (28, 500, 2000)
    files = [file for file in path.rglob("*") if file.is_file() and ".webiml" not in file.parts]
    assert sum(found.bytes.values()) == sum(file.stat().st_size for file in files)
    assert found.files == len(files)
    folders = {"alternative", "authentic", "manipulated", "masks", "probability"} if format == "folder" else {"shards"}
    assert found.bytes.keys() == {"other"} | folders


def test_a_dataset_without_a_picture_has_no_percentiles(tmp_path):
    found = dataset_stats(Place(str(write_whole(tmp_path / "d", [failed(1)]))))
    assert (found.megapixels, found.qes, found.pictures, found.kinds) == ({}, {}, 0, {})
    found = dataset_stats(Place(str(write_whole(tmp_path / "e", []))))
    assert (found.rows, found.statuses) == (0, {"kept": 0, "rejected": 0, "failed": 0})


def test_a_table_of_an_older_version_is_counted(tmp_path):
    path = write_whole(tmp_path / "d", pairs())
    table = pq.read_table(path / "annotations.parquet").drop_columns(["author", "kind_probabilities", "qes"])
    pq.write_table(table.set_column(0, "key", table["key"].cast(pa.large_string())), path / "annotations.parquet")
    found = dataset_stats(Place(str(path)))
    assert (found.rows, found.author_count, found.qes) == (6, 0, {})


def test_what_is_no_dataset_is_refused(tmp_path):
    with pytest.raises(SettingError, match="is not a dataset"):
        dataset_stats(Place(str(tmp_path)))
    path = write_whole(tmp_path / "d", pairs())
    (path / "annotations.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(SettingError, match="cannot be read as a table"):
        dataset_stats(Place(str(path)))
    with pytest.raises(SettingError, match="is not a store"):
        store_stats(Place(str(path)))


def fetched(number: int, host: str, **changes: object) -> tuple[LinkRow, bytes]:
    data = picture(number)
    sha256 = hashlib.sha256(data).hexdigest()
    link = Link(f"n{number}-{host}", f"g{number}", "manipulated", f"https://{host}/{number}.png")
    row = LinkRow(
        *(link_id(link), link.name, link.group, link.role, link.url, "fetched"),
        sha256=sha256,
        bytes=len(data),
        path=picture_name(sha256, ".png"),
        height=20,
        width=28,
        attempts=1,
        author="Bob",
    )
    return replace(row, **changes), data  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path) -> Path:
    """Five links of two runs: two of one picture, two that failed (one of them no more), one that is refused."""
    nothing = {"sha256": None, "bytes": None, "path": None, "height": None, "width": None}
    rows = [
        fetched(1, "a.org"),
        fetched(1, "B.org", author="Carol"),
        fetched(2, "a.org", status="failed", reason="timeout", **nothing),
        fetched(3, "a.org", status="failed", reason="gone", role="authentic", **nothing),
        fetched(4, "c.org", status="refused", reason="robots", author=None, **nothing),
    ]
    with LinkWriter.open(tmp_path / "store") as writer:
        for number, (row, data) in enumerate(rows):
            writer.add(number, row, data if row.path else None)
        writer.finish()
    with LinkWriter.open(tmp_path / "store") as writer:
        writer.add(0, *fetched(2, "a.org"))
        writer.finish()
    return tmp_path / "store"


def test_a_store_in_numbers(store):
    value = hidden("author", "Dora")
    add_removed(open_place(store), [Tombstone("author", value, "2026-01-02T03:04:05Z")])
    found = store_stats(Place(str(store)))
    assert (found.links, found.groups) == (5, 4)
    assert found.statuses == {"fetched": 3, "unchanged": 0, "refused": 1, "failed": 1}  # the second try counts
    assert found.reasons == {"gone": 1, "robots": 1}
    assert found.roles == {"authentic": 1, "manipulated": 4}
    assert (found.pictures, found.bytes) == (2, len(picture(1)) + len(picture(2)))
    assert list(found.hosts.items()) == [("a.org", 3), ("b.org", 1), ("c.org", 1)]
    assert (found.host_count, found.failing_hosts) == (3, {"a.org": 1, "c.org": 1})
    assert (found.author_count, found.generations, found.tombstones) == (2, [5, 1], 1)
    assert found.megapixels["50"] == 0.00056
