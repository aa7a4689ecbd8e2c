"""Putting pixels into a picture: where a thing goes, how it is warped, coloured and blended."""

from __future__ import annotations

import cv2
import numpy as np

from webiml.forge.objects import Rng

BLENDS = ("hard", "soft", "feathered", "poisson")
TOUCHED = 70  # of 255: a pixel is manipulated when a quarter of it came from elsewhere, as published masks have it
_GREY = np.array([0.299, 0.587, 0.114])


def recolour(
    rgb: np.ndarray,
    rng: Rng,
    *,
    gamma: float = 1.25,
    gain: float = 0.09,
    saturation: float = 0.25,
    contrast: float = 0.15,
) -> np.ndarray:
    """The picture, (H, W, 3) uint8, in other colours; every argument is the most that is changed, up or down.

    Args:
        gamma: exponent, 1 / gamma to gamma. gain: of each channel. saturation, contrast: relative.
    """
    levels = np.power(np.arange(256) / 255, np.exp(rng.uniform(-np.log(gamma), np.log(gamma))))
    table = levels[:, None] * (1 + rng.uniform(-gain, gain, 3))
    middle = float(table[rgb.reshape(-1, 3)[:: max(1, rgb.size // 3000)].ravel()].mean())
    table = (table - middle) * (1 + rng.uniform(-contrast, contrast)) + middle
    table = np.rint(table.clip(0, 1) * 255).astype(np.uint8)
    out = cv2.LUT(rgb, table.reshape(1, 256, 3))
    more = 1 + rng.uniform(-saturation, saturation)
    return cv2.transform(out, (np.eye(3) * more + (1 - more) * _GREY[None, :].repeat(3, 0)).astype(np.float32))


def placement(thing: np.ndarray, shape: tuple[int, int], low: float, high: float, rng: Rng) -> np.ndarray:
    """A 3x3 map that puts a thing into a picture of `shape` (H, W), so that it covers `low` to `high` of it.

    Scale 0.4 to 1.6 where the share allows it, rotation up to 30 degrees, mirror, shear and perspective; a tenth of
    the thing may lie outside.
    """
    x, y, w, h = cv2.boundingRect(thing.astype(np.uint8))
    height, width = shape
    area = max(float(np.count_nonzero(thing)), 1.0) / (height * width)
    smallest, largest = max(0.4, np.sqrt(low / area)), min(1.6, np.sqrt(high / area))
    scale = float(np.exp(rng.uniform(np.log(smallest), np.log(largest)))) if smallest < largest else float(largest)
    angle = np.deg2rad(rng.uniform(-30, 30)) * (rng.random() < 0.6)
    mirror = -1 if rng.random() < 0.25 else 1
    to_origin = np.array([[mirror, 0, -mirror * (x + w / 2)], [0, 1, -(y + h / 2)], [0, 0, 1]])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    tilt = np.eye(3)
    tilt[:2, :2] = turn @ (np.eye(2) + rng.uniform(-0.06, 0.06, (2, 2)) * (rng.random() < 0.6))
    if rng.random() < 0.3:
        tilt[2, :2] = rng.uniform(-0.12, 0.12, 2) / max(w, h) / scale
    margin = np.minimum(np.array([w, h]) * scale * 0.4, np.array([width, height]) / 2)
    centre_x, centre_y = rng.uniform(margin, [width, height] - margin)
    return np.array([[1, 0, centre_x], [0, 1, centre_y], [0, 0, 1.0]]) @ tilt @ to_origin


def paste(
    onto: np.ndarray,
    donor: np.ndarray,
    thing: np.ndarray,
    transform: np.ndarray,
    blend: str,
    rng: Rng,
    harmonise: float = 0.0,
    opacity: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Put a thing of one picture onto another.

    Args:
        onto, donor: (H, W, 3) and (h, w, 3) uint8. thing: (h, w) bool.
        transform: 3x3, donor points to points of `onto`.
        blend: one of BLENDS; `poisson` becomes `feathered` where the thing touches the border.
        harmonise: how far the thing takes over mean and spread of the place, [0, 1]. opacity: of the thing, [0, 1].
    Returns:
        The new picture, and the pixels (H, W) bool that the thing has touched, the soft rim of a blend among them.
    """
    height, width = onto.shape[:2]
    shrink = float(np.sqrt(abs(np.linalg.det(transform[:2, :2]))))
    if shrink < 0.8:  # against aliasing
        donor = cv2.GaussianBlur(donor, (0, 0), 0.45 / shrink)
    kernel = cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR
    warped = cv2.warpPerspective(donor, transform, (width, height), flags=kernel, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpPerspective(thing.astype(np.uint8) * 255, transform, (width, height), flags=cv2.INTER_LINEAR)
    inside = alpha >= 128
    if not inside.any():
        return onto, inside
    x, y, w, h = cv2.boundingRect(inside.view(np.uint8))
    if harmonise > 0:
        warped = _harmonised(warped, onto, inside, harmonise)
    if blend == "poisson":
        if x > 1 and y > 1 and x + w < width - 1 and y + h < height - 1 and min(w, h) > 4:
            mask = inside.view(np.uint8) * np.uint8(255)
            warped = cv2.seamlessClone(warped, onto, mask, (x + w // 2, y + h // 2), cv2.NORMAL_CLONE)
            alpha = np.where(inside, alpha, np.uint8(0))
        else:
            blend = "feathered"
    if blend == "feathered":
        alpha = cv2.GaussianBlur(alpha, (0, 0), rng.uniform(0.7, 2.0))
    elif blend == "hard":
        alpha = inside.view(np.uint8) * np.uint8(255)
    return laid_over(onto, warped, alpha, opacity), inside | (alpha >= TOUCHED)


def laid_over(onto: np.ndarray, over: np.ndarray, alpha: np.ndarray, opacity: float = 1.0) -> np.ndarray:
    """`over` on `onto`, both (H, W, 3) uint8, where `alpha` (H, W) uint8 says so."""
    share = (alpha * np.float32(opacity / 255))[..., None]
    ground = onto.astype(np.float32)
    return np.rint(ground + share * (over - ground)).clip(0, 255).astype(np.uint8)


def _harmonised(warped: np.ndarray, onto: np.ndarray, inside: np.ndarray, strength: float) -> np.ndarray:
    ground = cv2.dilate(inside.view(np.uint8), np.ones((15, 15), np.uint8)).view(bool) & ~inside
    if np.count_nonzero(ground) < 50:
        return warped
    a, b = warped[inside].astype(np.float32), onto[ground].astype(np.float32)
    gain = 1 + strength * (np.clip(b.std(0) / np.maximum(a.std(0), 4), 0.6, 1.6) - 1)
    shift = a.mean(0) * (1 - gain) + strength * (b.mean(0) - a.mean(0))
    table = np.rint((np.arange(256, dtype=np.float32)[:, None] * gain + shift).clip(0, 255)).astype(np.uint8)
    return cv2.LUT(warped, table.reshape(1, 256, 3))
