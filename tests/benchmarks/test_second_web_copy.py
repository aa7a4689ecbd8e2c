"""The second web-like copy: all of its processing on every picture, within its ranges, and a mask that follows."""

import io
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))  # scripts, not a package

import second_web_copy as web  # pyright: ignore[reportMissingImports]

SEEDS = st.integers(0, 2**32 - 1)
SIDES = st.integers(64, 200)


def generator(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def flat(height: int, width: int, value: int = 120) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def test_the_ranges_are_those_that_were_promised():
    assert (web.ROTATION, web.GAMMA, web.TEXT, web.FRAME) == ((2, 8), (0.7, 1.4), (0.02, 0.06), (0.05, 0.15))
    assert (web.QUALITY, web.RESAVES) == ((40, 80), (2, 3))


@given(SIDES, SIDES, st.floats(2, 8), st.sampled_from([-1, 1]))
def test_a_turn_leaves_no_corner_empty_and_wastes_nothing(height, width, degrees, way):
    back = np.linalg.inv(np.vstack([web.turn((height, width), way * degrees), [0, 0, 1]]))
    corners = np.array([[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1], [width - 1, height - 1, 1]]).T
    inside = (back @ corners)[:2]
    outermost = np.array([[width - 1], [height - 1]])
    assert (inside > -1e-6).all() and (inside < outermost + 1e-6).all()
    assert min(np.abs(inside).min(), np.abs(outermost - inside).min()) < 1e-6  # one touches the edge: no more zoom
    angle = np.rad2deg(np.arctan2(back[0, 1], back[0, 0]))
    assert abs(angle) == pytest.approx(degrees)


@given(SEEDS)
def test_the_mask_follows_turn_and_frame(seed):
    picture, mask = flat(120, 180, 40), np.zeros((120, 180), bool)
    picture[40:80, 60:120], mask[40:80, 60:120] = 200, True
    rng = generator(seed)
    picture, followed = web.framed(*web.turned(picture, mask, rng), rng)
    assert followed is not None and followed.shape == picture.shape[:2]
    margin = (picture.shape[0] - 120) // 2
    inner = np.s_[margin : margin + 120, margin : margin + 180]
    seen = picture[inner][..., 0] >= 120
    assert not np.delete(followed, np.s_[margin : margin + 120], axis=0).any()
    differing = np.count_nonzero(seen != followed[inner])
    assert differing <= 0.02 * np.count_nonzero(seen)  # a pixel here and there along 200 pixels of outline


def test_a_mask_in_the_corner_is_not_turned_out():
    picture, mask = flat(100, 100), np.zeros((100, 100), bool)
    mask[:12, :12] = True
    for seed in range(20):
        _, followed = web.turned(picture, mask, generator(seed))
        assert followed is not None and followed.sum() >= 0.25 * 144
    mask[:] = False
    mask[0, 0] = True  # no turn of two degrees leaves this one
    with pytest.raises(SystemExit, match="corner"):
        web.turned(picture, mask, generator(0))


@pytest.mark.parametrize(("exponent", "want"), [(1, 64), (2, 16), (0.5, 128)])
def test_gamma(exponent, want):  # 64/255 squared is 16.06/255, its root 127.75/255
    assert web.with_gamma(flat(2, 2, 64), exponent)[0, 0].tolist() == [want] * 3


@given(SEEDS, SIDES, SIDES)
def test_text_covers_two_to_six_percent(seed, height, width):
    picture = flat(height, width)
    written, (top, left, high, wide) = web.with_text(picture, generator(seed))
    one_pixel = max(high, wide) / (height * width)  # sides of a box are whole pixels
    assert web.TEXT[0] - one_pixel <= high * wide / (height * width) <= web.TEXT[1] + one_pixel
    changed = (written != picture).any(axis=2)
    assert changed.any()
    changed[top : top + high, left : left + wide] = False
    assert not changed.any()


@given(SEEDS, SIDES, SIDES)
def test_a_frame_of_one_colour_goes_all_round(seed, height, width):
    picture, _ = web.framed(flat(height, width), None, generator(seed))
    edge = (picture.shape[0] - height) // 2
    assert picture.shape == (height + 2 * edge, width + 2 * edge, 3)
    assert 0.05 * min(height, width) - 0.5 <= edge <= 0.15 * min(height, width) + 0.5
    around = np.ones(picture.shape[:2], bool)
    around[edge : edge + height, edge : edge + width] = False
    assert len(np.unique(picture[around], axis=0)) == 1
    assert (picture[~around] == 120).all()


def test_two_or_three_saves_of_quality_40_to_80_end_as_webp(monkeypatch):
    saved, encode = [], cv2.imencode

    def watched(ending, bgr, options):
        saved.append((ending, options[1]))
        return encode(ending, bgr, options)

    monkeypatch.setattr(web.cv2, "imencode", watched)
    counts, endings = set(), set()
    for seed in range(40):
        saved.clear()
        assert Image.open(io.BytesIO(web.resaved(flat(32, 32), generator(seed)))).format == "WEBP"
        assert saved[-1][0] == ".webp" and all(40 <= quality <= 80 for _, quality in saved)
        counts.add(len(saved))
        endings |= {ending for ending, _ in saved[:-1]}
    assert counts == {2, 3} and endings == {".jpg", ".webp"}


@pytest.fixture
def table(tmp_path: Path, picture) -> Path:
    """Two pairs of one canyon, with a column that is carried."""
    source = tmp_path / "source"
    source.mkdir()
    canyon, mask = picture("canyon", 120), np.zeros(picture("canyon", 120).shape[:2], np.uint8)
    mask[20:50, 30:70] = 255
    for name, array in (("a.png", canyon), ("m.png", np.where(mask[..., None] > 0, 255 - canyon, canyon))):
        cv2.imwrite(str(source / name), array[..., ::-1])
    cv2.imwrite(str(source / "mask.png"), mask)
    rows = [{"key": key, "authentic": "a.png", "manipulated": "m.png", "mask": "mask.png"} for key in ("007", "one")]
    pd.DataFrame([row | {"kind": "SPG", "area": "0.50"} for row in rows]).to_csv(source / "pairs.csv", index=False)
    return source / "pairs.csv"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(table, tmp_path):
    for name, seed in (("one", 11), ("again", 11), ("other", 12)):
        assert web.copy_table(table, tmp_path / name, seed) == 2
    one, again, other = (contents(tmp_path / name) for name in ("one", "again", "other"))
    assert one == again and one.keys() == other.keys()
    assert all(one[name] != other[name] for name in one if name.endswith((".webp", ".png")))
    assert one["manipulated/007.webp"] != one["manipulated/one.webp"]
    rows = pd.read_csv(tmp_path / "one" / "pairs.csv", dtype=str)
    assert rows.key.tolist() == ["007", "one"] and rows.area.tolist() == ["0.50"] * 2


def test_either_side_is_drawn_on_its_own(table, tmp_path):
    """One row less changes no byte of the other, and the two sides get other frames."""
    web.copy_table(table, tmp_path / "both", 11)
    rows = pd.read_csv(table, dtype=str)
    rows.iloc[1:].to_csv(table, index=False)
    web.copy_table(table, tmp_path / "second", 11)
    both, second = contents(tmp_path / "both"), contents(tmp_path / "second")
    assert all(both[name] == data for name, data in second.items() if name != "pairs.csv")
    corners = [
        Image.open(tmp_path / "both" / side / "one.webp").getpixel((0, 0)) for side in ("authentic", "manipulated")
    ]
    assert corners[0] != corners[1]


@pytest.mark.parametrize("key", ["../up", "a/b", "", "x" * 200])
def test_a_key_that_is_no_file_name_is_refused(table, tmp_path, key):
    rows = pd.read_csv(table, dtype=str)
    rows.loc[0, "key"] = key
    rows.to_csv(table, index=False)
    with pytest.raises(SystemExit, match="cannot name a file"):
        web.copy_table(table, tmp_path / "out", 11)
