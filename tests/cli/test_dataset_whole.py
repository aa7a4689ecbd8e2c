"""`webiml dataset stats`, `verify`, `merge` and `split` as a user runs them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.datasets.edited import contents, edit_rows
from tests.datasets.whole_dataset import SETTINGS, failed, kept, rejected, write_whole

from webiml.store.link_writer import LinkWriter
from webiml.store.links import link_id
from webiml.types import Link, LinkRow


@pytest.fixture
def dataset(tmp_path) -> Path:
    return write_whole(tmp_path / "d", [*(kept(n) for n in range(10, 18)), rejected(18), failed(19)])


@pytest.fixture
def store(tmp_path) -> Path:
    link = Link("one", "g", "authentic", "https://example.org/1.png")
    row = LinkRow(link_id(link), link.name, link.group, link.role, link.url, "failed", "timeout", attempts=3)
    with LinkWriter.open(tmp_path / "s") as writer:
        writer.add(0, row)
        writer.finish()
    return tmp_path / "s"


def test_stats_of_a_dataset_and_of_a_store(webiml_here, dataset, store):
    done = webiml_here("dataset", "stats", dataset)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "pairs 10   kept 8   rejected 1   failed 1"
    assert "licences  1: CC0 9 · none 1" in done.stdout
    found = json.loads(webiml_here("dataset", "stats", dataset, "--json").stdout)
    assert (found["shape"], found["rows"], found["author_count"]) == ("dataset", 10, 9)
    assert webiml_here("dataset", "stats", store).stdout.splitlines()[:2] == [
        "links 1   fetched 0   unchanged 0   refused 0   failed 1",
        "reasons   timeout 1",
    ]
    found = json.loads(webiml_here("dataset", "stats", store, "--json").stdout)
    assert (found["shape"], found["failing_hosts"]) == ("store", {"example.org": 1})


def test_hostile_words_cannot_act_on_the_terminal(webiml_here, dataset):
    hostile = "\x1b[31mred\x07\nand a line\u202e"
    edit_rows(dataset, lambda row: replace(row, source=hostile, license=hostile, status="\x1b[2J"))
    for verb in ("stats", "verify"):
        done = webiml_here("dataset", verb, dataset)
        assert all(line.isprintable() for line in (done.stdout + done.stderr).splitlines()), verb
    assert "and a line" in webiml_here("dataset", "stats", dataset).stdout


def test_verify_exits_with_1_when_something_is_wrong(webiml, dataset, store):
    for where in (dataset, store):
        done = webiml("dataset", "verify", where)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert "wrong 0" in done.stdout
    (dataset / "masks" / "pair-11.png").unlink()
    (dataset / "masks" / "pair-99.png").write_bytes(b"")
    done = webiml("dataset", "verify", dataset, "--quick")
    assert done.returncode == 1
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:3]] == [
        ["pair-11", "missing"],
        ["masks/pair-99.png", "stray"],
    ]
    done = webiml("dataset", "verify", dataset, "--json", "--workers", "2")
    found = json.loads(done.stdout)
    assert (done.returncode, found["wrong"], found["faults"]) == (1, 2, {"missing": 1, "stray": 1})
    assert found["findings"][0] == {
        "key": "pair-11", "fault": "missing", "detail": "masks/pair-11.png is not there"
    }  # fmt: skip


def test_split_and_merge_are_there_and_back(webiml, dataset, tmp_path):
    planned = webiml("dataset", "split", dataset, "--out", tmp_path / "out", "--dry-run")
    assert planned.returncode == 0 and "now nothing was" in planned.stdout and not (tmp_path / "out").exists()
    done = webiml("dataset", "split", dataset, "--out", tmp_path / "out", "--parts", "a=0.5,b=0.5", "--near")
    assert done.returncode == 0, done.stderr
    table = [line.split() for line in done.stdout.splitlines()[:3]]
    assert [(line[0], line[1], line[-1]) for line in table[1:]] == [("a", "5", "50.0%"), ("b", "5", "50.0%")]
    assert json.loads((tmp_path / "out" / "split.json").read_text())["parts"][0]["rows"] == 5
    parts = (tmp_path / "out" / "a", tmp_path / "out" / "b")
    done = webiml("dataset", "merge", *parts, "--out", tmp_path / "again", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == 10
    assert contents(tmp_path / "again") == contents(dataset)


def test_merge_says_what_became_of_the_rows(webiml_here, dataset, tmp_path):
    other = write_whole(tmp_path / "e", [kept(10, authentic=3), kept(11)], settings=SETTINGS | {"min_qes": 0.7})
    same = write_whole(tmp_path / "f", [kept(12)])
    arguments = ("dataset", "merge", dataset, other, same, "--out", tmp_path / "out")
    planned = webiml_here(*arguments, "--dry-run")
    assert "renamed   4," in planned.stdout and not (tmp_path / "out").exists()
    text = webiml_here(*arguments).stdout
    assert text.splitlines()[0] == "datasets 3   rows 13   written 12   kept 10"
    assert "left out  1 that another dataset has, too" in text
    assert "settings  differ in min_qes" in text
    assert webiml_here("dataset", "verify", tmp_path / "out").returncode == 0


def test_mistakes_are_one_sentence(webiml_here, dataset, tmp_path):
    for arguments, words in (
        (("stats", tmp_path / "none"), "neither a dataset nor a store"),
        (("verify", tmp_path / "none"), "neither a dataset nor a store"),
        (("merge", dataset, "--out", tmp_path / "out"), "Give two datasets or more"),
        (("split", dataset, "--out", tmp_path / "out", "--parts", "a=0.5,a=0.5"), "names a part twice"),
        (("split", tmp_path / "none", "--out", tmp_path / "out"), "is not a dataset"),
    ):
        done = webiml_here("dataset", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert words in done.stderr and len(done.stderr.splitlines()) == 1


def test_datasets_in_an_object_store_are_read_there(webiml_here, dataset, store, s3, tmp_path):
    import fsspec

    shards = write_whole(tmp_path / "shards", [kept(20), kept(21), failed(22)], "shards")
    for where in (dataset, store, shards):
        fsspec.filesystem("s3", skip_instance_cache=True).put(str(where), f"{s3}/{where.name}", recursive=True)
    for where in (dataset, store):
        here, there = (
            json.loads(webiml_here("dataset", "stats", place, "--json").stdout)
            for place in (where, f"{s3}/{where.name}")
        )
        assert {**here, "place": ""} == {**there, "place": ""}
    for name in (store.name, shards.name):
        done = webiml_here("dataset", "verify", f"{s3}/{name}")
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
    done = webiml_here("dataset", "merge", f"{s3}/d", f"{s3}/shards", "--out", tmp_path / "out", "--format", "folder")
    assert done.returncode == 0 and (tmp_path / "out" / "annotations.parquet").is_file(), done.stderr
    fsspec.filesystem("s3", skip_instance_cache=True).rm(f"{s3}/d/masks/pair-11.png")
    assert webiml_here("dataset", "verify", f"{s3}/d", "--quick").returncode == 1
