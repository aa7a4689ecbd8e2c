"""After a repair nothing is wrong, nothing good is lost, and the same command ends as if nothing had happened."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import fsspec
import pyarrow.parquet as pq
import pytest
from tests.datasets.edited import contents, edit_rows
from tests.datasets.whole_dataset import failed, kept, rejected, write_whole

from webiml.collect.run import collect
from webiml.collect.sources.read import read_source
from webiml.datasets.remove import remove
from webiml.datasets.repair import repair_dataset
from webiml.datasets.repair_steps import Repaired
from webiml.datasets.repair_store import repair_store
from webiml.datasets.verify import verify_dataset
from webiml.datasets.verify_store import verify_store
from webiml.errors import SettingError
from webiml.settings import CollectRun, CollectSettings
from webiml.store.dataset import read_rows
from webiml.store.dataset_writer import finished_keys
from webiml.store.link_writer import LinkWriter
from webiml.store.links import read_links
from webiml.store.lock import only_writer
from webiml.store.place import Place
from webiml.store.removed_rows import Asked
from webiml.store.shards import write_tar
from webiml.types import LinkReason

PAIRS = [*(kept(number) for number in range(10, 17)), rejected(17), failed(18)]
BOTH = pytest.mark.parametrize("format", ["folder", "shards"])


def mend(dataset: Path, quick: bool = True) -> Repaired:
    return repair_dataset(Place(str(dataset)), 1, quick=quick)


def again(dataset: Path, format: str) -> set[str]:
    """Run the command that wrote it once more; the keys that it had to do."""
    todo = {one.row.key for one in PAIRS} - finished_keys(dataset)
    write_whole(dataset, [one for one in PAIRS if one.row.key in todo], format)
    return todo


def pairs_of(dataset: Path) -> dict[str, Any]:
    """What a dataset holds, wherever its files lie: rows without time and tar, and the files of every pair."""
    rows = pq.read_table(dataset / "annotations.parquet").drop_columns(["annotated_at", "shard"]).to_pylist()
    files: dict[str, bytes] = {}
    for shard in dataset.glob("shard-*.tar"):
        with tarfile.open(shard) as tar:
            files |= {one.name: tar.extractfile(one).read() for one in tar if not one.name.endswith(".json")}  # type: ignore[union-attr]
    return {"rows": rows, "files": files}


def flip(file: Path, at: int | None = None) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2 if at is None else at] ^= 1
    file.write_bytes(data)


def cut(file: Path) -> None:
    with open(file, "r+b") as opened:
        opened.truncate(file.stat().st_size * 2 // 3)


def rewrite(shard: Path, change: Callable[[dict[str, bytes]], object]) -> None:
    with tarfile.open(shard) as tar:
        members = {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]
    change(members)
    with open(shard, "wb") as file:
        write_tar(file, members.items())


# ---------------------------------------------------------------- files


def test_damaged_files_are_done_again_to_the_same_bytes(tmp_path):
    dataset = write_whole(tmp_path / "d", PAIRS)
    before = contents(dataset)
    flip(dataset / "authentic" / "pair-10.png")
    cut(dataset / "probability" / "pair-11.png")
    (dataset / "masks" / "pair-12.png").unlink()
    (dataset / "masks" / "pair-99.png").write_bytes(b"mine")
    damaged = (dataset / "authentic" / "pair-10.png").read_bytes()
    repaired = mend(dataset, quick=False)
    lost = {"pair-10", "pair-11", "pair-12"}
    assert {one.key for one in repaired.done if one.action == "taken_out"} == lost
    assert (repaired.rows, repaired.left) == (len(PAIRS) - 3, ())
    assert verify_dataset(Place(str(dataset)), 1).findings == ()
    assert (dataset / ".webiml" / "lost" / "authentic" / "pair-10.png").read_bytes() == damaged
    assert (dataset / ".webiml" / "lost" / "masks" / "pair-99.png").read_bytes() == b"mine"
    assert mend(dataset).done == ()
    assert again(dataset, "folder") == lost
    assert contents(dataset) == before


def test_of_damaged_tars_the_good_pairs_stay(tmp_path):
    dataset = write_whole(tmp_path / "d", PAIRS, "shards")  # two rows a tar: 10 11, 12 13, 14 15, 16 17
    before = pairs_of(dataset)

    def change(members: dict[str, bytes]) -> None:
        members["pair-10.authentic.png"] = b"x" + members["pair-10.authentic.png"][1:]
        members["../../pair-99.mask.png"] = b"mine"

    rewrite(dataset / "shard-000000.tar", change)
    cut(dataset / "shard-000001.tar")
    flip(dataset / "shard-000002.tar", 0)  # the first header: what is behind it can be found again
    (dataset / "shard-000003.tar").unlink()
    shutil.copy(dataset / "shard-000001.tar", dataset / "shard-000009.tar")
    repaired = mend(dataset, quick=False)
    lost = {one.key for one in repaired.done if one.action == "taken_out"}
    assert lost == {"pair-10", "pair-13", "pair-14", "pair-16", "pair-17"}
    assert verify_dataset(Place(str(dataset)), quick=True).findings == () == repaired.left
    kept_back = dataset / ".webiml" / "lost"
    assert (kept_back / "shard-000000" / "pair-10.authentic.png").is_file() and not (tmp_path / "pair-99").exists()
    assert [file.read_bytes() for file in (kept_back / "shard-000000").glob("member-at-*")] == [b"mine"]
    assert (kept_back / "shard-000001.tar").is_file() and (kept_back / "shard-000002.tar").is_file()
    assert mend(dataset).done == ()
    assert again(dataset, "shards") == lost
    assert verify_dataset(Place(str(dataset)), quick=True).findings == ()
    assert pairs_of(dataset) == before


def test_a_file_that_is_lost_twice_is_kept_twice(tmp_path):
    dataset = write_whole(tmp_path / "d", PAIRS)
    for words in (b"one", b"two"):
        (dataset / "masks" / "pair-99.png").write_bytes(words)
        mend(dataset)
    lost = dataset / ".webiml" / "lost" / "masks"
    assert {file.name: file.read_bytes() for file in lost.iterdir()} == {
        "pair-99.png": b"one", "pair-99.png.1": b"two"
    }  # fmt: skip


def test_a_removal_deletes_what_was_set_aside(tmp_path):
    dataset = write_whole(tmp_path / "d", PAIRS)
    (dataset / "authentic" / "pair-99.png").write_bytes(b"perhaps Bob")
    mend(dataset)
    remove([dataset], Asked(key=("pair-11",)))
    assert not [*(dataset / ".webiml" / "lost").rglob("*.png")]


# ---------------------------------------------------------------- tables and journals


def no_table(dataset: Path) -> None:
    (dataset / "annotations.parquet").unlink()


def bad_table(dataset: Path) -> None:
    flip(dataset / "annotations.parquet", 30)
    cut(dataset / "annotations.parquet")


def wrong_table(dataset: Path) -> None:
    edit_rows(dataset, lambda row: None if row.key == "pair-11" else replace(row, kind="elephant"))


def no_journal(dataset: Path) -> None:
    (dataset / ".webiml" / "journal.jsonl").unlink()


def bad_journal(dataset: Path) -> None:
    journal = dataset / ".webiml" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([lines[0], b"\xff" + lines[1], *lines[2:], b'{"row']))


def no_state(dataset: Path) -> None:
    shutil.rmtree(dataset / ".webiml")


def bad_info(dataset: Path) -> None:
    (dataset / ".webiml" / "dataset.json").write_text("{")


@BOTH
@pytest.mark.parametrize("damage", [no_table, bad_table, wrong_table, no_journal, bad_journal, no_state, bad_info])
def test_what_one_of_table_and_journal_knows_is_enough(tmp_path, format, damage):
    dataset = write_whole(tmp_path / "d", PAIRS, format)
    before = contents(dataset)
    damage(dataset)
    repaired = mend(dataset)
    assert {one.action.value for one in repaired.done} - {"set_aside"} == {"written"}
    assert repaired.left == () and contents(dataset) == before
    assert mend(dataset).done == ()
    assert again(dataset, format) == set() and contents(dataset) == before
    more = [*PAIRS, kept(30)]
    write_whole(dataset, [more[-1]], format)  # the journal is one that a writer goes on from
    assert len(list(read_rows(dataset))) == len(more)


def test_a_journal_that_does_not_fit_its_table_is_found(tmp_path):
    dataset = write_whole(tmp_path / "d", PAIRS)
    no_journal(dataset)
    (found,) = verify_dataset(Place(str(dataset)), quick=True).findings
    assert (found.key, found.fault.value) == (".webiml/journal.jsonl", "journal")


# ---------------------------------------------------------------- what is refused


def test_what_a_repair_must_not_touch_is_refused(tmp_path):
    with pytest.raises(SettingError, match="is not a dataset"):
        mend(tmp_path / "none")
    assert not (tmp_path / "none").exists()
    dataset = write_whole(tmp_path / "d", PAIRS)
    with only_writer(dataset, ".webiml/lock"), pytest.raises(SettingError, match="Another run is writing"):
        mend(dataset)
    (dataset / ".webiml" / "removal.json").write_text("{}")
    with pytest.raises(SettingError, match="webiml dataset remove"):
        mend(dataset)
    (dataset / ".webiml" / "removal.json").unlink()
    (dataset / ".webiml" / "finished").unlink()
    with pytest.raises(SettingError, match="run the command that writes it again"):
        mend(dataset)
    shutil.rmtree(dataset / ".webiml")
    (dataset / "annotations.parquet").write_bytes(b"PAR1")
    with pytest.raises(SettingError, match="says how it was made"):
        mend(dataset)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_any_step_and_begun_again_it_comes_to_the_same_end(tmp_path):
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "src")])}
    command = [sys.executable, str(Path(__file__).with_name("repair_stops.py")), str(tmp_path)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 30


# ---------------------------------------------------------------- stores


@pytest.fixture
def collected(tmp_path, repository) -> tuple[Path, Callable[[], set[str]]]:
    """A store of pairs of this machine, and what collects them once more and says what it asked for."""

    def run() -> set[str]:
        source = read_source(str(repository / "examples" / "pairs"), "")
        counts = collect(source.links, Place(str(tmp_path / "store")), CollectSettings(), CollectRun())
        return set() if counts.generation is None else {f"{counts.generation}:{counts.rows}"}

    run()
    return tmp_path / "store", run


def links_of(store: Path) -> list[dict[str, Any]]:
    return [{**asdict(row), "fetched_at": None} for row in read_links(Place(str(store)))]


def pictures_of(store: Path) -> dict[str, bytes]:
    return {str(file.relative_to(store)): file.read_bytes() for file in (store / "pictures").rglob("*.*")}


def test_a_damaged_store_asks_again_for_what_is_lost(collected):
    store, run = collected
    links, pictures = links_of(store), pictures_of(store)
    one, two, *_ = sorted(pictures)
    flip(store / one)
    (store / two).unlink()
    (store / "pictures" / "notes.txt").write_text("mine")
    (store / "store.json").unlink()
    repaired = repair_store(Place(str(store)), 1)
    assert (repaired.left, repaired.rows) == ((), len(links))
    assert sorted(finding.action.value for finding in repaired.done) == sorted(
        ["set_aside", "set_aside", "wanted", "wanted", "written"]
    )
    assert (store / ".webiml" / "lost" / "pictures" / "notes.txt").read_text() == "mine"
    assert {row["reason"] for row in links_of(store)} == {None, LinkReason.LOST.value}
    assert verify_store(Place(str(store)), quick=True).findings == ()
    assert repair_store(Place(str(store)), quick=True).done == ()
    assert run() == {"1:2"}  # the second run has these two rows and no other
    assert links_of(store) == links and pictures_of(store) == pictures
    assert verify_store(Place(str(store)), quick=True).findings == ()


def test_pictures_of_a_table_that_is_lost_wait_for_the_next_run(collected):
    store, run = collected
    links, pictures = links_of(store), pictures_of(store)
    (store / "links" / "000000.parquet").write_bytes(b"no table")
    repaired = repair_store(Place(str(store)), quick=True)
    assert [(one.key, one.action.value) for one in repaired.done] == [("links/000000.parquet", "set_aside")]
    assert {one.fault.value for one in repaired.left} == {"stray"} and pictures_of(store) == pictures
    assert run() == {f"0:{len(links)}"}
    assert repair_store(Place(str(store)), quick=True).left == ()
    assert links_of(store) == links and pictures_of(store) == pictures


def test_a_store_with_a_run_that_was_stopped_is_refused(collected):
    store, _ = collected
    row = next(iter(read_links(Place(str(store)))))
    with LinkWriter.open(store) as writer:
        writer.add(0, row)
    with pytest.raises(SettingError, match="run webiml collect again first"):
        repair_store(Place(str(store)), quick=True)


# ---------------------------------------------------------------- object stores


def test_a_dataset_in_an_object_store_is_repaired_there(tmp_path, s3):
    dataset = write_whole(tmp_path / "d", PAIRS, "shards")
    files = fsspec.filesystem("s3", skip_instance_cache=True)
    files.put(str(dataset), f"{s3}/d", recursive=True)
    with open(dataset / "shard-000001.tar", "rb") as file:
        files.pipe_file(f"{s3}/d/shard-000001.tar", file.read(3000))
    files.rm(f"{s3}/d/.webiml/journal.jsonl")
    files.pipe_file(f"{s3}/d/masks/pair-99.png", b"mine")
    repaired = repair_dataset(Place(f"{s3}/d"), quick=True)
    assert {one.key for one in repaired.done if one.action == "taken_out"} == {"pair-12", "pair-13"}
    assert repaired.left == () and files.cat_file(f"{s3}/d/.webiml/lost/masks/pair-99.png") == b"mine"
    assert repair_dataset(Place(f"{s3}/d"), quick=True).done == ()
    todo = [one for one in PAIRS if one.row.key not in finished_keys(Place(f"{s3}/d"))]
    write_whole(Place(f"{s3}/d"), todo, "shards")  # type: ignore[arg-type]
    assert [row.key for row in read_rows(Place(f"{s3}/d"))] == [one.row.key for one in PAIRS]
