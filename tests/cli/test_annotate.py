"""`webiml annotate` as a user runs it: real processes, real files."""

import hashlib
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
import yaml


def table(dataset: Path) -> dict[str, dict]:
    return {row["key"]: row for row in pq.read_table(dataset / "annotations.parquet").to_pylist()}


def digests(dataset: Path) -> dict[str, str]:
    """SHA-256 of every file but the table, which holds times, and the working state."""
    files = (path for path in dataset.rglob("*") if path.is_file() and ".webiml" not in path.parts)
    return {
        str(path.relative_to(dataset)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.name != "annotations.parquet"
    }


def without_times(dataset: Path) -> dict[str, dict]:
    return {key: {**row, "annotated_at": None} for key, row in table(dataset).items()}


def test_a_folder_becomes_a_dataset_and_the_summary_adds_up(webiml, pairs, tmp_path):
    dataset = tmp_path / "dataset"
    done = webiml("annotate", pairs, "--out", dataset, "--workers", "1")
    assert done.returncode == 0, done.stderr
    rows = table(dataset)
    assert set(rows) == {"edited", "other", "same", "page"}
    assert rows["page"]["status"] == "failed" and rows["page"]["reason"] == "not_an_image"
    assert rows["same"]["status"] == "rejected" and rows["same"]["reason"] == "identical"
    first, *rest = done.stdout.splitlines()
    assert first.startswith("pairs 4 ") and first.endswith("failed 1")
    assert "ignored   1 other file: notes.txt" in rest
    assert any(line.startswith("rejected") and "identical 1" in line for line in rest)
    assert "failed    not_an_image 1" in rest
    assert rest[-1] == f"next      open {dataset / 'report.html'}; the same command resumes"
    assert (dataset / "report.html").is_file()
    assert done.stderr == ""


def test_json_is_one_object_and_nothing_else_on_stdout(webiml, pairs, tmp_path):
    dataset = tmp_path / "dataset"
    done = webiml("annotate", pairs, "--out", dataset, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert summary["inputs"] == summary["kept"] + summary["rejected"] + summary["failed"] == 4
    assert summary["reasons"]["not_an_image"] == summary["reasons"]["identical"] == 1
    assert summary["kinds"]["identical"] == 1 and sum(summary["kinds"].values()) == 3
    assert (summary["ignored"], summary["ignored_files"]) == (1, ["notes.txt"])
    assert (summary["resumed"], summary["dataset"]) == (0, str(dataset))
    assert Path(summary["annotations"]).is_file() and Path(summary["report"]).is_file()
    assert summary["pairs_per_second"] == pytest.approx(4 / summary["seconds"], rel=0.05)

    written = [dataset / "annotations.parquet", dataset / "report.html"]
    before = [path.stat().st_mtime_ns for path in written]
    again = json.loads(webiml("annotate", pairs, "--out", dataset, "--json").stdout)
    assert (again["resumed"], again["pairs_per_second"]) == (4, None)
    same = ("inputs", "kept", "rejected", "failed", "reasons", "kinds", "ignored")
    assert {name: again[name] for name in same} == {name: summary[name] for name in same}
    assert before == [path.stat().st_mtime_ns for path in written]


def test_strict_makes_a_failed_row_exit_1_and_a_rejected_one_not(webiml, pairs, tmp_path):
    assert webiml("annotate", pairs, "--out", tmp_path / "one", "--strict").returncode == 1
    (pairs / "page" / "0.jpg").unlink()
    (pairs / "page" / "1.jpg").unlink()
    (pairs / "page").rmdir()
    done = webiml("annotate", pairs, "--out", tmp_path / "two", "--strict", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert table(tmp_path / "two")["same"]["status"] == "rejected"


def test_two_pictures_are_one_pair(webiml_here, pairs, tmp_path):
    done = webiml_here(
        "annotate", pairs / "same" / "0.png", pairs / "same" / "1.png", "--out", tmp_path / "dataset", "--json"
    )
    assert json.loads(done.stdout)["kinds"]["identical"] == 1


def test_a_file_of_settings_and_flags_over_it(webiml, pairs, tmp_path):
    config = tmp_path / "settings.yaml"
    config.write_text(yaml.safe_dump({"format": "shards", "pictures": True, "min_qes": 0.6, "workers": 1}))
    done = webiml("annotate", pairs, "--out", tmp_path / "dataset", "--config", config, "--no-pictures")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "dataset" / "shard-000000.tar").is_file()
    page = (tmp_path / "dataset" / "report.html").read_text()
    assert "<img" not in page and "0.6" in page
    refused = webiml("annotate", pairs, "--out", tmp_path / "dataset", "--config", config, "--min-qes", "0.7")
    assert refused.returncode == 2
    assert "min_qes is 0.6 there and 0.7 now" in refused.stderr


def test_dry_run_counts_and_writes_nothing(webiml_here, pairs, tmp_path):
    (pairs / "empty").mkdir()
    done = webiml_here("annotate", pairs, "--out", tmp_path / "dataset", "--dry-run")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "pairs 5   finished 0   to do 5"
    assert "problems  missing_authentic 1" in done.stdout
    assert not (tmp_path / "dataset").exists()
    planned = json.loads(webiml_here("annotate", pairs, "--out", tmp_path / "dataset", "--dry-run", "--json").stdout)
    assert (planned["dry_run"], planned["inputs"], planned["to_do"]) == (True, 5, 5)
    assert planned["problems"] == {"missing_authentic": 1}


def test_dry_run_knows_what_is_finished(webiml_here, pairs, tmp_path):
    webiml_here("annotate", pairs / "same" / "0.png", pairs / "same" / "1.png", "--out", tmp_path / "dataset")
    before = digests(tmp_path / "dataset")
    planned = webiml_here(
        "annotate", pairs / "same" / "0.png", pairs / "same" / "1.png", "--out", tmp_path / "dataset", "--dry-run"
    )
    assert planned.stdout.splitlines()[0] == "pairs 1   finished 1   to do 0"
    assert digests(tmp_path / "dataset") == before


def test_dry_run_refuses_the_output_that_the_run_would_refuse(webiml_here, pairs, tmp_path):
    same = [pairs / "same" / "0.png", pairs / "same" / "1.png"]
    webiml_here("annotate", *same, "--out", tmp_path / "dataset")
    for out, flags, words in (
        (pairs / "notes.txt", [], "is a file"),
        (pairs / "same", [], "is not empty"),
        (tmp_path / "dataset", ["--min-qes", "0.7"], "min_qes is 0.5 there and 0.7 now"),
        (tmp_path / "dataset", ["--format", "shards"], "format is folder there and shards now"),
    ):
        done = webiml_here("annotate", *same, "--out", out, "--dry-run", *flags)
        assert (done.returncode, done.stdout) == (2, "")
        assert words in done.stderr


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems refuse such names")
def test_hostile_names_cannot_act_on_the_terminal_or_the_page(webiml, made_pairs, tmp_path):
    root = tmp_path / "pairs"
    hostile = ["\x1b]0;owned\x07\x1b[31mred", "<script>alert(1)<\\script>", "[bold]markup[", "a\nb", "\u202egnp"]
    for name in hostile:
        (root / name).mkdir(parents=True)
        for side in "01":
            (root / name / f"{side}.png").write_bytes((made_pairs / "same" / f"{side}.png").read_bytes())
        (root / name / "\x1b[2Jother.txt").write_text("")
    odd = root / os.fsdecode(b"\xff\xfe")
    odd.mkdir()
    (root / "\x1b[2Jbeside.txt").write_text("")
    dataset = tmp_path / "data\x1b[31mset"
    done = webiml("annotate", root, "--out", dataset)
    assert done.returncode == 0, done.stderr
    assert all(line.isprintable() for line in (done.stdout + done.stderr).splitlines())
    assert "beside.txt" in done.stdout
    page = (dataset / "report.html").read_text()
    assert "<script" not in page and "\x1b" not in page and "\u202e" not in page
    rows = table(dataset)
    assert len(rows) == 6 and {row["name"] for row in rows.values()} >= {hostile[1], hostile[2]}


def test_an_output_that_cannot_be_written_is_refused_before_work(webiml_here, pairs, tmp_path):
    blocking = tmp_path / "file"
    blocking.write_text("mine")
    below = webiml_here("annotate", pairs, "--out", blocking / "dataset")
    assert (below.returncode, below.stdout) == (3, "")
    assert len(below.stderr.splitlines()) == 1
    onto = webiml_here("annotate", pairs, "--out", blocking)
    assert (onto.returncode, onto.stdout) == (2, "")
    assert blocking.read_text() == "mine"


def test_a_folder_of_something_else_is_refused_and_left_alone(webiml_here, pairs, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years")
    done = webiml_here("annotate", pairs, "--out", tmp_path / "mine")
    assert done.returncode == 2 and "not empty" in done.stderr
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("inside", ["", "dataset", "edited/deep"])
def test_a_dataset_inside_its_own_input_is_refused(webiml_here, pairs, inside):
    done = webiml_here("annotate", pairs, "--out", pairs / inside)
    assert done.returncode == 2 and "inside PAIRS" in done.stderr
    assert not (pairs / ".webiml").exists() and not (pairs / "dataset").exists()


def test_a_full_disk_stops_with_3_and_the_same_command_resumes(webiml, pairs, tmp_path):
    def small_files_only():  # what a full disk looks like to the process
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    assert (pairs / "other" / "0.png").stat().st_size > 20_000
    full = webiml("annotate", pairs, "--out", tmp_path / "dataset", preexec_fn=small_files_only)
    assert (full.returncode, full.stdout) == (3, "")
    assert len(full.stderr.splitlines()) == 1 and "same command" in full.stderr
    again = webiml("annotate", pairs, "--out", tmp_path / "dataset")
    assert again.returncode == 0, again.stderr
    assert webiml("annotate", pairs, "--out", tmp_path / "at-once").returncode == 0
    assert digests(tmp_path / "dataset") == digests(tmp_path / "at-once")
    assert without_times(tmp_path / "dataset") == without_times(tmp_path / "at-once")


def test_interrupting_stops_cleanly_with_130_and_the_same_command_resumes(webiml, made_pairs, tmp_path):
    root = tmp_path / "pairs"
    for number in range(16):
        (root / f"{number:02}").mkdir(parents=True)
        for side in "01":
            (root / f"{number:02}" / f"{side}.png").write_bytes((made_pairs / "other" / f"{side}.png").read_bytes())
    dataset = tmp_path / "dataset"
    command = [sys.executable, "-m", "webiml", "annotate", str(root), "--out", str(dataset), "--workers", "1"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    journal = dataset / ".webiml" / "journal.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (journal.exists() and journal.stat().st_size):
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as the terminal does: to every process of the command
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert errors == "Stopped. What is finished is kept; the same command resumes.\n"
    assert not (dataset / "annotations.parquet").exists()
    summary = json.loads(webiml("annotate", root, "--out", dataset, "--json").stdout)
    assert summary["inputs"] == 16 and 0 < summary["resumed"] < 16
