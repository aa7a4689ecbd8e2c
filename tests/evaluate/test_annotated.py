"""A tiny dataset against published masks: every figure is worked out by hand."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from webiml.errors import SettingError
from webiml.evaluate.annotated.scores import (
    AnnotationScores,
    plan_scores,
    refuse_unfit,
    score_annotations,
    write_scores,
)
from webiml.images.codec import encode_png
from webiml.store.dataset_writer import DatasetWriter
from webiml.types import Finished, Row

SIDE = 20
SURE = 204  # of 255: a probability of 0.8


def square(rows: slice, columns: slice) -> np.ndarray:
    """(20, 20) bool with a rectangle."""
    mask = np.zeros((SIDE, SIDE), bool)
    mask[rows, columns] = True
    return mask


TRUE = square(slice(0, 10), slice(0, 10))  # 100 pixels
HALF = square(slice(0, 10), slice(0, 5))  # 50 of them: IoU 1/2, F1 2/3
SHIFTED = square(slice(0, 10), slice(5, 15))  # 50 of them and 50 others: IoU 1/3, F1 1/2
STORED = {"half": HALF, "shifted": SHIFTED, "doubt": TRUE, "same": square(slice(0, 0), slice(0, 0)), "extra": TRUE}
ROWS = (
    Row("half", "half", "kept", kind="SPG", qes=0.9),
    Row("shifted", "shifted", "rejected", "low_qes", kind="SPG", qes=0.4),
    Row("doubt", "a name: with blanks", "rejected", "kind_uncertain", kind="SPG", qes=0.6),
    Row("broken", "broken", "failed", "not_an_image"),
    Row("same", "same", "rejected", "identical", kind="identical", qes=None),
    Row("extra", "extra", "kept", kind="SPG", qes=1.0),
)
TRUTH = """key,mask,kind,component,anything
half,truth/true.png,SPG,one,1
shifted,truth/true.png,SDG,two,2
a name: with blanks,truth/true.png,spg,three,3
broken,truth/true.png,SDG,four,4
same,,identical,,5
"""


def write_dataset(path: Path, rows: tuple[Row, ...] = ROWS, shape: str = "folder") -> Path:
    """A finished dataset; a row's key says which mask is stored for it."""
    how = {"format": shape, "shard_pairs": 2, "settings": {"min_qes": 0.5}, "settings_hash": "0" * 16}
    with DatasetWriter.open(path, package_version="1.2.3", **how) as writer:  # type: ignore[arg-type]
        for row in rows:
            files = {}
            if row.status != "failed":
                mask = STORED[row.key]
                files = {
                    "authentic.png": b"not looked at",
                    "manipulated.png": b"not looked at",
                    "mask.png": encode_png(mask.astype(np.uint8) * 255),
                    "probability.png": encode_png(mask.astype(np.uint8) * SURE),
                }
            size = SIDE if files else None
            writer.add(Finished(replace(row, height=size, width=size), files))
        writer.finish()
    return path


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """A folder with the dataset, truth/true.png and truth.csv."""
    folder = tmp_path_factory.mktemp("made")
    write_dataset(folder / "dataset")
    (folder / "truth").mkdir()
    cv2.imwrite(str(folder / "truth" / "true.png"), TRUE.astype(np.uint8) * 255)
    (folder / "truth.csv").write_text(TRUTH)
    return folder


@pytest.fixture(scope="session")
def scores(made) -> AnnotationScores:
    return score_annotations(plan_scores(made / "dataset", truth=made / "truth.csv"), workers=1)[0]


def score_table(made: Path, tmp_path: Path, text: str, dataset: Path | None = None):
    """The figures and rows of the dataset with another truth table, whose paths are relative to `made`."""
    (tmp_path / "truth").mkdir(exist_ok=True)
    (tmp_path / "truth" / "true.png").write_bytes((made / "truth" / "true.png").read_bytes())
    (tmp_path / "truth.csv").write_text(text)
    return score_annotations(plan_scores(dataset or made / "dataset", truth=tmp_path / "truth.csv"), workers=1)


def test_kinds_count_a_pair_that_failed_or_is_uncertain_as_none(scores):
    kinds = scores.kinds
    assert (kinds.n, kinds.accuracy, kinds.kept, kinds.accuracy_kept) == (5, 0.4, 1, 1.0)
    assert {kind: {p: n for p, n in row.items() if n} for kind, row in kinds.confusion.items()} == {
        "SPG": {"SPG": 1, "none": 1},
        "SDG": {"SPG": 1, "none": 1},
        "identical": {"identical": 1},
    }
    assert all(set(row) == {"SPG", "SDG", "identical", "unrelated", "none"} for row in kinds.confusion.values())


def test_masks_over_all_over_stored_and_over_kept(scores):
    assert scores.n == 5 and scores.skipped == {} and set(scores.masks) == {"all", "SPG", "SDG"}
    every, spg, sdg = (scores.masks[name] for name in ("all", "SPG", "SDG"))
    assert (every.n, every.kept, every.kept_share) == (4, 1, 0.25)  # the identical pair has no mask to compare
    assert (every.over_all.iou, every.over_stored.iou, every.over_kept.iou) == pytest.approx(
        (0.5 / 4, (1 / 2 + 1 / 3 + 1 + 0) / 4, 1 / 2)
    )
    assert (every.over_all.f1, every.over_stored.f1, every.over_kept.f1) == pytest.approx(
        (2 / 3 / 4, (2 / 3 + 1 / 2 + 1 + 0) / 4, 2 / 3)
    )
    assert (spg.over_all.iou, spg.over_stored.iou, spg.over_kept.iou) == pytest.approx((0.25, 0.75, 0.5))
    assert (sdg.n, sdg.over_all.iou, sdg.over_stored.iou) == pytest.approx((2, 0, 1 / 6))
    assert (sdg.over_kept.n, sdg.over_kept.iou, sdg.over_kept.iou_low) == (0, None, None)


def test_qes_is_compared_with_the_overlap_of_every_stored_mask(scores):
    qes = scores.masks["all"].qes
    assert (qes.n, qes.without) == (3, 1)
    # by falling QES the losses are 1/2, 0 and 2/3
    assert [coverage for coverage, _ in qes.curve] == pytest.approx([1 / 3, 2 / 3, 1])
    assert [risk for _, risk in qes.curve] == pytest.approx([1 / 2, 1 / 4, 7 / 18])
    assert qes.aurc == pytest.approx((1 / 2 + 1 / 4 + 7 / 18) / 3)
    assert qes.aurc_ideal == pytest.approx((0 + 1 / 4 + 7 / 18) / 3)
    assert qes.aurc_random == pytest.approx(7 / 18)
    assert qes.spearman == pytest.approx(0.5)  # ranks 1 2 3 and 1 3 2
    full = {one.low: (one.n, one.qes, one.iou) for one in qes.bins if one.n}
    assert full == {0.4: (1, 0.4, pytest.approx(1 / 3)), 0.6: (1, 0.6, 1.0), 0.9: (1, 0.9, 0.5)}
    assert len(qes.bins) == 10 and qes.bins[0].iou is None


def test_calibration_adds_the_pixels_of_all_stored_maps(scores):
    pixels = scores.masks["all"].probability
    # 250 pixels at 0.8, of which 200 are manipulated; 950 at 0, of which 100 are
    assert (pixels.pixels, pixels.ece) == (1200, pytest.approx(100 / 1200))
    full = [(one.pixels, one.probability, one.manipulated) for one in pixels.bins if one.pixels]
    assert full == [(950, 0, pytest.approx(100 / 950)), (250, pytest.approx(0.8), pytest.approx(0.8))]


def test_the_rest_of_the_dataset_is_named(scores):
    assert (scores.unscored, scores.unscored_pairs) == (1, ("extra",))
    assert scores.settings == {"min_qes": 0.5} and scores.dataset_version == "1.2.3"


@pytest.mark.parametrize("workers", [1, 2])
def test_shards_and_more_workers_change_nothing(made, scores, workers, tmp_path):
    write_dataset(tmp_path / "dataset", shape="shards")
    found, pairs = score_annotations(plan_scores(tmp_path / "dataset", truth=made / "truth.csv"), workers)
    assert found.masks == scores.masks and found.kinds == scores.kinds and found.fingerprint == scores.fingerprint
    assert [pair.name for pair in pairs] == ["a name: with blanks", "broken", "half", "same", "shifted"]


def test_pairs_of_one_group_are_drawn_together(made, tmp_path):
    rows = "half,truth/true.png,g\nshifted,truth/true.png,g\ndoubt,truth/true.png,{}\n"
    one, _ = score_table(made, tmp_path, "key,mask,group\n" + rows.format("g"))
    mean = one.masks["all"].over_stored
    assert mean.iou_low == mean.iou_high == pytest.approx(mean.iou)  # one group: every draw is the whole
    two, _ = score_table(made, tmp_path, "key,mask,group\n" + rows.format("h"))
    mean = two.masks["all"].over_stored
    assert (mean.iou_low, mean.iou_high) == pytest.approx((5 / 12, 1))  # only g, or only h
    assert two.kinds is None and set(two.masks) == {"all"}


def test_what_cannot_be_scored_is_a_row_with_its_reason(made, tmp_path):
    (tmp_path / "truth").mkdir()
    cv2.imwrite(str(tmp_path / "truth" / "small.png"), np.zeros((10, SIDE), np.uint8))
    (tmp_path / "truth" / "page.png").write_text("<!DOCTYPE html>")
    text = """key,mask,kind
half,truth/small.png,SPG
shifted,truth/page.png,SDG
doubt,truth/gone.png,SPG
broken,truth/true.png,SDG
broken,truth/true.png,SDG
a name: with blanks,truth/true.png,SPG
same,https://example.org/mask.png,identical
extra,,SPG
,truth/true.png,SPG
"""
    found, pairs = score_table(made, tmp_path, text)
    assert found.n == 1 and found.masks["all"].over_all.iou == 0.0
    assert found.kinds is not None and found.kinds.n == 1  # a pair that is skipped is in no figure
    assert {(pair.name, pair.skipped) for pair in pairs} == {
        ("half", "mask_size"),
        ("shifted", "not_an_image"),
        ("doubt", "not_found"),
        ("broken", None),
        ("broken", "duplicate_key"),
        ("a name: with blanks", "duplicate_key"),  # the same row as doubt
        ("same", "is_url"),
        ("extra", "bad_row"),
        ("row 9", "bad_row"),
    }
    assert sum(found.skipped.values()) == 8 and len(found.skipped_pairs) == 8 and found.unscored == 0
    assert "half: the published mask is 10x20, the picture 20x20 (H x W)" in found.skipped_pairs


def test_a_dataset_that_was_damaged_skips_the_pair(made, tmp_path):
    dataset = write_dataset(tmp_path / "dataset")
    (dataset / "masks" / "half.png").unlink()
    (dataset / "probability" / "shifted.png").write_bytes(encode_png(np.zeros((SIDE, 7), np.uint8)))
    text = "key,mask\nhalf,truth/true.png\nshifted,truth/true.png\n"
    found, _ = score_table(made, tmp_path, text, dataset)
    assert (found.n, found.skipped) == (0, {"not_found": 1, "map_size": 1})
    assert any("the stored probability is 20x7" in words for words in found.skipped_pairs)
    assert found.masks["all"].over_all.iou is None and found.masks["all"].qes.aurc is None


def test_a_score_that_is_no_number_is_none(made, tmp_path):
    rows = (Row("half", "half", "kept", kind="SPG", qes=float("nan")), Row("doubt", "doubt", "kept", kind="SPG", qes=7))
    dataset = write_dataset(tmp_path / "dataset", rows)
    found, pairs = score_table(made, tmp_path, "key,mask\nhalf,truth/true.png\ndoubt,truth/true.png\n", dataset)
    assert [pair.qes for pair in pairs] == [None, None] and found.masks["all"].qes.without == 2
    write_scores(tmp_path / "out", found, pairs)
    assert json.loads((tmp_path / "out" / "result.json").read_text())["n"] == 2


def test_a_parquet_table_says_the_same(made, scores, tmp_path):
    lines = [line.split(",") for line in TRUTH.splitlines()]
    columns = {name: [row[i] or None for row in lines[1:]] for i, name in enumerate(lines[0])}
    columns["mask"] = [mask and str(made / mask) for mask in columns["mask"]]
    pq.write_table(pa.table(columns), tmp_path / "truth.parquet")
    found, _ = score_annotations(plan_scores(made / "dataset", truth=tmp_path / "truth.parquet"), workers=1)
    assert found.masks == scores.masks and found.kinds == scores.kinds


def test_a_folder_of_masks_says_nothing_of_kinds(made, tmp_path):
    folder = tmp_path / "masks"
    folder.mkdir()
    for name in ("half.png", "shifted.bmp"):
        cv2.imwrite(str(folder / name), TRUE.astype(np.uint8) * 255)
    (folder / "notes.txt").write_text("a note")
    (folder / "broken.png").symlink_to(made / "truth" / "true.png")  # leaves the folder
    found, _ = score_annotations(plan_scores(made / "dataset", masks=folder), workers=1)
    assert (found.n, found.kinds, found.ignored, found.skipped) == (2, None, ("notes.txt",), {"outside_folder": 1})
    assert found.masks["all"].over_stored.iou == pytest.approx((1 / 2 + 1 / 3) / 2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("key,mask\nnobody,a.png\nhalf,a.png\n", ["1 of 2 keys", "nobody", "annotate"]),
        ("key,mask\n" + "".join(f"k{i:02},a.png\n" for i in range(12)), ["12 of 12", "k09 and 2 more"]),
        ("key,mask,kind\nhalf,a.png,splice\n", ["line 2", "'splice'", "SPG, SDG, identical, unrelated"]),
        ("key,masks\nhalf,a.png\n", ["no column mask"]),
        ("key,mask\n", ["no rows"]),
    ],
    ids=["missing-key", "many-missing", "kind", "column", "empty"],
)
def test_a_table_that_does_not_fit_is_refused_before_any_work(made, tmp_path, text, words):
    with pytest.raises(SettingError) as error:
        score_table(made, tmp_path, text)
    assert all(word in str(error.value) for word in words), str(error.value)
    assert "k10" not in str(error.value)


def test_other_places_are_refused(made, tmp_path):
    dataset, folder = made / "dataset", tmp_path / "masks"
    folder.mkdir()
    for where, words in ((tmp_path / "gone", "cannot be read"), (folder, "holds no masks")):
        with pytest.raises(SettingError, match=words):
            plan_scores(dataset, masks=where)
    for name in ("half.png", "half.bmp"):
        (folder / name).write_bytes(b"")
    with pytest.raises(SettingError, match=r"half\.bmp and half\.png"):
        plan_scores(dataset, masks=folder)
    with pytest.raises(SettingError, match="not a dataset"):
        plan_scores(tmp_path, truth=made / "truth.csv")
    with pytest.raises(SettingError, match="its name must end in"):
        plan_scores(dataset, truth=folder)


def test_rows_that_share_a_name_need_their_keys(made, tmp_path):
    rows = tuple(Row(key, "one name", "kept", kind="SPG", qes=0.9) for key in ("half", "shifted"))
    dataset = write_dataset(tmp_path / "dataset", rows)
    with pytest.raises(SettingError, match="several rows that are called one name"):
        score_table(made, tmp_path, "key,mask\none name,truth/true.png\n", dataset)
    found, _ = score_table(made, tmp_path, "key,mask\nhalf,truth/true.png\n", dataset)
    assert found.n == 1


def test_files_are_documented_figures_and_one_row_for_every_row_of_the_truth(made, scores, tmp_path):
    planned = plan_scores(made / "dataset", truth=made / "truth.csv")
    found, pairs = score_annotations(planned, workers=1)
    write_scores(tmp_path / "out", found, pairs)
    written = json.loads((tmp_path / "out" / "result.json").read_text())
    assert written["command"] == "evaluate-annotations" and written["masks"]["all"]["over_all"]["iou"] == 0.125
    rows = {row["name"]: row for row in pq.read_table(tmp_path / "out" / "per_image.parquet").to_pylist()}
    assert len(rows) == 5
    doubt, broken = rows["a name: with blanks"], rows["broken"]
    assert (doubt["key"], doubt["predicted"], doubt["iou"], doubt["iou_all"], doubt["area"]) == (
        "doubt", "none", 1.0, 0.0, 0.25,
    )  # fmt: skip
    assert (broken["status"], broken["stored"], broken["iou"], broken["height"]) == ("failed", False, 0.0, SIDE)
    assert (rows["same"]["iou"], rows["same"]["predicted"], rows["half"]["group"]) == (None, "identical", "one")
    refuse_unfit(tmp_path / "out", made / "dataset", None)  # written anew by the same command


def test_a_place_that_holds_something_else_is_refused(made, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "result.json").write_text('{"protocol": "webiml"}')
    (tmp_path / "file").write_text("")
    dataset = made / "dataset"
    for out in (other, tmp_path / "file", dataset, dataset / "scores", made / "truth" / "scores"):
        with pytest.raises(SettingError):
            refuse_unfit(out, dataset, made / "truth")
    refuse_unfit(tmp_path / "new", dataset, made / "truth")
