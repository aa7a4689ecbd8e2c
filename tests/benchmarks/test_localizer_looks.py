"""Looks at several sizes: what they say is averaged as log-odds, and a table has a figure for each."""

import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))  # scripts, not a package
sys.path.insert(0, str(Path(__file__).resolve().parent))

import localizer_looks  # pyright: ignore[reportMissingImports]
from localizer_samples import GREY, write_localizer  # pyright: ignore[reportMissingImports]


def red(rgb: np.ndarray) -> np.ndarray:
    return rgb[..., 0].astype(np.float32) / 255


def test_looks_that_agree_find_all_there_is():
    rgb, mask = np.zeros((40, 60, 3), np.uint8), np.zeros((40, 60), bool)
    mask[10:30, 20:40] = True
    rgb[mask] = 255
    found = localizer_looks.see(red, rgb, mask)
    assert set(found) == set(localizer_looks.LOOKS)
    assert all(f1[1:].max() > 0.95 and area > 0.999 for f1, area in found.values())


def test_what_one_look_alone_sees_counts_half():
    rgb, mask = np.full((40, 60, 3), GREY, np.uint8), np.zeros((40, 60), bool)
    mask[:, :30] = True
    sizes = []

    def run(picture: np.ndarray) -> np.ndarray:
        sizes.append(picture.shape[:2])
        told = np.zeros(picture.shape[:2], np.float32)
        if len(picture) == 80:  # twice as large
            told[:, : picture.shape[1] // 2] = 1
        return told

    found = localizer_looks.see(run, rgb, mask)
    assert sizes == [(40, 60), (60, 90), (80, 120)]  # each once
    assert found[1.0,][1] == found[1.0, 1.5][1] == 0.5 and found[2.0,][1] > 0.99 and found[1.0, 2.0][1] > 0.99
    mean = localizer_looks.figures([found, found])
    assert mean[2.0,]["n"] == 2 and mean[2.0,]["f1_best"] > 0.95 > mean[1.0,]["f1_best"]


def test_every_size_and_look_has_its_figures(repository, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(localizer_looks, "SIZES", (128,))
    monkeypatch.setattr(localizer_looks, "LOOKS", ((1.0,), (1.0, 1.5)))
    weights = str(write_localizer(tmp_path / "net"))
    images = ["--images", str(repository / "examples" / "pictures"), "--count", "2", "--workers", "1"]
    out = ["--weights", weights, "--json", str(tmp_path / "out.json")]
    monkeypatch.setattr("sys.argv", ["localizer_looks.py", *images, *out])
    localizer_looks.main()
    shown = capsys.readouterr().out
    assert "1 and 1.5" in shown and "f1_best" in shown
    found = json.loads((tmp_path / "out.json").read_bytes())["found"]
    assert [(one["size"], one["n"]) for one in found] == [(128, 2), (128, 2)]
    assert all(0 <= one["auc"] <= 1 and 0 <= one["f1_best"] <= 1 for one in found)
