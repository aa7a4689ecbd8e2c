"""A manifest, a real server and a store give the dataset back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.collect.fetching import impatient
from tests.collect.web_server import WebServer, picture
from tests.datasets.small_dataset import contents, finished, write_pictured

from webiml.collect.run import collect
from webiml.collect.sources.manifest import read_manifest
from webiml.collect.sources.read import read_source
from webiml.datasets.export.write import Choice, export_dataset
from webiml.datasets.rebuild import rebuild
from webiml.errors import SettingError
from webiml.settings import CollectRun
from webiml.store.dataset import dataset_info, read_rows
from webiml.store.links import read_links
from webiml.store.place import Place
from webiml.store.removed import Tombstone, add_removed, hidden
from webiml.types import Finished, Row


def of_server(server: WebServer, number: int, path: str = "", **changes) -> Finished:
    """Pair `number`, whose pictures a server has; the manipulated one perhaps at another path."""
    one, other = f"{100 + max(number, 1)}.jpg", f"{number}.png"
    urls = {"authentic_url": server.url(f"/picture/{one}"), "manipulated_url": server.url(path or f"/picture/{other}")}
    return finished(number, authentic=picture(one), manipulated=picture(other), **{**urls, **changes})


def export(dataset: Path, out: Path, status: Choice = "all") -> Place:
    export_dataset(Place(str(dataset)), Place(str(out)), "manifest", status=status, workers=1)
    return Place(str(out))


def collected(manifest: Place, store: Path) -> Place:
    place = Place(str(store))
    collect(read_source(manifest.url).links, place, impatient(retries=0), CollectRun())
    return place


@pytest.mark.parametrize("shape", ["folder", "shards"])
def test_a_dataset_of_which_all_pictures_come_is_the_same_byte_for_byte(tmp_path, shape):
    with WebServer() as server:
        nothing = {"qes": None, "mask_area": None, "components": None, "without": ("mask.png", "probability.png")}
        pairs = [of_server(server, number) for number in range(3)]
        pairs += [of_server(server, 3, status="rejected", reason="low_qes", alternative=True)]
        pairs += [of_server(server, 4, status="rejected", reason="identical", kind="identical", **nothing)]
        pairs += [Finished(Row(key="pair-5", name="Pair 5", status="failed", reason="not_found", detail="gone"))]
        dataset = write_pictured(tmp_path / "dataset", pairs, shape)
        manifest = export(dataset, tmp_path / "manifest")
        store = collected(manifest, tmp_path / "store")
        assert server.paths().count("/picture/101.jpg") == 1  # two pairs share it
    done = rebuild(manifest, store, tmp_path / "again")
    assert (done.rows, done.rebuilt, done.missing, done.resumed) == (6, 5, 0, 0)
    assert contents(tmp_path / "again") == contents(dataset)
    assert dataset_info(tmp_path / "again") == dataset_info(dataset)
    assert rebuild(manifest, store, tmp_path / "again").resumed == 6
    assert contents(tmp_path / "again") == contents(dataset)


def test_a_pair_whose_picture_did_not_come_fails_and_says_why(tmp_path):
    with WebServer() as server:
        pairs = [of_server(server, 0), of_server(server, 1, "/status/404"), of_server(server, 2, "/picture/99.png")]
        pairs.append(of_server(server, 3, manipulated_url=None))
        dataset = write_pictured(tmp_path / "dataset", pairs)
        manifest = export(dataset, tmp_path / "manifest")
        store = collected(manifest, tmp_path / "store")
    done = rebuild(manifest, store, tmp_path / "again")
    assert (done.rows, done.rebuilt, done.missing) == (4, 1, 3)
    before = {row.key: row for row in read_rows(dataset)}
    rows = {row.key: row for row in read_rows(tmp_path / "again")}
    assert rows["pair-0"] == before["pair-0"]
    for key, why in (("pair-1", "gone (404)"), ("pair-2", "hash_mismatch"), ("pair-3", "bad_row")):
        assert (rows[key].status, rows[key].reason) == ("failed", "not_fetched")
        assert rows[key].detail == f"manipulated: {why}"
        assert rows[key].qes is rows[key].kind is rows[key].authentic_path is rows[key].mask_area is None
        said = ("name", "author", "license", "authentic_url", "manipulated_url", "extra", "annotated_at")
        assert all(getattr(rows[key], name) == getattr(before[key], name) for name in said)
    assert sorted(contents(tmp_path / "again")) == [
        "annotations.parquet",
        *(f"{folder}/pair-0.{kind}" for folder, kind in (("authentic", "jpg"), ("manipulated", "png"))),
        *("masks/pair-0.png", "probability/pair-0.png"),
    ]


def test_what_was_removed_from_the_store_stays_away(tmp_path):
    with WebServer() as server:
        dataset = write_pictured(tmp_path / "dataset", [of_server(server, 0), of_server(server, 2)])
        manifest = export(dataset, tmp_path / "manifest")
        store = collected(manifest, tmp_path / "store")
    add_removed(store, [Tombstone("author", hidden("author", "author 2"), "2026-01-01T00:00:00Z")])
    rebuild(manifest, store, tmp_path / "again")
    states = {row.key: (row.status, row.reason) for row in read_rows(tmp_path / "again")}
    assert states == {"pair-0": ("kept", None), "pair-2": ("failed", "removed")}


def test_a_damaged_map_of_the_manifest_fails_its_pair_alone(tmp_path):
    with WebServer() as server:
        dataset = write_pictured(tmp_path / "dataset", [of_server(server, 0), of_server(server, 2)])
        manifest = export(dataset, tmp_path / "manifest")
        store = collected(manifest, tmp_path / "store")
    (tmp_path / "manifest" / "masks" / "pair-0.png").write_bytes(b"no picture")
    rebuild(manifest, store, tmp_path / "again")
    states = {row.key: (row.status, row.reason) for row in read_rows(tmp_path / "again")}
    assert states == {"pair-0": ("failed", "not_an_image"), "pair-2": ("kept", None)}


def test_links_tell_both_pictures_of_a_pair_and_where_they_come_from(tmp_path):
    dataset = write_pictured(tmp_path / "dataset", [finished(0), finished(1), finished(2)])
    export(dataset, tmp_path / "manifest", "kept")
    links = list(read_manifest(tmp_path / "manifest"))
    rows = {row.key: row for row in read_rows(dataset)}
    assert [(link.role, link.name) for link in links] == [
        ("authentic", rows["pair-0"].authentic_sha256),
        ("manipulated", "pair-0"),
        ("manipulated", "pair-1"),
        ("authentic", rows["pair-2"].authentic_sha256),
        ("manipulated", "pair-2"),
    ]
    first, second = links[0], links[1]
    assert first.group == second.group == links[2].group != links[3].group
    assert (first.sha256, second.sha256) == (rows["pair-0"].authentic_sha256, rows["pair-0"].manipulated_sha256)
    assert (first.author, first.license, second.author) == ("A Photographer", "CC0", "Author 0")
    assert second.url == "https://example.org/manipulated/0.png" and second.extra == {"score": "0"}


def test_the_store_of_a_manifest_is_one_that_pairs_are_read_from(tmp_path):
    from webiml.annotate.stored_pairs import list_stored

    with WebServer() as server:
        dataset = write_pictured(tmp_path / "dataset", [of_server(server, number) for number in range(3)])
        store = collected(export(dataset, tmp_path / "manifest"), tmp_path / "store")
    assert {row.status for row in read_links(store)} == {"fetched"}
    pairs = list_stored(store).pairs
    assert [pair.key for pair in pairs] == ["pair-0", "pair-1", "pair-2"]
    for pair, row in zip(pairs, read_rows(dataset), strict=True):
        assert pair.problem is None
        assert (pair.authentic.sha256, pair.manipulated.sha256) == (row.authentic_sha256, row.manipulated_sha256)  # type: ignore[union-attr]


def test_pairs_without_addresses_are_counted_and_written_all_the_same(tmp_path):
    dataset = write_pictured(tmp_path / "dataset", [finished(0), finished(2, authentic_url=None)])
    done = export_dataset(Place(str(dataset)), Place(str(tmp_path / "manifest")), "manifest", workers=1)
    assert (done.pairs, done.without_url) == (2, 1)
    assert pq.read_table(tmp_path / "manifest" / "manifest.parquet").num_rows == 2


def test_something_that_is_no_manifest_or_no_store_is_refused(tmp_path):
    dataset = write_pictured(tmp_path / "dataset", [finished(0)])
    with pytest.raises(SettingError, match="is no manifest"):
        rebuild(Place(str(dataset)), Place(str(tmp_path / "store")), tmp_path / "again")
    manifest = export(dataset, tmp_path / "manifest")
    with pytest.raises(SettingError, match="is not a store"):
        rebuild(manifest, Place(str(tmp_path / "nothing")), tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_row_whose_hash_is_no_hash_leads_to_no_other_file(tmp_path):
    hostile = finished(0)
    hostile = Finished(replace(hostile.row, manipulated_sha256="../../../etc/passwd"), hostile.files)
    dataset = write_pictured(tmp_path / "dataset", [hostile])
    out = Place(str(tmp_path / "manifest"))
    export_dataset(Place(str(dataset)), out, "manifest", workers=1)
    store = Place(str(tmp_path / "store"))
    store.write("store.json", b'{"schema": 1}\n')
    rebuild(out, store, tmp_path / "again")
    (row,) = read_rows(tmp_path / "again")
    assert row.reason == "not_fetched" and "does not say what bytes" in (row.detail or "")
