"""`webiml forge --domain document` as a user runs it."""

import json
import os
import sys
from pathlib import Path

import pytest
from tests.cli.forged_folders import kill_after, results

SHARED = ("--domain", "document", "--size", "288", "--seed", "2", "--workers", "1", "--split", "val")


@pytest.fixture(scope="module")
def forged(webiml, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("out") / "pages"
    done = webiml("forge", "--out", out, "--count", "4", "--json", *SHARED)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["pairs"], summary["kinds"], summary["pictures"]) == (4, {"SPG": 4}, 0)
    return out


def test_result_is_ready_for_annotate_and_evaluate(webiml, localizer, forged, tmp_path):
    planned = webiml("annotate", forged / "pairs.csv", "--out", tmp_path / "dataset", "--dry-run", "--json")
    assert planned.returncode == 0 and json.loads(planned.stdout)["inputs"] == 4
    run = ("evaluate", "--data", forged / "pairs.csv", "--weights", localizer, "--cache", tmp_path / "maps")
    done = webiml(*run, "--out", tmp_path / "result", "--no-pictures")
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "result" / "result.json").read_text())
    assert (result["n"], result["manipulated"], result["skipped"]) == (4, 4, 0)


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is of POSIX")
def test_killed_run_goes_on_to_the_same_bytes(webiml, forged, tmp_path):
    out = tmp_path / "pages"
    command = [sys.executable, "-m", "webiml", "forge", "--out", str(out), "--count", "4", *SHARED]
    kill_after(command, out, 1)
    done = webiml(*command[3:])
    assert done.returncode == 0 and "already finished" in done.stderr
    assert results(out) == results(forged)


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (["photos"], "leave out IMAGES"),
        (["--kinds", "SPG"], "replaced, moved, erased, pasted"),
        (["--split", "test"], "train or val"),
        (["--coco", "a.json"], "--coco is of photographs"),
        (["--remover", "a:b"], "--remover is of photographs"),
        (["--only-shippable"], "--only-shippable is of photographs"),
        (["--size", "100"], "--size must lie between 256"),
    ],
    ids=lambda value: value[0].strip("-") if isinstance(value, list) else "",
)
def test_mistakes_are_sentences(webiml_here, tmp_path, extra, said):
    done = webiml_here("forge", "--domain", "document", "--out", tmp_path / "out", *extra)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr
    assert done.stderr.strip().count("\n") == 0
    assert not (tmp_path / "out").exists()


def test_photographs_know_no_edits_of_documents(webiml_here, tmp_path):
    done = webiml_here("forge", tmp_path, "--out", tmp_path / "out", "--kinds", "replaced")
    assert done.returncode == 2 and "SPG, SDG" in done.stderr
    assert webiml_here("forge", "--out", tmp_path / "out").returncode == 2


def test_sheet_and_dry_run(webiml_here, forged, tmp_path):
    again = webiml_here("forge", "--out", forged, "--count", "4", "--sheet", *SHARED)
    assert again.returncode == 0 and (forged / "sheets" / "SPG.png").is_file()
    (forged / "sheets" / "SPG.png").unlink()
    planned = webiml_here("forge", "--out", tmp_path / "new", "--dry-run", "--json", *SHARED)
    assert planned.returncode == 0 and json.loads(planned.stdout)["to_do"] == 100
    assert not (tmp_path / "new").exists()
