"""Key points, their mirror image and their matches."""

import cv2
import numpy as np
import pytest

from webiml.geometry.features import Features, match, mirrored, sift
from webiml.geometry.maps import grey


def described(descriptors: np.ndarray) -> Features:
    """Features of which only the descriptors matter, made unit length."""
    descriptors = descriptors.astype(np.float32)
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    zeros = np.zeros(len(descriptors), np.float32)
    return Features(np.zeros((len(descriptors), 2), np.float32), zeros, zeros, descriptors)


def test_descriptors_have_unit_length_and_points_lie_in_the_picture(picture):
    image = grey(picture("rocket", 300))
    for scale in (1.0, 1.25, 2.0):
        found = sift(image, scale=scale)
        assert len(found) > 50
        assert np.linalg.norm(found.descriptors, axis=1) == pytest.approx(1, abs=1e-3)
        assert (found.points >= -0.5).all() and (found.points < np.array(image.shape[::-1]) - 0.5).all()


def test_nothing_is_found_on_one_colour():
    found = sift(np.full((40, 60), 90, np.uint8), scale=2.0, contrast=0.004)
    assert len(found) == 0 and found.points.shape == (0, 2) and found.descriptors.shape == (0, 128)
    assert len(match(found, found)) == 0
    assert len(mirrored(found, 60)) == 0


def test_a_point_lies_at_its_pixel_whether_enlarged_or_not():
    dots = np.zeros((60, 80), np.uint8)
    centres = np.array([[20, 15], [60, 15], [20, 45], [60, 45.0]])
    y, x = np.mgrid[:60, :80]
    for cx, cy in centres:
        dots = np.maximum(dots, (255 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 18)).astype(np.uint8))
    for scale in (1.0, 1.25, 2.0):
        points = sift(dots, scale=scale).points
        for centre in centres:
            assert np.linalg.norm(points - centre, axis=1).min() < 0.1, (scale, centre)


@pytest.mark.parametrize("scale", [1.0, 1.25, 2.0])
def test_mirrored_features_are_those_of_the_mirrored_picture(picture, scale):
    image = grey(picture("cat", 200))
    want = sift(np.ascontiguousarray(image[:, ::-1]), scale=scale)
    got = mirrored(sift(image, scale=scale), image.shape[1])
    distance = np.linalg.norm(want.points[:, None] - got.points[None], axis=2)
    turn = np.abs(np.angle(np.exp(1j * (want.angles[:, None] - got.angles[None]))))
    same = (distance < 0.3) & (turn < 0.1) & (np.abs(np.log(want.sizes[:, None] / got.sizes[None])) < 0.1)
    pairs = np.argwhere(same)
    assert same.any(axis=1).mean() > 0.9  # SIFT itself is not quite symmetric
    alike = np.einsum("ij,ij->i", want.descriptors[pairs[:, 0]], got.descriptors[pairs[:, 1]])
    assert np.median(alike) > 0.99


def test_mirroring_twice_gives_the_features_again(picture):
    once = sift(grey(picture("coffee", 200)))
    twice = mirrored(mirrored(once, 200), 200)
    assert twice.points == pytest.approx(once.points, abs=1e-4)
    assert np.array_equal(twice.descriptors, once.descriptors)
    assert np.exp(1j * twice.angles) == pytest.approx(np.exp(1j * once.angles), abs=1e-5)


def test_match_equals_a_loop_over_every_pair():
    rng = np.random.default_rng(5)
    source = described(rng.random((40, 128)))
    target = described(np.vstack([source.descriptors[::3] + 0.02 * rng.random((14, 128)), rng.random((11, 128))]))
    want = []
    for j, descriptor in enumerate(target.descriptors.astype(np.float64)):
        distance = np.linalg.norm(source.descriptors.astype(np.float64) - descriptor, axis=1)
        first, second = np.argsort(distance)[:2]
        if distance[first] < 0.85 * distance[second]:
            want.append((int(first), j))
    assert 14 <= len(want) < 25
    for block in (1, 7, 2048):
        found = match(source, target, ratio=0.85, block=block)
        assert list(zip(found.source.tolist(), found.target.tolist(), strict=True)) == want
        likeness = np.einsum("ij,ij->i", source.descriptors[found.source], target.descriptors[found.target])
        assert found.similarity == pytest.approx(likeness, abs=1e-6)


def test_two_equal_candidates_are_no_match():
    one = np.eye(3, 128)
    assert len(match(described(one[[0, 0, 1]]), described(one[:1]))) == 0
    assert len(match(described(one[[0, 1, 2]]), described(one[:1]))) == 1


def test_match_survives_a_change_of_size(picture):
    large = picture("dandelion", 400)
    small = cv2.resize(large, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    source, target = sift(grey(large)), sift(grey(small))
    found = match(source, target, ratio=0.8)
    error = (source.points[found.source] + 0.5) / 2 - 0.5 - target.points[found.target]
    assert len(found) > 30
    assert np.median(np.linalg.norm(error, axis=1)) < 0.5
