import hashlib

import numpy as np
import pytest
from tests.datasets.pictured import cut, edited, made_pair, mask_of, mirrored, write_dataset

from webiml.datasets import looks_table
from webiml.datasets.hashes import WINDOWS, Source, hash_pictures, looks_of, source_of
from webiml.datasets.looks_table import CACHE, LooksTable
from webiml.images.codec import encode_png
from webiml.images.hashing import distances, telling_hash, telling_hashes
from webiml.store.dataset import read_rows
from webiml.store.place import Place

LIMIT = 10**8  # pixels


@pytest.fixture
def rgb(picture):
    return picture("cat", 320)


def run(table: LooksTable, sources: list[Source]) -> list[str | None]:
    return [sha256 for _, sha256 in hash_pictures(sources, table, 1, LIMIT)]


def test_hashes_as_numbers_are_those_as_text(rgb, picture):
    greys = [np.ascontiguousarray(one[..., 1]) for one in (rgb, picture("coffee", 200))]
    texts = [telling_hash(np.repeat(grey[..., None], 3, axis=2)) for grey in greys]
    assert [f"{value:016x}" for value in telling_hashes(greys)] == texts
    assert telling_hashes([np.full((40, 40), 9, np.uint8)]).tolist() == [0]


def test_a_picture_is_hashed_whole_mirrored_and_in_windows(rgb):
    looks = looks_of(rgb)
    assert looks.whole == int(telling_hash(rgb) or "0", 16)
    assert looks.mirrored == int(telling_hash(mirrored(rgb)) or "0", 16)
    assert looks.windows.shape == (len(WINDOWS),) and looks.windows.dtype == np.uint64
    height, width = rgb.shape[:2]
    apart = []
    for window, (y, x, h, w) in zip(looks.windows, WINDOWS, strict=True):
        part = rgb[round(y * height) : round((y + h) * height), round(x * width) : round((x + w) * width)]
        apart.append(int(distances(int(telling_hash(part) or "0", 16), np.array([window]))[0]))
    assert max(apart) <= 8 and np.mean(apart) < 2  # the windows are cut from a reduced picture


@pytest.mark.parametrize(("name", "lost"), [("cat", 0.05), ("cat", 0.1), ("cat", 0.2), ("coffee", 0.3)])
def test_a_crop_is_near_one_of_the_windows(picture, name, lost):
    rgb = picture(name, 320)
    crop = int(telling_hash(cut(rgb, lost)) or "0", 16)
    assert distances(crop, looks_of(rgb).windows).min() <= 8


def test_windows_lie_in_the_picture_and_are_all_different():
    assert len(set(WINDOWS)) == len(WINDOWS)
    assert all(min(y, x) >= 0 and max(y + h, x + w) < 1.0000001 for y, x, h, w in WINDOWS)


def test_a_constant_picture_has_no_hash():
    looks = looks_of(np.full((50, 60, 3), 120, np.uint8))
    assert (looks.whole, looks.mirrored, looks.windows.any()) == (0, 0, False)


def test_a_picture_is_hashed_once_and_known_by_its_bytes(tmp_path, rgb):
    box = (40, 60, 50, 80)
    dataset = write_dataset(tmp_path / "d", [made_pair("a", rgb, edited(rgb, box, (200, 0, 0)), mask_of(rgb, box))])
    (row,) = read_rows(dataset)
    sources = [source_of(Place(str(dataset)), row, role) for role in ("authentic", "manipulated")]
    table = LooksTable(dataset / CACHE)
    assert run(table, sources) == [row.authentic_sha256, row.manipulated_sha256]
    for folder in ("authentic", "manipulated"):  # what is known is not opened again
        for file in (dataset / folder).iterdir():
            file.unlink()
    again = LooksTable(dataset / CACHE)
    assert len(again) == 2
    assert run(again, sources) == [row.authentic_sha256, row.manipulated_sha256]
    columns, before = again.columns([one.sha256 for one in sources]), table.columns([one.sha256 for one in sources])
    assert all((now[:] == then[:]).all() for now, then in zip(columns, before, strict=True))
    assert columns[2][1:].any() and len(columns[2]) == 2


def test_what_cannot_be_read_has_no_hash_and_ends_nothing(tmp_path, rgb):
    (tmp_path / "page.jpg").write_text("<html>")
    (tmp_path / "good.png").write_bytes(encode_png(rgb))
    files = [tmp_path / "gone.jpg", tmp_path / "page.jpg", tmp_path / "good.png"]
    table = LooksTable()
    page, good = (hashlib.sha256(file.read_bytes()).hexdigest() for file in files[1:])
    found = run(table, [Source(file.name, Place(str(tmp_path)), file=file) for file in files])
    assert found == [None, page, good]
    whole, _, _ = table.columns([page, good, "unknown"])
    assert (whole != 0).tolist() == [False, True, False]


@pytest.mark.parametrize("damage", [b"", b"PAR1 nothing", None], ids=["empty", "not-parquet", "cut-short"])
def test_a_damaged_cache_counts_as_none_and_is_made_again(tmp_path, rgb, damage):
    file = tmp_path / "hashes.parquet"
    table = LooksTable(file)
    table.add("0" * 64, looks_of(rgb))
    table.save()
    assert len(LooksTable(file)) == 1
    file.write_bytes(file.read_bytes()[:-30] if damage is None else damage)
    table = LooksTable(file)
    assert len(table) == 0
    table.add("0" * 64, looks_of(rgb))
    table.save()
    assert "0" * 64 in LooksTable(file)


def test_a_cache_of_other_windows_counts_as_none(tmp_path, rgb, monkeypatch):
    table = LooksTable(tmp_path / "hashes.parquet")
    table.add("0" * 64, looks_of(rgb))
    table.save()
    monkeypatch.setattr(looks_table, "REDUCED", 64)
    assert len(LooksTable(tmp_path / "hashes.parquet")) == 0


def test_the_cache_is_written_now_and_then(tmp_path, rgb, monkeypatch):
    monkeypatch.setattr(looks_table, "SAVED_EVERY", 3)
    table, looks = LooksTable(tmp_path / "hashes.parquet"), looks_of(rgb)
    sizes = []
    for number in range(7):
        table.add(str(number), looks)
        sizes.append(len(LooksTable(tmp_path / "hashes.parquet")))
    assert sizes == [0, 0, 3, 3, 3, 6, 6]
