"""What the benchmark of tiles says of networks whose differences are known by hand."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))  # scripts, not a package
sys.path.insert(0, str(Path(__file__).resolve().parent))

import tiles  # pyright: ignore[reportMissingImports]
from localizer_samples import write_localizer  # pyright: ignore[reportMissingImports]

from webiml.localize.tiles import GLOBAL_SHARE, Tiling, spans


def known() -> list[tuple[np.ndarray, np.ndarray]]:
    """A black picture of 100x200 with a white block, which is the mask."""
    mask = np.zeros((100, 200), bool)
    mask[20:60, 70:140] = True
    return [(np.repeat(mask[..., None], 3, axis=2).astype(np.uint8) * 255, mask)]


def bright(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Each pixel by itself: tiles cannot matter."""
    probability = rgb[..., 0].astype(np.float32) / 255
    return probability, np.ones_like(probability), float(probability.max())


def test_a_network_that_sees_single_pixels_has_no_seams():
    overlaps, shares = tiles.compare_all(bright, known(), 128)
    assert list(overlaps) == [32, 64] and list(shares) == sorted({*tiles.SHARES, GLOBAL_SHARE})
    for one in [tiles.mean(rows) for rows in overlaps.values()] + [tiles.mean(shares[0.0])]:
        assert one.f1 == one.auc == 1 and one.difference < 1e-4 and one.seam < 1e-4 and one.moved < 1e-4
    assert tiles.mean(shares[1.0]).difference > 1e-3  # the small look blurs the border of the block


def test_a_network_that_knows_where_a_tile_begins_has():
    def position(rgb):
        height, width = rgb.shape[:2]
        ramp = np.tile(np.linspace(0.1, 0.9, width, dtype=np.float32), (height, 1))
        return ramp, ramp, 0.5

    _, shares = tiles.compare_all(position, known(), 128)
    assert tiles.mean(shares[0.0]).difference > 0.1


def test_a_seam_is_a_step_where_a_tile_ends_and_nowhere_else():
    tiling = Tiling(whole_pixels=0, side=128, overlap=32)
    flat = np.zeros((100, 200), np.float32)
    (_, second) = spans(200, 128, 32)
    at_the_border, elsewhere = flat.copy(), flat.copy()
    at_the_border[:, second.start :] = 0.25
    elsewhere[:, second.start + 5 :] = 0.25
    assert tiles.seam(at_the_border, flat, tiling) == pytest.approx(0.25)
    assert tiles.seam(elsewhere, flat, tiling) == 0
    assert tiles.seam(at_the_border, at_the_border, tiling) == 0


def test_the_cost_counts_what_tiles_share_twice():
    (one,) = tiles.compare_all(bright, known(), 128)[0][32]
    assert one.cost == pytest.approx(sum(len(span.weights) for span in spans(200, 128, 32)) / 200)


def test_both_tables_are_printed_and_kept(tmp_path, monkeypatch, capsys):
    rgb, mask = known()[0]
    folder = tmp_path / "pairs"
    folder.mkdir()
    cv2.imwrite(str(folder / "0.png"), rgb)
    cv2.imwrite(str(folder / "mask.png"), mask.astype(np.uint8) * 255)
    row = "key,authentic,manipulated,mask,kind\none,,0.png,mask.png,SPG\n"
    for name in ("pairs.csv", "singles.csv"):
        (folder / name).write_text(row)
    weights = write_localizer(tmp_path / "bright")
    command = ["tiles.py", "--pairs", folder, "--weights", weights, "--side", 128, "--json", tmp_path / "out.json"]
    monkeypatch.setattr(sys, "argv", [str(word) for word in command])
    tiles.main()
    printed = capsys.readouterr().out
    assert "1 forged pictures" in printed and "32 (ships)" in printed and f"{GLOBAL_SHARE:g} (ships)" in printed
    assert json.loads((tmp_path / "out.json").read_text())["shares"]["0.0"]["f1"] == 1
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--side", "512"])
    with pytest.raises(SystemExit, match="give a smaller --side"):
        tiles.main()
