"""Looks at several sizes: what they say is averaged as log-odds, and a table has a figure for each."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))  # scripts, not a package
sys.path.insert(0, str(Path(__file__).resolve().parent))

import localizer_looks  # pyright: ignore[reportMissingImports]
from localizer_samples import GREY, write_localizer  # pyright: ignore[reportMissingImports]

from webiml.geometry.maps import log_odds


@pytest.mark.parametrize("looks", localizer_looks.LOOKS)
def test_looks_that_agree_say_what_each_says(looks, tmp_path):
    look = localizer_looks.looking_at(str(write_localizer(tmp_path / "net")), looks)
    found = look(np.full((20, 30, 3), GREY, np.uint8))
    assert found.probability.shape == (20, 30) and np.allclose(found.probability, 0.6, atol=1e-4)


def test_a_second_look_softens_an_edge(tmp_path):
    weights = str(write_localizer(tmp_path / "net"))
    rgb = np.zeros((16, 32, 3), np.uint8)
    rgb[:, :16] = 255
    one, two = (localizer_looks.looking_at(weights, looks)(rgb).probability[8] for looks in ((1.0,), (1.0, 2.0)))
    assert one[15] > 0.99 and one[16] < 0.01 and np.allclose(one[[2, 29]], two[[2, 29]], atol=1e-3)
    assert log_odds(two[15], 1e-5) < log_odds(one[15], 1e-5) - 1


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
