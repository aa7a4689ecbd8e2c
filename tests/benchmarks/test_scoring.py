"""What accuracy.py and calibration.py say of three example pairs, one of them with a false mask."""

import argparse
import csv
import functools
import json
import re
import sys
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from webiml import Annotation, Kind, Status

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))  # scripts, not a package

import accuracy  # pyright: ignore[reportMissingImports]
import calibration  # pyright: ignore[reportMissingImports]
import scoring  # pyright: ignore[reportMissingImports]


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory, picture):
    """An identical pair, a splice with its mask, and the same splice with the mask's complement."""
    folder = tmp_path_factory.mktemp("pairs")
    authentic = picture("canyon", 200)
    manipulated, mask = authentic.copy(), np.zeros(authentic.shape[:2], np.uint8)
    cv2.ellipse(mask, (90, 60), (40, 25), 0, 0, 360, 255, -1)
    manipulated[mask > 0] = picture("coffee", 200)[mask > 0]
    files = {"a.png": authentic, "m.png": manipulated, "mask.png": mask, "false.png": 255 - mask, "none.png": 0 * mask}
    for name, array in files.items():
        cv2.imwrite(str(folder / name), array[..., ::-1] if array.ndim == 3 else array)
    with open(folder / "pairs.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["key", "authentic", "manipulated", "mask", "kind"])
        writer.writerow(["001", "a.png", "m.png", "mask.png", "SPG"])
        writer.writerow(["002", "a.png", "m.png", "false.png", "SDG"])
        writer.writerow(["003", "a.png", "a.png", "none.png", "identical"])
    make = functools.partial(scoring.annotator, "prior")
    return scoring.score_table(folder / "pairs.csv", workers=1, maps=folder / "maps", make=make), folder


def test_scores_follow_the_truth(scored):
    (right, wrong, same), folder = [score for score, _ in scored[0]], scored[1]
    assert [one.key for one in (right, wrong, same)] == ["001", "002", "003"]
    assert (right.predicted, wrong.predicted, same.predicted) == ("SPG", "SPG", "identical")
    assert right.iou > 0.8 and right.auc > 0.95 and right.status == "kept"
    assert wrong.iou < 0.05 and wrong.auc < 0.05 and wrong.qes == right.qes
    assert same.auc is None and same.status == "rejected"
    stored = cv2.imread(str(folder / "maps" / "001.png"), cv2.IMREAD_GRAYSCALE)
    mask = scoring.read_mask(folder / "mask.png")
    assert stored is not None and right.iou == scoring.iou(stored >= 128, mask)


def test_all_pixels_of_all_pairs_are_binned(scored):
    bins = scoring.pooled(scored[0])
    pixels = 200 * 133
    assert bins.count.sum() == 3 * pixels
    assert bins.manipulated.sum() == pytest.approx(pixels)  # a mask, its complement and an empty one


def test_accuracy_counts_every_pair(scored, capsys):
    numbers = accuracy.report(scored[0])
    assert numbers["n"] == 3 and numbers["kind_accuracy"] == pytest.approx(2 / 3)
    assert numbers["kinds"]["SPG"]["kept"] == 1
    assert "1 SDG taken for SPG" in capsys.readouterr().out


def test_calibration_prints_bins_that_add_up_to_the_error(scored, capsys):
    calibration.report(scored[0])
    out = capsys.readouterr().out
    error = float(re.findall(r"pixel ECE ([0-9.]+)", out)[0])
    gaps = [float(line.split()[-1]) for line in out.splitlines() if re.match(r"\d\.\d{3}-", line)]
    assert len(gaps) == 15 and sum(gaps) == pytest.approx(error, abs=1e-3)
    assert re.search(r"^SDG +1 +0 +0$", out, re.M)  # one pair, taken for an SPG
    assert "identical   0 of 1 kept" in out


def test_a_mask_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SystemExit, match="nowhere"):
        scoring.read_mask(tmp_path / "nowhere.png")


def test_a_sample_is_drawn_by_key_and_keeps_the_order(tmp_path):
    rows = [{"key": str(i), "kind": ("SPG", "SDG", "identical")[i % 3]} for i in range(30)]

    def sampled(rows: list[dict[str, str]], **wanted: object) -> list[str]:
        with open(tmp_path / "pairs.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, ["key", "kind"])
            writer.writeheader()
            writer.writerows(rows)
        return [row["key"] for row in scoring.read_table(tmp_path / "pairs.csv", **wanted)]

    assert sampled(rows) == [row["key"] for row in rows]
    drawn = sampled(rows, sample=8, seed=1)
    assert len(drawn) == 8 and drawn == sorted(drawn, key=int) and drawn != sampled(rows, sample=8, seed=2)
    assert sampled(rows[::-1], sample=8, seed=1) == drawn[::-1]
    assert sampled(rows, kinds=["SDG"]) == [str(i) for i in range(1, 30, 3)]
    with pytest.raises(SystemExit, match="cannot name a file"):
        sampled([{"key": "../1", "kind": "SPG"}])


class Painter:
    """Says one thing of every pair."""

    def __call__(self, authentic: np.ndarray, manipulated: np.ndarray) -> Annotation:
        painted = np.zeros(manipulated.shape[:2], np.float32)
        painted[:10, :10] = 1
        return Annotation(Status.KEPT, None, "", Kind.SPG, 0.75, probability=painted, qes=1.0)


def mirrored(pair: "scoring.KnownPair") -> "scoring.KnownPair":
    return replace(pair, mask=pair.mask[:, ::-1])


def test_anything_that_annotates_can_be_scored_on_changed_pairs(tmp_path):
    """A block in the upper right corner, which the change brings to where the painter paints."""
    grey, mask = np.full((40, 60, 3), 90, np.uint8), np.zeros((40, 60), np.uint8)
    mask[:10, -20:] = 255
    cv2.imwrite(str(tmp_path / "p.png"), grey)
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    (tmp_path / "pairs.csv").write_text("key,authentic,manipulated,mask,kind\n1,p.png,p.png,mask.png,SPG\n")
    for change, overlap in ((None, 0.0), (mirrored, 0.5)):
        ((score, _),) = scoring.score_table(tmp_path / "pairs.csv", workers=1, make=Painter, change=change)
        assert (score.iou, score.qes, score.confidence) == (overlap, 1.0, 0.75)


def broken() -> None:
    raise RuntimeError("no weights here")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_annotator_that_cannot_start_ends_the_run(scored):
    with pytest.raises(BrokenProcessPool):  # rather than start anew for ever
        scoring.score_table(scored[1] / "pairs.csv", workers=1, make=broken)


def test_accuracy_names_its_tables_and_writes_plain_json(tmp_path, monkeypatch, capsys, scored):
    table = scored[1] / "pairs.csv"
    words = ["--pairs", f"first={table}", "--pairs", str(table), "--method", "prior", "--workers", "1"]
    monkeypatch.setattr(sys, "argv", ["accuracy.py", *words, "--json", str(tmp_path / "a.json")])
    accuracy.main()
    written = json.loads((tmp_path / "a.json").read_text(), parse_constant=pytest.fail)
    assert [*written["tables"]] == ["first", table.parent.name] and written["method"] == "prior"
    assert written["tables"]["first"]["kinds"]["SPG"]["spearman"] is None  # one pair has no ranks
    assert str(tmp_path.parent) not in (tmp_path / "a.json").read_text()
    pairs = written["tables"]["first"]["pairs"]
    assert [one["key"] for one in pairs] == ["001", "002", "003"] and pairs[2]["auc"] is None
    assert "first: 3 pairs" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["nowhere.csv", "name=nowhere.csv", "../up={table}", "={table}"])
def test_a_table_that_cannot_be_named_or_read_is_refused(text, scored):
    with pytest.raises(argparse.ArgumentTypeError):
        accuracy.named_table(text.format(table=scored[1] / "pairs.csv"))
