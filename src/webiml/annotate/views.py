"""Test-time averaging: let a network look at a pair from several sides and take the mean."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from webiml.geometry.maps import sigmoid, turned

VIEWS = (0, 1, 2)  # symmetries: as it is, mirrored left to right, upside down


def average_views(look: Callable[[int], np.ndarray]) -> np.ndarray:
    """Mean of a network's probabilities over the three views of method 2.4, each turned back.

    Args: look: the logits (h, w) float32 of a pair that is turned by a symmetry (`webiml.geometry.maps.turned`).
    Returns: (h, w) float32 in [0, 1].
    Departs: the mean of probabilities, not the sum of logits, which would only raise QES.
    """
    views = [sigmoid(turned(look(view)[None], view)[0]) for view in VIEWS]  # one after the other: the memory of one
    return np.stack(views).mean(axis=0)
