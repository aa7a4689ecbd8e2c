"""Evidence of a pair: sizes on the way in and out, and each thing worked out once."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webiml.evidence.evidence import MOST_HYPOTHESES, PLAIN, Evidence
from webiml.evidence.picture import LEAST_SIDE, REMEMBERED, WORKING_SIDE, Picture, remembered
from webiml.geometry import fit


def flat(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


@pytest.mark.parametrize(
    ("given", "worked"),
    [
        ((200, 300), (200, 300)),
        ((700, 1024), (700, 1024)),
        ((1024, 2048), (512, 1024)),
        ((3000, 1500), (1024, 512)),
        ((16, 2000), (16, 1024)),
        ((2000, 20), (1024, 16)),
        ((200, 128), (256, 164)),
        ((128, 256), (128, 256)),
        ((90, 60), (180, 120)),
    ],
)
def test_working_size(given, worked):
    evidence = Evidence(flat(50, 60), flat(*given))
    assert evidence.manipulated.shape == (*worked, 3) and evidence.manipulated.dtype == np.float32
    assert evidence.native_size == given
    assert evidence._manipulated.scale.tolist() == [worked[1] / given[1], worked[0] / given[0]]
    assert evidence.authentic.shape == (100, 120, 3)
    native = evidence.at_native_size(np.full(worked, 0.25, np.float32))
    assert native.shape == given and np.abs(native - 0.25).max() < 1e-6


@given(st.integers(16, 1500), st.integers(16, 1500))
def test_a_small_picture_is_at_most_doubled_and_none_is_above_the_working_side(height, width):
    evidence = Evidence(flat(16, 16), flat(height, width))
    worked = evidence.manipulated.shape
    assert worked[0] <= 2 * height and worked[1] <= 2 * width
    assert max(worked) <= WORKING_SIDE and min(worked[:2]) >= 16
    assert max(worked) == max(height, width) or not LEAST_SIDE <= max(height, width) <= WORKING_SIDE


def test_the_mask_of_a_small_picture_comes_back_to_its_pixels():
    evidence = Evidence(flat(60, 60), flat(60, 90))
    found = np.zeros((120, 180), np.float32)
    found[40:80, 60:101] = 1  # half of the column 50
    native = evidence.at_native_size(found)
    want = np.zeros((60, 90), np.float32)
    want[20:40, 30:50] = 1
    want[20:40, 50] = 0.5
    np.testing.assert_allclose(native, want, atol=1e-6)


def test_a_map_comes_back_to_its_place():
    evidence = Evidence(flat(16, 16), flat(1000, 2048))
    found = np.zeros((500, 1024), np.float32)
    found[100:200, 300:400] = 1
    native = evidence.at_native_size(found) >= 0.5
    want = np.zeros((1000, 2048), bool)
    want[200:400, 600:800] = True
    assert np.array_equal(native, want)


def test_the_transform_holds_at_the_sizes_that_were_given(picture):
    small = picture("canyon", 500)
    authentic = cv2.resize(small, (1500, 1002), interpolation=cv2.INTER_CUBIC)
    manipulated = cv2.resize(small, (1200, 800), interpolation=cv2.INTER_CUBIC)[:, 90:]
    found = Evidence(authentic, np.ascontiguousarray(manipulated)).native_transform
    assert found is not None
    x, y = 1200 / 1500, 800 / 1002
    truth = np.array([[1, 0, -90], [0, 1, 0], [0, 0, 1.0]]) @ fit.resize_map(np.array([x, y]))
    corners = np.array([[120, 0], [1499, 0], [1499, 1001], [120, 1001.0]])
    assert fit.residuals(found, corners, fit.apply(truth, corners)).max() < 1


def test_each_thing_is_worked_out_once_and_bounded(picture):
    evidence = Evidence(picture("boards", 240), picture("coffee", 240))
    for name in ("features", "alignment", "hypotheses", "difference", "correlation"):
        assert getattr(evidence, name) is getattr(evidence, name), name
    assert len(evidence.hypotheses) <= MOST_HYPOTHESES
    counts = [len(one.points) for one in evidence.hypotheses]
    assert counts == sorted(counts, reverse=True)


def test_without_an_alignment_there_is_no_difference():
    evidence = Evidence(flat(40, 60), flat(50, 60))
    assert evidence.alignment is None and evidence.native_transform is None
    assert evidence.difference.probability.shape == (100, 120) and not evidence.difference.probability.any()
    found = evidence.correlation.probability
    assert found.shape == (100, 120) and not found.any()


def test_the_last_few_pictures_are_remembered_by_their_pixels(picture):
    first = picture("cat", 300)
    seen = remembered(first)
    assert remembered(first.copy()) is seen
    for level in range(REMEMBERED - 1):
        remembered(np.full((40, 40, 3), level, np.uint8))
    assert remembered(first) is seen  # asked for again, so it stays
    for level in range(REMEMBERED):
        remembered(np.full((40, 41, 3), level, np.uint8))
    again = remembered(first)
    assert again is not seen
    np.testing.assert_array_equal(again.search.descriptors, seen.search.descriptors)
    other = first.reshape(-1, 10, 3)  # the same bytes in another shape are another picture
    assert remembered(np.ascontiguousarray(other)) is not again


def test_what_is_remembered_changes_no_result(picture):
    one, two = picture("cat", 300), picture("pier", 300)
    Evidence(one, two).hypotheses  # noqa: B018 (asked for, so that it is worked out)
    warm, cold = Evidence(one, two), Evidence(one, two)
    cold._authentic = Picture(one)
    np.testing.assert_array_equal(warm.correlation.probability, cold.correlation.probability)


def test_what_is_plain_is_not_looked_for_any_longer(picture):
    authentic, plain = picture("rocket", 300), picture("canyon", 400)
    plain[60:180, 80:200] = authentic[50:170, 70:190]
    found = Evidence(authentic.copy(), plain)
    assert len(found.hypotheses[0].points) >= PLAIN
    assert "fine_search" not in vars(found._manipulated)


def test_what_few_points_do_not_show_is_looked_for_among_many(picture):
    authentic, manipulated = picture("rocket", 300), picture("canyon", 400)
    manipulated[60:96, 80:116] = authentic[82:118, 130:166]  # little larger than the neighbourhood of a key point
    found = Evidence(authentic.copy(), manipulated)
    few = found._hypotheses(found._authentic.search, found._manipulated.search)
    assert not few or len(few[0].points) < PLAIN
    assert found.hypotheses and "fine_search" in vars(found._manipulated)
    assert len(found._manipulated.fine_search) > len(found._manipulated.search)
    np.testing.assert_allclose(found.hypotheses[0].transform[:2, 2], (-50, -22), atol=1)
