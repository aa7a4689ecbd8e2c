"""The whole evaluation on pictures whose figures are worked out by hand."""

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.evaluate.conftest import SIZE, marked, write_mask, write_picture

from webiml.errors import OutputError, SettingError
from webiml.evaluate.benchmarks.read import read_benchmark
from webiml.evaluate.degrade import parse_degradations
from webiml.evaluate.plan import plan
from webiml.evaluate.result import fingerprint
from webiml.evaluate.rows import read_rows, write_rows
from webiml.evaluate.run import Evaluated, evaluate
from webiml.images.decode import decode
from webiml.images.hashing import perceptual_hash
from webiml.localize.localizer import Localizer
from webiml.settings import EvaluateRun, EvaluateSettings

SQUARE = np.zeros(SIZE, bool)
SQUARE[10:30, 10:30] = True  # 400 pixels; the localizer marks 472 of a red square there: F1 800 / 872
F1 = 800 / 872


@pytest.fixture
def run(tmp_path, in_this_process) -> EvaluateRun:
    return EvaluateRun(cache=tmp_path / "cache", workers=1)


def score(
    run: EvaluateRun, *data: Path, out: Path | None = None, degrade: tuple[str, ...] = (), **settings
) -> Evaluated:
    planned = plan(
        [read_benchmark(str(one)) for one in data], EvaluateSettings(**settings), run, parse_degradations(degrade)
    )
    return evaluate(planned, out or run.cache.parent / "out", run)  # type: ignore[union-attr]


def test_every_figure_of_a_small_benchmark(tiny, listed, run):
    data = listed(right=(20, marked(20)), near=(20, SQUARE), missed=(0, SQUARE), plain=(0, None), alarm=(20, None))
    found = score(run, data, weights=str(tiny))
    result = found.result
    assert (result["protocol"], result["n"], result["skipped"], result["failed"]) == ("webiml", 5, 0, 0)
    assert (result["manipulated"], result["authentic"]) == (3, 2)
    pixel = result["pixel"]
    assert pixel["n"] == 3
    assert pixel["f1"] == pytest.approx((1 + F1 + 0) / 3)
    assert pixel["iou"] == pytest.approx((1 + 400 / 472 + 0) / 3)
    assert pixel["recall"] == pytest.approx(2 / 3) and pixel["precision"] == pytest.approx((1 + 400 / 472) / 3)
    # near: what is marked too much is less probable than some of the rest, so a higher threshold finds the square
    assert pixel["f1_best"] > pixel["f1"]
    pooled = result["pooled"]
    hits, marks, true = 472 + 400, 2 * 472, 472 + 400 + 400
    assert pooled["f1"] == pytest.approx(2 * hits / (marks + true)) and pooled["iou"] == pytest.approx(
        hits / (marks + true - hits)
    )
    # Scores: 1 for the three with a red square, 0.0006 for the two without
    image = result["image"]
    assert (image["n"], image["score"]) == (5, "score")
    assert image["auc"] == pytest.approx((2 * (1 + 0.5) + (0 + 0.5)) / 6)
    assert (image["sensitivity"], image["specificity"]) == (pytest.approx(2 / 3), 0.5)
    assert image["accuracy"] == pytest.approx(3 / 5) and image["f1"] == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    alarms = result["false_alarms"]
    assert (alarms["n"], alarms["share"]) == (2, 0.5) and alarms["area"] == pytest.approx(472 / 8000 / 2)
    assert result["training_data"] == {"known": False, "pictures": None, "leaks": None}
    rows = {row.key: row for row in found.rows}
    assert rows["near"].f1 == pytest.approx(F1) and rows["near"].true == 400 / 8000 and rows["plain"].f1 is None
    json.dumps(result, allow_nan=False)


@pytest.mark.parametrize("protocol", ["benco", "mvss", "miml", "trufor"])
def test_authentic_pictures_and_scores_by_the_other_protocols(tiny, listed, run, protocol):
    data = listed(right=(40, marked(40)), plain=(0, None))
    result = score(run, data, weights=str(tiny), protocol=protocol).result
    f1 = result["pixel"]["f1"]
    if protocol == "benco":  # both are in the mean, the authentic one with 0; at 512x512 edges differ a little
        assert result["pixel"]["n"] == 2 and 0.47 < f1 <= 0.5
    else:
        assert result["pixel"]["n"] == 1 and f1 > 0.94
    assert result["image"]["score"] == ("largest" if protocol == "mvss" else "score")
    assert result["image"]["f1"] == 1


def test_the_f1_of_pictures_is_harmonic_by_mvss(tiny, listed, run):
    data = listed(a=(20, SQUARE), b=(20, SQUARE), c=(0, SQUARE), plain=(0, None), alarm=(20, None))
    sensitivity, specificity = 2 / 3, 1 / 2
    image = score(run, data, weights=str(tiny), protocol="mvss").result["image"]
    assert image["f1"] == pytest.approx(2 * sensitivity * specificity / (sensitivity + specificity))
    assert score(run, data, weights=str(tiny)).result["image"]["f1"] == pytest.approx(4 / (4 + 1 + 1))


def test_what_cannot_be_scored_is_a_row_with_a_reason(tiny, listed, run):
    data = listed(
        right=(20, marked(20)),
        lost=(20, SQUARE),
        turned=(20, SQUARE),
        unread=(20, SQUARE),
        plain=(0, None),
        gone=(0, None),
    )
    root = data.parent
    (root / "Tp" / "lost.png").write_bytes(b"<html>not found")  # truth is known: counts as nothing marked
    write_mask(root / "Gt" / "turned.png", SQUARE.T)
    (root / "Gt" / "unread.png").write_bytes(b"")
    (root / "Tp" / "gone.png").write_bytes(b"")  # authentic, and no map: nothing can be said
    found = score(run, data, weights=str(tiny))
    rows = {row.key: (row.result, row.reason) for row in found.rows}
    assert rows == {
        "right": ("scored", None),
        "lost": ("failed", "not_an_image"),
        "turned": ("skipped", "mask_size"),
        "unread": ("skipped", "empty_file"),
        "plain": ("scored", None),
        "gone": ("skipped", "empty_file"),
    }
    result = found.result
    assert (result["n"], result["skipped"], result["failed"]) == (3, 3, 1)
    assert result["pixel"]["f1"] == 0.5  # the lost one counts
    assert result["skipped_reasons"] == {"empty_file": 2, "mask_size": 1}
    assert result["failed_reasons"] == {"not_an_image": 1}
    assert [one["key"] for one in result["skipped_pictures"]] == ["gone", "turned", "unread"]
    assert "80x100" in result["skipped_pictures"][1]["detail"] and "100x80" in result["skipped_pictures"][1]["detail"]


def test_a_map_is_made_once_and_scored_often(tiny, listed, run):
    data = listed(a=(20, SQUARE), b=(30, SQUARE))
    first = score(run, data, weights=str(tiny))
    assert all(row.seconds is not None for row in first.rows)
    again = score(run, data, weights=str(tiny), protocol="trufor")
    assert all(row.seconds is None for row in again.rows)
    same = score(run, data, weights=str(tiny))
    assert [replace(row, seconds=None) for row in first.rows] == same.rows
    stretched = score(run, data, weights=str(tiny), protocol="mvss")  # the network sees another picture
    assert all(row.seconds is not None for row in stretched.rows)
    other = score(run, data, weights=str(tiny), views=2)
    assert all(row.seconds is not None for row in other.rows)
    write_picture(data.parent / "Tp" / "a.png", 25)
    changed = score(run, data, weights=str(tiny))
    assert [row.seconds is None for row in changed.rows] == [False, True]


def test_a_damaged_map_in_the_cache_is_made_again(tiny, listed, run):
    data = listed(a=(20, SQUARE))
    before = score(run, data, weights=str(tiny)).rows[0]
    (kept,) = (run.cache or Path()).rglob("*.png")
    kept.write_bytes(kept.read_bytes()[:40])
    after = score(run, data, weights=str(tiny)).rows[0]
    assert after.seconds is not None and replace(after, seconds=None) == replace(before, seconds=None)


def test_results_do_not_depend_on_the_number_of_workers(tiny, listed, tmp_path):
    run = EvaluateRun(cache=tmp_path / "cache", workers=1)
    data = listed(**{f"p{n}": (n, SQUARE if n % 3 else None) for n in range(8)})
    one = score(run, data, weights=str(tiny))
    two = score(replace(run, workers=3, cache=tmp_path / "other"), data, weights=str(tiny))
    assert [replace(row, seconds=None) for row in one.rows] == [replace(row, seconds=None) for row in two.rows]
    for name in ("pixel", "pooled", "image", "false_alarms", "fingerprint"):
        assert one.result[name] == two.result[name]


def test_several_benchmarks_have_figures_of_their_own_and_a_mean(tiny, listed, run):
    first, second = listed("one", a=(20, marked(20))), listed("two", a=(0, SQUARE), b=(0, SQUARE), c=(0, SQUARE))
    result = score(run, first, second, weights=str(tiny)).result
    figures = {name: one["pixel"]["f1"] for name, one in result["benchmarks"].items()}
    assert sorted(figures.values()) == [0, 1] and result["n"] == 4
    assert result["pixel"]["f1"] == 0.25 and result["mean_of_benchmarks"]["f1"] == 0.5
    twice = score(run, first, first, weights=str(tiny)).result
    assert len(twice["benchmarks"]) == 2 and twice["n"] == 2


def test_saved_maps_score_what_the_localizer_that_made_them_scores(tiny, listed, run, tmp_path):
    data = listed(a=(20, SQUARE), b=(33, SQUARE), c=(0, SQUARE), plain=(7, None))
    localizer = Localizer.load(tiny)
    for file in (data.parent / "Tp").iterdir():
        found = localizer.localize(file)
        (tmp_path / "maps").mkdir(exist_ok=True)
        np.savez(tmp_path / "maps" / f"{file.stem}.npz", map=found.probability, score=found.score)
    made = score(run, data, weights=str(tiny))
    saved = score(run, data, predictions=tmp_path / "maps")
    for name in ("pixel", "pooled", "false_alarms"):
        assert saved.result[name] == made.result[name]
    assert saved.result["image"]["auc"] == made.result["image"]["auc"]
    assert saved.result["what"]["kind"] == "predictions"
    for file in (tmp_path / "maps").iterdir():
        np.savez(file, map=1 - np.load(file)["map"])
    inverted = score(run, data, predictions=tmp_path / "maps", invert=True)
    assert inverted.result["pixel"]["f1"] == made.result["pixel"]["f1"]
    assert inverted.result["image"]["score"] == "largest"  # there is no score any more


def test_a_map_of_another_size_fails_unless_it_is_to_be_stretched(listed, run, tmp_path):
    data = listed(a=(20, SQUARE))
    half = cv2.resize(SQUARE.astype(np.uint8) * 255, (50, 40), interpolation=cv2.INTER_NEAREST)
    (tmp_path / "maps").mkdir()
    cv2.imwrite(str(tmp_path / "maps" / "a.png"), half)
    found = score(run, data, predictions=tmp_path / "maps")
    assert (found.rows[0].result, found.rows[0].reason, found.result["pixel"]["f1"]) == ("failed", "map_size", 0)
    assert "--fit stretch" in (found.rows[0].detail or "")
    assert score(run, data, predictions=tmp_path / "maps", fit="stretch").result["pixel"]["f1"] > 0.95
    assert score(run, data, predictions=tmp_path / "maps", protocol="benco").result["pixel"]["f1"] > 0.95


def test_a_map_is_scored_although_its_picture_cannot_be_read(listed, run, tmp_path):
    data = listed(a=(20, SQUARE), b=(20, SQUARE), plain=(0, None))
    for name, mask in (("a", SQUARE), ("b", ~SQUARE), ("plain", SQUARE)):
        write_mask(tmp_path / "maps" / f"{name}.png", mask)
    for name in ("a", "plain"):
        (data.parent / "Tp" / f"{name}.png").write_bytes(b"")
    found = score(run, data, predictions=tmp_path / "maps")
    rows = {row.key: row for row in found.rows}
    assert (rows["a"].result, rows["a"].f1, rows["a"].sha256) == ("scored", 1.0, None)
    assert rows["a"].detail == "the picture itself could not be read (empty_file)"
    assert (rows["b"].f1, rows["plain"].marked) == (0.0, 400 / 8000)
    assert (found.result["n"], found.result["failed"], found.result["skipped"]) == (3, 0, 0)


def test_a_missing_map_is_refused_by_name_before_work_starts(listed, run, tmp_path):
    data = listed(a=(20, SQUARE), b=(20, SQUARE))
    write_mask(tmp_path / "maps" / "a.png", SQUARE)
    with pytest.raises(SettingError, match=r"Tp/b\.png"):
        score(run, data, predictions=tmp_path / "maps")


OWN = """
import numpy as np, torch
from torch import nn
CALLS = []
class Red(nn.Module):
    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(32.0))
    def forward(self, x):
        return (x[:, :1] - x[:, 1:2]) * self.gain
def module(): return Red()
def plain(rgb): return (rgb[..., 0] > rgb[..., 1]).astype(np.float32)
def function(): return plain
def known():
    def look(rgb): return plain(rgb), 0.25
    look.digest = "v1"
    return look
def wrong_shape(): return lambda rgb: np.zeros((3, 3), np.float32)
def wrong_range(): return lambda rgb: np.full(rgb.shape[:2], 7.0)
def no_factory(rgb): return plain(rgb)
def number(): return 3
def breaks():
    def look(rgb): raise RuntimeError("no such layer")
    return look
"""


@pytest.fixture
def own(tmp_path, monkeypatch) -> None:
    (tmp_path / "own_nets.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    sys.modules.pop("own_nets", None)


@pytest.mark.parametrize(("net", "kept"), [("module", True), ("function", False), ("known", True)])
def test_a_network_or_a_function_of_ones_own_is_scored(own, listed, run, net, kept):
    data = listed(a=(20, SQUARE), plain=(0, None))
    found = first = score(run, data, net=f"own_nets:{net}")
    for turn, found in enumerate((first, score(run, data, net=f"own_nets:{net}"))):
        assert found.result["pixel"]["f1"] == 1, net
        assert [row.seconds is None for row in found.rows] == [turn == 1 and kept] * 2
    assert found.result["what"]["kind"] == "net"
    assert found.result["image"]["score"] == ("largest" if net == "function" else "score")


@pytest.mark.parametrize(
    ("net", "words"),
    [
        ("wrong_shape", "a map is float"),
        ("wrong_range", r"lies in \[0, 1\]"),
        ("no_factory", "without arguments"),
        ("number", "gave a int"),
        ("breaks", "no such layer"),
        ("gone", "cannot be imported"),
    ],
)
def test_what_gives_no_maps_is_refused_before_work_starts(own, listed, run, net, words):
    with pytest.raises(SettingError, match=words):
        score(run, listed(a=(20, SQUARE)), net=f"own_nets:{net}")


def test_degraded_pictures_are_scored_in_the_same_run(tiny, listed, run):
    data = listed(a=(20, marked(20)), b=(40, marked(40)), plain=(0, None))
    result = score(run, data, weights=str(tiny), degrade=("jpeg:50..90:20", "resize:0.5,1")).result
    robustness = result["robustness"]
    assert set(robustness) == {"jpeg", "resize"}
    assert robustness["jpeg"]["levels"] == [50, 70, 90] and robustness["jpeg"]["n"] == [3, 3, 3]
    assert robustness["resize"]["f1"][1] == 1 and robustness["jpeg"]["f1"][0] < 1
    assert robustness["jpeg"]["area"]["f1"] == pytest.approx(
        np.mean([np.mean(robustness["jpeg"]["f1"][i : i + 2]) for i in (0, 1)])
    )
    assert result["pixel"]["f1"] == pytest.approx(1)
    again = score(run, data, weights=str(tiny), degrade=("jpeg:50..90:20", "resize:0.5,1")).result
    assert again["robustness"] == robustness
    with pytest.raises(SettingError, match="cannot be made again"):
        score(run, data, predictions=data.parent / "Gt", degrade=("jpeg:70",))


def with_training_table(tiny: Path, folder: Path, pictures: list[Path]) -> Path:
    """A copy of the localizer whose table of training pictures names these."""
    folder.mkdir()
    for ending in (".onnx", ".json"):
        (folder / f"tiny{ending}").write_bytes(tiny.with_suffix(ending).read_bytes())
    rows = [
        {"key": path.stem, "source": "", "license": "CC0-1.0", "author": "",
         "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
         "phash": perceptual_hash(decode(path.read_bytes(), 10**6).rgb)}
        for path in pictures
    ]  # fmt: skip
    columns = ["key", "source", "license", "author", "sha256", "phash"]
    pq.write_table(
        pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in columns])), folder / "tiny.data.parquet"
    )
    return folder


def test_a_picture_that_taught_the_localizer_stops_the_run_or_marks_it(tiny, listed, run, tmp_path):
    data = listed(seen=(20, SQUARE), new=(50, SQUARE))
    taught = with_training_table(tiny, tmp_path / "taught", [data.parent / "Tp" / "seen.png"])
    with pytest.raises(SettingError, match=r"seen\.png.*--allow-leaks"):
        score(run, data, weights=str(taught))
    result = score(replace(run, allow_leaks=True), data, weights=str(taught)).result
    assert result["training_data"]["known"] and result["training_data"]["leaks"] == 1
    assert result["training_data"]["leaking_pictures"][0]["key"] == "seen"
    clean = with_training_table(tiny, tmp_path / "clean", [])
    assert score(run, data, weights=str(clean)).result["training_data"]["leaks"] == 0


def test_a_cache_that_cannot_be_written_is_an_output_error(tiny, listed, run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        score(replace(run, cache=tmp_path / "file"), listed(a=(20, SQUARE)), weights=str(tiny))


def test_the_fingerprint_is_that_of_the_data_alone(tiny, listed, run):
    one = score(run, listed("one", a=(20, SQUARE), b=(30, None)), weights=str(tiny))
    two = score(run, listed("two", x=(30, None), y=(20, SQUARE)), weights=str(tiny), protocol="mvss")
    other = score(run, listed("other", x=(30, None), y=(20, marked(20))), weights=str(tiny))
    assert fingerprint(one.rows) == fingerprint(two.rows) == one.result["fingerprint"] != fingerprint(other.rows)


def test_rows_are_read_back_as_they_were_written(tiny, listed, run, tmp_path):
    rows = score(run, listed(a=(20, SQUARE), b=(0, None)), weights=str(tiny)).rows
    write_rows(tmp_path / "rows.parquet", rows, {"protocol": "webiml"})
    assert list(read_rows(tmp_path / "rows.parquet")) == rows
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    for name in ("bad.parquet", "none.parquet"):
        with pytest.raises(SettingError, match=name):
            list(read_rows(tmp_path / name))
