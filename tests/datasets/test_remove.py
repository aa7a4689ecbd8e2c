"""What was asked for is gone everywhere, nothing else is, and it does not come back."""

from __future__ import annotations

import dataclasses
import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.datasets.removal_places import (
    BOBS,
    LINKS,
    PAGE,
    URL,
    contents,
    finished,
    link_row,
    make_dataset,
    make_store,
    open_dataset,
    picture,
    sha256,
    traces,
)

from webiml.datasets.export.write import FORMATS, export_dataset
from webiml.datasets.remove import remove
from webiml.errors import SettingError
from webiml.store.dataset import read_member, read_rows
from webiml.store.link_writer import LinkWriter
from webiml.store.links import generations, link_id, read_generation, read_links, read_picture
from webiml.store.place import Place, open_place
from webiml.store.removal import read_plan
from webiml.store.removed import read_removed
from webiml.store.removed_rows import Asked
from webiml.store.shards import write_tar
from webiml.types import Finished, Link, Row

SHAPES = pytest.mark.parametrize("shape", ["folder", "shards"])
BOB = Asked(author=("BOB",))


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    place = open_place(tmp_path / "store" if request.param == "local" else request.getfixturevalue("s3") + "/store")
    make_store(place)
    return place


# Datasets


@SHAPES
def test_a_dataset_loses_the_pairs_of_an_author_and_of_the_same_bytes_and_nothing_else(tmp_path, shape):
    data, rest = tmp_path / "data", tmp_path / "rest"
    make_dataset(data, shape)
    removal = remove([data], BOB, note="request 7")
    (one,) = removal.places
    assert (removal.matched, one.rows, one.pictures, one.keys) == (True, 3, 1, ["F", "a", "c"])
    assert traces(data) == []
    rows = {row.key: row for row in read_rows(data)}
    for key in "acF":
        assert rows[key] == Row(key=key, name=key, status="failed", reason="removed")
    make_dataset(rest, "folder", "bd")
    kept = {row.key: row for row in read_rows(rest)}
    for key in "bd":
        assert rows[key].author == kept[key].author and rows[key].extra == kept[key].extra
        roles = ("authentic", "manipulated", "mask", "probability")
        assert [read_member(data, rows[key], role) for role in roles] == [*finished(key).files.values()]
    assert {one.note for one in read_removed(Place(str(data))).tombstones} == {"request 7"}


@SHAPES
def test_what_is_left_is_what_a_writer_would_write_of_its_journal(tmp_path, shape):
    make_dataset(tmp_path, shape)
    remove([tmp_path], BOB)
    after = contents(tmp_path)
    with open_dataset(tmp_path, shape) as writer:
        assert writer.done == set("abcdF") and writer.finish() is False
    (tmp_path / "annotations.parquet").unlink()
    with open_dataset(tmp_path, shape) as writer:
        assert writer.finish() is True
    assert contents(tmp_path) == after


def test_a_tar_without_any_pair_left_stays_and_the_next_one_has_the_next_number(tmp_path):
    make_dataset(tmp_path, "shards")
    remove([tmp_path], Asked(key=("a", "b")))
    with tarfile.open(tmp_path / "shard-000000.tar") as tar:
        assert tar.getnames() == []
    with open_dataset(tmp_path, "shards") as writer:
        writer.add(_another("e"))
        writer.finish()
    rows = {row.key: row.shard for row in read_rows(tmp_path)}
    assert rows["d"] == "shard-000001.tar" and rows["e"] == "shard-000002.tar"


def _another(key: str) -> Finished:
    pair = finished("b")
    return dataclasses.replace(pair, row=dataclasses.replace(pair.row, key=key))


@SHAPES
@pytest.mark.parametrize(
    ("asked", "gone"),
    [
        (Asked(sha256=(sha256(BOBS).upper(),)), "ac"),
        (Asked(sha256=(sha256(0),)), "ab"),
        (Asked(url=(URL,)), "ac"),
        (Asked(url=(URL + "x",)), ""),
        (Asked(url=(PAGE,)), "Fac"),
        (Asked(url=("https://example.org/0.png",)), "ab"),
        (Asked(author=("carol",)), "b"),
        (Asked(source=("tests",)), "abcd"),
        (Asked(source=("Tests",)), ""),
        (Asked(key=("a",)), "ac"),
        (Asked(key=("F",)), "F"),
        (Asked(author=("erin",), key=("b",)), "bd"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_way_to_ask(tmp_path, shape, asked, gone):
    make_dataset(tmp_path, shape)
    removal = remove([tmp_path], asked)
    assert "".join(removal.places[0].keys) == gone
    assert "".join(row.key for row in read_rows(tmp_path) if row.reason == "removed") == gone
    assert removal.matched is bool(gone)


def test_where_a_table_does_not_say_whose_picture_it_is_both_go(tmp_path):
    pair = finished("a")
    for key, extra in (("s", {"group": "g"}), ("t", {}), ("u", {"authentic_author": "Bob"})):
        row = {name: getattr(pair.row, name) for name in pair.row.__slots__}
        author = "Bob" if key != "u" else "Ann"
        with open_dataset(tmp_path / key, "folder") as writer:
            writer.add(type(pair)(Row(**{**row, "author": author, "extra": extra}), pair.files))
            writer.finish()
    taken = {key: remove([tmp_path / key], BOB) for key in "stu"}
    assert {key: one.places[0].pictures for key, one in taken.items()} == {"s": 1, "t": 2, "u": 1}
    removed = read_removed(Place(str(tmp_path / "u")))
    assert removed.match(sha256=sha256(0)) and not removed.match(sha256=sha256(BOBS))


@SHAPES
def test_a_dataset_under_way_loses_its_rows_its_staged_files_and_what_has_no_row_yet(tmp_path, shape):
    make_dataset(tmp_path, shape, "bcF", finish=False)
    if shape == "folder":
        left = ["authentic/z.png", "masks/z.png", "authentic/.y.png.webiml-tmp"]
        (tmp_path / "manipulated" / "z.png").write_bytes(picture(BOBS))
    else:  # the first tar is written, and its line is not
        left = [".webiml/staging/.open.tar.webiml-tmp"]
        members = [("z.manipulated.png", picture(BOBS)), ("z.mask.png", b"mask"), ("y.manipulated.png", picture(BOBS))]
        with open(tmp_path / ".webiml" / "staging" / "open.tar", "xb") as file:
            write_tar(file, members)
            file.truncate(5 * 512 + len(picture(BOBS)) // 2)  # the last one was cut short
        with tarfile.open(tmp_path / "shard-000000.tar", "w") as tar:
            for name in ("b.mask.png", "c.manipulated.png", "c.json"):
                (tmp_path / "member").write_bytes(picture(BOBS) if name[0] == "c" else b"mask")
                tar.add(tmp_path / "member", name)
            (tmp_path / "member").unlink()
    for name in left:
        (tmp_path / name).write_bytes(b"of the same pair")
    remove([tmp_path], Asked(author=("Bob",), sha256=(sha256(BOBS),)))
    assert traces(tmp_path) == []
    if shape == "shards":
        assert picture(BOBS)[:60] not in (tmp_path / ".webiml" / "staging" / "open.tar").read_bytes()
    assert [name for name in left if (tmp_path / name).exists()] == []
    with open_dataset(tmp_path, shape) as writer:
        assert writer.done == {"b", "c", "F"}
        writer.finish()
    assert [row.key for row in read_rows(tmp_path) if row.reason is None] == ["b"]


def test_pages_that_show_the_pictures_go_and_are_drawn_again_as_they_were(tmp_path):
    for name, page in (("one", "<img src='x'>"), ("two", "no pictures")):
        make_dataset(tmp_path / name, "folder")
        (tmp_path / name / "report.html").write_text(page)
    (tmp_path / "one" / "card").mkdir()
    (tmp_path / "one" / "card" / "samples.jpg").write_bytes(b"a sheet")
    for name in ("one", "two"):
        (tmp_path / name / "README.md").write_text("---\npretty_name: Cats\n---\n" if name == "one" else "my own page")
    (tmp_path / "two" / ".webiml" / "hashes.parquet").write_bytes(b"a cache")
    drawn: list[tuple[str, str, str]] = []

    def redraw(dataset: Place, report: str, card: str) -> None:
        assert read_plan(dataset) is not None, "a kill while it is drawn would leave none"
        assert [row.key for row in read_rows(dataset) if row.status == "kept"] == ["b", "d"]
        drawn.append((dataset.here.name, report, card))

    remove([tmp_path], Asked(author=("nobody",)), redraw=redraw)
    assert (tmp_path / "one" / "report.html").exists() and drawn == []
    remove([tmp_path], BOB, redraw=redraw)
    assert drawn == [("one", "pictures", "Cats"), ("two", "plain", "")]
    there = contents(tmp_path)
    assert not {"one/report.html", "one/README.md", "one/card/samples.jpg", "two/report.html"} & there.keys()
    assert "two/README.md" in there and "two/.webiml/hashes.parquet" not in there
    assert not (tmp_path / "one" / "card").exists()


def test_sheets_of_duplicates_and_leaks_go_and_their_tables_name_nobody(tmp_path):
    make_dataset(tmp_path / "data", "folder")
    make_dataset(tmp_path / "clean", "folder", "bd")  # without `a`, which its table says was dropped
    (tmp_path / "clean" / "dropped.jpg").write_bytes(picture(BOBS))
    columns = {"key": ["a", "zz"], "name": ["bobs-picture", "other"], "other_name": ["b", "a"]}
    pq.write_table(pa.table(columns), tmp_path / "clean" / "dropped.parquet")
    removal = remove([tmp_path], BOB)
    assert [(one.rows, one.sheets) for one in removal.places] == [(0, ["dropped.jpg"]), (3, [])]
    assert traces(tmp_path) == []
    table = pq.read_table(tmp_path / "clean" / "dropped.parquet").to_pydict()
    assert table == {**columns, "name": ["a", "other"]}
    assert {row.key for row in read_rows(tmp_path / "clean")} == {"b", "d"}


def test_a_copy_without_working_state_is_rewritten_too(tmp_path):
    make_dataset(tmp_path, "shards")
    for file in (tmp_path / ".webiml").rglob("*.*"):
        file.unlink()
    (tmp_path / ".webiml" / "finished").unlink()
    remove([tmp_path], BOB)
    assert traces(tmp_path) == [] and not (tmp_path / ".webiml" / "finished").exists()


# Stores


def test_a_store_loses_the_picture_in_every_generation_and_in_the_one_under_way(store):
    removal = remove([store.url], BOB)
    (one,) = removal.places
    assert (one.rows, one.pictures) == (6, 2)  # three of the first run, two of the second, one of the third
    if store.local is not None:
        assert traces(store.local, [*traces_of(6), *traces_of(BOBS), b"bob", b"dora"]) == []
    assert sorted(name for name in store.names("pictures")) == sorted(
        f"pictures/{sha256(n)[:2]}/{sha256(n)}.png" for n in (0, 2, 3, 8, 9)
    )
    for row in read_links(store):
        if row.reason == "removed":
            assert (row.status, row.name, row.url, row.author, row.sha256) == ("refused", "", "", None, None)
        else:
            assert row.path is not None and row.sha256 is not None and read_picture(store, row.path, row.sha256)
    removed = [[row.link for row in read_generation(store, n) if row.reason == "removed"] for n in generations(store)]
    bob, dora, gone = (link_id(LINKS[at][0]) for at in (1, 4, 5))
    assert removed == [[bob, dora, gone], [bob, dora]]
    with LinkWriter.open(store) as writer:
        assert writer.done == 2
        writer.finish()
    assert [row.reason for row in read_generation(store, 2)] == ["removed", None]


def traces_of(number: int) -> list[bytes]:
    return [picture(number), sha256(number).encode()]


def test_another_picture_that_the_same_link_brought_later_stays(tmp_path):
    link = Link("1", "g", "manipulated", "https://example.org/1.png")
    for status, number in (("fetched", BOBS), ("fetched", 2), ("failed", None)):
        with LinkWriter.open(tmp_path) as writer:
            writer.add(0, link_row(link, number, status), None if number is None else picture(number))
            writer.finish()
    remove([tmp_path], Asked(sha256=(sha256(BOBS),)))
    rows = [next(iter(read_generation(Place(str(tmp_path)), n))) for n in range(3)]
    assert [(row.reason, row.sha256) for row in rows] == [("removed", None), (None, sha256(2)), ("removed", None)]


def test_a_link_that_should_have_brought_the_picture_goes_too(tmp_path):
    link = Link("1", "g", "manipulated", "https://example.org/bobs.png", sha256=sha256(BOBS))
    with LinkWriter.open(tmp_path) as writer:
        row = link_row(link, None)
        writer.add(0, dataclasses.replace(row, expected_sha256=sha256(BOBS), reason="hash_mismatch"))
        writer.finish()
    assert remove([tmp_path], Asked(sha256=(sha256(BOBS),))).places[0].rows == 1
    assert traces(tmp_path, [b"bobs.png", sha256(BOBS).encode()]) == []


def test_bytes_of_a_picture_that_no_row_names_go_as_well(tmp_path):
    make_store(tmp_path)
    stray = tmp_path / "pictures" / sha256(7)[:2] / f"{sha256(7)}.jpg"
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(picture(7))
    half = stray.with_name(f".{stray.name}.webiml-tmp")
    half.write_bytes(picture(7)[:30])
    removal = remove([tmp_path], Asked(sha256=(sha256(7),)))
    assert not stray.exists() and not half.exists() and removal.places[0].pictures == 1


# Exports


@pytest.mark.parametrize("format", sorted(FORMATS))
def test_an_export_loses_the_pairs_and_can_be_exported_no_more_with_them(tmp_path, format):
    data, out = tmp_path / "data", tmp_path / "export"
    make_dataset(data, "folder")
    export_dataset(Place(str(data)), Place(str(out)), format, "all", shard_pairs=2, workers=1)
    assert traces(out) != []
    removal = remove([out], BOB)
    assert set("ac") <= set(removal.places[0].keys) <= set("acF") and removal.places[0].shape == "export"
    assert traces(out) == []
    assert [row["key"] for row in pq.read_table(out / "rows.parquet").to_pylist()] == ["b", "d"]
    assert json.loads((out / "export.json").read_text())["rows"] == 2
    assert read_removed(Place(str(out))).match(sha256=sha256(BOBS))


def test_an_export_that_was_stopped_must_be_finished_first(tmp_path):
    make_dataset(tmp_path / "data", "folder")
    (tmp_path / "export" / ".webiml").mkdir(parents=True)
    (tmp_path / "export" / ".webiml" / "exporting.json").write_text("{}")
    before = contents(tmp_path)
    with pytest.raises(SettingError, match="an export that was stopped"):
        remove([tmp_path], BOB)
    assert contents(tmp_path) == before
