"""Datasets that are joined: all rows, whatever the order; what is the same comes once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.datasets.edited import contents, edit_rows
from tests.datasets.whole_dataset import SETTINGS, failed, kept, rejected, write_whole

from webiml.datasets.merge import merge_datasets, plan_merge
from webiml.datasets.verify import verify_dataset
from webiml.errors import SettingError
from webiml.store.dataset import dataset_info, read_member, read_rows
from webiml.store.place import Place, open_place
from webiml.store.removed import Tombstone, add_removed, hidden
from webiml.types import Finished, Row

OTHER = SETTINGS | {"min_qes": 0.7}


def renamed(key: str, one: Finished) -> Finished:
    return replace(one, row=replace(one.row, key=key))


def merged(out: Path, *datasets: Path, **more: object):
    return merge_datasets(plan_merge([Place(str(path)) for path in datasets], **more), out)  # type: ignore[arg-type]


def rows(dataset: Path) -> dict[str, Row]:
    return {row.key: row for row in read_rows(dataset)}


def whole(dataset: Path) -> bool:
    return verify_dataset(Place(str(dataset)), 1).findings == ()


@pytest.mark.parametrize("format", ["folder", "shards"])
def test_all_rows_of_all_datasets_come_along_as_they_are(tmp_path, format):
    one = write_whole(tmp_path / "one", [kept(1), failed(2)], format)
    two = write_whole(tmp_path / "two", [rejected(3, extra={"n": "3"}), kept(4)], format)
    counts = merged(tmp_path / "out", one, two)
    assert (counts.rows, counts.kept, counts.duplicates, counts.renamed, counts.damaged) == (4, 2, 0, 0, 0)
    found, before = rows(tmp_path / "out"), rows(one) | rows(two)
    assert {key: replace(row, shard=None) for key, row in found.items()} == {
        key: replace(row, shard=None) for key, row in before.items()
    }
    for key in ("pair-1", "pair-3"):
        there = one if key == "pair-1" else two
        for role in ("manipulated", "probability"):
            assert read_member(tmp_path / "out", found[key], role) == read_member(there, before[key], role)
    assert whole(tmp_path / "out")
    assert dataset_info(tmp_path / "out").settings == SETTINGS and dataset_info(tmp_path / "out").format == format


def test_rows_of_one_key_get_new_ones_and_say_where_they_come_from(tmp_path):
    one = write_whole(tmp_path / "one", [renamed("cat", kept(1)), kept(9)])
    two = write_whole(tmp_path / "two", [renamed("cat", kept(2)), renamed("Dog", kept(3))])
    three = write_whole(tmp_path / "three", [renamed("dog", failed(4))])
    counts = merged(tmp_path / "out", one, two, three)
    found = rows(tmp_path / "out")
    assert (counts.rows, counts.renamed, len(found)) == (5, 4, 5)
    came = {row.extra.get("merged_from"): (key, row.name) for key, row in found.items()}
    assert came.keys() == {None, "one/cat", "two/cat", "two/Dog", "three/dog"}
    assert came[None] == ("pair-9", "Pair 9") and came["two/cat"][1] == "Pair 2"
    assert {key.rpartition("-")[0] for key in found} == {"pair", "cat", "Dog", "dog"}
    assert len({key.casefold() for key in found}) == 5
    assert whole(tmp_path / "out")


def test_the_order_of_the_datasets_changes_nothing(tmp_path):
    one = write_whole(tmp_path / "one", [renamed("cat", kept(1)), kept(5, license="CC0"), failed(6)])
    two = write_whole(tmp_path / "two", [renamed("cat", kept(2)), kept(5, license="CC BY 4.0"), kept(7)])
    three = write_whole(tmp_path / "three", [renamed("Cat", kept(3)), failed(6, detail="lost")], settings=OTHER)
    merged(tmp_path / "a", one, two, three, format="shards")
    merged(tmp_path / "b", three, two, one, format="shards")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert len(rows(tmp_path / "a")) == 7


def test_the_same_pair_with_the_same_settings_comes_once(tmp_path):
    one = write_whole(tmp_path / "one", [kept(1), kept(2), failed(3)])
    two = write_whole(tmp_path / "two", [kept(1), kept(2), failed(3), kept(4)])
    counts = merged(tmp_path / "out", one, two)
    assert (counts.rows, counts.duplicates, counts.renamed) == (4, 3, 0)
    assert sorted(rows(tmp_path / "out")) == ["pair-1", "pair-2", "pair-3", "pair-4"]
    other = write_whole(tmp_path / "other", [kept(1)], settings=OTHER)  # the same pair, judged otherwise, is another
    assert merged(tmp_path / "both", one, other).renamed == 2


def test_datasets_with_other_settings_say_so_together_and_in_every_row(tmp_path):
    one, two = write_whole(tmp_path / "one", [kept(1)]), write_whole(tmp_path / "two", [kept(2)], settings=OTHER)
    plan = plan_merge([Place(str(one)), Place(str(two))])
    assert plan.differing == ("min_qes",)
    merge_datasets(plan, tmp_path / "out")
    info, every = (
        dataset_info(tmp_path / "out"),
        {info.settings_hash: info.settings for info in map(dataset_info, (one, two))},
    )
    assert info.settings == {"method": "prior", "mixed": every}
    assert {row.settings_hash for row in read_rows(tmp_path / "out")} == every.keys()
    three = write_whole(tmp_path / "three", [kept(3)], settings={"method": "learned"})
    merged(tmp_path / "more", tmp_path / "out", three)
    assert len(dataset_info(tmp_path / "more").settings["mixed"]) == 3  # not nested
    again = plan_merge([Place(str(tmp_path / "out")), Place(str(one))])
    assert again.settings == info.settings


def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(tmp_path):
    one = write_whole(tmp_path / "one", [kept(1), kept(2), kept(3)], "shards")
    two = write_whole(tmp_path / "two", [kept(2, authentic=7), kept(4), failed(5)], "shards")
    plan = plan_merge([Place(str(one)), Place(str(two))])
    merge_datasets(plan, tmp_path / "whole")

    def stop(counts):
        if counts.rows == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        merge_datasets(plan, tmp_path / "out", stop)
    assert merge_datasets(plan, tmp_path / "out").resumed == 3
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    three = write_whole(tmp_path / "three", [renamed("pair-1", kept(9))], "shards")
    with pytest.raises(SettingError, match="finished pairs that are not in the input"):
        merged(tmp_path / "out", one, two, three)


def test_what_was_taken_out_of_one_comes_from_none(tmp_path):
    one, two = write_whole(tmp_path / "one", [kept(1)]), write_whole(tmp_path / "two", [kept(2, author="Bob")])
    add_removed(open_place(one), [Tombstone("author", hidden("author", "bob"), "2026-01-02T03:04:05Z")])
    merged(tmp_path / "out", one, two)
    row = rows(tmp_path / "out")["pair-2"]
    assert (row.status, row.reason, row.author, row.manipulated_path) == ("failed", "removed", None, None)
    assert (tmp_path / "out" / "removed.jsonl").read_bytes() == (one / "removed.jsonl").read_bytes()
    assert whole(tmp_path / "out")


def test_a_pair_whose_file_is_damaged_fails_and_is_counted(tmp_path):
    one, two = write_whole(tmp_path / "one", [kept(1)]), write_whole(tmp_path / "two", [kept(2), kept(3)])
    (two / "masks" / "pair-2.png").unlink()
    edit_rows(two, lambda row: replace(row, manipulated_path="manipulated/pair-3.\x00") if row.key == "pair-3" else row)
    counts = merged(tmp_path / "out", one, two)
    found = rows(tmp_path / "out")
    assert (counts.damaged, found["pair-2"].reason, found["pair-3"].reason) == (2, "not_found", "bad_row")
    assert whole(tmp_path / "out")


def test_what_cannot_be_merged_is_refused_in_a_sentence(tmp_path):
    one = write_whole(tmp_path / "one", [kept(1)])
    two = write_whole(tmp_path / "two", [kept(2)], "shards")
    with pytest.raises(SettingError, match="Give two datasets or more"):
        merged(tmp_path / "out", one)
    with pytest.raises(SettingError, match="is given twice"):
        merged(tmp_path / "out", one, one)
    with pytest.raises(SettingError, match="give --format folder or shards"):
        merged(tmp_path / "out", one, two)
    with pytest.raises(SettingError, match="--shard-pairs must be at least 1"):
        merged(tmp_path / "out", one, two, format="shards", shard_pairs=0)
    with pytest.raises(SettingError, match="lie in one another"):
        merged(one / "out", one, two, format="folder")
    assert merged(tmp_path / "out", one, two, format="folder").rows == 2
