"""Things to cut out: one part, of about the size asked for, the same whether stored or not."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webiml.forge.objects import blob, drawn_shape, find_parts, find_parts_of, parts_of, stored_name, thin_shape
from webiml.forge.pictures import list_pictures


@given(share=st.floats(0.03, 0.3), seed=st.integers(0, 9999), draw=st.sampled_from([blob, drawn_shape]))
def test_drawn_thing_covers_about_its_share(share, seed, draw):
    made = draw((120, 160), share, np.random.default_rng(seed))
    assert made.dtype == bool and made.shape == (120, 160)
    assert 0.25 * share <= made.mean() <= 1.3 * share  # clipped where it would leave the picture


@given(seed=st.integers(0, 9999))
def test_thin_thing_is_thin(seed):
    made = thin_shape((160, 200), np.random.default_rng(seed))
    assert made.any()
    assert cv2.distanceTransform(made.view(np.uint8), cv2.DIST_L2, 5).max() <= 12  # posts may lie side by side


def test_grabcut_finds_the_disc_on_a_lawn():
    rng = np.random.default_rng(0)
    picture = rng.normal([60, 120, 50], 12, (144, 144, 3))
    ys, xs = np.mgrid[:144, :144]
    disc = (ys - 70) ** 2 + (xs - 80) ** 2 < 30**2
    picture[disc] = rng.normal([210, 90, 60], 12, (disc.sum(), 3))
    planes = find_parts(picture.clip(0, 255).astype(np.uint8), "disc")
    found = [(planes >> bit) & 1 > 0 for bit in range(8)]
    best = max((part & disc).sum() / (part | disc).sum() for part in found)
    assert best > 0.8


def test_stored_parts_are_those_that_are_found(pack, tmp_path):
    picture = list_pictures([pack])[1]
    (tmp_path / stored_name(picture)).write_bytes(find_parts_of(picture))
    stored = parts_of(picture, tmp_path)
    assert np.array_equal(stored, parts_of(picture, None)) and stored.any()


@pytest.mark.parametrize("data", [b"", b"\x89PNG broken"], ids=["empty", "broken"])
def test_broken_store_is_found_again(pack, tmp_path, data):
    picture = list_pictures([pack])[2]
    (tmp_path / stored_name(picture)).write_bytes(data)
    assert np.array_equal(parts_of(picture, tmp_path), parts_of(picture, None))
