"""Parts of a mask as boxes and polygons: worked out by hand, and drawn back."""

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from webiml.localize.regions import MAX_DEVIATION, regions


def mask_of(*lines: str) -> np.ndarray:
    return np.array([[character == "#" for character in line] for line in lines])


def test_a_part_with_a_hole_and_a_point():
    mask = mask_of("..........", ".#####....", ".#...#....", ".#...#..#.", ".#...#....", ".#####....")
    probability = np.where(mask, 0.75, 0.25).astype(np.float32)
    probability[3, 8] = 1
    (ring, point), count = regions(mask, probability)
    assert count == 2
    assert (ring.box, ring.area, ring.score) == ([1, 1, 6, 6], 16, 0.75)
    outline, hole = ring.polygons
    assert sorted(outline) == [[1, 1], [1, 5], [5, 1], [5, 5]]
    assert len(hole) >= 4 and all(1 <= x <= 5 and 1 <= y <= 5 for x, y in hole)
    assert (point.box, point.area, point.score, point.polygons) == ([8, 3, 9, 4], 1, 1.0, [[[8, 3]]])


def test_the_largest_first_and_no_more_than_asked_for():
    mask = mask_of("#.##.###", "........", "##......")
    found, count = regions(mask, mask.astype(np.float32), most=3)
    assert (count, [one.area for one in found]) == (4, [3, 2, 2])
    assert [one.box[:2] for one in found] == [[5, 0], [2, 0], [0, 2]]  # equal ones from the top
    assert regions(mask & False, mask.astype(np.float32)) == ([], 0)


def test_a_diagonal_connects():
    assert regions(mask_of("#.", ".#"), np.ones((2, 2), np.float32))[1] == 1


def distances(points: np.ndarray, polygon: list[list[int]]) -> np.ndarray:
    """Pixels between each point (x, y) and the nearest one on the sides of a polygon."""
    starts = np.array(polygon, float)
    along = np.roll(starts, -1, axis=0) - starts
    from_start = points[:, None] - starts
    share = (from_start * along).sum(axis=2) / np.maximum((along**2).sum(axis=1), 1e-9)
    return np.linalg.norm(from_start - share.clip(0, 1)[..., None] * along, axis=2).min(axis=1)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(1, 6))
def test_every_polygon_lies_within_a_pixel_of_its_part(seed, smooth):
    noise = np.random.default_rng(seed).normal(size=(40, 60)).astype(np.float32)
    mask = cv2.GaussianBlur(noise, (0, 0), smooth) > 0
    found, count = regions(mask, mask.astype(np.float32), most=1000)
    assert len(found) == count and sum(one.area for one in found) == mask.sum()
    _, labels = cv2.connectedComponents(mask.astype(np.uint8))
    for one in found:
        x, y = one.polygons[0][0]
        part = labels == labels[y, x]
        ys, xs = np.nonzero(part)
        assert one.box == [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1] and one.area == len(ys)
        around = cv2.copyMakeBorder(part.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(0,))
        cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
        edge = np.argwhere((around != cv2.erode(around, cross))[1:-1, 1:-1])[:, ::-1]
        nearest = np.min([distances(edge, polygon) for polygon in one.polygons], axis=0)
        assert nearest.max() <= MAX_DEVIATION
