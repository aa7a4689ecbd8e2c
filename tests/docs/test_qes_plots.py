"""The plots of QES: a curve with hand-worked points, and the same bytes for the same numbers."""

import importlib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="the docs extra is not installed")


@pytest.fixture(scope="module")
def draw(repository: Path):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(repository / "docs")
        yield importlib.import_module("make_pictures")


@pytest.mark.parametrize(
    ("score", "overlap", "kept", "risk"),
    [
        ([0.2, 0.9, 0.5], [0.1, 1.0, 0.7], [1 / 3, 2 / 3, 1], [0, 0.15, 0.4]),
        ([0.5, 0.5, 0.9], [0.2, 0.6, 1.0], [1 / 3, 1], [0, 0.4]),  # equals come together, in any order
        ([0.0], [0.25], [1], [0.75]),
        ([], [], [], []),
    ],
)
def test_risk_falls_with_what_is_left_out(draw, score, overlap, kept, risk):
    found = draw.risk_coverage(np.array(score, float), np.array(overlap, float))
    assert found[0] == pytest.approx(kept) and found[1] == pytest.approx(risk)


def test_plots_name_the_tables_and_are_the_same_again(draw):
    pairs = [{"kind": kind, "qes": q, "iou": q**2} for kind in ("SPG", "SDG", "identical") for q in (0.2, 0.6, 0.9)]
    tables = {"as they are": {"pairs": pairs}, "web-like": {"pairs": pairs[:3]}}  # the second without SDG
    plots = draw.qes_plots(tables)
    assert plots.keys() == {"qes-iou", "risk-coverage"} and plots == draw.qes_plots(tables)
    for svg in plots.values():
        ElementTree.fromstring(svg)
        assert all(f"<!-- {name} -->".encode() in svg for name in tables)
