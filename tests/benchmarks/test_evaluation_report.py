"""The page of figures: made of a small set, with every protocol and the published figures where they belong."""

import csv
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))  # scripts, not a package
sys.path.insert(0, str(Path(__file__).resolve().parent))

import evaluation_report  # pyright: ignore[reportMissingImports]
from localizer_samples import write_localizer, write_pictures  # pyright: ignore[reportMissingImports]

from webiml.evaluate.protocols import PROTOCOLS

PUBLISHED = list(csv.DictReader(evaluation_report.PUBLISHED.read_text().splitlines()))
PAGE = Path(__file__).resolve().parents[2] / "docs" / "evaluation_figures.md"


def rows_of(text: str) -> dict[str, list[str]]:
    """The table rows below each heading of a protocol."""
    parts = re.split(r"^## By the protocol of (.*)$", text, flags=re.M)[1:]
    return {
        title: [line for line in body.partition("\n## ")[0].splitlines() if line.startswith("| ")][1:]
        for title, body in zip(parts[::2], parts[1::2], strict=True)
    }


def test_a_small_set_gives_the_whole_page(tmp_path, monkeypatch):
    weights = write_localizer(tmp_path / "bright")
    data = write_pictures(tmp_path / "set").parent
    (tmp_path / "docs").mkdir()
    places = ["--data", str(data), "--out", str(tmp_path / "docs"), "--work", str(tmp_path / "work"), "--workers", "1"]
    monkeypatch.setattr(sys, "argv", ["x", *places, "--weights", str(weights), "--degrade", "jpeg:90"])
    evaluation_report.main()
    text = (tmp_path / "docs" / "evaluation_figures.md").read_text()
    found = rows_of(text)
    assert list(found) == [one.title for one in PROTOCOLS.values()]
    assert all(lines[0].startswith("| **webiml bright**") for lines in found.values())
    assert sum(len(lines) - 1 for lines in found.values()) == len(PUBLISHED)
    assert "jpeg" in text and str(tmp_path) not in text


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: f"{row['protocol']} {row['name']}")
def test_a_published_figure_has_a_protocol_a_source_and_a_number(row):
    assert row["protocol"] in PROTOCOLS and row["source"] and row["read"] in ("primary", "secondary", "measured here")
    numbers = [row[name] for name in ("f1", "f1_best", "auc", "image_auc") if row[name]]
    assert numbers and all(0 <= float(number) <= 1 for number in numbers)


def test_the_page_in_the_documentation_holds_every_published_figure_and_no_picture():
    text = PAGE.read_text()
    for row in PUBLISHED:
        assert f"| {row['name']} |" in text and row["source"] in text
    assert "data:image" not in text and ".jpg" not in text
