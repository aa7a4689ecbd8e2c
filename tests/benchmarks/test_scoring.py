"""What accuracy.py and calibration.py say of three example pairs, one of them with a false mask."""

import csv
import re
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

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
    return scoring.score_table(folder / "pairs.csv", workers=1, maps=folder / "maps"), folder


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
