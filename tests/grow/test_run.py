"""Runs over a source that grows: each does what is new, and only that."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.grow.growing import READER, Folder, contents

from webiml.datasets.looks_table import CACHE, LooksTable
from webiml.datasets.merge import merge_datasets, plan_merge
from webiml.datasets.verify import verify_dataset
from webiml.errors import SettingError
from webiml.grow.generations import begin, only_grower
from webiml.grow.record import Step, deciding
from webiml.settings import AnnotatorSettings, CollectRun
from webiml.settings.grow import GrowDedup
from webiml.store.dataset import dataset_info, read_rows
from webiml.store.place import Place


@pytest.fixture(scope="module")
def grown_once(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Three pairs in one generation; two of them have the same manipulated picture."""
    folder = Folder(tmp_path_factory.mktemp("grown") / "here")
    folder.add("g1", "cat", 1, 11)
    folder.add("g2", "dog", 2, 12)
    folder.add("g3", "dog again", 3, 12)
    folder.grow()
    return folder


@pytest.fixture
def here(grown_once: Folder, tmp_path: Path) -> Folder:
    """A copy of it that a test may grow."""
    shutil.copytree(grown_once.folder, tmp_path / "here")
    copy = Folder.__new__(Folder)
    copy.folder, copy.pictures, copy.rows = tmp_path / "here", tmp_path / "here" / "pictures", [*grown_once.rows]
    return copy


def keys(generation: Path) -> list[str]:
    return [row.key for row in read_rows(generation)]


def column(table: Path, name: str) -> list[str]:
    return pq.read_table(table).column(name).to_pylist()


def test_a_generation_is_a_dataset_without_doubles_that_says_what_it_dropped(grown_once):
    first = grown_once.generations / "000000"
    dropped = column(first / "dropped.parquet", "key")
    assert len(dropped) == 1 and dropped[0].startswith("dog")
    assert sorted([*keys(first), *dropped]) == sorted(column(first / "pairs.parquet", "key"))
    assert column(first / "dropped.parquet", "other") == ["000000"]
    assert not verify_dataset(Place(str(first))).findings
    assert {"README.md", "report.html", "grown.json"} <= {file.name for file in first.iterdir()}
    assert dataset_info(first).settings["dedup"] == {"distance": 6}
    assert [entry.name for entry in (grown_once.generations / ".webiml").iterdir()] == ["lock"]


def test_the_second_run_on_the_same_input_changes_no_byte_and_no_time(grown_once):
    before = contents(grown_once.generations), contents(grown_once.folder / "store")
    grown = grown_once.grow()
    assert (grown.generations, grown.waiting, grown.collected.rows) == ([], 0, 0)
    assert (contents(grown_once.generations), contents(grown_once.folder / "store")) == before


def test_the_next_run_touches_only_what_is_new_and_drops_what_an_earlier_generation_has(here):
    first = here.generations / "000000"
    stored = {sha for row in read_rows(first) for sha in (row.authentic_sha256, row.manipulated_sha256)}
    assert LooksTable(first / CACHE).known() == stored  # and none of what was dropped
    before = contents(first)
    (first / CACHE).unlink()  # as a removal does
    here.add("g4", "fish", 4, 14)
    here.add("g5", "cat once more", 5, 11)  # the manipulated picture of the first generation's cat
    grown = here.grow(dedup=GrowDedup(distance=4))
    [one] = grown.generations
    assert (one.record.pairs, keys(one.folder), one.folder.name) == (2, ["fish"], "000001")
    assert one.changed == ["dedup.distance was 6 and is 4 now"]
    [dropped] = pq.read_table(one.folder / "dropped.parquet").to_pylist()
    assert (dropped["other"], dropped["other_name"], dropped["reason"]) == ("000000", "cat", "same_bytes")
    assert dropped["name"] == dropped["key"]
    assert grown.collected.skipped == 6 and grown.collected.rows == 4
    fish = next(read_rows(one.folder))
    assert LooksTable(one.folder / CACHE).known() == {fish.authentic_sha256, fish.manipulated_sha256}
    assert LooksTable(first / CACHE).known() == stored  # made again, so that no later run hashes them
    after = contents(first)
    assert all(after[name] == before[name] for name in before if name != CACHE) and after.keys() == before.keys()
    assert here.grow(dedup=GrowDedup(distance=4)).generations == []  # what was dropped is not done again


def test_a_pair_is_known_by_its_link_whatever_names_come_and_waits_for_its_picture(here):
    here.add("g6", "cat", 6, 16)  # a name that another group has,
    here.add("g7", "DOG", 7, 17)  # one that differs in its case, and comes first in the order of names,
    here.rows.insert(0, here.rows.pop())  # as it does in the source
    here.add("g8", "late", 9, 19)
    (here.pictures / "19.png").rename(here.folder / "held.png")
    grown = here.grow()
    assert (grown.generations[0].record.pairs, grown.waiting) == (2, 1)
    (here.folder / "held.png").rename(here.pictures / "19.png")
    grown = here.grow()  # a link is asked for again when that is asked for
    assert (grown.generations, grown.waiting) == ([], 1)
    grown = here.grow(collect_run=CollectRun(reader=READER, retry="not_found"))
    assert grown.waiting == 0 and keys(grown.generations[0].folder) == ["late"]

    generations = [here.generations / name for name in ("000000", "000001", "000002")]
    every = [key for one in generations for key in column(one / "pairs.parquet", "key")]
    assert len({key.lower() for key in every}) == len(every) == 6
    assert {row.name for row in read_rows(generations[1])} == {"cat", "DOG"}
    plan = plan_merge([Place(str(one)) for one in generations])
    assert not plan.renamed and not plan.differing
    merge_datasets(plan, here.folder / "whole")
    assert keys(here.folder / "whole") == sorted(key for one in generations for key in keys(one))


def test_a_benchmark_keeps_its_pictures_out_and_a_generation_may_end_empty(here):
    (here.folder / "bench").mkdir()
    shutil.copy(here.folder / here.picture(20), here.folder / "bench" / "photo.png")
    here.add("g9", "leak", 20, 21)
    [one] = here.grow(against=(str(here.folder / "bench"),)).generations
    [leak] = pq.read_table(one.folder / "leaks.parquet").to_pylist()
    assert (leak["key"], leak["picture"], leak["other"], leak["other_name"]) == (
        *("leak", "authentic"),
        *("bench", "photo.png"),
    )
    assert keys(one.folder) == [] and column(one.folder / "pairs.parquet", "key") == ["leak"]
    assert "README.md" in {file.name for file in one.folder.iterdir()}
    assert here.grow(against=(str(here.folder / "bench"),)).generations == []


def test_a_second_run_is_told_that_one_is_at_work(grown_once):
    with only_grower(grown_once.generations), pytest.raises(SettingError, match="Another run is growing"):
        grown_once.grow()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"store": "generations/store"}, "store .* lies inside generations"),
        ({"generations": "generations/000000"}, "is a dataset or a store itself"),
        ({"against": ("missing",)}, "against: missing does not exist"),
        ({"annotate": AnnotatorSettings(weights=Path("nowhere"))}, "nowhere"),
    ],
    ids=["nested", "dataset", "against", "weights"],
)
def test_what_cannot_be_used_is_said_before_anything_is_written(grown_once, changes, words):
    before = contents(grown_once.folder)
    for name in ("store", "generations"):
        if name in changes:
            changes[name] = type(grown_once.settings().__getattribute__(name))(grown_once.folder / changes[name])
    with pytest.raises(SettingError, match=words):
        grown_once.grow(**changes)
    assert contents(grown_once.folder) == before


def test_a_generation_that_does_not_say_its_pairs_is_not_guessed_at(here):
    (here.generations / "000000" / "pairs.parquet").unlink()
    with pytest.raises(SettingError, match="nobody knows which pairs are done"):
        here.grow()


def test_a_stopped_generation_is_not_finished_with_other_settings(here):
    begun = deciding(here.settings()) | {"annotate.min_qes": 0.9}
    here.add("g4", "fish", 4, 14)
    work = begin(here.generations, [("0" * 16, "fish")], begun, Step(0, 0.0))
    with pytest.raises(SettingError, match=r"other settings began it \(annotate.min_qes was 0.9 and is 0.5"):
        here.grow()
    assert not (here.generations / "000001").exists() and work.folder.exists()
