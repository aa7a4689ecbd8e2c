"""Shards of a dataset that workers finish, and datasets elsewhere than on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pytest
from tests.store.store_samples import SETTINGS, make_finished, open_writer, write_dataset

from webiml.errors import OutputError, SettingError
from webiml.store.dataset import dataset_info, read_member, read_rows
from webiml.store.dataset_writer import DatasetWriter, finished_keys
from webiml.store.parts import Part, part_numbers
from webiml.store.place import Place, open_place

KEYS = "abCDefgHIj"  # slices of two: ab, CD without files, ef, gH, Ij


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "lock"
    }


def do(writer: DatasetWriter, run: str, number: int, keys: str, *, finish: bool = True) -> None:
    """What a worker does with one slice."""
    with Part.open(writer.place, number, writer.info, run) as part:
        for key in keys:
            part.add(make_finished(key, "failed" if key.isupper() else "kept"))
        if finish:
            part.finish()


def slices(writer: DatasetWriter) -> list[tuple[int, str]]:
    left = [key for key in KEYS if key not in writer.done]
    cut = ["".join(left[at : at + 2]) for at in range(0, len(left), 2)]
    return list(zip(islice(writer.free_numbers(), len(cut)), cut, strict=True))


def by_workers(path: Path, order: Sequence[int], shape: str) -> None:
    with open_writer(path, format=shape) as writer:
        run, tasks = writer.begin_parts(), slices(writer)
        for at in order:
            do(writer, run, *tasks[at])
            writer.take_part(tasks[at][0])
        if len(order) == len(tasks):
            writer.finish()


@pytest.mark.parametrize("shape", ["folder", "shards"])
@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (4, 2, 0, 3, 1)], ids=["in-order", "in-disorder"])
def test_shards_of_workers_make_the_dataset_that_one_writer_makes(tmp_path, shape, order):
    write_dataset(tmp_path / "one", KEYS, format=shape)
    by_workers(tmp_path / "many", order, shape)
    assert files(tmp_path / "many") == files(tmp_path / "one")
    if shape == "shards":
        tars = sorted(path.name for path in (tmp_path / "many").glob("*.tar"))
        assert tars == [f"shard-00000{number}.tar" for number in (0, 2, 3, 4)]  # of C and D there is nothing


@pytest.mark.parametrize("shape", ["folder", "shards"])
def test_after_a_stop_shards_that_are_done_are_kept_and_the_others_get_their_old_numbers(tmp_path, shape):
    write_dataset(tmp_path / "one", KEYS, format=shape)
    by_workers(tmp_path / "many", (3, 0), shape)  # then the writer died
    assert finished_keys(tmp_path / "many") == set("abgH")
    with open_writer(tmp_path / "many", format=shape) as writer:
        assert writer.done == set("abgH")
        assert writer.entry("g").sizes == writer.entry("a").sizes
        assert writer.entry("g").row.shard == ("shard-000003.tar" if shape == "shards" else None)
        assert writer.entry("H").row.status == "failed"
        assert [cut for _, cut in slices(writer)] == ["CD", "ef", "Ij"]
        if shape == "shards":
            assert [number for number, _ in slices(writer)] == [1, 2, 4]
    by_workers(tmp_path / "many", (2, 1, 0), shape)
    assert files(tmp_path / "many") == files(tmp_path / "one")


def test_a_run_of_workers_can_be_ended_row_by_row(tmp_path):
    by_workers(tmp_path, (3, 0), "shards")
    with open_writer(tmp_path, format="shards") as writer:
        for key in "CDefIj":
            writer.add(make_finished(key, "failed" if key.isupper() else "kept"))
        writer.finish()
    assert [(row.key, row.shard) for row in read_rows(tmp_path) if row.shard] == [
        *(("a", "shard-000000.tar"), ("b", "shard-000000.tar"), ("e", "shard-000002.tar"), ("f", "shard-000002.tar")),
        *(("g", "shard-000003.tar"), ("j", "shard-000004.tar")),
    ]
    for row in read_rows(tmp_path):
        if row.shard:
            assert read_member(tmp_path, row, "mask") == f"{row.key} mask.png".encode()


def test_rows_that_end_before_the_turn_of_a_part_are_packed_apart(tmp_path):
    by_workers(tmp_path, (3,), "shards")
    with open_writer(tmp_path, format="shards") as writer:
        writer.add(make_finished("a"))
        writer.finish()
    assert [(row.key, row.shard) for row in read_rows(tmp_path)] == [
        ("H", None),
        ("a", "shard-000000.tar"),
        ("g", "shard-000003.tar"),
    ]


def test_a_run_row_by_row_can_be_ended_by_workers(tmp_path):
    with open_writer(tmp_path, format="shards") as writer:
        writer.add(make_finished("a"))
    with open_writer(tmp_path, format="shards") as writer:
        run = writer.begin_parts()
        (number, _) = next((one, "") for one in writer.free_numbers())
        do(writer, run, number, "bd")
        writer.take_part(number)
        writer.finish()
    assert [(row.key, row.shard) for row in read_rows(tmp_path)] == [
        ("a", "shard-000000.tar"),
        ("b", "shard-000001.tar"),
        ("d", "shard-000001.tar"),
    ]


def test_a_part_that_was_taken_and_not_deleted_counts_once(tmp_path):
    write_dataset(tmp_path / "one", KEYS, format="shards")
    with open_writer(tmp_path / "many", format="shards") as writer:
        run, tasks = writer.begin_parts(), slices(writer)
        do(writer, run, *tasks[0])
        kept = (tmp_path / "many/.webiml/parts/000000.jsonl").read_bytes()
        writer.take_part(0)
        writer.place.write(".webiml/parts/000000.jsonl", kept)  # the kill came before it was deleted
    by_workers(tmp_path / "many", (0, 1, 2, 3), "shards")
    assert files(tmp_path / "many") == files(tmp_path / "one")


def test_a_worker_that_began_and_did_not_finish_leaves_nothing_that_counts(tmp_path):
    with open_writer(tmp_path, format="shards") as writer:
        do(writer, writer.begin_parts(), 0, "ab", finish=False)
    assert finished_keys(tmp_path) == frozenset()
    assert not list(tmp_path.glob("*.tar"))


def test_a_worker_that_sees_another_folder_is_refused(tmp_path):
    with open_writer(tmp_path / "here") as writer:
        run = writer.begin_parts()
        elsewhere = Place(str(tmp_path / "there"))
        with pytest.raises(SettingError, match="give --out a folder that all machines share"):
            Part.open(elsewhere, 0, writer.info, run).__enter__()


def test_a_worker_of_a_run_that_another_has_followed_writes_no_rows(tmp_path):
    with open_writer(tmp_path) as writer, Part.open(writer.place, 0, writer.info, writer.begin_parts()) as part:
        part.add(make_finished("a"))
        writer.begin_parts()
        with pytest.raises(OutputError, match="Another run writes"):
            part.finish()
    assert part_numbers(Place(str(tmp_path))) == []


# ---------------------------------------------------------------- elsewhere


@pytest.mark.parametrize("shape", ["folder", "shards"])
def test_a_dataset_in_an_object_store_has_the_bytes_of_one_here(tmp_path, s3, shape):
    write_dataset(tmp_path / "here", KEYS, format=shape)
    place = open_place(f"{s3}/there")
    with open_writer(place, format=shape) as writer:
        for key in KEYS[:5]:
            writer.add(make_finished(key, "failed" if key.isupper() else "kept"))
        if shape == "folder":
            writer.checkpoint()
            writer._send(0)  # as after a thousand rows; then it is killed
    kept = set("abCDe") if shape == "folder" else set("abCD")  # e waited for its tar
    assert finished_keys(place) == kept
    with open_writer(place, format=shape) as writer:
        assert writer.done == kept
        assert writer.entry("a").row.key == "a"
        for key in KEYS:
            if key not in writer.done:
                writer.add(make_finished(key, "failed" if key.isupper() else "kept"))
        assert writer.finish()
    there = {name: place.read(name) for name in place.names()}
    assert there == files(tmp_path / "here")
    with open_writer(place, format=shape) as writer:
        assert not writer.finish()
    assert dataset_info(place).settings == SETTINGS
    assert len(list(read_rows(place))) == len(KEYS)


def test_workers_write_into_an_object_store(tmp_path, s3):
    write_dataset(tmp_path / "here", KEYS, format="shards")
    place = open_place(f"{s3}/there")
    for order in ((3, 0), (2, 0, 1)):
        with open_writer(place, format="shards") as writer:
            run, tasks = writer.begin_parts(), slices(writer)
            for at in order:
                do(writer, run, *tasks[at])
                writer.take_part(tasks[at][0])
            if len(order) == len(tasks):
                writer.finish()
    assert {name: place.read(name) for name in place.names()} == files(tmp_path / "here")


def test_what_is_no_dataset_is_refused_in_an_object_store(s3):
    open_place(s3).write("other.txt", b"mine")
    with pytest.raises(SettingError, match="is not empty"):
        open_writer(open_place(s3)).__enter__()
