"""`webiml dataset verify --repair` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.datasets.edited import contents
from tests.datasets.whole_dataset import failed, kept, rejected, write_whole

from webiml.store.place import open_place
from webiml.store.removed import Tombstone, add_removed, hidden


@pytest.fixture
def dataset(tmp_path) -> Path:
    return write_whole(tmp_path / "d", [kept(10), kept(11), rejected(12), failed(13)])


def test_what_was_done_is_said(webiml_here, dataset):
    (dataset / "masks" / "pair-11.png").unlink()
    (dataset / "masks" / "\x1b[31m.png").write_bytes(b"mine")
    done = webiml_here("dataset", "verify", dataset, "--repair", "--quick")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("rows 3   done 7   still wrong 0")
    assert lines[1].split() == [
        "pair-11", "taken_out", "masks/pair-11.png", "is", "not", "there,", "or", "empty"
    ]  # fmt: skip
    assert all(line.isprintable() for line in lines)
    assert "next      the command that wrote it does again what was taken out" in lines
    assert webiml_here("dataset", "verify", dataset, "--quick").returncode == 0
    again = webiml_here("dataset", "verify", dataset, "--repair", "--quick")
    assert again.returncode == 0 and "nothing   had to be repaired" in again.stdout


def test_what_is_not_for_a_repair_to_mend_is_left_and_said(webiml_here, dataset):
    add_removed(open_place(dataset), [Tombstone("author", hidden("author", "author 11"), "2026-01-02T03:04:05Z")])
    done = webiml_here("dataset", "verify", dataset, "--repair", "--quick", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1 and (found["shape"], found["rows"], found["done"]) == ("dataset", 4, [])
    assert [(one["key"], one["fault"]) for one in found["left"]] == [("pair-11", "removed")]
    assert webiml_here("dataset", "verify", dataset, "--repair", "--quick", "--quiet").stdout == ""


def test_what_cannot_be_repaired_is_one_sentence(webiml_here, dataset, tmp_path):
    (dataset / ".webiml" / "finished").unlink()
    for where, words in ((dataset, "is not finished"), (tmp_path / "none", "is not a dataset")):
        done = webiml_here("dataset", "verify", where, "--repair", "--quick")
        assert (done.returncode, done.stdout) == (2, "") and words in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_the_same_annotate_command_does_again_what_was_damaged(webiml_here, pairs, tmp_path):
    command = ("annotate", pairs, "--out", tmp_path / "d", "--method", "prior", "--workers", "1", "--no-pictures")
    assert webiml_here(*command, "--quiet").returncode == 0
    before = contents(tmp_path / "d")
    picture = tmp_path / "d" / "manipulated" / "other.png"
    picture.write_bytes(picture.read_bytes()[:-9])
    (tmp_path / "d" / ".webiml" / "journal.jsonl").unlink()
    assert webiml_here("dataset", "verify", tmp_path / "d", "--repair", "--workers", "1").returncode == 0
    done = json.loads(webiml_here(*command, "--json").stdout)
    assert (done["inputs"], done["resumed"]) == (4, 3)
    after = contents(tmp_path / "d")
    assert before.pop("report.html") and after.pop("report.html") and after == before
