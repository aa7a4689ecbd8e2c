"""The card says what the rows say, in the Hub's form, and nothing in it acts on a reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.datasets.small_dataset import contents, finished, pixels, usual, write_pictured

from webiml.datasets.card import write_card
from webiml.datasets.card_counts import CardCounts, licence_fields, quantiles, size_category
from webiml.store.place import Place
from webiml.types import Row

MEANINGS = {"low_qes": "Too much of it is in doubt.", "identical": "The same."}


def card(dataset: Path, out: Path, name: str = "A set") -> str:
    write_card(Place(str(dataset)), Place(str(out)), "README.md", name, MEANINGS)
    return (out / "README.md").read_text()


def front(text: str) -> dict[str, Any]:
    start, block, _ = text.split("---\n", 2)
    assert start == ""
    return yaml.safe_load(block)


@pytest.mark.parametrize("shape", ["folder", "shards"])
def test_counts_areas_reasons_and_licences_are_those_of_the_rows(tmp_path, shape):
    text = card(write_pictured(tmp_path / "dataset", format=shape), tmp_path / "out")
    assert "| 6 | 3 | 2 | 1 |" in text  # pairs, kept, rejected, failed
    assert "| SPG | 1 | 1 | 0 |" in text and "| SDG | 2 | 0 | 0 |" in text and "| identical | 0 | 1 | 0 |" in text
    assert "| rejected | low_qes | 1 | Too much of it is in doubt. |" in text
    assert "| failed | not_found | 1 |  |" in text
    assert "| a forum | 3 |" in text
    assert "| CC BY 4.0 | 3 | 0 |" in text and "| CC0 | 0 | 2 |" in text  # of three pairs, two share a picture
    assert "3 pairs, with 2 different authentic pictures" in text
    # masks of 8 rows and 6, 7 and 8 columns in 48 x 64
    assert f"| {100 * 8 * 6.1 / 3072:.2f} |" in text and f"| {100 * 8 * 7 / 3072:.2f} |" in text
    assert "webiml dataset remove" in text and "| min_qes | 0.5 |" in text


def test_the_front_matter_is_what_the_hub_reads(tmp_path):
    found = front(card(write_pictured(tmp_path / "dataset"), tmp_path / "out", "Cats: a set"))
    assert found["pretty_name"] == "Cats: a set"
    assert found["license"] == ["cc-by-4.0", "cc0-1.0"]
    assert found["task_categories"] == ["image-segmentation"] and found["size_categories"] == ["n<1K"]
    assert found["annotations_creators"] == ["machine-generated"]
    assert found["configs"][0]["data_files"] == [{"split": "train", "path": "annotations.parquet"}]


def test_hugging_faces_own_reader_accepts_it(tmp_path):
    hub = pytest.importorskip("huggingface_hub", reason="needs the extra hub")
    text = card(write_pictured(tmp_path / "dataset"), tmp_path / "out")
    read = hub.DatasetCard(text)
    assert read.data.pretty_name == "A set" and read.data.task_categories == ["image-segmentation"]


def test_equal_datasets_give_equal_bytes(tmp_path):
    card(write_pictured(tmp_path / "one"), tmp_path / "a")
    card(write_pictured(tmp_path / "two"), tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert set(contents(tmp_path / "a")) == {"README.md", "card/samples.jpg", "card/qes.png"}


def test_the_sheet_shows_kept_pairs_side_by_side(tmp_path):
    text = card(write_pictured(tmp_path / "dataset"), tmp_path / "out")
    sheet = pixels((tmp_path / "out" / "card" / "samples.jpg").read_bytes())
    assert sheet.shape[1] > 6 * 64 and sheet.shape[0] > 2 * 48  # two pairs a line, three pictures each, two lines
    rows = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| pair-")]
    assert rows == ["| pair-1", "| pair-0", "| pair-2"]  # SPG, then SDG from small masks to large ones
    assert "A Photographer / Author 1" in text


def test_a_pair_whose_files_are_gone_is_not_on_the_sheet(tmp_path):
    dataset = write_pictured(tmp_path / "dataset")
    (dataset / "manipulated" / "pair-1.png").unlink()
    text = card(dataset, tmp_path / "out")
    assert "| pair-1 |" not in text and "| pair-2 |" in text


def test_a_dataset_without_a_kept_pair_has_a_card_without_pictures(tmp_path):
    text = card(write_pictured(tmp_path / "dataset", usual()[3:]), tmp_path / "out")
    assert list(contents(tmp_path / "out")) == ["README.md"] and "![" not in text
    assert "No pair was kept." in text and front(text)["license"] == "unknown"


def test_text_from_elsewhere_is_no_markup(tmp_path):
    hostile = "<script>alert(1)</script> | [x](javascript:y)\n# head `z` ![p](q)"
    pairs = [finished(0, source=hostile, license=hostile, author=hostile, extra={"authentic_author": hostile})]
    text = card(write_pictured(tmp_path / "dataset", pairs), tmp_path / "out", hostile)
    body = text.split("---\n", 2)[2]
    assert "<script" not in body and "](javascript" not in body and "`z`" not in body and "![p]" not in body
    assert front(text)["pretty_name"] == hostile
    assert all(line.count("|") == 6 for line in body.splitlines() if line.startswith("| pair-0"))


def kept(number: int, kind: str = "SPG", **fields: Any) -> Row:
    return Row(key=f"k{number:03}", name="n", status="kept", kind=kind, mask_area=number / 1000, **fields)


def test_samples_are_spread_over_kinds_and_areas():
    counts = CardCounts()
    for number in range(100):
        counts.add(kept(number))
    counts.add(kept(500, "SDG"))
    chosen = counts.samples()
    assert len(chosen) == 7 and chosen[-1] == "k500"  # half of the places are SDG's, which has but one
    assert chosen[:6] == ["k008", "k025", "k041", "k058", "k075", "k091"]  # the middles of six equal parts


@pytest.mark.parametrize(
    ("licences", "want"),
    [
        ([None], {"license": "unknown"}),
        (["CC BY-SA 4.0"], {"license": "cc-by-sa-4.0"}),
        (["cc0", "CC-BY 4.0"], {"license": ["cc-by-4.0", "cc0-1.0"]}),
        (["cc0", None], {"license": "other", "license_name": "see-each-picture"}),
        (["All rights reserved"], {"license": "other", "license_name": "see-each-picture"}),
    ],
    ids=["not-stated", "one", "two", "partly-stated", "unknown-to-the-hub"],
)
def test_the_licence_of_the_set_is_that_of_all_its_pictures(licences, want):
    counts = CardCounts()
    for number, text in enumerate(licences):
        counts.add(kept(number, license=text, authentic_sha256=f"{number:064x}"))
    assert licence_fields(counts) == want


@pytest.mark.parametrize(
    ("pairs", "word"), [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (246_212, "100K<n<1M"), (10**7, "10M<n<100M")]
)
def test_size_categories(pairs, word):
    assert size_category(pairs) == word


def test_quantiles_are_those_of_the_values():
    assert quantiles([]) == []
    assert quantiles([float(n) for n in range(101)]) == [5, 25, 50, 75, 95]
