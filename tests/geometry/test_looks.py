"""Two looks at a small picture, one at any other, and their mean at the picture's own size."""

import numpy as np
import pytest

from webiml.geometry.looks import SMALL, looks, mean_look


@pytest.mark.parametrize(
    ("shape", "enlargement", "sizes"),
    [
        ((256, 384), 1.5, [(256, 384), (384, 576)]),
        ((33, 20), 2.0, [(33, 20), (66, 40)]),
        ((400, 400), 1.5, [(400, 400), (600, 600)]),
        ((401, 400), 1.5, [(401, 400)]),
        ((256, 384), 1.0, [(256, 384)]),
    ],
)
def test_only_a_small_picture_is_enlarged(shape, enlargement, sizes):
    rgb = np.zeros((*shape, 3), np.uint8)
    assert [one.shape for one in looks(rgb, enlargement)] == [(*size, 3) for size in sizes]
    assert looks(rgb, enlargement)[0] is rgb and SMALL == 160_000


def test_a_mirrored_view_is_enlarged_as_it_lies():
    rgb = np.zeros((20, 40, 3), np.uint8)
    rgb[:, 20:] = 200
    larger = looks(rgb[:, ::-1], 2.0)[1]
    assert (larger[:, :36] == 200).all() and not larger[:, 44:].any()


def test_the_mean_has_the_size_of_the_first():
    near, far = np.zeros((20, 30), np.float32), np.full((30, 45), 3, np.float32)
    assert np.array_equal(mean_look([near, far]), np.full((20, 30), 1.5, np.float32))
    assert np.array_equal(mean_look([near, far, far]), np.full((20, 30), 2, np.float32))
    steps = np.repeat(np.array([0, 4], np.float32), 30)[None].repeat(20, axis=0)  # 20 x 60, of a look twice as large
    assert np.array_equal(mean_look([np.zeros((10, 30), np.float32), steps])[:, [5, 25]], [[0, 2]] * 10)
