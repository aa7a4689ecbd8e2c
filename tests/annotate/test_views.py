"""Averaging over views: a network that favours one side must come out even-handed."""

import numpy as np

from webiml.annotate.views import average_views
from webiml.geometry.maps import sigmoid, turned


def test_each_view_is_turned_back_before_the_mean():
    def upper_left(view: int) -> np.ndarray:
        logits = np.full((2, 4), -50, np.float32)
        logits[:1, :2] = 50
        return logits

    found = average_views(upper_left)
    # As it is: upper left. Left to right, turned back: upper right. Upside down, turned back: lower left.
    np.testing.assert_allclose(found, np.array([[1, 1, 1, 1], [1, 1, 0, 0]]) / 3, atol=1e-6)


def test_a_network_that_follows_the_picture_is_unchanged():
    picture = np.random.default_rng(3).normal(size=(1, 6, 8)).astype(np.float32)
    np.testing.assert_allclose(average_views(lambda view: turned(picture, view)[0]), sigmoid(picture[0]), atol=1e-6)


def test_sigmoid_of_large_numbers_neither_overflows_nor_warns():
    assert sigmoid(np.array([-1e4, 0, 1e4], np.float32)).tolist() == [0, 0.5, 1]
