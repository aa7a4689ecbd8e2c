"""A folder of forged pairs: the same bytes whatever stops or splits the work."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from webiml.errors import SettingError
from webiml.forge.folder import finished_pairs, forge_folder
from webiml.forge.pictures import list_pictures
from webiml.forge.sheet import write_sheets
from webiml.pairs.source import list_pairs
from webiml.settings import ForgeSettings

SETTINGS = ForgeSettings(seed=5, size=128, kinds="SPG,SDG,identical=0.3,unrelated=0.3,single=0.5")


def files(folder: Path) -> dict[str, bytes]:
    kept = {"authentic", "manipulated", "masks", "donor_masks", "pairs.csv", "singles.csv", "skipped.csv"}
    paths = [p for p in folder.rglob("*") if p.is_file() and p.relative_to(folder).parts[0] in kept]
    return {str(p.relative_to(folder)): p.read_bytes() for p in paths}


def table(folder: Path, name: str = "pairs.csv") -> list[dict[str, str]]:
    with open(folder / name, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def forged(pack, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("forged")
    made = forge_folder(list_pictures([pack]), out, SETTINGS, 14)
    assert made.pairs == 14 and made.failed == 0
    return out


def test_same_bytes_with_more_workers_in_two_runs_and_without_stored_parts(pack, forged, tmp_path):
    pictures = list_pictures([pack])
    forge_folder(pictures, tmp_path, SETTINGS, 5)
    for stored in (tmp_path / "objects").iterdir():
        stored.unlink()
    made = forge_folder(pictures, tmp_path, SETTINGS, 14, workers=2)
    assert made.resumed == 5
    assert files(tmp_path) == files(forged)


def test_a_line_cut_short_is_done_again_and_a_stray_file_swept(pack, forged, tmp_path):
    pictures = list_pictures([pack])
    forge_folder(pictures, tmp_path, SETTINGS, 14)
    journal = tmp_path / ".forge" / "rows.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:9]) + lines[9][:40])
    (tmp_path / "masks" / ".x.png.webiml-tmp").write_bytes(b"half")
    assert finished_pairs(tmp_path) == 9
    forge_folder(pictures, tmp_path, SETTINGS, 14)
    assert files(tmp_path) == files(forged)


def test_table_is_one_that_annotate_reads_and_fits_the_files(forged):
    rows = table(forged)
    listing = list_pairs([forged / "pairs.csv"])
    assert [pair.key for pair in listing.pairs] == [row["key"] for row in rows]
    assert all(pair.problem is None and pair.license for pair in listing.pairs)
    for row in rows:
        authentic, manipulated, mask = (
            np.asarray(Image.open(forged / row[c])) for c in ("authentic", "manipulated", "mask")
        )
        assert mask.shape == manipulated.shape[:2] and set(np.unique(mask)) <= {0, 255}
        assert mask.any() == (row["kind"] in ("SPG", "SDG"))
        assert bool(row["donor_mask"]) == (row["kind"] == "SDG")
        if row["donor_mask"]:
            donor = np.asarray(Image.open(forged / row["donor_mask"]))
            assert donor.shape == authentic.shape[:2]
            (first, *_) = (np.array(one).reshape(3, 3) for one in json.loads(row["transforms"]))
            size = (mask.shape[1], mask.shape[0])
            landed = cv2.erode(cv2.warpPerspective(donor, first, size), np.ones((7, 7), np.uint8)) > 200
            assert mask[landed].mean() > 250 or not landed.any()
    singles = table(forged, "singles.csv")
    assert len(rows) + len(singles) == 14 and singles
    assert not (forged / "authentic" / f"{singles[0]['key']}.png").exists()


def test_share_alike_is_carried_to_the_result(forged):
    for row in table(forged):
        used = row["pictures"].split(" + ")
        assert ("p1" in used) == (row["share_alike"] == "CC-BY-SA-4.0") == ("CC-BY-SA-4.0" in row["license"])
        assert row["author"] == " + ".join(f"a{key[1]}" for key in used)


def test_other_settings_other_pictures_and_foreign_folders_are_refused(pack, forged, tmp_path):
    pictures = list_pictures([pack])
    with pytest.raises(SettingError, match="seed"):
        forge_folder(pictures, forged, ForgeSettings(seed=6, size=128, kinds=SETTINGS.kinds), 14)
    with pytest.raises(SettingError, match="pictures"):
        forge_folder(pictures[1:], forged, SETTINGS, 14)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SettingError, match="other files"):
        forge_folder(pictures, tmp_path, SETTINGS, 1)


def test_a_broken_picture_is_a_row_and_not_the_end(pack, tmp_path):
    pictures = list_pictures([pack])
    from dataclasses import replace

    broken = replace(pictures[4], place=replace(pictures[4].place, length=300))
    made = forge_folder([*pictures[:4], broken, *pictures[5:]], tmp_path, SETTINGS, 3)
    assert made.pairs == 3
    assert [(row["name"], row["reason"]) for row in table(tmp_path, "skipped.csv")] == [("p4", "truncated")]


def test_sheets_show_every_kind(forged):
    names = {path.name for path in write_sheets(forged)}
    assert {"SPG.png", "SDG.png"} <= names
    for name in names:
        assert np.asarray(Image.open(forged / "sheets" / name)).shape[2] == 3
