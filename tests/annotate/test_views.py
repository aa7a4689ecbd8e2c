"""Averaging over views: a segmenter that favours one side must come out even-handed, the priors unchanged."""

import numpy as np

from webiml.evidence.evidence import Evidence
from webiml.annotate.views import Segmenter, View, average_views

BOTH = (View.AS_IT_IS, View.MIRRORED)


def pasted_pair() -> Evidence:
    rng = np.random.default_rng(5)
    authentic = np.kron(rng.integers(40, 215, (16, 24, 3)), np.ones((6, 6, 1))).astype(np.uint8)
    manipulated = authentic.copy()
    manipulated[20:50, 10:40] = 255 - manipulated[20:50, 10:40]
    return Evidence(authentic, manipulated)


def test_a_view_is_turned_back_before_the_mean():
    def left_half(evidence: Evidence) -> np.ndarray:
        height, width = evidence.manipulated.shape[:2]
        probability = np.zeros((height, width), np.float32)
        probability[:, : width // 2] = 1
        return probability

    assert np.all(average_views(Segmenter(left_half, BOTH), pasted_pair()) == 0.5)


def test_a_view_that_follows_the_picture_stays_where_it_was():
    def red(evidence: Evidence) -> np.ndarray:
        return evidence.manipulated[..., 0]

    pair = pasted_pair()
    np.testing.assert_allclose(average_views(Segmenter(red, BOTH), pair), red(pair))


def test_priors_treat_left_and_right_alike():
    pair = pasted_pair()
    both = average_views(Segmenter(lambda evidence: evidence.difference.probability, BOTH), pair)
    assert np.mean((both >= 0.5) != (pair.difference.probability >= 0.5)) < 0.01
    assert pair.difference.probability[25:45, 15:35].mean() > 0.8  # and there was something to find


def test_a_mirrored_pair_searches_the_mirrored_picture():
    pair = pasted_pair()
    first, turned = pair.mirrored(), pasted_pair()
    assert len(turned.features[1]) and len(first.features[1])
    width = pair.manipulated.shape[1]
    mirrored = {(round(width - 1 - x), round(y)) for x, y in turned.features[1].points.tolist()}
    found = {(round(x), round(y)) for x, y in first.features[1].points.tolist()}
    assert len(found & mirrored) > 0.8 * len(found)
