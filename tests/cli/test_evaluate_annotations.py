"""`webiml evaluate-annotations` as a user runs it, on what `webiml annotate` wrote."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

TRUTH = """key,mask,kind
edited,masks/edited.png,SPG
other,masks/other.png,SPG
page,masks/page.png,SDG
"""


@pytest.fixture(scope="session")
def annotated(webiml, made_pairs, tmp_path_factory) -> Path:
    """A folder with dataset/ (edited, other and same can be read, page cannot), truth.csv and masks/."""
    folder = tmp_path_factory.mktemp("annotated")
    done = webiml("annotate", made_pairs, "--out", folder / "dataset", "--method", "prior", "--quiet")
    assert done.returncode == 0, done.stderr
    (folder / "masks").mkdir()
    mask = np.zeros((120, 160), np.uint8)
    mask[40:90, 50:120] = 255
    for key in ("edited", "other", "page"):
        cv2.imwrite(str(folder / "masks" / f"{key}.png"), mask)
    (folder / "truth.csv").write_text(TRUTH)
    return folder


def test_a_table_becomes_figures_a_row_each_and_a_report(webiml, annotated, tmp_path):
    out = tmp_path / "out"
    command = ("evaluate-annotations", annotated / "dataset", "--truth", annotated / "truth.csv", "--out", out)
    done = webiml(*command, "--workers", "1", "--strict")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0][:7] == ["pairs", "3", "kept", "66.67", "%", "skipped", "0"]
    assert ["kinds", "right", "0.667", "of", "all,", "1.000", "of", "the", "kept"] in lines
    assert ["true", "kind", "taken", "for", "SPG", "no", "kind"] in lines and ["SDG", "0", "1"] in lines
    assert any(line[:4] == ["all", "pairs", "all", "3"] for line in lines)
    assert "1 pair of the dataset: same" in done.stdout and f"open {out / 'report.html'}" in done.stdout
    result = json.loads((out / "result.json").read_text())
    every = result["masks"]["all"]
    assert result["n"] == 3 and every["over_all"]["n"] == 3 and every["over_kept"]["n"] == 2
    assert every["over_kept"]["iou"] > 0.9  # two rectangles that are easily found
    assert every["over_all"]["iou"] == pytest.approx(2 / 3 * every["over_kept"]["iou"])  # page could not be read
    rows = pq.read_table(out / "per_image.parquet").to_pylist()
    assert [(row["name"], row["status"]) for row in rows] == [
        ("edited", "kept"), ("other", "kept"), ("page", "failed"),
    ]  # fmt: skip
    assert "<img" in (out / "report.html").read_text() and "# 3 pairs" in (out / "report.md").read_text()

    before = {path.name: path.read_bytes() for path in out.iterdir()}
    again = webiml(*command, "--workers", "2", "--json")
    assert again.returncode == 0 and json.loads(again.stdout) == result and again.stdout.count("\n") == 1
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_folder_of_masks_has_no_figures_of_kinds_and_says_so(webiml_here, annotated, tmp_path):
    arguments = ("--masks", annotated / "masks", "-o", tmp_path / "out")
    done = webiml_here("evaluate-annotations", annotated / "dataset", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert "the truth says none, so there are no figures of kinds" in done.stdout
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert (result["kinds"], list(result["masks"]), result["n"]) == (None, ["all"], 3)
    assert "no figures of kinds" in (tmp_path / "out" / "report.md").read_text()


def test_json_alone_writes_nothing_and_strict_minds_what_was_skipped(webiml_here, annotated, tmp_path):
    for name in ("masks/edited.png", "truth.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(annotated / name, tmp_path / name)
    (tmp_path / "masks" / "other.png").write_text("<!DOCTYPE html>")
    command = ("evaluate-annotations", annotated / "dataset", "--truth", "truth.csv", "--strict")
    before = sorted(tmp_path.rglob("*"))
    done = webiml_here(*command, "--json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    result = json.loads(done.stdout)
    assert (result["n"], result["skipped"]) == (1, {"not_an_image": 1, "not_found": 1})
    assert sorted(tmp_path.rglob("*")) == before
    done = webiml_here(*command, "--out", "out", cwd=tmp_path)
    assert done.returncode == 1 and "skipped   not_an_image 1 · not_found 1" in done.stdout
    assert "looks like an HTML page" in done.stdout


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--truth", "more.csv", "--out", "out"), ["1 of 4 keys", "nobody", "annotate"]),
        (("--out", "out"), ["--truth", "--masks", "neither"]),
        (("--truth", "truth.csv", "--masks", "masks", "--out", "out"), ["got both"]),
        (("--truth", "truth.csv"), ["--out", "--json"]),
        (("--truth", "truth.csv", "--out", "out", "--workers", "-1"), ["--workers", "256"]),
        (("--truth", "truth.csv", "--out", "dataset"), ["lies inside dataset"]),
        (("--truth", "truth.csv", "--out", "."), ["not empty"]),
        (("--truth", "gone.csv", "--out", "out"), ["gone.csv", "cannot be read"]),
    ],
    ids=["missing-key", "neither", "both", "no-out", "workers", "inside", "not-empty", "no-table"],
)
def test_a_wrong_setting_is_a_sentence_and_leaves_nothing(webiml_here, annotated, flags, words):
    (annotated / "more.csv").write_text(TRUTH + "nobody,masks/page.png,SPG\n")
    done = webiml_here("evaluate-annotations", "dataset", *flags, cwd=annotated)
    assert (done.returncode, done.stdout) == (2, "")
    assert all(word in done.stderr for word in words), done.stderr
    assert done.stderr.count("\n") == 1 and "Traceback" not in done.stderr
    assert not (annotated / "out").exists()
