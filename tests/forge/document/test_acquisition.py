"""Pages as pictures: points are tracked, and chance does not look at what is written."""

import cv2
import numpy as np
import pytest

from webiml.forge.document.acquisition import WAYS, Acquired, acquired

DOTS = [(60, 50), (150, 70), (80, 220), (140, 180)]


def dotted() -> np.ndarray:
    page = np.full((280, 200, 3), 250, np.uint8)
    for dot in DOTS:
        cv2.circle(page, dot, 6, (10, 10, 30), -1, cv2.LINE_AA)
    return page


@pytest.fixture(scope="module")
def pictures() -> list[Acquired]:
    return [acquired(dotted(), np.random.default_rng(seed)) for seed in range(45)]


def test_pages_come_in_every_way_and_keep_their_longer_side(pictures):
    assert {one.operations[0] for one in pictures} == set(WAYS)
    for one in pictures:
        assert one.rgb.dtype == np.uint8 and max(one.rgb.shape) == 280
        assert one.two_levels == (one.operations[0] == "faxed")
        if one.two_levels:
            assert set(np.unique(one.rgb)) <= {0, 255}


def test_the_matrix_leads_to_where_a_dot_is(pictures):
    moved = 0
    for one in pictures:
        height, width = one.rgb.shape[:2]
        for dot in DOTS:
            x, y, z = one.matrix @ [*dot, 1.0]
            column, row = round(x / z), round(y / z)
            if not (12 < column < width - 12 and 12 < row < height - 12):
                continue
            dark = 255.0 - one.rgb[row - 12 : row + 13, column - 12 : column + 13].mean(axis=2)
            dark = np.clip(dark - np.median(dark) - 20, 0, None)
            ys, xs = np.mgrid[-12:13, -12:13]
            centre = np.array([(dark * xs).sum(), (dark * ys).sum()]) / dark.sum() + [column, row]
            assert np.abs(centre - [x / z, y / z]).max() < 1.2, one.operations
            moved += not np.array_equal(one.matrix, np.eye(3))
    assert moved > 40


def test_what_is_written_changes_no_draw():
    page, other = dotted(), dotted()
    other[100:110, 60:90] = 40
    for seed in range(14):
        one, two = (acquired(rgb, np.random.default_rng(seed)) for rgb in (page, other))
        assert one.operations == two.operations and np.array_equal(one.matrix, two.matrix)
        differing = np.zeros(page.shape[:2], np.uint8)
        differing[100:110, 60:90] = 1
        there = cv2.warpPerspective(differing, one.matrix, one.rgb.shape[1::-1])
        near = cv2.dilate(there, np.ones((61, 61), np.uint8)) > 0
        assert np.array_equal(one.rgb[~near], two.rgb[~near])
