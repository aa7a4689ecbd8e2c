"""`webiml dataset filter` as a user runs it, on what the real networks have drawn."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.datasets.edited import contents

LOOSE = ("--min-qes", "0.02", "--min-area", "0.0")


def blended(picture, first: str, second: str, share: float) -> tuple[np.ndarray, np.ndarray]:
    """A picture, and another one through which it shines: the pair classifier doubts what that is."""
    authentic, other = picture(first, 160), picture(second, 160)
    other = cv2.resize(other, authentic.shape[1::-1])
    return authentic, (share * authentic + (1 - share) * other).astype(np.uint8)


@pytest.fixture(scope="module")
def doubtful(tmp_path_factory: pytest.TempPathFactory, picture, webiml) -> dict[str, Path]:
    """Pairs of all sorts, two of them of an uncertain kind, annotated at two settings."""
    folder = tmp_path_factory.mktemp("doubtful")
    canyon = picture("canyon", 160)
    edited = canyon.copy()
    edited[30:70, 40:90] = picture("coffee", 160)[30:70, 40:90]
    pairs = {
        "shining": blended(picture, "pier", "canyon", 0.5),
        "orbit": blended(picture, "dandelion", "earth-orbit", 0.175),
        "edited": (canyon, edited),
        "same": (canyon, canyon),
    }
    for name, sides in pairs.items():
        (folder / "pairs" / name).mkdir(parents=True)
        for side, rgb in enumerate(sides):
            cv2.imwrite(str(folder / "pairs" / name / f"{side}.png"), rgb[..., ::-1])
    (folder / "pairs" / "page").mkdir()
    (folder / "pairs" / "page" / "0.jpg").write_text("<html>")
    for name, flags in (("usual", ()), ("loose", LOOSE)):
        done = webiml("annotate", folder / "pairs", "--out", folder / name, "--workers", "1", "--quiet", *flags)
        assert done.returncode == 0, done.stderr
    return {"usual": folder / "usual", "loose": folder / "loose"}


def rows(dataset: Path) -> dict[str, dict]:
    return {row["key"]: row for row in pq.read_table(dataset / "annotations.parquet").to_pylist()}


def test_the_pairs_are_doubtful_and_other_thresholds_make_another_kind(doubtful):
    usual, loose = rows(doubtful["usual"]), rows(doubtful["loose"])
    assert [usual[key]["reason"] for key in ("shining", "orbit")] == ["kind_uncertain"] * 2
    assert (usual["shining"]["kind"], usual["shining"]["alternative_kind"]) == ("SPG", "SDG")
    assert (loose["shining"]["kind"], loose["shining"]["status"]) == ("SDG", "kept")
    assert usual["edited"]["status"] == "kept" and usual["edited"]["alternative_kind"] is None


@pytest.mark.parametrize(("there", "wanted", "flags"), [
    ("usual", "loose", LOOSE),
    ("loose", "usual", ("--min-qes", "0.5", "--min-area", "0.001")),
])  # fmt: skip
def test_it_equals_a_fresh_run_byte_for_byte_the_report_too(webiml, doubtful, tmp_path, there, wanted, flags):
    done = webiml("dataset", "filter", doubtful[there], "--out", tmp_path / "out", *flags)
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "out") == contents(doubtful[wanted])
    assert done.stdout.splitlines()[0].startswith("pairs 5 ")
    again = json.loads(webiml("dataset", "filter", doubtful[there], "--out", tmp_path / "out", *flags, "--json").stdout)
    assert (again["resumed"], again["rows"], again["dry_run"]) == (5, 5, False)


def test_a_dry_run_says_how_many_would_change(webiml_here, doubtful, tmp_path):
    arguments = ("dataset", "filter", doubtful["usual"], "--out", tmp_path / "out", *LOOSE, "--dry-run")
    planned = webiml_here(*arguments, "--json")
    found = json.loads(planned.stdout)
    after = [row["status"] for row in rows(doubtful["loose"]).values()]
    assert found["dry_run"] and found["kept"] == after.count("kept")
    assert {"from": "kind_uncertain", "to": "kept", "rows": 2} in found["changes"]
    assert not (tmp_path / "out").exists()
    text = webiml_here(*arguments).stdout
    assert "changed   kind_uncertain to kept 2" in text and "now nothing was" in text


def test_mistakes_are_one_sentence(webiml_here, doubtful, tmp_path):
    for arguments, words in (
        ((doubtful["usual"], "--out", doubtful["usual"] / "deeper"), "lie in one another"),
        ((tmp_path / "none", "--out", tmp_path / "out"), "is not a dataset"),
        ((doubtful["usual"], "--out", tmp_path / "out", "--min-qes", "7"), "--min-qes must lie between 0 and 1"),
        ((doubtful["usual"], "--out", tmp_path / "out", "--workers", "-1"), "--workers must lie between"),
    ):
        done = webiml_here("dataset", "filter", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert words in done.stderr and len(done.stderr.splitlines()) == 1


def test_killed_it_goes_on_to_the_same_bytes(webiml, doubtful, tmp_path):
    command = [sys.executable, "-m", "webiml", "dataset", "filter", str(doubtful["usual"])]
    command += ["--out", str(tmp_path / "out"), *LOOSE, "--workers", "1", "--quiet"]
    journal = tmp_path / "out" / ".webiml" / "journal.jsonl"
    process = subprocess.Popen(command, start_new_session=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (journal.exists() and journal.stat().st_size):
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert webiml(*command[3:]).returncode == 0
    assert contents(tmp_path / "out") == contents(doubtful["loose"])
