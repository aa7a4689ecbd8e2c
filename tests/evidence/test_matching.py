"""Cross- and self-correlation: equal to the naive loop, memory that grows with the area, turned with the pair."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from webiml.evidence import matching
from webiml.evidence.matching import (
    FIELD,
    MAPS,
    RANKS,
    SHARPNESS,
    descriptors,
    match_maps,
    ranked,
    turned_matching,
    without_common,
)
from webiml.geometry.maps import SYMMETRIES, turned


def features(rng: np.random.Generator, height: int, width: int, channels: int = 12) -> np.ndarray:
    """(C, h, w) float32 unit vectors that change slowly, as those of pictures do."""
    made = rng.normal(size=(channels, height, width)).astype(np.float32)
    made += np.roll(made, 1, 1) + np.roll(made, 1, 2)
    return made / np.linalg.norm(made, axis=0)


def naive(manipulated: np.ndarray, authentic: np.ndarray) -> dict[str, np.ndarray]:
    """The maps of the manipulated side, place by place, with everything in memory."""
    _, height, width = manipulated.shape
    there = [(y, x) for y in range(authentic.shape[1]) for x in range(authentic.shape[2])]
    here = [(y, x) for y in range(height) for x in range(width)]
    cosine = np.array([[manipulated[:, a, b] @ authentic[:, c, d] for c, d in there] for a, b in here], np.float64)
    own = np.array([[manipulated[:, a, b] @ manipulated[:, c, d] for c, d in here] for a, b in here], np.float64)
    likely = np.exp(SHARPNESS * cosine)
    forth, back = likely / likely.sum(1, keepdims=True), likely / likely.sum(0, keepdims=True)
    place_there, place_here = (
        np.array([((x + 0.5) / max(size), (y + 0.5) / max(size)) for y, x in places])
        for places, size in ((there, authentic.shape[1:]), (here, (height, width)))
    )
    maps = {name: np.zeros((height, width)) for name in MAPS}
    home = forth @ place_there
    for number, (y, x) in enumerate(here):
        in_order = np.sort(cosine[number])[::-1]
        others = [-1 if abs(a - y) <= 1 and abs(b - x) <= 1 else own[number, k] for k, (a, b) in enumerate(here)]
        for rank in RANKS:
            maps[f"cross_{rank}"][y, x] = in_order[min(rank, len(in_order) - 1)]
            maps[f"self_{rank}"][y, x] = np.sort(others)[::-1][min(rank, len(others) - 1)]
        maps["mutual"][y, x] = np.sqrt(forth[number] * back[number]).max()
        maps["spread"][y, x] = 2 * np.sqrt(max(forth[number] @ ((place_there - home[number]) ** 2).sum(1), 1e-6))
        returned = forth[number] @ (back.T @ place_here)
        maps["cycle"][y, x] = 2 * np.linalg.norm(returned - place_here[number])
    return maps


@pytest.mark.parametrize(("one", "other"), [((5, 7), (6, 4)), ((4, 4), (3, 9)), ((2, 3), (2, 2))])
def test_blocks_are_the_naive_loop(one, other):
    rng = np.random.default_rng(3)
    manipulated, authentic = features(rng, *one), features(rng, *other)
    want = naive(manipulated, authentic)
    for block in (3, 8, 512):
        here = match_maps(manipulated, authentic, block)
        assert here.shape == (len(MAPS), *one) and here.dtype == np.float32
        for name in MAPS:
            if name not in FIELD[3:]:
                np.testing.assert_allclose(here[MAPS.index(name)], want[name], atol=2e-4, err_msg=name)


def test_memory_grows_with_the_area_and_not_with_its_square():
    rng = np.random.default_rng(0)
    peaks = []
    for side in (24, 48):
        one = features(rng, side, side, 4)
        flat = np.ascontiguousarray(one.reshape(4, -1).T)
        tracemalloc.start()
        ranked(flat, flat, block=64, size=(side, side))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 6 * peaks[0]  # four times the area; the square would be 16 times as much


def test_a_field_that_moves_as_the_places_do_has_derivatives_of_one():
    rng = np.random.default_rng(1)
    one = rng.normal(size=(64, 9, 9)).astype(np.float32)
    one /= np.linalg.norm(one, axis=0)
    here = match_maps(one, one)
    inside = here[[MAPS.index(name) for name in FIELD]][:, 1:-1, 1:-1]
    want = {"mutual": 1, "spread": 0, "cycle": 0, "bend": 0, "x_across": 1, "y_across": 0, "x_down": 0, "y_down": 1}
    for name, found in zip(FIELD, inside, strict=True):
        np.testing.assert_allclose(found, want[name], atol=0.05, err_msg=name)


@pytest.mark.parametrize("symmetry", range(SYMMETRIES))
def test_turned_maps_are_those_of_the_turned_pair(symmetry):
    rng = np.random.default_rng(symmetry)
    manipulated, authentic = features(rng, 6, 8), features(rng, 7, 7)
    here = match_maps(manipulated, authentic)
    want = match_maps(turned(manipulated, symmetry), turned(authentic, symmetry))
    np.testing.assert_allclose(turned_matching(here, symmetry), want, atol=1e-3)


def test_descriptors_are_unit_vectors_on_a_grid_of_eight_pixels(picture):
    found = descriptors(picture("cat", 300).astype(np.float32) / 255)
    assert max(found.shape[1:]) == 38 and found.shape[0] == 352
    np.testing.assert_allclose(np.linalg.norm(found, axis=0), 1, atol=1e-3)
    one, two = without_common(found, found)
    np.testing.assert_array_equal(one, two)
    np.testing.assert_allclose(np.linalg.norm(one, axis=0), 1, atol=1e-3)
    assert descriptors(np.zeros((5, 9, 3), np.float32)).shape[1:] == (2, 2)


def test_dinov2_sees_as_many_places(monkeypatch):
    seen = []

    def describe(batch: np.ndarray) -> np.ndarray:
        seen.append(batch.shape)
        return np.ones((1, 16, batch.shape[2] // 14, batch.shape[3] // 14), np.float32)

    monkeypatch.setattr(matching.dinov2, "load", lambda name: describe)
    found = descriptors(np.full((500, 1000, 3), 0.5, np.float32), "dinov2-small")
    assert seen == [(1, 3, 336, 672)] and found.shape == (16, 24, 48)
