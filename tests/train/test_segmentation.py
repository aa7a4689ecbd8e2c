"""Losses and crops by hand."""

import numpy as np
import pytest
import torch

from webiml.train.segmentation import MISSING, coarse_entropy, padded, soft_dice


def test_soft_dice_by_hand():
    truth = torch.tensor([[[[1.0, 1.0, 0.0, 0.0]]]])
    half = torch.tensor([[[[1.0, 0.0, 1.0, 0.0]]]])
    assert float(soft_dice(truth, truth)) == 0
    assert float(soft_dice(half, truth)) == pytest.approx(1 - 3 / 5)  # (2 * 1 + 1) / (2 + 2 + 1)
    assert float(soft_dice(half, torch.zeros_like(truth))) == 0  # an authentic picture has no overlap to miss


def test_coarse_entropy_by_hand():
    truth = torch.tensor([[[[1.0, 1.0], [0.0, 0.0]]]])
    nothing_known = coarse_entropy(torch.zeros(1, 1, 1, 1), truth, torch.ones_like(truth))
    assert float(nothing_known) == pytest.approx(np.log(2))
    assert float(coarse_entropy(torch.zeros(1, 1, 1, 1), truth, torch.zeros_like(truth))) == 0


def test_what_is_padded_is_marked():
    stack, mask = padded(np.ones((2, 3, 5), np.uint8), np.full((3, 5), 255, np.uint8), 4)
    assert stack.shape == (2, 4, 5) and mask.shape == (4, 5)
    assert not stack[:, 3].any() and (mask[3] == MISSING).all() and (mask[:3] == 255).all()
    assert padded(stack, mask, 4)[0] is stack
