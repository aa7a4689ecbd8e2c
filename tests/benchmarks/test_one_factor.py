"""One thing done to one side: each edit keeps its promise, the mask follows, and a loss is what it says."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))  # scripts, not a package

import one_factor  # pyright: ignore[reportMissingImports]
import scoring  # pyright: ignore[reportMissingImports]

MANIPULATED = [name for name, factor in one_factor.FACTORS.items() if factor.side == "manipulated"]


def pair(key: str = "one", place: tuple[int, int] = (60, 90)) -> "scoring.KnownPair":
    """A grey picture of 200x300 with a white block of 60x80 pixels at `place`, which is the mask."""
    authentic = np.full((200, 300, 3), 90, np.uint8)
    manipulated, mask = authentic.copy(), np.zeros((200, 300), bool)
    block = np.s_[place[0] : place[0] + 60, place[1] : place[1] + 80]
    manipulated[block], mask[block] = 250, True
    return scoring.KnownPair(key, "SPG", authentic, manipulated, mask)


@pytest.mark.parametrize("factor", one_factor.FACTORS)
def test_one_side_changes_and_the_other_stays(factor):
    before = pair()
    before = scoring.KnownPair(
        "one", "SPG", before.manipulated, before.manipulated, before.mask
    )  # two sides that both change when something is done to them
    after = one_factor.apply(factor, 5, before)
    changed = {
        side: not np.array_equal(getattr(after, side), before.manipulated) for side in ("authentic", "manipulated")
    }
    assert changed == {side: side == one_factor.FACTORS[factor].side for side in changed}
    assert factor.endswith(one_factor.FACTORS[factor].side)
    assert after.mask.shape == after.manipulated.shape[:2] and after.mask.dtype == bool
    again = one_factor.apply(factor, 5, before)
    assert all(
        np.array_equal(getattr(after, name), getattr(again, name)) for name in ("authentic", "manipulated", "mask")
    )


@pytest.mark.parametrize("factor", [name for name in MANIPULATED if name[:6] not in ("border", "waterm")])
def test_the_mask_follows_the_block(factor):
    for key in ("one", "two", "three"):
        after = one_factor.apply(factor, 5, pair(key))
        seen = after.manipulated[..., 0] >= 168  # halfway, and what JPEG does to it
        assert np.count_nonzero(seen != after.mask) <= 0.03 * np.count_nonzero(seen)


def test_sizes():
    cut = one_factor.apply("40 % cut off, manipulated", 5, pair())
    assert cut.mask.size / (200 * 300) == pytest.approx(0.6, abs=0.01)
    assert one_factor.apply("40 % cut off, authentic", 5, pair()).authentic.shape == cut.manipulated.shape
    assert one_factor.apply("0.35x, authentic", 5, pair()).authentic.shape == (70, 105, 3)
    assert one_factor.apply("0.35x, manipulated", 5, pair()).mask.shape == (70, 105)


def test_a_crop_keeps_a_quarter_of_the_mask():
    for key in map(str, range(10)):
        assert one_factor.apply("40 % cut off, manipulated", 5, pair(key, (140, 220))).mask.sum() >= 0.25 * 60 * 80


def test_a_mirrored_picture_mirrors_back():
    one = pair()
    given = scoring.KnownPair("one", "SPG", one.manipulated, one.manipulated, one.mask)
    assert np.array_equal(one_factor.apply("mirrored, authentic", 5, given).authentic[:, ::-1], one.manipulated)


def test_a_watermark_is_half_transparent():
    flat = scoring.KnownPair("one", "SPG", *(np.full((100, 150, 3), 100, np.uint8),) * 2, np.zeros((100, 150), bool))
    marked = one_factor.apply("watermark, manipulated", 5, flat).manipulated
    assert (marked != 100).any() and marked.max() <= 178 and marked.min() >= 50  # halfway to white, to black


@pytest.fixture
def table(tmp_path: Path, picture) -> Path:
    """Two SPG pairs and one that is not asked about."""
    canyon, mask = picture("canyon", 200), np.zeros(picture("canyon", 200).shape[:2], np.uint8)
    cv2.ellipse(mask, (90, 60), (40, 25), 0, 0, 360, 255, -1)
    edited = np.where(mask[..., None] > 0, picture("coffee", 200)[: len(canyon)], canyon)
    for name, array in (("a.png", canyon[..., ::-1]), ("m.png", edited[..., ::-1]), ("mask.png", mask)):
        cv2.imwrite(str(tmp_path / name), array)
    row = {"authentic": "a.png", "manipulated": "m.png", "mask": "mask.png"}
    rows = [{"key": key, "kind": kind} | row for key, kind in (("1", "SPG"), ("2", "SPG"), ("3", "identical"))]
    pd.DataFrame(rows).to_csv(tmp_path / "pairs.csv", index=False)
    return tmp_path / "pairs.csv"


def test_the_loss_is_the_difference_and_the_worst_are_drawn(table, tmp_path, monkeypatch, capsys):
    chosen = ("JPEG 30, manipulated", "40 % cut off, authentic")
    monkeypatch.setattr(one_factor, "FACTORS", {name: one_factor.FACTORS[name] for name in chosen})
    words = [
        "--pairs",
        f"canyon={table}",
        "--workers",
        "1",
        "--worst",
        str(tmp_path / "w"),
        "--json",
        str(tmp_path / "j"),
    ]
    monkeypatch.setattr(sys, "argv", ["one_factor.py", *words])
    one_factor.main()
    factors = json.loads((tmp_path / "j").read_text())["factors"]
    assert [*factors] == ["as they are", *chosen]
    mean = {name: np.mean([one["iou"] for one in result["pairs"]]) for name, result in factors.items()}
    assert mean["as they are"] > 0.8
    for name, result in factors.items():
        assert result["kinds"].keys() == {"SPG"} and result["kinds"]["SPG"]["n"] == 2
        assert result["kinds"]["SPG"]["loss"] == pytest.approx(mean["as they are"] - mean[name])
    drawn = sorted(path.name for path in (tmp_path / "w").iterdir())
    assert len(drawn) == 4 and drawn[0].startswith("40---cut-off--authentic-1-")
    losses = [factors["as they are"]["pairs"][i]["iou"] - factors[chosen[1]]["pairs"][i]["iou"] for i in (0, 1)]
    assert drawn[0].endswith(f"-{'12'[int(np.argmax(losses))]}.png") or losses[0] == losses[1]
    out = capsys.readouterr().out
    assert out.count("\n40 % cut off, authentic") == 1 and "canyon: 2 pairs" in out
