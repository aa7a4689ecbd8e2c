"""Small operations on (H, W) maps that the priors share."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

FLOOR = 0.003  # probabilities are kept this far from 0 and 1 before a logarithm


def blur(array: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of (H, W) or (H, W, C), borders reflected."""
    return cv2.GaussianBlur(array, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)


def grey(rgb: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32 or uint8 RGB to (H, W) of the same type."""
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)


def disk(radius: float) -> np.ndarray:
    """Round structuring element, radius rounded and at least 1."""
    side = 2 * max(1, round(radius)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))


def log_odds(probability: np.ndarray, floor: float = FLOOR) -> np.ndarray:
    """log(p / (1 - p)) with p clipped to [0, 1] and kept `floor` away from both ends."""
    p = np.clip(probability, 0, 1)
    return np.log((p + floor) / (1 - p + floor))


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * logits))


def spread(array: np.ndarray, sigma: float) -> np.ndarray:
    """Local standard deviation of (H, W) float32 in a Gaussian window."""
    mean = blur(array, sigma)
    return np.sqrt(np.maximum(blur(array * array, sigma) - mean * mean, 1e-8))


def local_correlation(a: np.ndarray, b: np.ndarray, sigma: float, noise: float, *, flat: float = 1) -> np.ndarray:
    """Normalised cross-correlation of two (H, W) float32 maps in a Gaussian window, [-1, 1].

    `noise` is a variance added to both; `flat` is what two windows without texture get: 1 where being equally smooth is
    agreement, 0 where it is no evidence.
    """
    mean_a, mean_b = blur(a, sigma), blur(b, sigma)
    var_a = np.maximum(blur(a * a, sigma) - mean_a * mean_a, 0)
    var_b = np.maximum(blur(b * b, sigma) - mean_b * mean_b, 0)
    shared = blur(a * b, sigma) - mean_a * mean_b
    return np.clip((shared + flat * noise) / np.sqrt((var_a + noise) * (var_b + noise)), -1, 1)


def tolerant_difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How far one picture lies outside the 3x3 range of the other, the smaller of both ways: forgives half a pixel.

    Args: a, b (H, W, 3) float32. Returns: (H, W) float32, Euclidean over the channels.
    """
    kernel = np.ones((3, 3), np.uint8)
    one = np.maximum(b - cv2.dilate(a, kernel), cv2.erode(a, kernel) - b)
    other = np.maximum(a - cv2.dilate(b, kernel), cv2.erode(b, kernel) - a)
    return length(np.maximum(np.minimum(one, other), 0))


def length(array: np.ndarray) -> np.ndarray:
    """Euclidean length over the last axis of (H, W, 3)."""
    return np.sqrt(np.einsum("ijk,ijk->ij", array, array))


def fill_holes(values: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """Raise what is enclosed by higher values to the highest of `levels` that encloses it.

    Args: values (H, W) float32. A hole that touches the border is no hole.
    """
    filled = values.copy()
    height, width = values.shape
    for level in levels:
        count, label, box, _ = cv2.connectedComponentsWithStats((values <= level).astype(np.uint8), connectivity=4)
        inner = (box[:, 0] > 0) & (box[:, 1] > 0) & (box[:, 0] + box[:, 2] < width) & (box[:, 1] + box[:, 3] < height)
        inner[0] = False
        if count > 1 and inner.any():
            hole = inner[label]
            filled[hole] = np.maximum(filled[hole], level)
    return filled


def close(values: np.ndarray, radius: float) -> np.ndarray:
    """Morphological closing with nothing beyond the border."""
    element = disk(radius)
    edge = element.shape[0]
    padded = cv2.copyMakeBorder(values, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=0)
    return cv2.morphologyEx(padded, cv2.MORPH_CLOSE, element)[edge:-edge, edge:-edge]


def opened(values: np.ndarray, radius: float) -> np.ndarray:
    """Morphological opening: what is thinner than the element goes."""
    return cv2.morphologyEx(values, cv2.MORPH_OPEN, disk(radius))


def top_mean(values: np.ndarray) -> float:
    """Mean of the highest 0.2 % of a map, of 50 pixels at least: how strong the strongest evidence is."""
    count = min(max(50, values.size // 500), values.size)
    return float(np.partition(values.reshape(-1), values.size - count)[-count:].mean())


def guided(guide: np.ndarray, values: np.ndarray, radius: int, smoothness: float = 1e-3) -> np.ndarray:
    """Smooth `values` along the colours of `guide`, so that edges follow the picture.

    Args: guide (H, W, 3) float32 in [0, 1]; values (H, W) float32; radius in pixels.
    Source: He, Sun and Tang, "Guided Image Filtering", TPAMI 2013, colour guide; the 3x3 system solved by its adjugate.
    """
    size = (2 * radius + 1, 2 * radius + 1)

    def mean(x: np.ndarray) -> np.ndarray:
        return cv2.blur(x, size, borderType=cv2.BORDER_REFLECT)

    centre, level = mean(guide), mean(values)
    covariance = mean(guide * values[..., None]) - centre * level[..., None]
    square = mean(guide * guide) - centre * centre + smoothness
    cross = mean(guide * guide[..., [1, 2, 0]]) - centre * centre[..., [1, 2, 0]]
    rr, gg, bb = (square[..., i] for i in range(3))
    rg, gb, br = (cross[..., i] for i in range(3))
    c0, c1, c2 = gg * bb - gb * gb, br * gb - rg * bb, rg * gb - br * gg
    c3, c4, c5 = rr * bb - br * br, rg * br - rr * gb, rr * gg - rg * rg
    determinant = np.maximum(rr * c0 + rg * c1 + br * c2, 1e-12)
    x, y, z = (covariance[..., i] for i in range(3))
    slope = (
        np.stack([c0 * x + c1 * y + c2 * z, c1 * x + c3 * y + c4 * z, c2 * x + c4 * y + c5 * z], -1)
        / determinant[..., None]
    )
    offset = level - np.einsum("ijk,ijk->ij", slope, centre)
    return np.einsum("ijk,ijk->ij", mean(slope), guide) + mean(offset)


SYMMETRIES = 8  # of a picture: mirrored across (bit 1), upside down (bit 2), transposed (bit 4), in this order


def turned(maps: np.ndarray, symmetry: int) -> np.ndarray:
    """Maps (K, h, w) of a picture that is turned by one of SYMMETRIES."""
    if symmetry & 1:
        maps = maps[:, :, ::-1]
    if symmetry & 2:
        maps = maps[:, ::-1]
    return np.ascontiguousarray(maps.transpose(0, 2, 1) if symmetry & 4 else maps)
