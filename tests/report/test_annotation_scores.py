"""The report of a scored dataset: what it says, what it must never carry, and that equal figures give equal bytes."""

import base64
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from webiml.evaluate.annotated.figures import ScoredPair, kind_figures, mask_figures
from webiml.evaluate.annotated.scores import AnnotationScores
from webiml.metrics.calibration import reliability
from webiml.report.annotation_scores import confusion_rows, write_reports
from webiml.report.tables import number, share

HOSTILE = "<script>alert(1)</script>|`x`\n# \u202eeman"


def pair(name: str, iou: float, qes: float | None, kind: str | None = "SPG", status: str = "kept") -> ScoredPair:
    given = iou if status == "kept" else 0.0
    return ScoredPair(name, name, None, None, None, kind, "SPG", status, None, qes, iou, iou, given, given)


def scores_of(pairs: list[ScoredPair]) -> AnnotationScores:
    bins = reliability(np.array([[0.1, 0.9]]), np.array([[False, True]])) if pairs else None
    parts = {"all": mask_figures(pairs, bins)}
    parts |= {kind: mask_figures(of, bins) for kind in ("SPG", "SDG") if (of := [p for p in pairs if p.kind == kind])}
    return AnnotationScores(
        command="evaluate-annotations",
        dataset=f"data/{HOSTILE}",
        truth="truth.csv",
        threshold="128",
        n=len(pairs),
        skipped={"mask_size": 30},
        skipped_pairs=(f"{HOSTILE}: another size",),
        unscored=2,
        unscored_pairs=("one", "two"),
        ignored=(),
        kinds=kind_figures(pairs),
        masks=parts,
        fingerprint="00ff",
        settings={"min_qes": 0.5},
        weights=(),
        dataset_version="1",
        version="1",
        commit=None,
    )


@pytest.fixture
def pairs() -> list[ScoredPair]:
    return [
        pair("a", 0.5, 0.9),
        pair("b", 1.0, 0.6, kind="SDG"),
        pair("c", 0.25, 0.2, status="rejected"),
        pair("d", 0.0, None, kind="SDG", status="failed"),
    ]


def plots(page: str) -> list[bytes]:
    found = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    return [base64.b64decode(data) for data in found]


def test_tables_stand_in_both_and_plots_in_the_page(pairs, tmp_path: Path):
    page = write_reports(tmp_path, scores_of(pairs)).read_text()
    text = (tmp_path / "report.md").read_text()
    for words in ("all pairs | all | 4 | 0.375 (", "all pairs | kept | 2 | 0.750 (", "SDG | stored | 2 | 0.500 ("):
        assert f"| {words}" in text
    assert "<td>0.375 (" in page and "Right for 0.500 of the 4 pairs" in page and "and 29 more" in page
    assert "mask_size" in page and "mask\\_size" in text and "one; two" in text
    drawn = plots(page)
    assert len(drawn) == 3 and page.count("<img") == 3
    for svg in drawn:
        root = ElementTree.fromstring(svg)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert b"<text" not in svg and b"<dc:date" not in svg  # fonts as paths, no time
    assert "fake" not in (page + text).lower()


def test_equal_figures_give_equal_bytes(pairs, tmp_path: Path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_reports(tmp_path / name, scores_of(pairs))
    for name in ("report.md", "report.html"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    other = scores_of([replace(pairs[0], qes=0.7), *pairs[1:]])
    (tmp_path / "three").mkdir()
    write_reports(tmp_path / "three", other)
    assert plots((tmp_path / "three" / "report.html").read_text()) != plots(
        (tmp_path / "one" / "report.html").read_text()
    )


def test_names_stay_text(pairs, tmp_path: Path):
    page = write_reports(tmp_path, scores_of(pairs)).read_text()
    text = (tmp_path / "report.md").read_text()
    assert "<script" not in page and "&lt;script&gt;" in page and "\u202e" not in page + text
    assert "\\<script\\>" in text and "\\|\\`x\\`" in text
    assert not any(line.startswith("# ") for line in text.splitlines()[1:])


@pytest.mark.parametrize("kind", [None, "SPG"])
def test_a_dataset_of_which_nothing_could_be_scored_has_a_report(kind, tmp_path: Path):
    found = scores_of([pair("a", 1.0, 0.9, kind)] if kind else [])
    page = write_reports(tmp_path, found).read_text()
    assert ("there are no figures of kinds" in page) == (kind is None)
    assert len(plots(page)) == 3


def test_a_kind_that_nobody_says_has_no_column(pairs):
    kinds = kind_figures(pairs)
    assert kinds is not None
    assert confusion_rows(kinds) == (("true kind", "taken for SPG"), [("SPG", "2"), ("SDG", "2")])
    assert (number(None), number(0.12345), share(0.5), share(None)) == ("-", "0.123", "50.00 %", "-")
