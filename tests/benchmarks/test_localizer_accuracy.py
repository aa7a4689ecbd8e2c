"""What the benchmarks of localizers say of pictures whose figures are known by hand, and of the published floors."""

import functools
import json
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))  # scripts, not a package
sys.path.insert(0, str(Path(__file__).resolve().parent))

import localizer_accuracy  # pyright: ignore[reportMissingImports]
import localizer_scoring as scoring  # pyright: ignore[reportMissingImports]
import localizer_threshold  # pyright: ignore[reportMissingImports]
from localizer_samples import write_localizer, write_pictures  # pyright: ignore[reportMissingImports]

from webiml.metrics.overlap import f1


@pytest.fixture(scope="module")
def localizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_localizer(tmp_path_factory.mktemp("localizer") / "bright")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("pictures") / "set")


@pytest.fixture(scope="module")
def seen(localizer, table) -> list["scoring.Seen"]:
    singles = scoring.manipulated_singles(table)
    singles += scoring.authentic_singles(table, table.with_name("authentic.csv"))
    return scoring.look_at_all(functools.partial(scoring.localizer, str(localizer)), singles, workers=1)


def single(key: str, kind: str = "splice", mask: Path | None = Path("mask.png")) -> "scoring.Single":
    return scoring.Single(key, kind, key, Path(f"{key}.png"), mask)


def test_every_picture_counts_once(table):
    manipulated = scoring.manipulated_singles(table)
    assert [(one.key, one.kind, one.component) for one in manipulated] == [
        ("1__spg", "splice", "a"), ("2__spg", "copy-move", "b"), ("3__spg", "copy-move", "b")
    ]  # fmt: skip
    names = [one.picture.name for one in scoring.authentic_singles(table)]
    assert names == ["clean.png", "flagged.png"]
    more = scoring.authentic_singles(table, table.with_name("authentic.csv"))
    assert [(one.picture.name, one.component) for one in more] == [
        ("clean.png", "a"), ("flagged.png", "a"), ("more.png", "c")
    ]  # fmt: skip
    assert all(one.kind == "authentic" and one.mask is None for one in more)


def test_a_mask_that_is_not_there_is_no_picture_that_cannot_be_read(tmp_path):
    (tmp_path / "pairs.csv").write_text("key,authentic,manipulated,mask,kind\n1,a.png,m.png,nowhere.png,SPG\n")
    with pytest.raises(SystemExit, match="nowhere"):
        scoring.manipulated_singles(tmp_path / "pairs.csv")


def test_figures_are_those_worked_out_by_hand(seen):
    found = localizer_accuracy.figures(seen)
    kinds = found["kinds"]
    # Half of the copy-move is found and nothing else: F1 2 * 200 / (200 + 400). The broken picture counts as 0.
    assert kinds["splice"]["f1"] == 1 and kinds["copy-move"]["f1"] == pytest.approx((2 / 3 + 0) / 2)
    assert kinds["all"]["n"] == 3 and kinds["all"]["f1"] == pytest.approx(5 / 9)
    assert kinds["all"]["auc"] == pytest.approx((1 + 0.75 + 0) / 3) and kinds["all"]["missed"] == pytest.approx(1 / 3)
    assert found["threshold"] == 0.5 and found["f1_best"] == pytest.approx(5 / 9)  # any level up to 153 is as good
    assert kinds["all"]["f1_interval"] == pytest.approx((1 / 3, 1))  # two components: b alone, or a alone
    assert found["authentic"]["n"] == 3 and found["authentic"]["flagged"] == pytest.approx(0.025 / 3)
    assert found["authentic"]["alarms"] == pytest.approx(1 / 3)
    assert [*found["problems"]] == ["3__spg"]
    # What is missed is black: the confidence doubts that more than white and grey, the probability least of all.
    confidence = found["confidence"]["manipulated"]
    assert confidence["wrong"] == pytest.approx(200 / 4800, abs=0.02)  # the other half of the copy-move
    assert confidence["doubt"] > 0.5 > confidence["unsure"]
    # The splice is as bright as the flagged picture, more or less; the copy-move less so; the broken one scores 0.
    assert 5 / 9 <= found["image_auc_score"] <= 6 / 9


def test_both_classes_are_saved_alike_before_they_are_scored(seen):
    one, *_ = seen
    assert one.score == one.largest  # of the re-saved picture, where JPEG has smoothed what was full
    assert one.flagged[255] == pytest.approx(400 / 2400)  # as given


@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_f1_of_all_levels_is_that_of_each(seed, share):
    rng = np.random.default_rng(seed)
    levels = rng.choice(np.array([0, 1, 100, 127, 128, 200, 255], np.uint8), (6, 5))
    mask = rng.random((6, 5)) < share
    found = scoring.f1_of_levels(levels, mask)
    assert all(found[level] == pytest.approx(f1(levels >= level, mask)) for level in range(256))


def with_f1(**levels: float) -> "scoring.Seen":
    """F1 0 at every level but those that are given as `at_LEVEL`, which is also that of all levels up to it."""
    values = np.zeros(256)
    for name, value in sorted(levels.items(), key=lambda item: -int(item[0][3:])):
        values[: int(name[3:]) + 1] = value
    return replace(scoring.lost(single("x"), ""), f1=values)


def test_the_best_threshold_is_one_for_all_pictures():
    first, second = with_f1(at_20=0.0, at_60=0.5), with_f1(at_60=0.2, at_200=0.4)
    # Up to 20: 0 + 0.2; up to 60: 0.5 + 0.2; then 0 + 0.4.
    threshold, best = scoring.best_threshold([first, second])
    assert threshold == pytest.approx(59.5 / 255) and best == pytest.approx(0.35)  # the nearest to 0.5 of 21 to 60
    assert scoring.best_threshold([with_f1(at_255=1.0)]) == (0.5, 1.0)


def test_an_interval_draws_whole_components():
    values = np.array([0.0, 0.0, 0.0, 1.0])
    assert scoring.interval(values, ["a"] * 4) == (0.25, 0.25)
    assert scoring.interval(values, ["a", "a", "a", "b"]) == (0.0, 1.0)
    low, high = scoring.interval(np.tile([0.0, 1.0], 200), [str(i // 2) for i in range(400)])
    assert low == high == 0.5  # every component has one of each
    low, high = scoring.interval(np.tile([0.0, 1.0], 200), [str(i) for i in range(400)])
    assert low == pytest.approx(0.45, abs=0.01) and high == pytest.approx(0.55, abs=0.01)  # 1.96 / sqrt(4 * 400)


def test_ranks_count_ties_half():
    assert scoring.ranked_auc(np.array([2.0, 1.0]), np.array([1.0, 0.0])) == (2 + 1.5) / 4
    assert scoring.ranked_auc(np.array([]), np.array([1.0])) is None


def test_a_change_takes_the_truth_with_it():
    rgb, mask = np.zeros((80, 120, 3), np.uint8), np.zeros((80, 120), bool)
    rgb[20:60, 40:80], mask[20:60, 40:80] = 255, True
    small, followed = scoring.Change(scale=0.75)(rgb, mask)
    assert small.shape == (60, 90, 3) and followed.shape == (60, 90)
    assert np.array_equal(followed, small[..., 0] >= 128)
    saved, same = scoring.Change(jpeg=70)(rgb, mask)
    assert np.array_equal(same, mask) and 0 < np.count_nonzero(saved != rgb) < rgb.size
    assert np.array_equal(scoring.Change()(rgb, mask)[0], rgb)


def test_a_sample_keeps_the_order():
    singles = [single(str(i)) for i in range(20)]
    some = scoring.drawn(singles, 5)
    assert len(some) == 5 and [one.key for one in some] == sorted((one.key for one in some), key=int)
    assert scoring.drawn(singles[::-1], 5) == some[::-1] and scoring.drawn(singles, None) == singles


def test_the_whole_way(table, localizer, tmp_path, monkeypatch, capsys):
    words = ["--pairs", f"bright={table}", "--authentic", str(table.with_name("authentic.csv")), "--workers", "1"]
    words += ["--weights", str(localizer), "--views", "3", "--worst", str(tmp_path / "w"), "--scale", "0.75"]
    monkeypatch.setattr(sys, "argv", ["localizer_accuracy.py", *words, "--json", str(tmp_path / "a.json")])
    localizer_accuracy.main()
    out = capsys.readouterr().out
    assert "bright: 1 splice, 2 copy-move, 3 authentic" in out and "3__spg: BadImage" in out
    written = json.loads((tmp_path / "a.json").read_text(), parse_constant=pytest.fail)
    assert written["change"] == {"jpeg": None, "scale": 0.75} and len(written["pictures"]) == 6
    assert written["figures"]["kinds"]["splice"]["f1"] > 0.95
    sheets = {path.name: cv2.imread(str(path)) for path in (tmp_path / "w").iterdir()}
    assert sheets.keys() == {"worst-1.png", "random-1.png", "flagged-1.png"}
    sizes = {name: sheet.shape[0] for name, sheet in sheets.items() if sheet is not None}
    assert sizes["worst-1.png"] == sizes["random-1.png"] == 2 * sizes["flagged-1.png"]


def test_a_localizer_that_is_not_there_is_one_sentence(table, monkeypatch):
    words = ["--pairs", str(table), "--weights", "nobody", "--workers", "1"]
    monkeypatch.setattr(sys, "argv", ["localizer_accuracy.py", *words])
    with pytest.raises(SystemExit, match="no localizer nobody"):
        localizer_accuracy.main()


def test_thresholds_of_forged_pictures(localizer, tmp_path, monkeypatch, capsys):
    write_pictures(tmp_path / "forged")
    (tmp_path / "forged" / "singles.csv").write_text(
        "key,manipulated,mask\n1,whole.png,mask.png\n2,half.png,mask.png\n"
    )
    words = ["--pairs", str(tmp_path / "forged"), "--weights", str(localizer), "--workers", "1"]
    monkeypatch.setattr(sys, "argv", ["localizer_threshold.py", *words, "--json", str(tmp_path / "t.json")])
    localizer_threshold.main()
    found = json.loads((tmp_path / "t.json").read_text())
    assert found["f1"] == pytest.approx((1 + 2 / 3) / 2) == found["f1_best"] and found["calibrated"]
    assert found["f1_at"]["0.6"] == pytest.approx(found["f1"]) and found["f1_at"]["0.7"] == 0.5  # grey is 0.6
    out = capsys.readouterr().out
    assert "0.5 loses 0.000" in out and "it lies between 0.4 and 0.6" in out


@pytest.mark.parametrize(
    ("name", "f1_wanted", "auc_wanted"),
    [("all positive", 0.156, 0.5), ("centred Gaussian", 0.189, 0.662), ("ELA, quality 75", 0.212, 0.706)],
)
def test_the_protocol_gives_the_published_floors(shared_data, name, f1_wanted, auc_wanted):
    look, f1s, aucs = scoring.floor(name), [], []
    for one in scoring.manipulated_singles(shared_data / "casia1_dev" / "pairs.csv"):
        rgb, mask = scoring.read_single(one)
        levels = scoring.to_8bit(look(rgb).probability)
        f1s.append(scoring.f1_of_levels(levels, mask)[128])
        aucs.append(scoring.auc(levels, mask))
    assert len(f1s) == 187
    assert np.mean(f1s) == pytest.approx(f1_wanted, abs=0.001)
    assert np.mean(aucs) == pytest.approx(auc_wanted, abs=0.001)
