"""Regions that a person marks with one click."""

import numpy as np

from webiml.app.review.superpixels import REGIONS, WORKING_PIXELS, _pieces, as_colours, superpixels


def noise(size: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def is_connected(labels: np.ndarray) -> bool:
    """Whether every label is one piece, by flooding each from its first pixel."""
    left = {tuple(place) for place in np.argwhere(labels >= 0)}
    for label in np.unique(labels):
        todo = [tuple(np.argwhere(labels == label)[0])]
        while todo:
            place = todo.pop()
            if place in left and labels[place] == label:
                left.discard(place)
                y, x = place
                todo += [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
    return not left


def test_every_pixel_is_in_one_connected_region_also_of_noise():
    labels = superpixels(noise((40, 52)))
    assert labels.shape == (40, 52)
    assert sorted(set(labels.reshape(-1).tolist())) == list(range(int(labels.max()) + 1))
    assert is_connected(labels)


def test_equal_pictures_are_cut_equally():
    picture = noise((64, 48), 1)
    assert np.array_equal(superpixels(picture), superpixels(picture.copy()))


def test_regions_end_at_an_edge_of_the_picture():
    y, x = np.indices((120, 160))
    inside = (y - 60) ** 2 + (x - 80) ** 2 < 40**2
    picture = np.where(inside[..., None], (200, 40, 40), (40, 60, 200)).astype(np.uint8)
    labels = superpixels(picture)
    mixed = 0
    for label in range(int(labels.max()) + 1):
        share = inside[labels == label].mean()
        mixed += min(share, 1 - share) * (labels == label).sum()
    assert mixed < 0.005 * inside.size  # pixels that lie in a region of the other colour


def test_regions_of_a_plain_picture_are_about_equally_large():
    labels = superpixels(np.full((300, 400, 3), 127, np.uint8))
    sizes = np.bincount(labels.reshape(-1))
    mean = 300 * 400 / REGIONS
    assert sizes.max() < 3 * mean
    assert 0.5 * REGIONS < len(sizes) < 2 * REGIONS


def test_a_large_picture_is_cut_small_and_enlarged():
    picture = np.repeat(np.repeat(noise((9, 12), 2), 100, axis=0), 100, axis=1)
    assert picture.shape[0] * picture.shape[1] > 2 * WORKING_PIXELS
    labels = superpixels(picture)
    assert labels.shape == picture.shape[:2]
    assert int(_pieces(labels).max()) == int(labels.max()) + 1
    assert np.bincount(labels.reshape(-1)).max() < 9 * labels.size / REGIONS  # no region leaves its seed's surroundings


def test_the_smallest_picture_has_regions():
    assert superpixels(noise((16, 16))).shape == (16, 16)


def test_numbers_as_colours():
    labels = np.array([[0, 255, 256, 65_536 + 2 * 256 + 3]], np.int32)
    assert as_colours(labels).tolist() == [[[0, 0, 0], [255, 0, 0], [0, 1, 0], [3, 2, 1]]]
