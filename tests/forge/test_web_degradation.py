"""The web on one side: points and mask go where the pixels go."""

import cv2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from webiml.forge.web_degradation import (
    STRENGTHS,
    View,
    frame,
    overlay_text,
    resize,
    rotate,
    through_the_web,
    watermark,
)


def dots(points: list[tuple[int, int]]) -> np.ndarray:
    """Soft bright dots on dark ground, (160, 220, 3) uint8."""
    ys, xs = np.mgrid[:160, :220].astype(np.float64)
    grey = sum(np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / (2 * 3.0**2)) for x, y in points)
    return np.repeat((20 + 220 * np.clip(grey, 0, 1))[..., None], 3, axis=2).astype(np.uint8)


POINTS = [(80, 60), (140, 60), (110, 100), (80, 110), (145, 105)]


def centre(rgb: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Where a bright dot is, to a tenth of a pixel: the mean of what is brighter than half, within 9 pixels."""
    x, y = np.round(near).astype(int)
    window = rgb[max(0, y - 9) : y + 10, max(0, x - 9) : x + 10].mean(axis=2)
    weight = np.clip(window - 100, 0, None)
    ys, xs = np.mgrid[: window.shape[0], : window.shape[1]]
    return np.array([(xs * weight).sum(), (ys * weight).sum()]) / weight.sum() + [max(0, x - 9), max(0, y - 9)]


@given(seed=st.integers(0, 99999), step=st.sampled_from(["resize", "rotate", "frame"]))
def test_points_follow_each_step(seed, step):
    rng = np.random.default_rng(seed)
    view = View(dots(POINTS), np.zeros((160, 220), np.uint8))
    if step == "resize":
        resize(view, rng, 0.6, 1.5)
    elif step == "rotate":
        rotate(view, float(rng.uniform(-8, 8)), rng)
    else:
        frame(view, rng)
    within = 0.55 if step == "resize" else 0.3  # the nearest pixel, one of the kernels, is up to half a pixel off
    for point in POINTS:
        want = view.matrix @ [*point, 1]
        assert np.abs(centre(view.rgb, want[:2]) - want[:2]).max() < within
    assert view.mask.shape == view.rgb.shape[:2]


@example(seed=965, strength="hard", mirror=True)
@given(seed=st.integers(0, 9999), strength=st.sampled_from(["mild", "middle", "hard"]), mirror=st.booleans())
def test_points_and_mask_follow_the_whole_way(seed, strength, mirror):
    picture, mask = np.full((160, 220, 3), 30, np.uint8), np.zeros((160, 220), bool)
    mask[50:110, 60:150] = True
    picture[mask] = 220
    rng = np.random.default_rng(seed)
    out, moved, matrix, operations = through_the_web(picture, mask, strength, rng, mirror=float(mirror))
    assert out.dtype == np.uint8 and out.shape[:2] == moved.shape and moved.dtype == bool
    height, width = moved.shape
    expected = cv2.warpPerspective(mask.astype(np.uint8) * 255, matrix, (width, height), flags=cv2.INTER_LINEAR) >= 128
    outline = cv2.morphologyEx(expected.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8)) > 0
    if "frame" in operations:  # where a crop cut the mask, the frame may lie on what would be the rest of it
        expected &= moved | outline
    assert (expected == moved)[~outline].all()


@given(seed=st.integers(0, 9999))
def test_forgery_stays_in_sight(seed):
    mask = np.zeros((160, 220), bool)
    mask[5:45, 5:60] = True  # in a corner, where cropping would take it
    picture = np.full((160, 220, 3), 90, np.uint8)
    _, moved, matrix, operations = through_the_web(picture, mask, "hard", np.random.default_rng(seed))
    scale = np.sqrt(abs(np.linalg.det(matrix[:2, :2])))
    share = 0.55 if "rotate" not in operations else 0.2  # turning takes some of a corner, too
    assert moved.sum() > share * mask.sum() * scale**2


def test_a_rotation_leaves_no_empty_corner_unless_it_is_meant():
    bright, empty = np.full((120, 180, 3), 128, np.uint8), 0
    for seed in range(60):
        view = View(bright, np.zeros((120, 180), np.uint8))
        rotate(view, 6.0, np.random.default_rng(seed))
        corners = view.rgb[[0, 0, -1, -1], [0, -1, 0, -1]]
        empty += bool((corners != 128).any())
    assert 2 <= empty <= 24  # about a fifth


@given(seed=st.integers(0, 9999))
def test_text_covers_at_most_eight_percent(seed):
    view = View(np.full((200, 300, 3), 128, np.uint8), np.zeros((200, 300), np.uint8))
    overlay_text(view, np.random.default_rng(seed))
    assert (view.rgb != 128).any(axis=2).mean() <= 0.081
    assert not view.mask.any() and np.array_equal(view.matrix, np.eye(3))


@pytest.mark.parametrize("seed", range(8))
def test_watermark_leaves_geometry_alone(seed):
    view = View(np.full((200, 300, 3), 128, np.uint8), np.zeros((200, 300), np.uint8))
    watermark(view, np.random.default_rng(seed))
    assert view.rgb.shape == (200, 300, 3) and (view.rgb != 128).any()
    assert np.array_equal(view.matrix, np.eye(3))


@given(seed=st.integers(0, 9999))
def test_frame_is_at_most_sixteen_percent_an_edge(seed):
    view = View(np.full((200, 300, 3), 128, np.uint8), np.zeros((200, 300), np.uint8))
    frame(view, np.random.default_rng(seed))
    left, top = view.matrix[0, 2], view.matrix[1, 2]
    height, width = view.shape
    assert 0 <= top <= 32 and 0 <= left <= 48 and height - 200 - top <= 32 and width - 300 - left <= 48


def test_shares_of_the_strengths_add_up():
    assert sum(STRENGTHS.values()) == pytest.approx(1)
