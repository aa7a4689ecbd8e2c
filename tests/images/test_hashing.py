"""Perceptual hashes: near for near pictures, and none where there is nothing to tell."""

import cv2
import numpy as np
import pytest

from webiml.images.hashing import perceptual_hash, telling_hash


def apart(one: np.ndarray, other: np.ndarray) -> int:
    return (int(perceptual_hash(one), 16) ^ int(perceptual_hash(other), 16)).bit_count()


def test_a_copy_is_near_and_another_picture_far(picture):
    cat = picture("cat", 256)
    smaller = cv2.resize(cat, (128, round(cat.shape[0] / 2)), interpolation=cv2.INTER_AREA)
    assert apart(cat, smaller) <= 4 < 16 <= apart(cat, picture("pier", 256))


def test_the_hash_of_a_picture_stays_what_training_tables_hold(picture):
    assert perceptual_hash(picture("cat", 256)) == telling_hash(picture("cat", 256))
    half = np.zeros((32, 32, 3), np.uint8)
    half[:, 16:] = 255
    # one row of frequencies along x alone: a positive mean, then -, 0, +, 0, -, 0, + of its odd ones; the rest are 0
    assert perceptual_hash(half) == "9100000000000000"


@pytest.mark.parametrize("name", ["constant", "grain", "ramp"])
def test_a_picture_with_nothing_in_it_has_no_telling_hash(name):
    made = {
        "constant": np.full((200, 300, 3), 128.0),
        "grain": 128 + np.random.default_rng(0).normal(0, 3, (200, 300, 3)),
        "ramp": np.linspace(0, 255, 300)[None, :, None] * np.ones((200, 1, 3)),
    }
    assert telling_hash(np.rint(made[name]).astype(np.uint8)) is None
