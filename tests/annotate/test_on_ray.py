"""A dataset made by a real cluster of two workers on this machine is that of the local runner, whatever dies."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from dataset_driver import DifferenceAnnotator, annotate, make_pair, make_pairs
from ray_driver import on_ray
from tests.ray_cluster import local_cluster

from webiml.annotate.shards import AnnotateShards, PairShard, begin_again, shards_of
from webiml.errors import SettingError
from webiml.settings import AnnotateRun, AnnotatorSettings
from webiml.store.dataset import read_rows
from webiml.store.dataset_writer import DatasetWriter
from webiml.store.link_writer import LinkWriter
from webiml.store.links import link_id, picture_name
from webiml.store.place import open_place
from webiml.store.removed_rows import Wanted
from webiml.types import Link, LinkRow, Pair, Reason, Row

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with local_cluster(HERE) as address:
        yield address


def contents(dataset: Path | str, without: tuple[str, ...] = ("annotated_at",)) -> dict[str, object]:
    """All that a dataset holds but times and the writer's own state."""
    place = open_place(dataset)
    found: dict[str, object] = {
        name: place.read(name) for name in place.names() if not name.startswith(".webiml/") and name != "report.html"
    }
    with place.reader("annotations.parquet") as file:
        table = pq.read_table(file)
    found["annotations.parquet"] = table.drop_columns(list(without))
    found["metadata"] = {name: text for name, text in (table.schema.metadata or {}).items() if b"webiml" in name}
    return found


def notes(log: Path) -> list[tuple[int, str]]:
    return [(int(line.split()[0]), line.split()[1]) for line in log.read_text().splitlines()]


def calls(log: Path) -> Counter[int]:
    """How often the annotator was asked, by the pair's number."""
    return Counter(int(what) for _, what in notes(log) if what != "start")


def test_the_same_bytes_as_by_the_local_runner(cluster, tmp_path):
    pairs = make_pairs(tmp_path / "pairs", 10)
    pairs[4] = make_pair(tmp_path / "pairs", "pair04", DifferenceAnnotator.RAISE, 4)
    pairs[6] = make_pair(tmp_path / "pairs", "pair06", DifferenceAnnotator.NOTHING, 6)
    (tmp_path / "pairs" / "pair08-1.png").write_text("<html>")
    pairs[9] = replace(pairs[9], authentic=tmp_path / "gone.png", source="web", extra={"a": "b"})
    here = annotate(pairs, tmp_path / "here", "folder")
    seen: list[Row] = []
    there = on_ray(pairs, tmp_path / "there", "folder", tmp_path / "log", on_row=seen.append)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert (there, sorted(row.key for row in seen)) == (here, [pair.key for pair in pairs])
    rows = {row.key: row for row in read_rows(tmp_path / "there")}
    assert all((row.status, row.reason) == (rows[row.key].status, rows[row.key].reason) for row in seen)
    starts = [process for process, what in notes(tmp_path / "log") if what == "start"]
    assert len(starts) == len(set(starts)) <= 2  # the networks are loaded once in a worker
    again = on_ray(pairs, tmp_path / "there", "folder", tmp_path / "no log")
    assert (again.resumed, again.changed, (tmp_path / "no log").exists()) == (10, False, False)


def test_a_killed_worker_costs_its_shard_and_a_pair_that_kills_becomes_a_row(cluster, tmp_path):
    pairs = make_pairs(tmp_path / "pairs", 9)
    for number in (0, 1, 2):
        pairs[number] = make_pair(tmp_path / "pairs", f"pair0{number}", DifferenceAnnotator.SLOW, number)
    pairs[4] = make_pair(tmp_path / "pairs", "pair04", DifferenceAnnotator.KILL, 4)
    here = annotate(pairs, tmp_path / "here", "shards")
    killed: list[int] = []
    log = tmp_path / "log"

    def kill_once(row: Row) -> None:
        if not killed:  # a worker that is at another shard than the pair that kills
            killed.extend(process for process, what in notes(log) if what == "0")
            os.kill(killed[0], signal.SIGKILL)

    there = on_ray(pairs, tmp_path / "there", "shards", log, on_row=kill_once)
    assert there == here and there.reasons == {"worker_died": 1}
    unlike = ("annotated_at", "detail")
    assert contents(tmp_path / "there", unlike) == contents(tmp_path / "here", unlike)
    died = next(row for row in read_rows(tmp_path / "there") if row.key == "pair04")
    assert died.detail == "its process died, twice at this pair"
    asked = calls(log)
    assert {asked[number] for number in (6, 7, 8)} == {1} and asked[4] == 3


def test_a_killed_run_goes_on_after_the_shards_that_are_done(cluster, tmp_path):
    pairs = make_pairs(tmp_path / "pairs", 12, DifferenceAnnotator.SLOW)
    out, log = tmp_path / "out", tmp_path / "log"
    command = [sys.executable, HERE / "ray_driver.py", tmp_path / "pairs", out, "shards", log, cluster]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        for _ in range(5):
            run.stdout.readline()
        run.kill()
    end = time.monotonic() + 20
    while any(Path(f"/proc/{process}").exists() for process, _ in notes(log)):
        assert time.monotonic() < end, "a worker outlives its driver"
        time.sleep(0.05)
    with DatasetWriter.open(out, **fitting(AnnotatorSettings())) as dataset:
        done = {number for number, pair in enumerate(pairs) if pair.key in dataset.done}
    before = calls(log)
    assert 3 <= len(done) < 12
    on_ray(pairs, out, "shards", log)
    asked = calls(log) - before
    assert set(asked) == set(range(12)) - done and set(asked.values()) == {1}
    annotate(pairs, tmp_path / "whole", "shards")
    assert contents(out) == contents(tmp_path / "whole")


def test_the_command_reads_and_writes_an_object_store(cluster, s3, tmp_path):
    from webiml.annotate.dataset import annotate_dataset
    from webiml.annotate.stored_pairs import list_stored

    store = f"{s3}/store"
    write_store(store, tmp_path)
    command = ["annotate", store, "--out", f"{s3}/dataset", *FLAGS]
    assert json.loads(webiml(*command, "--dry-run").stdout)["to_do"] == 3
    done = webiml(*command, "--runner", "ray", "--ray-address", cluster)
    assert (done.returncode, done.stderr) == (0, "")
    summary = json.loads(done.stdout)
    assert (summary["inputs"], summary["dataset"]) == (3, f"{s3}/dataset")
    assert open_place(f"{s3}/dataset").read("report.html").startswith(b"<!DOCTYPE html>")
    settings, run = AnnotatorSettings(method="prior"), AnnotateRun(format="shards", shard_pairs=2, workers=1)
    annotate_dataset(list_stored(open_place(store)).pairs, tmp_path / "here", settings, run)
    assert contents(f"{s3}/dataset") == contents(tmp_path / "here")


def test_ctrl_c_stops_at_once(cluster, tmp_path):
    pairs = tmp_path / "pairs"
    for number in range(40):
        folder = pairs / f"p{number:02d}"
        folder.mkdir(parents=True)
        pair = make_pair(tmp_path, "a", number=number)
        for name, path in (("0.png", pair.authentic), ("1.png", pair.manipulated)):
            assert isinstance(path, Path)
            (folder / name).write_bytes(path.read_bytes())
    command = ["annotate", pairs, "--out", tmp_path / "out", *FLAGS, "--runner", "ray", "--ray-address", cluster]
    with start(*command) as run:
        while not (tmp_path / "out" / ".webiml" / "parts").exists():
            assert run.poll() is None
            time.sleep(0.02)
        began = time.monotonic()
        os.killpg(run.pid, signal.SIGINT)
        output, errors = run.communicate(timeout=30)
    assert (run.returncode, output) == (130, "")
    assert errors.splitlines() == ["Stopped. What is finished is kept; the same command resumes."]
    assert time.monotonic() - began < 10


# Without a cluster.


def test_a_pair_is_at_fault_when_it_was_at_hand_at_two_deaths(tmp_path):
    (shard,) = shards_of(iter([Pair(key, key, None, None) for key in "abc"]), iter([7]), 3)
    assert (shard.number, shard.witness) == (7, None)
    rows = [Row(key, key, "kept") for key in "abc"]
    once = begin_again(shard, rows[:2], "it died")
    assert once.pairs == shard.pairs and once.suspect == ""  # how far it was is not known the first time
    twice = begin_again(once, rows[:1], "it died")
    elsewhere = begin_again(twice, rows[:2], "it died")
    assert (twice.suspect, elsewhere.suspect, elsewhere.pairs) == ("b", "c", shard.pairs)
    last = begin_again(elsewhere, rows[:2], "it died")
    assert [pair.problem and pair.problem.reason for pair in last.pairs] == [None, None, Reason.WORKER_DIED]
    assert begin_again(last, rows, "it died").pairs == last.pairs  # when the shard itself was written
    assert last.deaths == 4


def test_slices_take_numbers_that_are_free_and_a_file_to_look_for(tmp_path):
    pairs = make_pairs(tmp_path, 5)
    pairs[0] = replace(pairs[0], authentic=tmp_path / "gone.png")
    shards = list(shards_of(iter(pairs), iter([1, 4, 5, 6]), 2))
    assert [(shard.number, [pair.key for pair in shard.pairs]) for shard in shards] == [
        (1, ["pair00", "pair01"]),
        (4, ["pair02", "pair03"]),
        (5, ["pair04"]),
    ]
    assert shards[0].witness == pairs[0].manipulated


def test_a_machine_that_does_not_see_the_folders_is_said(tmp_path):
    with DatasetWriter.open(tmp_path / "out", **fitting(AnnotatorSettings())) as dataset:
        run = AnnotateRun(runner="ray")
        work = AnnotateShards.of(dataset, AnnotatorSettings(), run, DifferenceAnnotator, Wanted(frozenset()))
    with pytest.raises(SettingError, match=r"does not see .*pairs/a\.png"):
        next(work(PairShard(0, (), tmp_path / "pairs" / "a.png")))
    elsewhere = replace(work, place=open_place(tmp_path / "another"))
    with pytest.raises(SettingError, match="A worker does not see"):
        next(elsewhere(PairShard(0, (), None)))


FLAGS = ("--method", "prior", "--format", "shards", "--shard-pairs", "2", "--workers", "2", "--json", "--quiet")


def write_store(address: str, folder: Path) -> None:
    """Three manipulated pictures, one of which did not come, of one authentic picture."""
    pair = make_pair(folder, "stored")
    assert isinstance(pair.authentic, Path) and isinstance(pair.manipulated, Path)
    with LinkWriter.open(open_place(address)) as writer:
        for position, (role, name) in enumerate([("authentic", "a"), *(("manipulated", name) for name in "bcd")]):
            link = Link(name, "group", role, f"http://a/{name}.png")  # type: ignore[arg-type]
            row = LinkRow(link_id(link), name, "group", role, link.url, status="failed", reason="gone")  # type: ignore[arg-type]
            data = (pair.authentic if role == "authentic" else pair.manipulated).read_bytes()
            sha256 = hashlib.sha256(data).hexdigest()
            if name != "d":
                path = picture_name(sha256, ".png")
                row = replace(row, status="fetched", reason=None, sha256=sha256, bytes=len(data), path=path)
            writer.add(position, row, data if name != "d" else None)
        writer.finish()


def fitting(settings: AnnotatorSettings) -> dict:
    from webiml import __version__
    from webiml.annotate.provenance import provenance

    decided_by, digest = provenance(settings)
    shape = {"format": "shards", "shard_pairs": 3, "package_version": __version__}
    return {**shape, "settings": decided_by, "settings_hash": digest}


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "webiml", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def webiml(*arguments: object) -> subprocess.CompletedProcess[str]:
    with start(*arguments) as run:
        output, errors = run.communicate(timeout=120)
    return subprocess.CompletedProcess(run.args, run.returncode, output, errors)
