"""Large pictures: tiles cover everything, their weights add up to one, and nobody sees where one begins."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webiml import Localizer
from webiml.forge.blending import paste, placement
from webiml.forge.objects import blob
from webiml.localize.tiles import GRID, WHOLE_PIXELS, Tiling, look_at, spans
from webiml.nets import weights


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


SMALL = Tiling(whole_pixels=0, side=96, overlap=32, global_side=64, global_share=0.0)
sides = st.integers(3, 40).map(lambda cells: GRID * cells)
overlaps = st.integers(1, 2).map(lambda cells: GRID * cells)


@given(length=st.integers(1, 20_000), side=sides, overlap=overlaps)
def test_weights_add_up_to_one_at_every_pixel(length, side, overlap):
    total = np.zeros(length)
    for span in spans(length, side, overlap):
        assert 0 <= span.start < span.stop <= length and len(span.weights) == span.stop - span.start <= side
        assert span.weights.dtype == np.float32 and (span.weights > 0).all()
        total[span.start : span.stop] += span.weights
    np.testing.assert_allclose(total, 1, atol=1e-6)


@given(length=st.integers(1, 20_000), side=sides, overlap=overlaps)
def test_tiles_lie_on_the_grid_and_share_what_was_asked_for(length, side, overlap):
    found = spans(length, side, overlap)
    assert all(span.start % GRID == 0 for span in found)
    if len(found) > 1:
        sizes = [span.stop - span.start for span in found]
        assert len(set(sizes[:-1])) == 1 and sizes[0] - GRID < sizes[-1] <= sizes[0]
        assert all(one.stop - other.start > overlap - GRID for one, other in pairwise(found))
        assert (len(found) - 1) * (side - overlap) + overlap < -(-length // GRID) * GRID  # one fewer would not do


def test_a_short_axis_is_one_tile():
    (span,) = spans(100, 128, 32)
    assert (span.start, span.stop) == (0, 100) and (span.weights == 1).all()


def test_windows_fall_off_like_a_squared_cosine():
    one, two = spans(160, 96, 32)
    assert (one.start, one.stop, two.start, two.stop) == (0, 96, 64, 160)
    assert (one.weights[:64] == 1).all() and (two.weights[32:] == 1).all()
    np.testing.assert_allclose(two.weights[:32], np.sin(np.pi / 2 * (np.arange(32) + 0.5) / 32) ** 2, atol=1e-6)


def pictures(seed: int, height: int, width: int) -> np.ndarray:
    """Colours that change slowly, with noise: probabilities of the tiny localizer from 0 to 1."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    rgb = np.full((height, width, 3), 128.0)
    rgb[..., 0] += 40 * np.sin(rows / 17)
    rgb[..., 1] += 40 * np.cos(columns / 23)
    return (rgb + rng.normal(0, 12, rgb.shape)).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def localizer(tiny) -> Localizer:
    return Localizer.load(tiny, threads=1)


@pytest.mark.parametrize(("height", "width"), [(16, 500), (97, 97), (250, 131), (96, 300), (333, 16)])
def test_tiles_say_what_a_look_at_the_whole_says(localizer, height, width):
    rgb = pictures(height, height, width)
    whole, sure, score = localizer.look(rgb)
    probability, confidence, best = look_at(localizer.look, rgb, SMALL)
    assert probability.shape == confidence.shape == (height, width)
    assert probability.dtype == confidence.dtype == np.float32
    # A tile knows nothing beyond its border, where its weight is next to nothing
    assert np.abs(probability - whole).max() < 1e-3 and np.abs(confidence - sure).max() < 1e-3
    assert best == pytest.approx(score, abs=0.02)


def test_each_tile_sees_its_own_pixels_untouched():
    rgb = pictures(0, 200, 300)
    seen = []

    def look(tile):
        seen.append(tile)
        return np.full(tile.shape[:2], 0.25, np.float32), np.full(tile.shape[:2], 0.75, np.float32), 0.5

    probability, confidence, score = look_at(look, rgb, SMALL)
    np.testing.assert_allclose(probability, 0.25, atol=1e-4)
    np.testing.assert_allclose(confidence, 0.75, atol=1e-6)
    assert score == 0.5
    for tile in seen:
        assert max(tile.shape[:2]) <= 96 and tile.base is rgb  # a window of the picture, nothing resized


def test_the_look_at_the_whole_has_its_share_of_the_log_odds():
    tiling = Tiling(whole_pixels=0, side=96, overlap=32, global_side=64, global_share=0.25)
    shapes = []

    def look(rgb):
        whole = max(rgb.shape[:2]) == 64
        shapes.append(rgb.shape[:2])
        logit, sure, score = (4.0, 0.9, 0.8) if whole else (-4.0, 0.5, 0.4)
        shape = rgb.shape[:2]
        return np.full(shape, sigmoid(logit), np.float32), np.full(shape, sure, np.float32), score

    probability, confidence, score = look_at(look, pictures(1, 150, 300), tiling)
    assert shapes.count((32, 64)) == 1
    np.testing.assert_allclose(probability, sigmoid(0.75 * -4 + 0.25 * 4), atol=1e-3)
    np.testing.assert_allclose(confidence, 0.6, atol=1e-6)
    assert score == pytest.approx(sigmoid(0.75 * math.log(2 / 3) + 0.25 * math.log(4)), abs=1e-3)


def test_the_most_suspicious_tile_decides_the_score():
    def look(tile):
        score = 0.9 if tile.max() == 255 else 0.1
        return np.zeros(tile.shape[:2], np.float32), np.ones(tile.shape[:2], np.float32), score

    rgb = np.zeros((300, 300, 3), np.uint8)
    assert look_at(look, rgb, SMALL)[2] == pytest.approx(0.1)
    rgb[250, 250] = 255
    assert look_at(look, rgb, SMALL)[2] == pytest.approx(0.9)


def test_a_map_of_the_whole_is_enlarged_without_steps_between_bands():
    height, width = 600, 40  # three bands

    def look(rgb):
        rows = np.linspace(0.1, 0.9, len(rgb), dtype=np.float32)
        return np.repeat(rows[:, None], rgb.shape[1], 1), np.ones(rgb.shape[:2], np.float32), 0.0

    tiling = Tiling(whole_pixels=0, side=640, overlap=32, global_side=60, global_share=1.0)
    probability, _, _ = look_at(look, np.zeros((height, width, 3), np.uint8), tiling)
    steps = np.diff(probability[10:-10, 0])
    assert (steps > 0).all() and steps.max() < 3 * 0.8 / height


def test_small_pictures_are_looked_at_once_as_they_are():
    rgb = np.zeros((1000, WHOLE_PIXELS // 1000, 3), np.uint8)
    asked = []
    look_at(lambda given: asked.append(given) or (given, given, 0.0), rgb)
    assert len(asked) == 1 and asked[0] is rgb


# ---------------------------------------------------------------- the network that ships


@pytest.fixture(scope="module")
def web_iml() -> Localizer:
    if "web_iml" not in weights.names():
        pytest.skip("webiml/weights/web_iml.onnx does not exist yet")
    return Localizer.load("web-iml", threads=1)


@pytest.mark.parametrize("name", ["pier", "boards", "forged"])
def test_the_seams_cannot_be_seen(web_iml, picture, name):
    rgb = forged(picture("canyon", 1200), picture("pier", 1200)) if name == "forged" else picture(name, 1200)
    whole, _, score = web_iml.look(rgb)
    tiled, _, best = look_at(web_iml.look, rgb, replace(Tiling(), whole_pixels=0))
    assert len(spans(rgb.shape[1], Tiling().side, Tiling().overlap)) == 2
    assert np.abs(tiled - whole).mean() <= 0.02
    assert abs(best - score) <= 0.2


@pytest.mark.parametrize("name", ["canyon", "forged"])
def test_no_map_steps_where_a_tile_ends(web_iml, picture, name):
    rgb = forged(picture("canyon", 1000), picture("pier", 1000)) if name == "forged" else picture(name, 1000)
    side, overlap = 512, 128  # smaller than those that ship: less is seen around a pixel, so it is harder
    tiled = look_at(web_iml.look, rgb, Tiling(whole_pixels=0, side=side, overlap=overlap, global_share=0.0))[0]
    whole = web_iml.look(rgb)[0]
    for axis, length in enumerate(rgb.shape[:2]):
        steps = np.abs(np.diff(tiled - whole, axis=axis)).mean(axis=1 - axis)
        ends = {end for span in spans(length, side, overlap) for end in (span.start, span.stop)} - {0, length}
        assert ends and max(steps[end - 1] for end in ends) <= 0.005


def forged(ground: np.ndarray, donor: np.ndarray) -> np.ndarray:
    """A piece of one picture in another of its size."""
    rng = np.random.default_rng(5)
    thing = blob(ground.shape[:2], 0.15, rng)
    onto = placement(thing, ground.shape[:2], 0.05, 0.2, rng)
    return paste(ground, donor, thing, onto, "feathered", rng)[0]
