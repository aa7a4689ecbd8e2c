"""Forged documents: functions of their key, with masks that hold, whoever makes them."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from webiml.errors import SettingError
from webiml.forge.document.edits import EDITS
from webiml.forge.document.forgery import LARGEST, SMALLEST, _forged, forge_document, untouched_page
from webiml.forge.document.layouts import LAYOUTS
from webiml.forge.folder import forge_documents
from webiml.forge.forged_pair import ForgedPair
from webiml.settings import ForgeSettings
from webiml.types import Kind

SETTINGS = ForgeSettings(seed=3, domain="document", size=288)


def same(one: ForgedPair, two: ForgedPair) -> bool:
    arrays = all(np.array_equal(getattr(one, n), getattr(two, n)) for n in ("authentic", "manipulated", "mask"))
    return arrays and one.operations == two.operations and one.sources == two.sources


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.*") if ".forge" not in p.parts}


def test_same_key_same_document_in_any_order():
    forward = {key: forge_document(key, SETTINGS, "train") for key in "abc"}
    for key in "cab":
        assert same(forge_document(key, SETTINGS, "train"), forward[key])
    for made in forward.values():
        assert made.kind is Kind.SPG and not made.single and made.donor_mask is None
        assert made.mask.shape == made.manipulated.shape[:2] and made.mask.dtype == bool
        assert SMALLEST <= made.mask.mean() <= LARGEST
        assert len(made.transforms) == 1 and made.sources[0].license == "CC0-1.0"
    other = forge_document("a", ForgeSettings(seed=4, domain="document", size=288), "train")
    assert not same(other, forward["a"])


def test_pages_of_a_split_have_its_layouts():
    for split in ("train", "val"):
        layouts = {forge_document(key, SETTINGS, split).sources[0].key for key in "defg"}
        assert len(layouts) > 1 and layouts <= set(LAYOUTS[split])
    with pytest.raises(SettingError, match="--split"):
        forge_document("a", SETTINGS, "test")


@pytest.mark.parametrize("kind", list(EDITS))
def test_kinds_are_those_that_were_asked_for(kind):
    settings = ForgeSettings(seed=1, domain="document", size=288, kinds=kind)
    for key in "ab":
        done = [one for one in forge_document(key, settings, "train").operations if one.split()[0] in EDITS]
        assert done and all(one.startswith(kind) for one in done)


def test_before_the_web_nothing_differs_outside_of_the_mask():
    edited_first = 0
    for seed in range(16):
        made = _forged(SETTINGS, "train", np.random.default_rng(seed))
        if made is None:
            continue
        changed = (made.authentic != made.manipulated).any(axis=2)
        if made.operations[0].split()[0] in EDITS:  # edited first and printed then: what is printed, blurs
            edited_first += 1
            near = cv2.dilate(made.mask.view(np.uint8), np.ones((51, 51), np.uint8)) > 0
        else:
            near = made.mask
        assert not changed[~near].any(), made.operations
        parts, labels = cv2.connectedComponents(made.mask.view(np.uint8))
        assert set(np.unique(labels[changed & made.mask])) == set(range(1, parts))
    assert edited_first


def test_an_untouched_page_is_a_function_of_its_key():
    one, two, other = (untouched_page(key, SETTINGS, "val") for key in ("a", "a", "b"))
    assert one.dtype == np.uint8 and one.ndim == 3 and np.array_equal(one, two)
    assert one.shape != other.shape or not np.array_equal(one, other)


def test_folder_is_the_same_with_more_workers_and_in_two_runs(tmp_path):
    forge_documents(tmp_path / "one", SETTINGS, "train", 4)
    forge_documents(tmp_path / "two", SETTINGS, "train", 1)
    made = forge_documents(tmp_path / "two", SETTINGS, "train", 4, workers=2)
    assert made.resumed == 1 and made.pairs == 4 and made.kinds == {"SPG": 4}
    assert files(tmp_path / "one") == files(tmp_path / "two")
    with open(tmp_path / "one" / "pairs.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["license"] for row in rows] == ["CC0-1.0"] * 4
    assert all(row["source"] == "rendered page (webiml forge)" and row["pictures"] in LAYOUTS["train"] for row in rows)
    with pytest.raises(SettingError, match="split"):
        forge_documents(tmp_path / "one", SETTINGS, "val", 4)


def test_what_is_usual_for_photographs_and_documents():
    photograph, document = ForgeSettings(), ForgeSettings(domain="document")
    assert (photograph.size, document.size) == (384, 768)
    assert photograph.decides() == {"seed": 0, "size": 384, "kinds": "SPG=0.4,SDG=0.35,identical=0.1,unrelated=0.15"}
    assert document.decides()["domain"] == "document"
    assert document.shares == pytest.approx({"replaced": 0.55, "moved": 0.1, "erased": 0.15, "pasted": 0.2})
    with pytest.raises(SettingError, match="replaced, moved, erased, pasted"):
        ForgeSettings(domain="document", kinds="SPG")
    with pytest.raises(SettingError, match="SPG, SDG"):
        ForgeSettings(kinds="replaced")
    with pytest.raises(SettingError, match="256"):
        ForgeSettings(domain="document", size=100)
