"""Test-time averaging: let a network look at a pair from several sides and take the mean."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Net = Callable[[np.ndarray], np.ndarray]  # (B, C, H, W) float32 to logits (B, 1, H, W) float32
VIEWS = ((), (2,), (1,))  # axes of (C, H, W) that are turned round: as it is, left to right, upside down


def average_views(net: Net, stack: np.ndarray) -> np.ndarray:
    """Mean of the network's probabilities over the three views of method 2.4, each turned back.

    Args: stack (C, H, W) float32, one pair's input. Returns: (H, W) float32 in [0, 1].
    Departs: the mean of probabilities, not the sum of logits, which would only raise QES.
    """
    total = np.zeros(stack.shape[1:], np.float32)
    for axes in VIEWS:  # one after the other: the memory of one
        logits = net(np.ascontiguousarray(np.flip(stack, axes))[None])[0]
        total += sigmoid(np.flip(logits, axes)[0])
    return total / np.float32(len(VIEWS))


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * logits))
