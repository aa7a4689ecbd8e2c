"""Overlap of a predicted mask with the true one."""

from __future__ import annotations

import numpy as np

from webiml.errors import BadMap


def counts(predicted: np.ndarray, true: np.ndarray) -> tuple[int, int, int]:
    """True positives, false positives and false negatives of two (H, W) bool masks.

    Raises:
        BadMap: not two bool masks of one shape.
    """
    if predicted.shape != true.shape or predicted.dtype != bool or true.dtype != bool:
        raise BadMap(
            f"overlap needs two bool masks of one size, got {predicted.dtype} {predicted.shape} and "
            f"{true.dtype} {true.shape}"
        )
    both = int(np.count_nonzero(predicted & true))
    return both, int(np.count_nonzero(predicted)) - both, int(np.count_nonzero(true)) - both


def iou(predicted: np.ndarray, true: np.ndarray) -> float:
    """Intersection over union of two (H, W) bool masks, [0, 1]; two empty masks agree: 1."""
    both, only_predicted, only_true = counts(predicted, true)
    union = both + only_predicted + only_true
    return both / union if union else 1.0


def f1(predicted: np.ndarray, true: np.ndarray) -> float:
    """F1 (Dice) of two (H, W) bool masks, [0, 1]; two empty masks agree: 1. Nothing is inverted or ignored."""
    both, only_predicted, only_true = counts(predicted, true)
    total = 2 * both + only_predicted + only_true
    return 2 * both / total if total else 1.0
