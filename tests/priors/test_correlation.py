"""The SDG prior: verifies each proposed copy, composites them, and doubts what lies nowhere."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webiml.geometry.hypotheses import Hypothesis
from webiml.metrics.overlap import iou
from webiml.priors.correlation import composite_look, correlation_prior, curves, single_look

Paste = tuple[np.ndarray, np.ndarray, np.ndarray, list[Hypothesis]]


def unit(picture: np.ndarray) -> np.ndarray:
    return picture.astype(np.float32) / np.float32(255)


def placed(scale: float, x: float, y: float) -> np.ndarray:
    return np.array([[scale, 0, x], [0, scale, y], [0, 0, 1.0]])


def hypothesis(transform: np.ndarray, sources: np.ndarray) -> Hypothesis:
    """As if these key points of the authentic picture had been matched."""
    points = sources @ transform[:2, :2].T + transform[:2, 2]
    return Hypothesis(transform, points.astype(np.float32), np.full(len(points), 6, np.float32), sources, False)


@pytest.fixture
def pasted(picture) -> Paste:
    """The cat's face, pasted twice over the boards, with the two hypotheses that key points would propose."""
    authentic, manipulated = picture("cat", 240), picture("boards", 320)
    face = np.zeros(authentic.shape[:2], np.uint8)
    cv2.ellipse(face, (115, 80), (55, 60), 0, 0, 360, 255, -1)
    rng = np.random.default_rng(0)
    inside = np.argwhere(face > 0)[:, ::-1].astype(np.float32)
    mask = np.zeros(manipulated.shape[:2], bool)
    proposed = []
    for transform in (placed(1, -30, 10), placed(0.8, 150, 70)):
        size = manipulated.shape[1::-1]
        where = cv2.warpPerspective(face, transform, size) > 127
        manipulated[where] = cv2.warpPerspective(authentic, transform, size, flags=cv2.INTER_CUBIC)[where]
        mask |= where
        proposed.append(hypothesis(transform, rng.choice(inside, 40)))
    return unit(authentic), unit(manipulated), mask, proposed


def test_both_copies_are_marked(pasted):
    authentic, manipulated, mask, proposed = pasted
    found = correlation_prior(authentic, manipulated, proposed).probability
    assert found.shape == mask.shape and found.dtype == np.float32
    assert iou(found >= 0.5, mask) > 0.75
    for side in (np.s_[:, :150], np.s_[:, 170:]):
        assert iou(found[side] >= 0.5, mask[side]) > 0.65


def test_a_copy_that_nobody_proposed_is_not_marked(pasted):
    authentic, manipulated, mask, proposed = pasted
    found = correlation_prior(authentic, manipulated, proposed[:1]).probability
    assert iou(found[:, :150] >= 0.5, mask[:, :150]) > 0.7
    assert (found[:, 190:] >= 0.5).mean() < 0.02


def test_without_hypotheses_there_is_nothing(pasted):
    authentic, manipulated, mask, _ = pasted
    found = correlation_prior(authentic, manipulated, []).probability
    assert found.shape == mask.shape and not found.any()


def test_a_false_hypothesis_is_seen_through(pasted):
    authentic, manipulated, _, proposed = pasted
    false = hypothesis(placed(1, 60, 40), proposed[0].sources)
    assert (correlation_prior(authentic, manipulated, [false]).probability >= 0.5).mean() < 0.03


def test_curves_use_the_features_that_are_computed(pasted):
    authentic, manipulated, _, proposed = pasted
    look = single_look(authentic, manipulated, proposed[0])
    assert set(curves()["single"].names) == set(look.features)
    single = curves()["single"](look.features)
    assert set(curves()["composite"].names) == set(composite_look(manipulated, proposed[:1], [look], [single]))


def make(what: str, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) float32 in [0, 1]: the pictures that break formulas."""
    if what == "noise":
        return rng.random((*shape, 3), np.float32)
    if what == "primaries":
        return rng.integers(0, 2, (*shape, 3)).astype(np.float32)
    return np.full((*shape, 3), {"black": 0, "grey": 0.5, "white": 1}[what], np.float32)


kinds = st.sampled_from(["black", "grey", "white", "noise", "primaries"])
shapes = st.sampled_from([(16, 16), (16, 60), (40, 33)])


@given(
    one=kinds,
    two=kinds,
    size=shapes,
    other=shapes,
    maps=st.lists(st.tuples(st.floats(0.2, 5), st.floats(-300, 300), st.floats(-300, 300)), min_size=1, max_size=3),
    seed=st.integers(0, 9),
)
def test_a_probability_on_any_picture_under_any_hypothesis(one, two, size, other, maps, seed):
    rng = np.random.default_rng(seed)
    sources = rng.uniform(0, 30, (5, 2)).astype(np.float32)
    proposed = [hypothesis(placed(*numbers), sources) for numbers in maps]  # also far outside of the picture
    found = correlation_prior(make(one, size, rng), make(two, other, rng), proposed).probability
    assert found.shape == other and found.dtype == np.float32
    assert np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1
