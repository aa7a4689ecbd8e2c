"""`webiml dataset card` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.datasets.small_dataset import write_pictured


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_pictured(tmp_path / "dataset")


def test_the_card_lies_in_the_dataset_unless_told_otherwise(webiml, dataset, tmp_path):
    done = webiml("dataset", "card", dataset)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:2] == ["pairs 6   kept 3", f"card      {dataset}/README.md"]
    text = (dataset / "README.md").read_text()
    assert "# dataset\n" in text and "| rejected | low_qes | 1 | Something was found, but" in text
    assert (dataset / "card" / "samples.jpg").is_file() and (dataset / "card" / "qes.png").is_file()
    elsewhere = webiml("dataset", "card", dataset, "--out", tmp_path / "hub" / "CARD.md", "--name", "Cats", "--json")
    assert json.loads(elsewhere.stdout)["card"] == str(tmp_path / "hub" / "CARD.md")
    assert "# Cats\n" in (tmp_path / "hub" / "CARD.md").read_text()


@pytest.mark.parametrize("flags", [["--out", "card.txt"], ["--out", "folder/"]])
def test_a_card_is_a_markdown_file(webiml_here, dataset, flags):
    done = webiml_here("dataset", "card", dataset, *flags, cwd=dataset)
    assert (done.returncode, done.stdout) == (2, "") and "ends in .md" in done.stderr


def test_a_folder_that_is_no_dataset_is_one_sentence(webiml_here, tmp_path):
    done = webiml_here("dataset", "card", tmp_path)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert not (tmp_path / "README.md").exists()
