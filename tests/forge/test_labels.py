"""Labels from a COCO file or a function: hand-worked outlines, and sentences for all that can be wrong."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webiml.errors import BadImage, SettingError
from webiml.forge.coco import CocoPicture, draw_labels, fill_polygon, fill_runs, find_picture, read_coco, unpack_counts
from webiml.forge.labels import CocoMasks, FunctionMasks, load_labels, store_labels
from webiml.forge.pictures import list_pictures, read_picture

# ---------------------------------------------------------------- outlines


def test_runs_go_down_the_columns_and_begin_outside():
    assert fill_runs([1, 2, 3], 2, 3).tolist() == [[False, True, False], [True, False, False]]
    assert fill_runs([0, 6], 2, 3).all() and not fill_runs([6], 2, 3).any()


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("123", [1, 2, 3]),
        ("o0", [31]),  # 31 = 11111 and 00000: more follow, for the fifth bit alone would be a sign
        ("X1", [40]),  # 8 + 32 x 1
        ("1110", [1, 1, 1, 1]),  # the fourth is 0 more than the second
        ("61X13mN000`0", [6, 1, 40, 4, 5, 4, 5, 4, 21]),  # "mN" is -35 more than 40
    ],
)
def test_packed_counts(text, counts):
    assert unpack_counts(text) == counts


def packed(counts: list[int]) -> str:
    text = ""
    for index, count in enumerate(counts):
        left = count - (counts[index - 2] if index > 2 else 0)
        while True:
            bits, left = left & 31, left >> 5
            done = left == (-1 if bits & 16 else 0)
            text += chr(48 + bits + (0 if done else 32))
            if done:
                break
    return text


@given(st.lists(st.integers(0, 10**6), max_size=40))
def test_packed_counts_come_back(counts):
    assert unpack_counts(packed(counts)) == counts


def test_a_polygon_holds_the_pixels_whose_middle_it_holds():
    assert fill_polygon([1, 1, 4, 1, 4, 3, 1, 3], 4, 6).tolist() == [
        [False, False, False, False, False, False],
        [False, True, True, True, False, False],
        [False, True, True, True, False, False],
        [False, False, False, False, False, False],
    ]
    # below the line from (0, 0) to (4, 4), the middles of the diagonal on it
    assert fill_polygon([0, 0, 4, 4, 0, 4], 4, 4).sum() in (6, 10)
    assert fill_polygon([-9, -9, 99, -9, 99, 99, -9, 99], 3, 5).all()
    assert not fill_polygon([20, 20, 30, 20, 30, 30], 3, 5).any()
    assert not fill_polygon([2, 2, 2, 2, 2, 2], 4, 4).any()


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(-40, 80), st.integers(-40, 80)), min_size=3, max_size=8))
def test_a_polygon_is_what_opencv_finds_inside_of_it(points):
    inside = fill_polygon([value / 1 for point in points for value in point], 30, 40)
    fixed = ((np.array(points).reshape(-1, 1, 2) + 50 - 0.5) * 16).astype(np.int32)  # OpenCV errs at the border
    whole, edge = np.zeros((150, 150), np.uint8), np.zeros((150, 150), np.uint8)
    cv2.fillPoly(whole, [fixed], (1,), shift=4)
    cv2.polylines(edge, [fixed], True, (1,), 3, shift=4)
    sure = edge[50:80, 50:90] == 0
    assert np.array_equal(inside[sure], whole[50:80, 50:90][sure] > 0)


def test_smaller_objects_lie_over_larger_ones_and_several_polygons_are_one_object():
    picture = CocoPicture(
        "p.jpg",
        6,
        4,
        (
            (1, [[2, 1, 3, 1, 3, 2, 2, 2]]),
            (2, {"size": [4, 6], "counts": [0, 16, 8]}),  # the first four columns
            (3, [[4, 0, 5, 0, 5, 1, 4, 1], [5, 3, 6, 3, 6, 4, 5, 4]]),
        ),
    )
    assert draw_labels(picture, 6, 4).tolist() == [
        [1, 1, 1, 1, 2, 0],
        [1, 1, 3, 1, 0, 0],
        [1, 1, 1, 1, 0, 0],
        [1, 1, 1, 1, 0, 2],
    ]


def test_only_the_255_largest_objects_get_a_label():
    outlines = tuple((i, [[2 * i, 0, 2 * i + 1, 0, 2 * i + 1, 1 + i % 2, 2 * i, 1 + i % 2]]) for i in range(300))
    labels = draw_labels(CocoPicture("p.jpg", 600, 2, outlines), 600, 2)
    assert labels.dtype == np.uint8 and labels.max() == 255
    assert (labels[1] > 0).sum() == 150  # all of the larger ones


@pytest.mark.parametrize(
    ("outline", "words"),
    [
        ([[0, 0, 4, 4]], "three points"),
        ([[0, 0, 4, 0, 4]], "three points"),
        ([[0, 0, 4, 0, 4, 1e300]], "no point of a picture"),
        ([[0, 0, 4, 0, 4, float("nan")]], "no point of a picture"),
        ([[0, 0, 4, 0, 4, "7"]], "no point of a picture"),
        (["abcdef"], "three points"),
        (7, "neither polygons nor run lengths"),
        (None, "neither polygons nor run lengths"),
        ({"size": [6, 4], "counts": [24]}, "size"),
        ({"counts": [24]}, "size"),
        ({"size": [4, 6], "counts": [23]}, "add up to"),
        ({"size": [4, 6], "counts": [10**30]}, "add up to"),
        ({"size": [4, 6], "counts": [30, -6]}, "whole numbers"),
        ({"size": [4, 6], "counts": [24.0]}, "whole numbers"),
        ({"size": [4, 6], "counts": {"a": 1}}, "whole numbers"),
        ({"size": [4, 6]}, "whole numbers"),
        ({"size": [4, 6], "counts": "8\n"}, "cannot be read"),
        ({"size": [4, 6], "counts": "ä"}, "cannot be read"),
        ({"size": [4, 6], "counts": "o" * 1000}, "cannot be read"),
        ({"size": [4, 6], "counts": "8o"}, "too early"),
        ({"size": [4, 6], "counts": "N"}, "whole numbers"),
    ],
    ids=lambda value: str(value)[:40] if not isinstance(value, str) else "",
)
def test_a_broken_outline_is_a_sentence_that_names_it(outline, words):
    with pytest.raises(BadImage, match=rf"(?s)COCO annotation 77: .*{words}"):
        draw_labels(CocoPicture("p.jpg", 6, 4, ((77, outline),)), 6, 4)


def test_a_picture_of_another_size_is_refused():
    with pytest.raises(BadImage, match="says 6x4, the picture is 4x6"):
        draw_labels(CocoPicture("p.jpg", 6, 4, ()), 4, 6)


# ---------------------------------------------------------------- the file


def written(path: Path, images: object, annotations: object) -> Path:
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    return path


IMAGE = {"id": 5, "file_name": "a.jpg", "width": 6, "height": 4}


def test_objects_of_a_file_without_its_crowds(tmp_path):
    rows = [
        {"id": 1, "image_id": 5, "segmentation": [[0, 0, 2, 0, 2, 2]]},
        {"id": 2, "image_id": 5, "segmentation": {"size": [4, 6], "counts": [24]}, "iscrowd": 1},
        {"id": 3, "image_id": 99, "segmentation": []},
    ]
    pictures, digest = read_coco(written(tmp_path / "coco.json", [IMAGE], rows))
    assert pictures == {"a.jpg": CocoPicture("a.jpg", 6, 4, ((1, [[0, 0, 2, 0, 2, 2]]),))}
    assert len(digest) == 64


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "no lists"),
        ('{"images": {}, "annotations": []}', "no lists"),
        ('{"images": [3], "annotations": []}', "image 0"),
        ('{"images": [{"id": [1], "file_name": "a", "width": 1, "height": 1}], "annotations": []}', "image 0"),
        ('{"images": [{"id": 1, "file_name": "a", "width": "1", "height": 1}], "annotations": []}', "image 0"),
        (json.dumps({"images": [IMAGE, {**IMAGE, "id": 6}], "annotations": []}), "twice"),
        (json.dumps({"images": [IMAGE], "annotations": [{"image_id": 5}]}), "annotation 0"),
        (json.dumps({"images": [IMAGE], "annotations": [{"image_id": {}, "segmentation": []}]}), "annotation 0"),
    ],
    ids=["empty", "cut", "deep", "list", "dict", "number", "odd-id", "odd-width", "twice", "no-outline", "odd-image"],
)
def test_a_file_that_is_none_is_a_sentence(tmp_path, text, words):
    (tmp_path / "coco.json").write_text(text)
    with pytest.raises(SettingError, match=words):
        read_coco(tmp_path / "coco.json")


def test_a_missing_file_is_a_sentence(tmp_path):
    with pytest.raises(SettingError, match="no such file"):
        read_coco(tmp_path / "coco.json")


def test_a_picture_is_known_by_the_longest_end_of_its_path():
    pictures = {name: CocoPicture(name, 1, 1, ()) for name in ("a.jpg", "x/a.jpg", "b.jpg")}
    assert find_picture(pictures, PurePosixPath("/photos/x/a.jpg")) is pictures["x/a.jpg"]
    assert find_picture(pictures, PurePosixPath("/photos/y/a.jpg")) is pictures["a.jpg"]
    assert find_picture(pictures, PurePosixPath("/photos/ab.jpg")) is None


# ---------------------------------------------------------------- beside the pictures


def listed(name: str, **more: object) -> dict[str, object]:
    return {"id": name, "file_name": name, "width": 320, "height": 240} | more


def box(image: str, x: int, y: int, w: int, h: int) -> dict[str, object]:
    return {"image_id": image, "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]]}


@pytest.fixture
def coco(tmp_path) -> Callable[..., CocoMasks]:
    def made(images: list, annotations: list) -> CocoMasks:
        return CocoMasks.read(written(tmp_path / "coco.json", images, annotations))

    return made


def test_pictures_of_a_folder_get_labels_where_they_have_none(folder, coco, tmp_path):
    masks = coco(
        [listed("f0.png"), listed("f1.png"), listed("more/deep.jpg"), listed("f2.png", width=9), listed("f3.png")],
        [
            box("f0.png", 10, 20, 30, 40),
            box("f1.png", 0, 0, 9, 9),
            box("f2.png", 0, 0, 9, 9),
            box("more/deep.jpg", 0, 0, 50, 60),
        ],
    )
    pictures, broken = store_labels(list_pictures([folder]), masks, tmp_path / "labels")
    assert [(one.name, one.problem.detail) for one in broken] == [
        ("f2", "the COCO file says 9x240, the picture is 320x240")
    ]
    found = {Path(one.place.path).name: read_picture(one)[1] for one in pictures}
    assert found.keys() == {"f0.png", "f1.png", "f3.png", "deep.jpg"}
    assert found["f3.png"] is None  # nothing in it
    labels = {name: one for name, one in found.items() if one is not None}
    assert labels["f0.png"].sum() == 30 * 40 and labels["f0.png"][20:60, 10:40].all()
    assert labels["f1.png"].max() == 3  # what lies beside it goes first
    assert labels["deep.jpg"].sum() == 50 * 60


def test_labels_of_a_pack_and_those_that_are_there_already(pack, coco, tmp_path):
    pictures = list_pictures([pack])
    masks = coco([listed("p1.jpg")], [box("p1.jpg", 10, 20, 30, 40)])
    first, _ = store_labels(pictures, masks, tmp_path / "labels")
    (stored,) = (tmp_path / "labels").iterdir()
    written_at = stored.stat().st_mtime_ns
    again, _ = store_labels(pictures, masks, tmp_path / "labels")
    assert first == again and stored.stat().st_mtime_ns == written_at
    labels = read_picture(first[1])[1]
    assert labels is not None and labels.sum() == 1200


def test_names_that_fit_nothing_or_two_pictures_are_sentences(pack, coco, tmp_path):
    pictures = list_pictures([pack])
    with pytest.raises(SettingError, match="none of the pictures"):
        store_labels(pictures, coco([listed("q.jpg")], []), tmp_path / "labels")
    deep = replace(pictures[1], place=replace(pictures[1].place, path=Path("/x/p2.jpg"), length=None), key="x/p2")
    with pytest.raises(SettingError, match=r"'p2.jpg' may be p2 or x/p2"):
        store_labels([*pictures, deep], coco([listed("p2.jpg")], []), tmp_path / "labels")
    assert not (tmp_path / "labels").exists()


FUNCTIONS = """
import numpy as np

def bright(rgb):
    return (rgb.mean(axis=2) > 128).astype(np.int64) * 2

def small(rgb):
    return np.zeros((3, 3), np.uint8)

def soft(rgb):
    return rgb.mean(axis=2)

def many(rgb):
    return np.full(rgb.shape[:2], 300)

NUMBER = 3
"""


@pytest.fixture
def functions(tmp_path, monkeypatch) -> None:
    (tmp_path / "labellers_of_a_test.py").write_text(FUNCTIONS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.delitem(sys.modules, "labellers_of_a_test", raising=False)


def test_labels_from_a_function(functions, pack, tmp_path):
    masks = FunctionMasks("labellers_of_a_test:bright")
    pictures, broken = store_labels(list_pictures([pack]), masks, tmp_path / "labels")
    assert not broken and all(one.mask for one in pictures)
    rgb, labels = read_picture(pictures[2])
    assert np.array_equal(labels == 2, rgb.mean(axis=2) > 128)


@pytest.mark.parametrize(("name", "words"), [("small", r"\(3, 3\)"), ("soft", "float64"), ("many", "0 to 255")])
def test_a_function_that_gives_no_labels_is_a_sentence(functions, pack, name, words):
    picture = list_pictures([pack])[1]
    labeller = FunctionMasks(f"labellers_of_a_test:{name}").labellers([picture])["p1"]
    with pytest.raises(BadImage, match=words):
        labeller(picture)


def test_a_function_that_is_none_is_a_sentence(functions):
    with pytest.raises(SettingError, match="--labels labellers_of_a_test:NUMBER is no function"):
        load_labels("labellers_of_a_test:NUMBER")
    with pytest.raises(SettingError, match="cannot be imported"):
        load_labels("no_such_module:f")
