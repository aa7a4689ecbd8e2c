"""Where pictures are taken out of, what is written when, and what becomes of a removal that was stopped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.datasets.removal_places import (
    BOBS,
    LINKS,
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

from webiml.datasets.removal_places import find_places
from webiml.datasets.remove import Removal, remove
from webiml.errors import SettingError
from webiml.store.dataset import read_rows
from webiml.store.links import link_id
from webiml.store.place import Place, open_place
from webiml.store.removal import FILE_NAME, Plan, read_plan, refuse_unfinished, write_plan
from webiml.store.removed import Tombstone, hidden, read_removed
from webiml.store.removed_rows import Asked, Wanted, by_tombstones, link_without, pair_without
from webiml.types import Row

BOB = Asked(author=("BOB",))


# Several places


def test_the_same_bytes_go_out_of_a_place_that_does_not_know_whose_they_are(tmp_path):
    make_dataset(tmp_path / "data", "shards")
    with open_dataset(tmp_path / "older" / "data", "folder") as writer:
        pair = finished("c")
        writer.add(type(pair)(Row(key="k", name="k", status="kept", manipulated_sha256=sha256(BOBS)), pair.files))
        writer.finish()
    make_store(tmp_path / "store")
    removal = remove([tmp_path], Asked(url=(URL,)))
    assert [(Path(one.place).name, one.rows) for one in removal.places] == [("data", 2), ("data", 1), ("store", 4)]
    assert removal.places[1].place.endswith("older/data") and removal.places[1].keys == ["k"]
    assert traces(tmp_path, [picture(BOBS), sha256(BOBS).encode(), b"bobs-picture.png"]) == []
    for one in removal.places:
        assert read_removed(Place(one.place)).match(url=URL) and read_removed(Place(one.place)).match(
            sha256=sha256(BOBS)
        )


def test_places_are_found_below_folders_once_and_links_are_not_followed(tmp_path):
    make_dataset(tmp_path / "x" / "data", "folder", "b")
    make_store(tmp_path / "x" / "store")
    make_dataset(tmp_path / "x" / "store" / "inner", "folder", "b")
    make_dataset(tmp_path / "elsewhere", "folder", "b")
    make_dataset(tmp_path / "x" / ".hidden", "folder", "b")
    make_dataset(tmp_path / "x" / "1" / "2" / "3" / "4" / "too-deep", "folder", "b")
    (tmp_path / "x" / "link").symlink_to(tmp_path / "elsewhere")
    found = find_places([tmp_path / "x", tmp_path / "x" / "data"])
    names = [(str(Path(one.place.url).relative_to(tmp_path / "x")), one.shape) for one in found]
    assert names == [("data", "dataset"), ("store", "store"), ("store/inner", "dataset")]
    (tmp_path / "empty").mkdir()
    for nothing in ("empty", "not there"):
        with pytest.raises(SettingError, match="holds none"):
            remove([tmp_path / "x", tmp_path / nothing], BOB)


def test_places_in_an_object_store_are_found_and_thinned(s3, tmp_path):
    make_dataset(tmp_path, "shards")
    place = open_place(f"{s3}/sets")
    for name, data in contents(tmp_path).items():
        place.write(f"one/{name}", data)
    removal = remove([place.url], BOB)
    assert [(one.place, one.rows) for one in removal.places] == [(f"{s3}/sets/one", 3)]
    assert [row.key for row in read_rows(place.below("one")) if row.status == "kept"] == ["b", "d"]
    assert all(picture(BOBS) not in place.read(name) for name in place.names())
    assert not place.exists(f"one/{FILE_NAME}")


# What is written, and what is not


def test_looking_writes_nothing(tmp_path):
    make_dataset(tmp_path / "data", "shards")
    make_store(tmp_path / "store")
    before = contents(tmp_path)
    planned = remove([tmp_path], BOB, dry_run=True)
    assert contents(tmp_path) == before
    assert remove([tmp_path], BOB).places == planned.places


def test_what_is_not_agreed_to_is_not_done(tmp_path):
    make_dataset(tmp_path, "folder")
    before = contents(tmp_path)
    shown: list[Removal] = []

    def no(planned: Removal) -> bool:
        shown.append(planned)
        return False

    assert remove([tmp_path], BOB, confirm=no).places == []
    assert contents(tmp_path) == before and shown[0].places[0].keys == ["F", "a", "c"]


def test_what_is_not_there_is_kept_out_all_the_same(tmp_path):
    make_dataset(tmp_path, "folder")
    before = contents(tmp_path)
    removal = remove([tmp_path], Asked(author=("Mallory",), key=("zz",)))
    assert not removal.matched and removal.tombstones == 1
    tombstones = contents(tmp_path).pop("removed.jsonl")
    assert {**before, "removed.jsonl": tombstones} == contents(tmp_path)
    assert b"mallory" not in tombstones.lower() and read_removed(Place(str(tmp_path))).match(author="MALLORY ")


def test_the_same_removal_again_changes_nothing(tmp_path):
    make_dataset(tmp_path / "data", "shards")
    make_store(tmp_path / "store")
    remove([tmp_path], BOB)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*") if file.name not in ("lock", ".webiml")}
    assert not remove([tmp_path], BOB).matched
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*") if file.name not in ("lock", ".webiml")} == (
        before
    )


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (Asked(), "Say what is to be taken out"),
        (Asked(sha256=("abc",)), "no SHA-256"),
        (Asked(author=(" ",)), "--author is empty"),
        (Asked(key=("",)), "--key is empty"),
    ],
)
def test_a_wrong_wish_is_one_sentence(tmp_path, asked, words):
    make_dataset(tmp_path, "folder", "b")
    with pytest.raises(SettingError, match=words):
        remove([tmp_path], asked)


def test_nothing_is_taken_out_while_another_run_writes(tmp_path):
    make_dataset(tmp_path / "a", "folder")
    make_dataset(tmp_path / "b", "folder")
    before = contents(tmp_path)
    with open_dataset(tmp_path / "b", "folder"), pytest.raises(SettingError, match="Another run is writing"):
        remove([tmp_path], BOB)
    assert contents(tmp_path) == before


def test_a_damaged_table_is_said_before_anything_is_touched(tmp_path):
    make_dataset(tmp_path / "a", "folder")
    make_dataset(tmp_path / "b", "folder")
    (tmp_path / "b" / "annotations.parquet").write_bytes(b"PAR1 no")
    before = contents(tmp_path)
    with pytest.raises(SettingError, match="cannot be read"):
        remove([tmp_path], BOB)
    assert contents(tmp_path) == before


# Removals that were stopped


def plan_of(*places: Path, begun: bool) -> Plan:
    stones = (Tombstone("author", hidden("author", "Bob"), "2026-01-01T00:00:00Z"),)
    names = tuple(str(place) for place in places)
    return Plan("dataset", names, begun, stones, (), (sha256(BOBS),), keys=("a", "c", "F"), finished=True)


def test_one_that_had_begun_is_finished_without_asking_again(tmp_path):
    make_dataset(tmp_path, "folder")
    place = Place(str(tmp_path))
    write_plan(place, plan_of(tmp_path, tmp_path / "moved", begun=True))
    with pytest.raises(SettingError, match=f"webiml dataset remove {tmp_path} first"):
        refuse_unfinished(place)
    removal = remove([tmp_path], Asked(), confirm=lambda planned: False)
    assert removal.places[0].resumed and removal.places[0].rows == 3
    assert traces(tmp_path) == [] and read_plan(place) is None
    refuse_unfinished(place)


def test_one_that_had_begun_tells_which_bytes_to_look_for_elsewhere(tmp_path):
    make_dataset(tmp_path / "a", "folder")
    write_plan(Place(str(tmp_path / "a")), plan_of(tmp_path / "a", begun=True))
    (tmp_path / "a" / "annotations.parquet").unlink()
    make_dataset(tmp_path / "b", "folder", "c")
    (tmp_path / "a" / ".webiml" / "journal.jsonl").write_bytes(b"")
    remove([tmp_path / "b", tmp_path / "a"], BOB)
    assert traces(tmp_path / "b", [b"dora", picture(BOBS)]) == []


def test_one_that_had_not_begun_needs_all_its_places(tmp_path):
    make_dataset(tmp_path / "a", "folder")
    make_dataset(tmp_path / "b", "folder")
    write_plan(Place(str(tmp_path / "a")), plan_of(tmp_path / "a", tmp_path / "b", begun=False))
    before = contents(tmp_path)
    with pytest.raises(SettingError, match="stopped before it began everywhere: give all"):
        remove([tmp_path / "a"], BOB)
    assert contents(tmp_path) == before
    removal = remove([tmp_path], Asked())
    assert [one.rows for one in removal.places] == [3, 3] and traces(tmp_path) == []


@pytest.mark.parametrize(
    "change",
    [{"schema": 2}, {"keys": ["../x"]}, {"pictures": ["x"]}, {"shards": ["../x"]}, {"more": 1}, {"shape": "disk"}],
    ids=lambda change: next(iter(change)),
)
def test_a_plan_that_webiml_did_not_write_is_not_followed(tmp_path, change):
    make_dataset(tmp_path, "folder")
    write_plan(Place(str(tmp_path)), plan_of(tmp_path, begun=True))
    file = tmp_path / FILE_NAME
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    before = contents(tmp_path)
    with pytest.raises(SettingError, match="was not written by this version"):
        remove([tmp_path], BOB)
    assert contents(tmp_path) == before


# What comes later


def test_a_row_that_a_tombstone_stands_for_keeps_its_key_alone(tmp_path):
    make_dataset(tmp_path / "data", "folder", "a")
    remove([tmp_path / "data"], BOB)
    stones = by_tombstones(read_removed(Place(str(tmp_path / "data"))))
    again = finished("c").row  # Dora's: known by its bytes
    assert pair_without(again, stones) == Row(key="c", name="c", status="failed", reason="removed")
    assert pair_without(finished("b").row, stones) == finished("b").row
    assert pair_without(again, Wanted(frozenset())) == again
    blank = link_without(link_row(LINKS[4][0], BOBS), stones)
    assert (blank.link, blank.status, blank.reason, blank.url, blank.author) == (
        *(link_id(LINKS[4][0]), "refused", "removed", "", None),
    )
    assert link_without(link_row(LINKS[0][0], 0), stones) == link_row(LINKS[0][0], 0)
