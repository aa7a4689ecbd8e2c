from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.datasets.pictured import (
    Box,
    cut,
    edited,
    made_pair,
    mask_of,
    mirrored,
    no_steps,
    smaller,
    write_dataset,
)

from webiml.datasets.leaks import Leaks, benchmark_pictures, find_leaks, refuse_leaky, write_clean
from webiml.errors import SettingError
from webiml.images.codec import encode_jpeg, encode_png
from webiml.store.dataset import read_member, read_rows
from webiml.store.place import Place
from webiml.types import Finished

LIMIT = 10**8  # pixels
BOX: Box = (60, 90, 60, 90)
NAMES = ("cat", "coffee", "pier")


def whole(key: str, rgb: np.ndarray) -> Finished:
    return made_pair(key, rgb, edited(rgb, BOX, (210, 20, 30)), mask_of(rgb, BOX))


@pytest.fixture
def dataset(tmp_path, picture) -> Path:
    return write_dataset(tmp_path / "d", [whole(name, picture(name, 300)) for name in NAMES])


def leaks(dataset: Path, *against: Path, distance: int = 8) -> Leaks:
    return find_leaks(Place(str(dataset)), [str(one) for one in against], distance, 1, LIMIT, no_steps)


def found_in(found: Leaks) -> set[tuple[str, str, str, str]]:
    return {(one.key, one.picture, one.why.value, one.other_name) for one in found.found}


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("why", "change"),
    [
        ("near", lambda rgb: smaller(rgb, 0.5)),
        ("mirrored", mirrored),
        ("cropped", lambda rgb: cut(rgb, 0.2)),
        ("cropped_mirrored", lambda rgb: mirrored(cut(rgb, 0.2))),
    ],
    ids=["near", "mirrored", "cropped", "cropped-mirrored"],
)
def test_a_copy_in_any_folder_of_a_benchmark_is_found(tmp_path, dataset, picture, why, change):
    put(tmp_path / "bench" / "deep" / "er" / "x.tif", encode_jpeg(change(picture("cat", 300)), 60))
    put(tmp_path / "bench" / "boards.jpg", encode_jpeg(picture("boards", 300), 90))
    found = leaks(dataset, tmp_path / "bench")
    assert (found.pairs, found.pictures, found.against, found.unread) == (3, 6, 2, 0)
    assert {(key, kind, name) for key, kind, _, name in found_in(found)} >= {("cat", "authentic", "deep/er/x.tif")}
    assert {one.key for one in found.found} == {"cat"}
    assert next(one.why.value for one in found.found if one.picture == "authentic") == why


def test_the_benchmark_may_be_the_larger_picture(tmp_path, picture):
    rgb = picture("coffee", 320)
    dataset = write_dataset(tmp_path / "d", [whole("crop", cut(rgb, 0.15))])
    put(tmp_path / "bench" / "whole.png", encode_png(rgb))
    found = leaks(dataset, tmp_path / "bench")
    assert ("crop", "authentic", "cropped", "whole.png") in found_in(found)


def test_the_same_bytes_are_named_first(tmp_path, dataset, picture):
    row = next(row for row in read_rows(dataset) if row.key == "pier")
    put(tmp_path / "bench" / "a.jpg", encode_jpeg(picture("pier", 300), 80))
    put(tmp_path / "bench" / "b.jpg", read_member(dataset, row, "manipulated"))
    found = leaks(dataset, tmp_path / "bench")
    assert ("pier", "manipulated", "same_bytes", "b.jpg") in found_in(found)
    assert len(found.found) == 2  # one for each picture of the pair


def test_nothing_is_found_where_nothing_is(tmp_path, dataset, picture):
    for name in ("boards", "canyon", "rocket", "earth-orbit"):
        put(tmp_path / "bench" / f"{name}.jpg", encode_jpeg(picture(name, 300), 90))
    assert not leaks(dataset, tmp_path / "bench", distance=6).found


def test_what_is_no_picture_in_a_benchmark_does_not_matter(tmp_path, dataset, picture):
    bench = tmp_path / "bench"
    put(bench / "notes.txt", b"a note")
    put(bench / "all.zip", b"PK\x03\x04 an archive")
    put(bench / "page.jpg", b"<html>")
    put(bench / "broken.jpg", encode_jpeg(picture("canyon", 200), 90)[:300])
    put(bench / "mask.png", encode_png(np.zeros((100, 100), np.uint8)))
    (bench / "loop").symlink_to(bench)
    (bench / "away.jpg").symlink_to(dataset / "manipulated" / "cat.jpg")
    assert [one.name for one in benchmark_pictures(str(bench))] == ["away.jpg", "broken.jpg", "mask.png"]
    found = leaks(dataset, bench)
    assert (found.found, found.against, found.unread) == ([], 2, 1)  # a link that leaves the folder is not followed


def test_tables_and_datasets_are_benchmarks_too(tmp_path, dataset, picture):
    rgb = picture("coffee", 250)
    put(tmp_path / "pictures" / "a.png", encode_png(rgb))
    put(tmp_path / "pictures" / "b.png", encode_png(edited(rgb, (5, 5, 30, 30), (0, 0, 255))))
    (tmp_path / "pairs.csv").write_text("key,authentic,manipulated\n1,pictures/a.png,pictures/b.png\n")
    other = write_dataset(tmp_path / "other", [whole("cat-again", smaller(picture("cat", 300)))], "shards")
    found = leaks(dataset, tmp_path / "pairs.csv", other)
    assert found.keys == {"coffee", "cat"} and found.against == 4
    assert ("cat", "authentic", "near", "cat-again") in found_in(found)


@pytest.mark.parametrize("name", ["nothing-there", "empty"])
def test_a_benchmark_without_pictures_is_refused(tmp_path, dataset, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingError, match="--against"):
        leaks(dataset, tmp_path / name)


def test_a_dataset_without_the_leaks_is_written_with_a_table_and_a_sheet(tmp_path, dataset, picture):
    put(tmp_path / "bench" / "x.jpg", encode_jpeg(picture("cat", 200), 70))
    against, place = [str(tmp_path / "bench")], Place(str(dataset))
    with pytest.raises(SettingError, match="lie in one another"):
        refuse_leaky(place, against, tmp_path / "bench" / "out", 8)
    found = leaks(dataset, tmp_path / "bench")
    write_clean(place, against, tmp_path / "out", 8, found, LIMIT, no_steps)
    assert [row.key for row in read_rows(tmp_path / "out")] == ["coffee", "pier"]
    table = pq.read_table(tmp_path / "out" / "leaks.parquet").to_pylist()
    assert {(row["key"], row["reason"], row["other_name"]) for row in table} == {("cat", "near", "x.jpg")}
    assert (tmp_path / "out" / "leaks.jpg").read_bytes().startswith(b"\xff\xd8\xff")
