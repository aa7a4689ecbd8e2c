from collections.abc import Sequence
from dataclasses import replace
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
    pair,
    smaller,
    write_dataset,
)

from webiml.datasets.compare import Likeness, compare
from webiml.datasets.dedup import _beside_what_stays, _Rows, dedup_dataset, find_duplicates
from webiml.datasets.dropped import Why
from webiml.datasets.duplicates import Twin
from webiml.datasets.hashes import WINDOWS, source_of
from webiml.errors import SettingError
from webiml.images.codec import encode_jpeg, encode_png
from webiml.images.decode import decode
from webiml.store.dataset import read_member, read_rows
from webiml.store.place import Place
from webiml.types import Finished, Row

LIMIT = 10**8  # pixels
BOX: Box = (60, 90, 60, 90)
RED, BLUE = (210, 20, 30), (20, 40, 220)


@pytest.fixture
def rgb(picture):
    return picture("coffee", 320)


def dedup(dataset: Path, out: Path, older: Sequence[Path] = (), distance: int = 6):
    places = [Place(str(path)) for path in older]
    return dedup_dataset(Place(str(dataset)), places, out, distance, 1, LIMIT, no_steps)


def reasons(found) -> dict[str, tuple[str, str]]:
    return {one.key: (one.why.value, one.other_name) for one in found.dropped}


def keys(dataset: Path) -> list[str]:
    return [row.key for row in read_rows(dataset)]


def contents(folder: Path) -> dict[str, bytes]:
    files = (file for file in sorted(folder.rglob("*")) if file.is_file() and ".webiml" not in file.parts)
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def edit(key: str, rgb: np.ndarray, box: Box = BOX, colour=RED, change=lambda picture: picture, **fields) -> Finished:
    """A pair whose manipulated picture was edited in one place and then changed as a whole, mask included."""
    return made_pair(key, rgb, change(edited(rgb, box, colour)), change(mask_of(rgb, box)), **fields)


COPIES = {
    "near": lambda picture: smaller(picture, 0.6),
    "mirrored": mirrored,
    "cropped": lambda picture: cut(picture, 0.15),
    "cropped_mirrored": lambda picture: mirrored(cut(picture, 0.1)),
}


@pytest.mark.parametrize("why", COPIES)
def test_a_copy_with_the_same_edit_goes(tmp_path, rgb, why):
    pairs = [edit("a", rgb), edit("copy", rgb, change=COPIES[why], quality=70, qes=0.8)]
    found = dedup(write_dataset(tmp_path / "d", pairs), tmp_path / "out")
    assert reasons(found) == {"copy": (why, "a")}
    assert keys(tmp_path / "out") == ["a"]


def test_two_edits_of_one_picture_both_stay(tmp_path, rgb):
    other_place, small = (130, 220, 40, 40), (20, 20, 24, 24)
    pairs = [
        edit("a", rgb),
        edit("b", rgb, other_place),
        edit("c", rgb, small),
        edit("d", rgb, colour=BLUE),  # in the same place, so their masks agree: the colours do not
    ]
    found = dedup(write_dataset(tmp_path / "d", pairs), tmp_path / "out", distance=16)
    assert not found.dropped and keys(tmp_path / "out") == ["a", "b", "c", "d"]


def test_without_masks_only_what_is_the_same_everywhere_goes(tmp_path, rgb):
    small = edited(rgb, (20, 20, 40, 40), BLUE)
    rejected = {"status": "rejected", "reason": "nothing_found"}
    pairs = [
        made_pair("a", rgb, edited(rgb, BOX, RED), None, **rejected),
        made_pair("b", rgb, edited(small, BOX, RED), None, **rejected),
        made_pair("c", rgb, edited(rgb, BOX, RED), None, quality=75, **rejected),
        edit("d", rgb, quality=80),  # it has a mask, so it cannot be compared with those that have none
    ]
    found = dedup(write_dataset(tmp_path / "d", pairs), tmp_path / "out")
    assert reasons(found) == {"c": ("near", "a")}


def test_the_same_bytes_go_whatever_the_masks_say(tmp_path, rgb):
    data = encode_jpeg(edited(rgb, BOX, RED), 90)
    authentic, size = encode_png(rgb), rgb.shape[:2]
    pairs = [
        pair("a", authentic, data, mask_of(rgb, BOX), size, qes=0.6),
        pair("b", authentic, data, mask_of(rgb, (0, 0, 30, 30)), size, qes=0.7),
        pair("c", authentic, data, None, size, "rejected"),
    ]
    found = dedup(write_dataset(tmp_path / "d", pairs), tmp_path / "out")
    assert reasons(found) == {"a": ("same_bytes", "b"), "c": ("same_bytes", "b")}


@pytest.mark.parametrize(
    ("first", "second", "stays"),
    [
        ({"status": "rejected", "qes": 0.9}, {"status": "kept", "qes": 0.6}, "b"),
        ({"qes": 0.7}, {"qes": 0.8}, "b"),
        ({"qes": 0.7, "change": smaller}, {"qes": 0.7}, "b"),
        ({"qes": 0.7}, {"qes": 0.7, "quality": 80}, "a"),
    ],
    ids=["kept-before-rejected", "higher-qes", "more-pixels", "smaller-key"],
)
def test_of_two_the_better_stays(tmp_path, rgb, first, second, stays):
    dataset = write_dataset(tmp_path / "d", [edit("a", rgb, **first), edit("b", rgb, **second)])
    dedup(dataset, tmp_path / "out")
    assert keys(tmp_path / "out") == [stays]


def test_an_older_dataset_wins_and_is_not_changed(tmp_path, rgb, picture):
    cat = picture("cat", 300)
    older = write_dataset(tmp_path / "old", [edit("a", rgb, change=smaller, status="rejected", qes=0.2)], "shards")
    data = read_member(older, next(read_rows(older)), "manipulated")
    same = pair("same", encode_png(rgb), data, mask_of(rgb, BOX), rgb.shape[:2])
    new = write_dataset(tmp_path / "new", [edit("near", rgb), same, edit("cat", cat)])
    before = {str(file): file.read_bytes() for file in older.rglob("*") if file.is_file()}
    found = dedup(new, tmp_path / "out", [older])
    assert reasons(found) == {"near": ("near", "a"), "same": ("same_bytes", "a")}
    assert {one.other for one in found.dropped} == {str(older)}
    assert keys(tmp_path / "out") == ["cat"]
    assert before == {str(file): file.read_bytes() for file in older.rglob("*") if file.is_file()}


def test_a_manipulated_picture_that_is_authentic_elsewhere_goes(tmp_path, rgb, picture):
    cat, data = picture("cat", 300), encode_jpeg(rgb, 90)
    size = rgb.shape[:2]
    both, canyon = encode_jpeg(picture("pier", 300), 90), picture("canyon", 300)
    pairs = [
        pair("claims", data, encode_jpeg(edited(rgb, BOX, RED), 90), mask_of(rgb, BOX), size),
        pair("wrong", encode_png(cat), data, mask_of(rgb, (0, 0, 20, 20)), size),
        pair("same-on-both-sides", both, both, None, (200, 300), "rejected"),  # it does not say which is authentic
        pair("right", encode_png(canyon), both, mask_of(canyon, BOX), (200, 300)),
    ]
    found = dedup(write_dataset(tmp_path / "d", pairs), tmp_path / "out")
    assert reasons(found) == {
        "wrong": ("authentic_elsewhere", "claims"),
        "same-on-both-sides": ("same_bytes", "right"),
    }
    _, row = pq.read_table(tmp_path / "out" / "dropped.parquet").to_pylist()
    assert (row["key"], row["reason"], row["other_picture"]) == ("wrong", "authentic_elsewhere", "authentic")


def test_what_only_looks_like_an_authentic_picture_elsewhere_stays_and_is_named(tmp_path, rgb, picture):
    cat = picture("cat", 300)
    pairs = [
        edit("claims", rgb),
        made_pair("doubtful", cat, smaller(rgb), mask_of(smaller(rgb), (0, 0, 20, 20))),
        made_pair("usual", rgb, edited(rgb, (10, 10, 12, 12), BLUE), mask_of(rgb, (10, 10, 12, 12))),
    ]
    found = dedup(write_dataset(tmp_path / "d", pairs), tmp_path / "out")
    assert not found.dropped
    assert [(one.key, one.other_name, one.other_picture) for one in found.in_doubt] == [
        ("doubtful", "claims", "authentic")
    ]
    assert pq.read_table(tmp_path / "out" / "in_doubt.parquet")["key"].to_pylist() == ["doubtful"]


def test_a_pair_goes_only_for_one_that_stays():
    place = Place("d")
    rows = [(place, Row(key=key, name=key, status="kept")) for key in "abcd"]
    sources = [source_of(place, row, "manipulated") for _, row in rows]
    every = _Rows(rows, 4, 4, sources, sources)
    alike = Likeness(1.0, (0, 0, 1, 1), 0.0, 1.0)
    chain = [Twin(i, i + 1, 4, False, -1, alike) for i in range(3)]  # a-b-c-d, each near the next alone
    found = _beside_what_stays(every, [0, 1, 2, 3], 4, chain)
    assert {one.key: one.other_name for one in found.values()} == {"b": "a", "d": "c"}
    found = _beside_what_stays(
        every, [0, 1, 2, 3], 2, [Twin(0, 1, 2, False, -1, alike), Twin(3, 0, 6, True, -1, alike)]
    )
    assert [(one.key, one.other_name, one.why) for one in found.values()] == [("a", "d", Why.MIRRORED)]  # d is older


def test_all_other_rows_and_bytes_are_carried_over(tmp_path, rgb, picture):
    cat = picture("cat", 300)
    gone = Finished(Row(key="failed", name="f", status="failed", reason="not_found", manipulated_sha256="0" * 64))
    named = edit("named", rgb)
    named = replace(named, row=replace(named.row, source="web", extra={"group": "7"}))
    pairs = [edit("cat", cat), named, edit("zz", rgb, quality=60, qes=0.1), gone]
    dataset = write_dataset(tmp_path / "d", pairs, "shards")
    found = dedup(dataset, tmp_path / "out")
    assert reasons(found) == {"zz": ("near", "named")} and found.pairs == 4
    before = {row.key: row for row in read_rows(dataset)}
    for row in read_rows(tmp_path / "out"):
        assert replace(row, shard=before[row.key].shard) == before[row.key]
        for role in ("authentic", "manipulated", "mask", "probability") if row.shard else ():
            assert read_member(tmp_path / "out", row, role) == read_member(dataset, before[row.key], role)
    assert keys(tmp_path / "out") == ["cat", "failed", "named"]


def test_the_table_says_why_and_the_sheet_can_be_looked_at(tmp_path, rgb):
    pairs = [edit("a", rgb), edit("b", rgb, change=COPIES["cropped"], qes=0.1)]
    dedup(write_dataset(tmp_path / "d", pairs), tmp_path / "out")
    (row,) = pq.read_table(tmp_path / "out" / "dropped.parquet").to_pylist()
    assert (row["key"], row["reason"], row["other_name"], row["other"]) == ("b", "cropped", "a", str(tmp_path / "d"))
    assert row["mask_iou"] > 0.8 and row["difference"] < 12 and row["distance"] <= 8
    assert np.allclose(row["box"], [0.105, 0.105, 0.85, 0.85], atol=0.02)
    sheet = decode((tmp_path / "out" / "dropped.jpg").read_bytes(), LIMIT).rgb
    assert sheet.shape[1] > 400 and np.ptp(sheet) > 150


def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(tmp_path, rgb, picture):
    names = ["cat", "pier", "canyon", "rocket"]
    pairs = [edit(name, picture(name, 240)) for name in names] + [
        edit("twin", picture("cat", 240), quality=60, qes=0.1)
    ]
    dataset = write_dataset(tmp_path / "d", pairs)
    dedup(dataset, tmp_path / "whole")

    class Stopped(Exception):
        pass

    def stopping(what: str, total: int):
        left = iter([None] * (2 if what == "write" else 1000))

        def tick() -> None:
            if next(left, "end") == "end":
                raise Stopped

        return tick

    with pytest.raises(Stopped):
        dedup_dataset(Place(str(dataset)), [], tmp_path / "out", 6, 1, LIMIT, stopping)
    assert not (tmp_path / "out" / "annotations.parquet").exists()
    dedup(dataset, tmp_path / "out")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_an_output_of_other_inputs_or_inside_an_input_is_refused(tmp_path, rgb, picture):
    dataset = write_dataset(tmp_path / "d", [edit("a", rgb), edit("b", picture("cat", 240))])
    with pytest.raises(SettingError, match="lie in one another"):
        dedup(dataset, dataset / "clean")
    dedup(dataset, tmp_path / "out")
    changed = write_dataset(tmp_path / "e", [edit("a", rgb, quality=60, qes=0.1), edit("c", rgb)])
    with pytest.raises(SettingError, match="made of other inputs"):
        dedup(changed, tmp_path / "out")
    with pytest.raises(SettingError, match="other settings"):
        dedup(dataset, tmp_path / "out", distance=4)


def test_hashes_are_kept_and_pictures_that_cannot_be_read_are_counted(tmp_path, rgb, picture):
    dataset = write_dataset(tmp_path / "d", [edit("a", rgb), edit("b", picture("cat", 240))])
    (dataset / "manipulated" / "b.jpg").unlink()
    found = find_duplicates(Place(str(dataset)), [], 6, 1, LIMIT, no_steps)
    assert (found.unread, found.dropped) == (1, [])
    assert pq.read_metadata(dataset / ".webiml" / "hashes.parquet").num_rows == 3


def test_pixels_tell_a_crop_from_another_picture(rgb, picture):
    window = next(index for index, one in enumerate(WINDOWS) if one[2:] == (0.86, 0.86) and min(one[:2]) > 0.05)
    same = compare(cut(rgb, 0.15), rgb, window)
    assert same.same_picture and np.allclose(same.box, [0.105, 0.105, 0.85, 0.85], atol=0.02)
    assert not compare(cut(picture("cat", 320), 0.15), rgb, window).same_picture
