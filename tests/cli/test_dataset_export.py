"""`webiml dataset export` as a user runs it: real processes, real files."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.datasets.small_dataset import contents, finished, write_pictured


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_pictured(tmp_path / "dataset")


def test_an_export_says_what_it_wrote_and_what_it_left_out(webiml, dataset, tmp_path):
    (dataset / "manipulated" / "pair-0.png").unlink()
    out = tmp_path / "out"
    done = webiml("dataset", "export", dataset, "--format", "folder", "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:2] == ["pairs 2   left out 1", "left out  not_found 1"]
    assert "pair-0" in lines[2] and lines[-1].startswith(f"next      open {out}/rows.csv")
    again = webiml("dataset", "export", dataset, "--format", "folder", "--out", out)
    assert again.returncode == 0 and "nothing to do" in again.stdout


def test_json_is_one_object_and_nothing_else_on_stdout(webiml, dataset, tmp_path):
    command = ["dataset", "export", dataset, "--format", "manifest", "--status", "all", "--out", tmp_path / "out"]
    planned = json.loads(webiml(*command, "--dry-run", "--json").stdout)
    assert (planned["dry_run"], planned["pairs"]) == (True, 6) and not (tmp_path / "out").exists()
    done = json.loads(webiml(*command, "--json", "--workers", "2").stdout)
    assert (done["pairs"], done["skipped"], done["without_url"], done["changed"]) == (6, {}, 0, True)
    assert (done["dataset"], done["out"]) == (str(dataset), str(tmp_path / "out"))


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--format", "folder", "--shard-pairs", "0"], "--shard-pairs must be at least 1"),
        (["--format", "folder", "--workers", "-1"], "--workers must lie between 0 and 256"),
        (["--format", "folders"], "--format"),
        (["--format", "folder", "--status", "failed"], "--status"),
    ],
    ids=["no-pairs", "no-workers", "no-format", "no-status"],
)
def test_a_wrong_flag_is_one_sentence(webiml_here, dataset, tmp_path, flags, words):
    done = webiml_here("dataset", "export", dataset, "--out", tmp_path / "out", *flags)
    assert (done.returncode, done.stdout) == (2, "") and words in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_dataset_is_one_sentence(webiml_here, tmp_path):
    done = webiml_here("dataset", "export", tmp_path, "--format", "coco", "--out", tmp_path.parent / "elsewhere")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)


def test_a_full_disk_stops_with_3_and_the_same_command_resumes(webiml, tmp_path):
    dataset = write_pictured(tmp_path / "dataset", [finished(number) for number in range(4)])

    def small_files_only():  # what a full disk looks like to the process
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    command = ["dataset", "export", dataset, "--format", "webdataset", "--workers", "1"]
    full = webiml(*command, "--out", tmp_path / "out", preexec_fn=small_files_only)
    assert (full.returncode, full.stdout) == (3, "")
    assert len(full.stderr.splitlines()) == 1 and "run the same command again" in full.stderr
    assert webiml(*command, "--out", tmp_path / "out").returncode == 0
    assert webiml(*command, "--out", tmp_path / "at-once").returncode == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "at-once")


def test_interrupting_stops_with_130_and_the_same_command_resumes(webiml, tmp_path):
    dataset = write_pictured(tmp_path / "dataset", [finished(number) for number in range(40)])
    out = tmp_path / "out"
    command = ["dataset", "export", dataset, "--format", "folder", "--out", out, "--workers", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "webiml", *map(str, command)], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (out / "masks").exists():
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    if process.returncode:  # it may have been faster
        assert process.returncode == 130 and "Traceback" not in errors and not (out / "export.json").exists()
    assert webiml(*command).returncode == 0
    assert pq.read_table(out / "rows.parquet").num_rows == 40


@pytest.mark.parametrize("format", ["folder", "webdataset", "huggingface"])
def test_an_export_lies_in_an_object_store_as_in_a_folder(webiml_here, dataset, tmp_path, s3, format):
    from webiml.store.place import open_place

    done = webiml_here("dataset", "export", dataset, "--format", format, "--out", f"{s3}/out", "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert webiml_here("dataset", "export", dataset, "--format", format, "--out", tmp_path / "out").returncode == 0
    place = open_place(f"{s3}/out")
    there = {name: place.read(name) for name in place.names()}
    assert there == contents(tmp_path / "out")
