"""Frames: strips of one colour along the edges, and nothing else."""

import numpy as np
import pytest

from webiml.geometry.frame import INNER_EDGE, frame_strips


def noise(height: int = 100, width: int = 160) -> np.ndarray:
    return np.random.default_rng(4).integers(0, 256, (height, width, 3), np.uint8)


def test_a_picture_without_a_frame_has_no_strips():
    assert frame_strips(noise()) == []


def test_each_side_is_its_own_strip():
    picture = noise()
    picture[:12] = (200, 30, 30)  # a caption bar above
    picture[12:, 150:] = 255
    picture[:12, 158:] = 255  # a fiftieth of the bar may be something else
    top, right = frame_strips(picture)
    assert top[: 12 + INNER_EDGE].all() and not top[12 + INNER_EDGE :].any()
    assert right[:, 150 - INNER_EDGE :].all() and not right[:, : 150 - INNER_EDGE].any()


def test_a_strip_survives_saving():
    picture = noise().astype(np.int16)
    picture[80:] = 128 + np.random.default_rng(5).integers(-9, 10, (20, 160, 3))
    (bottom,) = frame_strips(picture.clip(0, 255).astype(np.uint8))
    assert bottom[80:].all()


@pytest.mark.parametrize("picture", [np.full((64, 64, 3), 90, np.uint8), np.zeros((16, 300, 3), np.uint8)])
def test_a_flat_picture_is_no_frame(picture):
    assert frame_strips(picture) == []


def test_a_hair_line_is_too_thin_and_half_a_picture_too_thick():
    thin, thick = noise(300, 300), noise(300, 300)
    thin[:2] = 0
    thick[:150] = 0
    assert frame_strips(thin) == [] and frame_strips(thick) == []
