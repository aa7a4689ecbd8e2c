"""Calibration of a localizer: what a probability, a confidence and a score are worth, on pictures held out.

A network is surer of the pictures that it learned from than of what the web sends. So the pictures of the val split go
through the web once more, harder than those of the training, before the curves are fitted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from webiml.errors import SettingError
from webiml.forge.web_degradation import STRENGTHS, Strength, through_the_web
from webiml.geometry.looks import looks, mean_look
from webiml.nets.localizer import Deployed
from webiml.train.samples import list_samples, read
from webiml.train.web_iml import VALIDATION_PICTURES

CURVES = ("pixel", "certain", "score_curve")  # buffers of `Deployed`
THRESHOLDS = np.linspace(-8, 6, 141)  # of logits
FLAT = 0.004  # F1: thresholds this near to the best are as good
PIXELS = 2000  # drawn from each picture to fit curves to


def calibration(deployed: Deployed, folder: Path) -> dict[str, Any]:
    """Set the curves of a localizer by the val pictures under `folder`, sent through the web once more.

    The best single threshold (mean F1 of the manipulated ones) becomes a probability of one half; its steepness, and
    the curves of confidence and score, are those of least cross-entropy.

    Returns: what goes into the card.
    """
    pictures = [_looked_at(deployed, folder, origin, key) for origin, key in _val_keys(folder)]
    best = best_threshold([(one[0], one[2]) for one in pictures if one[2].any()])
    rng = np.random.default_rng(0)
    drawn = [rng.integers(one[2].size, size=PIXELS) for one in pictures]
    logits = np.concatenate([one[0].ravel()[at] for one, at in zip(pictures, drawn, strict=True)])
    truth = np.concatenate([one[2].ravel()[at] for one, at in zip(pictures, drawn, strict=True)])
    gain, _ = logistic_curve(logits - best, truth, biased=False)
    deployed.pixel.copy_(torch.tensor([gain, -gain * best]))

    if hasattr(deployed.net, "answers"):  # else both follow from the probability, and only the score has a curve
        certain = np.concatenate([one[1].ravel()[at] for one, at in zip(pictures, drawn, strict=True)])
        deployed.certain.copy_(torch.tensor(logistic_curve(certain, (logits >= best) == truth)))
        scores = np.array([one[3] for one in pictures])
    else:
        scores = np.array([_looked_at(deployed, folder, origin, key)[3] for origin, key in _val_keys(folder)])
    deployed.score_curve.copy_(torch.tensor(logistic_curve(scores, np.array([bool(one[2].any()) for one in pictures]))))
    curves = {name: [round(float(value), 5) for value in getattr(deployed, name)] for name in CURVES}
    return {"calibration": {"pictures": len(pictures), "best_threshold": round(best, 3), **curves}}


def best_threshold(pictures: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    """The threshold on logits (H, W) of the largest mean F1 against masks (H, W) bool: the middle of all as good."""
    curves = []
    for logits, truth in pictures:
        bins = np.digitize(logits.ravel(), THRESHOLDS)  # a pixel of bin b reaches the thresholds 0 to b - 1
        size = len(THRESHOLDS) + 1
        all_of, right = (np.bincount(bins, weights, size) for weights in (None, truth.ravel().astype(float)))
        marked, hit = (np.cumsum(counts[::-1])[::-1][1:] for counts in (all_of, right))
        curves.append(2 * hit / (marked + truth.sum()))
    mean = np.mean(curves, axis=0)
    return float(THRESHOLDS[mean >= mean.max() - FLAT].mean())


def logistic_curve(logits: np.ndarray, truth: np.ndarray, *, biased: bool = True) -> tuple[float, float]:
    """Gain and bias of least cross-entropy of sigmoid(gain x logit + bias) against (N,) bool; by Newton's method."""
    x = np.stack([logits, np.ones_like(logits)], axis=1).astype(np.float64)[:, : 2 if biased else 1]
    curve = np.array([1.0, 0.0])[: x.shape[1]]
    for _ in range(50):
        found = 1 / (1 + np.exp(-np.clip(x @ curve, -30, 30)))
        slope = x.T @ (found - truth) / len(x) + 1e-4 * curve  # a little decay, for classes that can be told apart
        curve = curve - np.linalg.solve(
            (x * (found * (1 - found))[:, None]).T @ x / len(x) + 1e-4 * np.eye(len(curve)), slope
        )
    return float(curve[0]), float(curve[1]) if biased else 0.0


def _val_keys(folder: Path) -> list[tuple[str, str]]:
    origins = [origin for origin in VALIDATION_PICTURES if (folder / origin / "val").is_dir()]
    found = [(origin, key) for origin in origins for key in list_samples(folder / origin / "val")]
    if len(origins) < 2 or "authentic" not in origins:
        raise SettingError(f"{folder} holds no manipulated and authentic pictures to calibrate with; train with both.")
    return found


def _looked_at(
    deployed: Deployed, folder: Path, origin: str, key: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Of a val picture after the web: pixel logits and those of certainty (H, W), truth (H, W) bool, score's logit."""
    made = read(folder / origin / "val", key)
    seed = hashlib.sha256(f"calibration/{origin}/{key}".encode()).digest()
    rng = np.random.default_rng(np.frombuffer(seed, np.uint64))
    strength: Strength = list(STRENGTHS)[int(rng.choice(3, p=list(STRENGTHS.values())))]
    rgb = np.ascontiguousarray(made["picture"].transpose(1, 2, 0))
    rgb, mask, _, _ = through_the_web(rgb, made["mask"] > 127, strength, rng)
    with torch.no_grad():
        seen = [
            deployed.logits(torch.from_numpy(np.ascontiguousarray(one[None])))
            for one in looks(rgb, deployed.enlargement)
        ]
    pixel, certain = (mean_look([run[what][0].numpy() for run in seen]) for what in (0, 1))
    return pixel, certain, mask, float(np.mean([float(run[2]) for run in seen]))
