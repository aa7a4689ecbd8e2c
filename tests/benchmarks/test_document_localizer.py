"""Documents from several starts: which pages are scored, and what the tables say of them."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))  # scripts, not a package

import document_localizer as benchmark  # pyright: ignore[reportMissingImports]

from webiml.forge.folder import forge_documents
from webiml.metrics.histograms import LEVELS
from webiml.settings import ForgeSettings


@pytest.mark.parametrize(
    ("operations", "edit"),
    [
        ("scanned jpeg_89 erased_label web:jpeg_71", "erased"),
        ("pasted_date born_digital moved_amount web:", "pasted"),
        ("photographed replaced_amount", "replaced"),
        ("scanned web:", "other"),
    ],
)
def test_a_page_is_named_by_its_first_edit(operations, edit):
    assert benchmark.edit_of(operations) == edit


def test_every_forged_page_is_scored_and_a_third_of_the_untouched_ones(tmp_path):
    settings = ForgeSettings(seed=benchmark.PAGE_SEED, size=256, domain="document", kinds="erased")
    forge_documents(tmp_path, settings, "val", 3)
    pages = benchmark.pages_of(tmp_path / "pairs.csv")
    assert [page.kind for page in pages] == ["erased"] * 3 + ["authentic"]
    assert all(page.picture.is_file() for page in pages)
    assert all(page.mask and page.mask.is_file() for page in pages[:3]) and pages[3].mask is None


def made_up(start: str, f1: list[float]) -> dict:
    """A start whose F1 is the same at every level."""
    pages = [
        {"key": str(number), "kind": "erased" if number % 2 else "pasted", "f1": [value] * LEVELS, "auc": 0.75}
        for number, value in enumerate(f1)
    ]
    untouched = {"key": "a", "kind": "authentic", "f1": None, "auc": None}
    return {
        "start": start,
        "machine": "this one",
        "seconds": 7.0,
        "pages": [{**page, "component": page["key"], "flagged": 0.125} for page in [*pages, untouched]],
    }


def test_the_tables_name_every_start_and_compare_those_that_are_there(capsys):
    results = {
        benchmark.TRUNK: made_up(benchmark.TRUNK, [0.0, 0.5] * 6),
        benchmark.PHOTOGRAPHED: made_up(benchmark.PHOTOGRAPHED, [0.4, 0.9] * 6),
    }
    benchmark.print_tables(results)
    out = capsys.readouterr().out
    assert "12 forged pages of other typefaces and layouts" in out and "1 untouched ones" in out
    assert "| forged photographs | all | 12 | 0.650 | " in out and "| 0.750 | 12.50% | 7 |" in out
    assert "| trunk only | erased | 6 | 0.500 | 0.500 to 0.500 | 0.333 | 0.500 | 0.50 | 0.750 |  |  |" in out
    gained = next(line for line in out.splitlines() if "against the trunk | F1 |" in line)
    assert "| +0.400 |" in gained and gained.endswith("| yes |")
    assert "what fine-tuning brings" not in out and "annotated pairs" not in out


def test_pairs_and_pictures_are_given_together(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["x", "--out", str(tmp_path / "out"), "--pairs", "pairs.csv"])
    with pytest.raises(SystemExit, match="give both, or neither"):
        benchmark.main()
    assert not (tmp_path / "out").exists()
