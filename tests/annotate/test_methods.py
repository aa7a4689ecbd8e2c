"""When the prior is heard beside DASS."""

import numpy as np
import pytest

from webiml.annotate.methods import PRIOR_SHARE, denoised_difference
from webiml.evidence.evidence import Evidence
from webiml.geometry.maps import log_odds, sigmoid
from webiml.nets import weights


@pytest.fixture(scope="module")
def edited(picture) -> Evidence:
    """A piece of the coffee on the canyon."""
    authentic = picture("canyon", 256)
    manipulated = authentic.copy()
    manipulated[60:110, 80:150] = picture("coffee", 256)[60:110, 80:150]
    return Evidence(authentic, manipulated)


def dass_says(monkeypatch, logits: float, middle: float) -> None:
    """DASS answers `logits` everywhere but in the middle; the same for each view of the pair."""

    def net(stack: np.ndarray) -> np.ndarray:
        answer = np.full((1, 1, *stack.shape[2:]), logits, np.float32)
        answer[..., stack.shape[2] // 4 : -(stack.shape[2] // 4), stack.shape[3] // 4 : -(stack.shape[3] // 4)] = middle
        return answer

    monkeypatch.setattr(weights, "load", lambda name, folder=None: net)


def test_a_network_that_is_sure_of_something_is_left_alone(monkeypatch, edited):
    dass_says(monkeypatch, -9.0, 9.0)
    found = denoised_difference(edited)
    assert set(np.round(found, 3).ravel().tolist()) == {0.0, 1.0}


def test_where_it_is_sure_of_nothing_the_prior_is_heard(monkeypatch, edited):
    dass_says(monkeypatch, -1.0, -1.0)
    assert edited.alignment is not None
    found, prior = denoised_difference(edited), edited.difference.probability
    covered = edited.alignment.validity
    own = log_odds(np.array(1 / (1 + np.e)))
    want = sigmoid((1 - PRIOR_SHARE) * own + PRIOR_SHARE * log_odds(prior))
    np.testing.assert_allclose(found[covered], want[covered], atol=1e-5)
    assert found[prior > 0.99].min() > found[prior < 0.01].max()
