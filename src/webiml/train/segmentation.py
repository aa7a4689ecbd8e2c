"""What DASS and Corr-DINO learn alike: crops of stored pairs, losses of maps, and a validation over whole pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from webiml.errors import SettingError
from webiml.images.codec import picture_to_8bit
from webiml.metrics.overlap import iou
from webiml.metrics.qes import qes
from webiml.train.samples import Arrays, read

MISSING = 1  # in a mask: beyond the picture
SHOWN = 6  # validation pairs in the picture


def soft_dice(found: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """1 - Dice of two (B, 1, H, W) maps in [0, 1], mean over the samples in which there is anything to find."""
    overlap, total = (found * truth).flatten(1).sum(1), (found + truth).flatten(1).sum(1)
    something = (truth.flatten(1).sum(1) > 0).to(found.dtype)
    return ((1 - (2 * overlap + 1) / (total + 1)) * something).mean()


def coarse_entropy(logits: torch.Tensor, truth: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of logits at a fraction of the resolution against the share of each cell that is manipulated."""
    size = [logits.shape[2], logits.shape[3]]
    return F.binary_cross_entropy_with_logits(
        logits, F.interpolate(truth, size, mode="area"), weight=F.interpolate(there, size, mode="area")
    )


def validation(
    folder: Path, keys: Sequence[str], predict: Callable[[Arrays], torch.Tensor], empty: str
) -> tuple[dict[str, float], np.ndarray]:
    """Mean IoU at 0.5 over the stored pairs that have a mask, whole pictures, one view; and a picture of some.

    Args:
        predict: the logits (1, 1, h, w) of one stored pair. empty: name of the score of the pairs without a mask, the
            share of their area that is marked.
    Raises:
        SettingError: no pair has a mask.
    """
    overlaps, scores, false_alarms, shown = [], [], [], []
    for key in keys:
        pair = read(folder, key)
        with torch.no_grad():
            found = torch.sigmoid(predict(pair))[0, 0].float().cpu().numpy()
        truth, there = pair["mask"] > 127, pair["mask"] != MISSING
        found = found * there
        if truth.any():
            overlaps.append(iou(found >= 0.5, truth))
            scores.append(qes(picture_to_8bit(found)) or 0.0)
        else:
            false_alarms.append(float((found >= 0.5).mean()))
        if len(shown) < SHOWN and truth.any():
            shown.append(row_of_pictures(pair["stack"], truth, found))
    if not overlaps:
        raise SettingError("No pair of the val split has anything to find; give more pictures of that split.")
    kept = np.array(scores) > 0.5
    result = {
        "score": float(np.mean(overlaps)),
        "iou": float(np.mean(overlaps)),
        "kept": float(kept.mean()),
        "iou_kept": float(np.array(overlaps)[kept].mean()) if kept.any() else 0.0,
        empty: float(np.mean(false_alarms)) if false_alarms else 0.0,
    }
    return result, np.concatenate(shown)


def row_of_pictures(stack: np.ndarray, truth: np.ndarray, found: np.ndarray, height: int = 160) -> np.ndarray:
    """Authentic, manipulated, truth, prior and what was found, side by side; (height, 5 * 240, 3) uint8."""
    pictures = [stack[3:6].transpose(1, 2, 0), stack[:3].transpose(1, 2, 0)]
    maps = (truth.astype(np.uint8) * 255, stack[-1], picture_to_8bit(found))
    pictures += [np.repeat(one[..., None], 3, axis=2) for one in maps]
    return np.hstack(
        [cv2.resize(np.ascontiguousarray(one), (240, height), interpolation=cv2.INTER_AREA) for one in pictures]
    )


def padded(stack: np.ndarray, mask: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Stack (C, h, w) and mask (h, w), at least `size` a side; nothing is enlarged, what is missing is marked."""
    missing = [max(0, size - side) for side in mask.shape]
    if not any(missing):
        return stack, mask
    height, width = mask.shape
    stack = np.pad(stack, ((0, 0), (0, missing[0]), (0, missing[1])))
    mask = np.pad(mask, ((0, missing[0]), (0, missing[1])))
    mask[height:] = MISSING
    mask[:, width:] = MISSING
    return stack, mask
