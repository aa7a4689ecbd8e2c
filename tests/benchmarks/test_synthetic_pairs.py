"""Pairs with known masks: equal for equal keys, of the sizes they promise, and with masks that follow the pixels."""

import csv
import io
import sys
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))  # scripts, not a package

import synthetic_edits as edits  # pyright: ignore[reportMissingImports]
import synthetic_pairs as pairs  # pyright: ignore[reportMissingImports]
import synthetic_web as web  # pyright: ignore[reportMissingImports]


def scene(seed: int, height: int = 220, width: int = 300) -> np.ndarray:
    """A picture with coarse and fine structure, different for each seed."""
    rng = np.random.default_rng(seed)
    coarse = np.asarray(Image.fromarray(rng.integers(0, 256, (9, 12, 3), np.uint8)).resize((width, height)))
    return (coarse * 0.8 + rng.integers(0, 50, (height, width, 3))).astype(np.uint8)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pictures; the first six are val, one of them with an outlined object; two may not be used at all."""
    folder = tmp_path_factory.mktemp("pack")
    rows = []
    with tarfile.open(folder / "images-000.tar", "w") as tar:

        def add(name: str, array: np.ndarray) -> None:
            buffer = io.BytesIO()
            Image.fromarray(array).save(buffer, "JPEG" if name.endswith("jpg") else "PNG")
            member = tarfile.TarInfo(name)
            member.size = buffer.tell()
            buffer.seek(0)
            tar.addfile(member, buffer)

        for index in range(8):
            add(f"p{index}.jpg", scene(index))
            rows.append({"key": f"p{index}", "split": "val" if index < 6 else "train", "source": "made", "width": 300})
            rows[-1] |= {"source_path": f"{index}", "licence": "CC0", "height": 220, "tar": "images-000.tar"}
            rows[-1]["may_ship_weights"] = index not in (5, 7)
        outline = np.zeros((220, 300), np.uint8)
        outline[60:140, 80:180] = 1
        add("p0.mask.png", outline)
    pq.write_table(pa.Table.from_pylist(rows), folder / "index.parquet")
    return folder


def run(pack: Path, out: Path, count: int, seed: int = 7, workers: int = 1, kinds: tuple[str, ...] = ()) -> list[dict]:
    chosen = list(kinds or pairs.MIX)
    return list(pairs.make_pairs([pack], out, split="val", count=count, seed=seed, kinds=chosen, workers=workers))


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_only_pictures_of_the_split_that_may_be_used(pack):
    assert [item.key for item in pairs.list_items([pack], "val")] == ["p0", "p1", "p2", "p3", "p4"]
    assert [item.key for item in pairs.list_items([pack], "train")] == ["p6"]


def test_same_pairs_whatever_the_count_and_the_workers(pack, tmp_path):
    run(pack, tmp_path / "one", 6)
    run(pack, tmp_path / "two", 4, workers=2)
    one, two = files(tmp_path / "one"), files(tmp_path / "two")
    del one["pairs.csv"], two["pairs.csv"]
    assert len(one) == 18 and len(two) == 12
    assert all(one[name] == content for name, content in two.items())
    run(pack, tmp_path / "other", 1, seed=8)
    assert files(tmp_path / "other")["manipulated/val-00000.png"] != one["manipulated/val-00000.png"]


def test_table_and_masks_fit_the_pictures(pack, tmp_path):
    made = run(pack, tmp_path, 24)
    with open(tmp_path / "pairs.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert table == made and [row["key"] for row in table] == [f"val-{i:05d}" for i in range(24)]
    for row in table:
        mask = np.asarray(Image.open(tmp_path / row["mask"]))
        assert mask.shape == np.asarray(Image.open(tmp_path / row["manipulated"])).shape[:2]
        assert set(np.unique(mask)) <= {0, 255}
        assert mask.any() == (row["kind"] in ("SPG", "SDG"))
    assert {row["web"] for row in table} == {"full", "resaved"}


def test_spg_changes_nothing_far_from_its_mask(pack):
    items = pairs.list_items([pack], "val")
    made = [pairs.make_spg(items, np.random.default_rng(seed)) for seed in range(40)]
    forgeries = [forgery for forgery in made if forgery]
    assert {forgery.operation for forgery in forgeries} >= {"splice", "copy_move", "removal", "local_edit"}
    for forgery in forgeries:
        near = cv2.dilate(forgery.mask.astype(np.uint8), np.ones((25, 25), np.uint8)) > 0  # soft edges
        same = np.abs(forgery.authentic.astype(int) - forgery.manipulated).max(axis=2) < 3  # 8-bit levels
        assert same[~near].all(), forgery.operation
        assert same[forgery.mask].mean() < 0.2, forgery.operation


def test_unrelated_pictures_are_two_scenes(pack, tmp_path):
    for row in run(pack, tmp_path, 6, kinds=("unrelated",)):
        assert row["background_source"] != row["donor_source"]


def test_paste_moves_the_pixels_it_says():
    onto, donor = np.zeros((40, 60, 3), np.uint8), np.full((40, 60, 3), 200, np.uint8)
    thing = np.zeros((40, 60), np.float32)
    thing[5:15, 5:20] = 1
    shift = np.array([[1, 0, 30], [0, 1, 10], [0, 0, 1.0]])
    out, inside = edits.paste(onto, donor, thing, shift, "hard", 0.0, np.random.default_rng(0))
    want = np.zeros((40, 60), bool)
    want[15:25, 35:50] = True
    assert np.array_equal(inside, want)
    assert np.array_equal(out, np.where(want[..., None], np.uint8(200), np.uint8(0)).repeat(3, axis=2))


@given(share=st.floats(0.03, 0.3), seed=st.integers(0, 999))
def test_blob_is_one_part_of_about_its_share(share, seed):
    made = edits.blob((120, 160), share, np.random.default_rng(seed))
    assert set(np.unique(made)) == {0.0, 1.0}
    assert 0.3 * share <= made.mean() <= 1.25 * share  # clipped where it would leave the picture


@given(seed=st.integers(0, 9999))
def test_mask_follows_its_pixels_through_the_web(seed):
    picture = np.full((160, 200, 3), 30, np.uint8)
    mask = np.zeros((160, 200), bool)
    mask[50:110, 60:140] = True
    picture[mask] = 220
    out, moved = web.through_the_web(picture, mask, np.random.default_rng(seed), mirror=0.0)
    assert out.shape[:2] == moved.shape
    bright = out.mean(axis=2) > 125
    height, width = moved.shape
    middle = np.s_[height // 3 : 2 * height // 3, width // 4 : 3 * width // 4]  # away from captions and borders
    assert (bright == moved)[middle].mean() > 0.93
