"""Object Jitter: objects change where they stand, and outside of the mask nothing does."""

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from webiml.errors import BadMap, SettingError
from webiml.forge import object_jitter
from webiml.forge.object_jitter import ASPECTS, MOST, Cutout, jitter

seeds = st.integers(0, 2**32 - 1)


def textured(seed: int, height: int = 120, width: int = 160) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(height, width, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 1.5)
    return cv2.normalize(smooth, np.empty_like(smooth), 10, 245, cv2.NORM_MINMAX).astype(np.uint8)


@st.composite
def scenes(draw) -> tuple[np.ndarray, np.ndarray]:
    """A picture and its labels: up to four discs and boxes, the later over the earlier, some of them cut off."""
    height, width = draw(st.integers(24, 120)), draw(st.integers(24, 120))
    labels = np.zeros((height, width), draw(st.sampled_from([np.uint8, np.uint16])))
    for index in range(1, draw(st.integers(1, 4)) + 1):
        x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
        radius = draw(st.integers(3, 60))
        if draw(st.booleans()):
            labels[cv2.circle(np.zeros(labels.shape, np.uint8), (x, y), radius, (1,), -1) > 0] = index
        else:
            labels[max(0, y - radius) : y + radius, max(0, x - radius // 2) : x + radius // 2] = index
    return textured(draw(st.integers(0, 20)), height, width), labels


@given(scene=scenes(), seed=seeds, aspects=st.sampled_from([None, *([name] for name in ASPECTS), ["texture", "size"]]))
def test_nothing_changes_outside_of_the_mask_and_something_inside(scene, seed, aspects):
    rgb, labels = scene
    given_rgb, given_labels = rgb.copy(), labels.copy()
    changed = jitter(rgb, labels, np.random.default_rng(seed), aspects=aspects)
    assert np.array_equal(rgb, given_rgb) and np.array_equal(labels, given_labels)
    assume(changed is not None)
    assert changed is not None
    out, mask = changed
    assert out.shape == rgb.shape and out.dtype == np.uint8 and mask.shape == labels.shape and mask.dtype == bool
    assert np.array_equal(out[~mask], rgb[~mask])
    assert 0 < mask.mean() <= MOST
    assert (out[mask] != rgb[mask]).any(axis=1).mean() > 0.3


@given(scene=scenes(), seed=seeds)
def test_a_seeded_generator_decides_everything(scene, seed):
    rgb, labels = scene
    one, other = (jitter(rgb, labels, np.random.default_rng(seed)) for _ in range(2))
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("aspect", ASPECTS)
def test_each_aspect_alone_changes_one_labelled_object(aspect):
    rgb, labels = textured(1), np.zeros((120, 160), np.uint8)
    labels[40:80, 50:110] = 7
    changed = [jitter(rgb, labels, np.random.default_rng(seed), aspects=[aspect]) for seed in range(20)]
    masks = [one[1] for one in changed if one is not None]
    assert len(masks) >= 18
    for mask in masks:
        assert mask[labels == 7].mean() > 0.9
        reach = cv2.dilate((labels == 7).astype(np.uint8), np.ones((41, 41), np.uint8)) > 0  # a quarter, upwards
        assert not mask[~reach].any()


def test_one_to_three_objects_and_never_one_twice():
    rgb, labels = textured(2, 200, 200), np.zeros((200, 200), np.uint8)
    for index, (x, y) in enumerate([(10, 10), (110, 10), (10, 110), (110, 110)], 1):
        labels[y : y + 60, x : x + 60] = index
    counts = set()
    for seed in range(40):
        changed = jitter(rgb, labels, np.random.default_rng(seed), aspects=["exposure"])
        assert changed is not None
        counts.add(len(set(np.unique(labels[changed[1]])) - {0}))
    assert counts == {1, 2, 3}


@pytest.mark.parametrize(
    ("height", "width"), [(7, 60), (60, 7), (15, 17)], ids=["flat", "narrow", "one-pixel-of-256-too-few"]
)
def test_objects_that_are_too_small_are_left_alone(height, width):
    labels = np.zeros((120, 160), np.uint8)
    labels[20 : 20 + height, 30 : 30 + width] = 1
    for seed in range(10):
        assert jitter(textured(3), labels, np.random.default_rng(seed)) is None


def test_no_object_nearly_everything_and_a_change_that_cannot_be_seen_are_none():
    nothing, everything = np.zeros((120, 160), np.uint8), np.ones((120, 160), np.uint8)
    everything[:20] = 0
    grey = np.full((120, 160, 3), 128, np.uint8)
    box = nothing.copy()
    box[40:80, 50:110] = 1
    for seed in range(10):
        rng = np.random.default_rng(seed)
        assert jitter(textured(4), nothing, rng) is None
        assert jitter(textured(4), everything, rng, aspects=["exposure"]) is None
        assert jitter(grey, box, rng, aspects=["size"]) is None


def disc(radius: float, at: tuple[float, float] = (60, 60), size: int = 120) -> np.ndarray:
    ys, xs = np.mgrid[:size, :size]
    return (xs - at[0]) ** 2 + (ys - at[1]) ** 2 <= radius**2


def test_a_resized_object_has_the_size_that_was_drawn_and_leaves_ground_behind():
    red = np.zeros((120, 120, 3), np.uint8)
    red[...] = (20, 160, 40)
    thing = disc(30)
    red[thing] = (230, 20, 20)
    grown = set()
    for seed in range(30):
        cutout = Cutout(red, thing, np.zeros_like(thing))
        made = ASPECTS["size"](cutout, np.random.default_rng(seed))
        ratio = np.sqrt(made.thing.sum() / thing.sum())
        assert 0.78 < ratio < 0.97 or 1.03 < ratio < 1.27
        inner = cv2.erode(made.thing.view(np.uint8), np.ones((13, 13), np.uint8)) > 0
        outer = cv2.dilate(made.thing.view(np.uint8), np.ones((13, 13), np.uint8)) == 0
        assert (made.rgb[inner] == (230, 20, 20)).all()
        assert (np.abs(made.rgb[outer].astype(int) - (20, 160, 40)) < 30).all()  # no red is left of the old one
        grown.add(bool(ratio > 1))
    assert grown == {True, False}


def test_an_object_cut_off_by_the_picture_stays_cut_off_there():
    rgb, thing = textured(5, 120, 120), disc(40, at=(0, 60))
    for seed in range(20):
        made = ASPECTS["size"](Cutout(rgb, thing, np.zeros_like(thing)), np.random.default_rng(seed))
        assert made.thing[:, 0].any()


def test_exposure_keeps_black_and_white_and_moves_the_middle():
    rgb, thing = np.full((60, 60, 3), 128, np.uint8), disc(20, (30, 30), 60)
    rgb[28:32, 20:30], rgb[28:32, 30:40] = 0, 255
    for seed in range(20):
        made = ASPECTS["exposure"](Cutout(rgb, thing, np.zeros_like(thing)), np.random.default_rng(seed)).rgb
        assert (made[29:31, 24:28] == 0).all() and (made[29:31, 32:36] == 255).all()
        assert abs(int(made[20, 30, 0]) - 128) >= 4  # gamma 1.1: 128 becomes 119; a soft edge may take some of it


@pytest.mark.parametrize("texture", object_jitter._TEXTURES, ids=lambda one: one.__name__)
def test_each_texture_keeps_shape_type_and_mean(texture):
    rgb = textured(6)
    made = texture(rgb, np.random.default_rng(0))
    assert made.shape == rgb.shape and made.dtype == np.uint8 and not np.array_equal(made, rgb)
    assert abs(float(made.mean()) - float(rgb.mean())) < 2


def test_aspects_are_chained_and_all_that_they_touch_is_kept():
    rgb, thing, rng = textured(7, 120, 120), disc(30), np.random.default_rng(1)
    cutout = Cutout(rgb, thing, np.zeros_like(thing))
    for aspect in ("size", "exposure", "texture"):
        touched, cutout = cutout.touched, ASPECTS[aspect](cutout, rng)
        assert (cutout.touched | ~touched).all()
        assert np.array_equal(cutout.rgb[~cutout.touched], rgb[~cutout.touched])


@pytest.mark.parametrize("most", [40, 10**6], ids=["mirrored", "inpainted"])
def test_a_hole_is_filled_from_around_it_and_nothing_else_is_written(most, monkeypatch):
    monkeypatch.setattr(object_jitter, "_INPAINTED", most)
    rgb = np.zeros((60, 60, 3), np.uint8)
    rgb[..., 1] = 90
    hole = disc(12, (30, 30), 60)
    rgb[hole] = (255, 0, 0)
    filled = object_jitter._filled(rgb, hole, np.random.default_rng(0))
    assert np.array_equal(filled[~hole], rgb[~hole])
    assert (np.abs(filled[hole].astype(int) - (0, 90, 0)) <= 1).all()


def test_what_does_not_fit_is_a_sentence():
    rgb, labels, rng = textured(8), np.zeros((120, 160), np.uint8), np.random.default_rng(0)
    with pytest.raises(BadMap, match="labels"):
        jitter(rgb, labels[:50], rng)
    with pytest.raises(BadMap, match="labels"):
        jitter(rgb, labels.astype(np.int64), rng)
    with pytest.raises(BadMap, match="picture"):
        jitter(rgb[..., 0], labels, rng)
    with pytest.raises(SettingError, match="size, exposure, texture, not colour"):
        jitter(rgb, labels, rng, aspects=["colour"])
    with pytest.raises(SettingError, match="none"):
        jitter(rgb, labels, rng, aspects=[])
