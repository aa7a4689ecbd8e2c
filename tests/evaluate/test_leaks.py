"""The leakage gate: real files against tables of training pictures as training leaves them."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.localize.tiny_localizer import write_tiny

from webiml.errors import SettingError
from webiml.evaluate import leaks
from webiml.evaluate.benchmarks.items import Item
from webiml.evaluate.leaks import (
    LIMIT,
    Leak,
    TrainingData,
    distances,
    find_leaks,
    refuse_leaks,
    training_table,
)
from webiml.images.hashing import perceptual_hash
from webiml.types import Problem, Reason

MAX_PIXELS = 1_000_000


def write(path: Path, rgb: np.ndarray, quality: int = 95) -> Path:
    cv2.imwrite(str(path), rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return path


def learned(**pictures: Path | np.ndarray) -> TrainingData:
    """What a training knows of pictures: of a file its bytes and its look, of an array its look alone."""
    sha256, phash = [], []
    for one in pictures.values():
        file = isinstance(one, Path)
        rgb = cv2.imread(str(one))[..., ::-1] if file else one  # type: ignore[index]
        sha256.append(hashlib.sha256(one.read_bytes()).hexdigest() if file else "")
        phash.append(int(perceptual_hash(np.ascontiguousarray(rgb)), 16))
    return TrainingData(tuple(pictures), tuple(sha256), np.array(phash, np.uint64), np.ones(len(phash), bool))


def write_table(folder: Path, stem: str, rows: list[dict[str, str | None]]) -> Path:
    columns = ("key", "source", "license", "author", "sha256", "phash")
    schema = pa.schema([(name, pa.string()) for name in columns])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / f"{stem}.data.parquet")
    return folder / f"{stem}.data.parquet"


# ---------------------------------------------------------------- pictures


def test_equal_bytes_and_near_copies_are_found_others_not(picture, tmp_path):
    cat, pier = picture("cat", 300), picture("pier", 300)
    same = write(tmp_path / "same.jpg", cat)
    again = write(tmp_path / "again.jpg", cat, 50)
    small = write(tmp_path / "small.jpg", cv2.resize(cat, (150, 100), interpolation=cv2.INTER_AREA))
    other = write(tmp_path / "other.jpg", pier)
    items = [Item(path.stem, path.name, path) for path in (again, other, same, small)]
    training = learned(rocket=picture("rocket", 300), cat=same)
    found = find_leaks(items, training, 2, MAX_PIXELS)
    assert [(leak.key, leak.picture, leak.training_key, leak.same_bytes) for leak in found] == [
        ("again", "image", "cat", False), ("same", "image", "cat", True), ("small", "image", "cat", False),
    ]  # fmt: skip
    assert found[1].distance == 0 and all(leak.distance <= LIMIT for leak in found)


def test_an_authentic_source_is_looked_at_once_and_leaks_from_every_item_made_of_it(picture, tmp_path):
    background = write(tmp_path / "background.jpg", picture("canyon", 300))
    items = [
        Item(name, f"{name}.jpg", write(tmp_path / f"{name}.jpg", picture(name, 300)), authentic=(background,))
        for name in ("cat", "pier")
    ]
    seen: list[str] = []
    found = find_leaks(items, learned(canyon=background), 1, MAX_PIXELS, lambda item: seen.append(item.key))
    assert [(leak.key, leak.picture, leak.same_bytes) for leak in found] == [
        ("cat", "authentic", True), ("pier", "authentic", True),
    ]  # fmt: skip
    assert seen == ["cat", "pier"]
    assert [len(task.new) for task in leaks._tasks(items)] == [2, 1]


def test_what_cannot_be_read_is_passed_over(picture, tmp_path):
    cat = write(tmp_path / "cat.jpg", picture("cat", 300))
    (tmp_path / "page.jpg").write_text("<html>")
    items = [
        Item("gone", "gone.jpg", tmp_path / "gone.jpg"),
        Item("page", "page.jpg", tmp_path / "page.jpg"),
        Item("problem", "cat.jpg", cat, problem=Problem(Reason.BAD_ROW, "")),
        Item("cat", "cat.jpg", cat),
    ]
    seen: list[str] = []
    found = find_leaks(items, learned(cat=cat), 1, MAX_PIXELS, lambda item: seen.append(item.key))
    assert [leak.key for leak in found] == ["cat"] and len(seen) == 4
    assert find_leaks([], learned(cat=cat), 1, MAX_PIXELS) == []
    # too large to be decoded: its bytes are compared nevertheless
    assert [leak.same_bytes for leak in find_leaks(items, learned(cat=cat), 1, 100)] == [True]


def test_a_nearly_constant_picture_is_no_evidence(tmp_path):
    noise = np.random.default_rng(0)
    grey = [np.rint(noise.normal(128, 1, (64, 64, 3))).astype(np.uint8) for _ in range(2)]
    files = [write(tmp_path / f"{index}.png", one) for index, one in enumerate(grey)]
    flat = write(tmp_path / "flat.png", np.full((64, 64, 3), 200, np.uint8))
    items = [Item(path.stem, path.name, path) for path in (*files, flat)]
    training = learned(white=np.full((32, 32, 3), 255, np.uint8), zero=files[0])
    assert [(leak.key, leak.same_bytes) for leak in find_leaks(items, training, 1, MAX_PIXELS)] == [("0", True)]


def test_the_nearest_of_the_training_is_named_and_hashes_that_are_missing_count_for_nothing(picture, tmp_path):
    cat = write(tmp_path / "cat.jpg", picture("cat", 300))
    own = int(learned(cat=cat).phash[0])
    keys = ("unknown", "far", "near", "nearest")
    phash = np.array([own, own ^ 0x3FF, own ^ 0b1111, own ^ 0b11], np.uint64)
    training = TrainingData(keys, ("",) * 4, phash, np.array([False, True, True, True]))
    (leak,) = find_leaks([Item("cat", "cat.jpg", cat)], training, 1, MAX_PIXELS)
    assert leak == Leak("cat", "cat.jpg", "image", "nearest", same_bytes=False, distance=2)
    assert json.loads(json.dumps(leak.as_record()))["training_key"] == "nearest"
    only_far = TrainingData(keys, ("",) * 4, phash, np.array([False, True, False, False]))  # 10 bits: beyond LIMIT
    assert find_leaks([Item("cat", "cat.jpg", cat)], only_far, 1, MAX_PIXELS) == []


@pytest.mark.parametrize("count", [None, "numpy 1"], ids=["numpy 2", "numpy 1.26"])
def test_distances_count_differing_bits(count, monkeypatch):
    if count:
        monkeypatch.delattr(np, "bitwise_count", raising=False)
    hashes = np.array([0, 1, 0xFF, 2**64 - 1, 0x8000000000000001], np.uint64)
    assert distances(1, hashes).tolist() == [1, 0, 7, 63, 1]
    assert distances(2**64 - 1, hashes[:1]).tolist() == [64]


# ---------------------------------------------------------------- tables


def test_a_shipped_localizer_says_what_it_learned_from():
    training = training_table("web-iml")
    assert training is not None and len(training) == 717 and training.hashed.all()
    assert all(len(digest) == 64 for digest in training.sha256)


def test_without_a_table_the_training_is_unknown(tmp_path):
    assert training_table(str(write_tiny(tmp_path))) is None


def test_a_table_beside_a_localizer_is_read_whatever_its_hashes_are(tmp_path):
    weights = write_tiny(tmp_path)
    row = {"source": "", "license": "", "author": ""}
    write_table(tmp_path, "tiny", [
        {"key": "a", "sha256": "12", "phash": "00000000000000ff", **row},
        {"key": "b", "sha256": None, "phash": "0xff", **row},
        {"key": None, "sha256": "", "phash": None, **row},
    ])  # fmt: skip
    training = training_table(str(weights))
    assert training is not None
    assert (training.keys, training.sha256) == (("a", "b", ""), ("12", "", ""))
    assert training.hashed.tolist() == [True, False, False] and training.phash[0] == 255


@pytest.mark.parametrize("broken", ["no parquet", "other columns", "not the card's", "a missing hash", "too long"])
def test_a_table_that_is_no_such_table_is_a_sentence(broken, tmp_path, monkeypatch):
    card = {"data": "0123456789abcdef"} if broken in ("not the card's", "a missing hash") else {}
    weights = write_tiny(tmp_path, **card)
    row: dict[str, str | None] = {"key": "a", "source": "", "license": "", "author": "", "phash": ""}
    path = write_table(tmp_path, "tiny", [{**row, "sha256": None if broken == "a missing hash" else "12"}])
    if broken == "no parquet":
        path.write_bytes(b"PAR1")
    if broken == "other columns":
        pq.write_table(pa.table({"key": ["a"]}), path)
    if broken == "too long":
        monkeypatch.setattr(leaks, "MAX_ROWS", 0)
    with pytest.raises(SettingError, match=r"tiny\.data\.parquet"):
        training_table(str(weights))


def test_a_table_that_its_card_names_is_read(tmp_path):
    row: dict[str, str | None] = {"key": "a", "source": "", "license": "", "author": "", "sha256": "12", "phash": ""}
    weights = write_tiny(tmp_path, data=hashlib.sha256(b"12").hexdigest()[:16])
    write_table(tmp_path, "tiny", [row])
    assert len(training_table(str(weights)) or ()) == 1
    assert json.loads(weights.with_suffix(".json").read_text())["data"]


# ---------------------------------------------------------------- refusing


@pytest.fixture
def leak() -> Callable[[int], Leak]:
    return lambda number: Leak(f"k{number}", f"Tp/{number}.jpg", "image", f"t{number}", False, 2)


def test_leaks_are_refused_with_the_first_ten_and_what_to_do(leak):
    refuse_leaks([])
    with pytest.raises(SettingError) as error:
        refuse_leaks([leak(number) for number in range(12)])
    text = str(error.value)
    assert "12 pictures" in text and "Tp/9.jpg is t9" in text and "Tp/10.jpg" not in text and "and 2 more" in text
    assert "--allow-leaks" in text


def test_one_leak_names_its_source(leak):
    with pytest.raises(SettingError, match=r"A picture .* the authentic picture of a\.jpg is t of the training"):
        refuse_leaks([Leak("a", "a.jpg", "authentic", "t", True, 0)])
