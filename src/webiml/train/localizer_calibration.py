"""Calibration of a localizer: what a probability, a confidence and a score are worth, on pictures held out.

A network is surer of the pictures that it learned from than of what the web sends. So the pictures of the val split go
through the web once more, harder than those of the training, before the curves are fitted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from webiml.errors import SettingError
from webiml.forge.web_degradation import drawn_strength, through_the_web
from webiml.geometry.looks import looks, mean_look
from webiml.nets.localizer import Deployed
from webiml.train.samples import list_samples, read
from webiml.train.web_iml import UNTOUCHED, VALIDATION_PICTURES

CURVES = ("pixel", "certain", "score_curve")  # buffers of `Deployed`
THRESHOLDS = np.linspace(-8, 6, 141)  # of logits
FLAT = 0.004  # F1: thresholds this near to the best are as good
PIXELS = 2000  # drawn from each picture to fit curves to


@dataclass(frozen=True)
class _Seen:
    """Of one picture, mean over its looks: logits of pixels and of certainty (H, W), score's logit, log of the area."""

    pixel: np.ndarray
    certain: np.ndarray
    truth: np.ndarray  # (H, W) bool
    score: float
    log_area: float


def calibration(deployed: Deployed, folder: Path) -> dict[str, Any]:
    """Set the curves of a localizer by the val pictures under `folder`, sent through the web once more.

    The best single threshold (mean F1 of the manipulated ones) becomes a probability of one half; its steepness, and
    the curves of confidence and score, are those of least cross-entropy.

    Returns: what goes into the card.
    """
    keys = _val_keys(folder)
    pictures = [_looked_at(deployed, *_after_the_web(folder, *key)) for key in keys]
    best = best_threshold([(one.pixel, one.truth) for one in pictures if one.truth.any()])
    rng = np.random.default_rng(0)
    drawn = [rng.integers(one.truth.size, size=PIXELS) for one in pictures]
    logits, certain, truth = (
        np.concatenate([getattr(one, name).ravel()[at] for one, at in zip(pictures, drawn, strict=True)])
        for name in ("pixel", "certain", "truth")
    )
    (gain,) = logistic(logits[:, None] - best, truth)
    deployed.pixel.copy_(torch.tensor([gain, -gain * best]))
    if hasattr(deployed.net, "answers"):  # else it follows from the probability
        right = (logits >= best) == truth
        deployed.certain.copy_(torch.from_numpy(logistic(np.stack([certain, np.ones_like(certain)], 1), right)))

    pictures = [_looked_at(deployed, *_after_the_web(folder, *key)) for key in keys]  # the score follows from pixels
    scores = np.array([[one.score, one.log_area, 1] for one in pictures])
    deployed.score_curve.copy_(torch.from_numpy(logistic(scores, np.array([one.truth.any() for one in pictures]))))
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


def logistic(x: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(K,) float64 gains of least cross-entropy of sigmoid(x @ gains), x (N, K), against (N,) bool; by Newton's method.

    A column of ones makes the last a bias.
    """
    x = x.astype(np.float64)
    gains = np.zeros(x.shape[1])
    for _ in range(50):
        found = 1 / (1 + np.exp(-np.clip(x @ gains, -30, 30)))
        slope = x.T @ (found - truth) / len(x) + 1e-4 * gains  # a little decay, for classes that can be told apart
        bend = (x * (found * (1 - found))[:, None]).T @ x / len(x) + 1e-4 * np.eye(len(gains))
        gains = gains - np.linalg.solve(bend, slope)
    return gains


def _val_keys(folder: Path) -> list[tuple[str, str]]:
    origins = [origin for origin in VALIDATION_PICTURES if (folder / origin / "val").is_dir()]
    found = [(origin, key) for origin in origins for key in list_samples(folder / origin / "val")]
    if len({origin in UNTOUCHED for origin in origins}) < 2:
        raise SettingError(f"{folder} holds no manipulated and authentic pictures to calibrate with; train with both.")
    return found


def _after_the_web(folder: Path, origin: str, key: str) -> tuple[np.ndarray, np.ndarray]:
    """A val picture, (H, W, 3) uint8, and its truth, (H, W) bool, after the web."""
    made = read(folder / origin / "val", key)
    seed = hashlib.sha256(f"calibration/{origin}/{key}".encode()).digest()
    rng = np.random.default_rng(np.frombuffer(seed, np.uint64))
    strength = drawn_strength(rng)
    rgb = np.ascontiguousarray(made["picture"].transpose(1, 2, 0))
    return through_the_web(rgb, made["mask"] > 127, strength, rng)[:2]


def _looked_at(deployed: Deployed, rgb: np.ndarray, truth: np.ndarray) -> _Seen:
    sizes = [torch.from_numpy(np.ascontiguousarray(one[None])) for one in looks(rgb, deployed.enlargement)]
    with torch.no_grad():
        seen = [deployed.logits(one) for one in sizes]
        areas = [float(deployed.log_area(pixel)[0]) for pixel, _, _ in seen]
    pixel, certain = (mean_look([run[what][0].numpy() for run in seen]) for what in (0, 1))
    return _Seen(pixel, certain, truth, float(np.mean([float(run[2]) for run in seen])), float(np.mean(areas)))
