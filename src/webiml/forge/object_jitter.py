"""Object Jitter: one to three objects of a picture in another size, exposure or texture, where they stand.

The picture says the same as before; only the traces of the edit tell. So a network that learns from such pictures
cannot lean on what is out of place. An aspect is a function of a `Cutout` and a generator, and aspects can be chained:
`textured(resized(cutout, rng), rng)`.

Source: X. Qu et al., "Towards Modern Image Manipulation Localization", arXiv 2508.20987, names the technique and its
three aspects; its amounts are not published. Ours reach both ways: objects shrink and grow, get darker and brighter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import cv2
import numpy as np

from webiml.errors import BadMap, SettingError
from webiml.forge.blending import TOUCHED, laid_over
from webiml.forge.edits import settled
from webiml.forge.objects import Rng

LEAST_SIDE, LEAST_AREA = 8, 256  # pixels: smaller objects are left alone
MOST = 0.75  # of the picture: a larger mask says nothing about where
TRIES = 6  # objects looked at for one picture
_LASTING = 1.5  # 8-bit levels, mean over a part after a 3x3 mean: finer than an edit that is to be seen
_PAD = 8  # pixels around what an aspect may reach: room for a soft edge
_INPAINTED = 4000  # pixels: a larger hole is filled with the ground beside it, which takes no time
_KERNELS = ((16, 0), (32, 3), (64, 5), (128, 7), (256, 9))  # shorter side of the object below -> width of its soft edge
_KERNEL = 11


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """The surroundings of one object.

    Attributes:
        rgb: (h, w, 3) uint8. thing: (h, w) bool, where the object is by now.
        touched: (h, w) bool, what the aspects have written so far; all else is as it was, bit by bit.
    """

    rgb: np.ndarray
    thing: np.ndarray
    touched: np.ndarray


Aspect = Callable[[Cutout, Rng], Cutout]


def jitter(
    rgb: np.ndarray, labels: np.ndarray, rng: Rng, *, aspects: Sequence[str] | None = None
) -> tuple[np.ndarray, np.ndarray] | None:
    """Change one to three objects of a picture in one or two aspects each.

    Args:
        rgb: (H, W, 3) uint8, not written into.
        labels: (H, W) uint8 or uint16, 0 background, 1..n objects.
        rng: decides everything; the same one gives the same picture.
        aspects: names of ASPECTS to draw from; None draws from all.
    Returns:
        The new picture, and its mask (H, W) bool, outside of which it is the given one bit by bit. None when no object
        is large enough, when nothing can be seen of the change, or when the mask covers more than MOST.
    Raises:
        BadMap: rgb and labels do not fit each other.
        SettingError: an aspect is unknown.
    """
    names = _chosen(aspects)
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise BadMap(f"Object Jitter needs a uint8 (H, W, 3) picture, got {rgb.dtype} {rgb.shape}.")
    if labels.shape != rgb.shape[:2] or labels.dtype not in (np.uint8, np.uint16):
        raise BadMap(f"Object Jitter needs uint8 or uint16 {rgb.shape[:2]} labels, got {labels.dtype} {labels.shape}.")
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    candidates = rng.permutation(np.flatnonzero(areas >= LEAST_AREA))
    wanted = int(rng.choice([1, 2, 3], p=[0.6, 0.28, 0.12]))
    out, mask = rgb.copy(), np.zeros(labels.shape, bool)
    for index in candidates[:TRIES]:
        changed = _changed(out, labels, int(index), mask, _drawn(names, rng), rng)
        if changed is None:
            continue
        box, after, inside = changed
        if np.count_nonzero(mask) + np.count_nonzero(inside) > MOST * mask.size:
            continue
        np.copyto(out[box], after, where=inside[..., None])
        mask[box] |= inside
        wanted -= 1
        if wanted == 0:
            break
    return (out, mask) if mask.any() else None


# ---------------------------------------------------------------- the aspects


def resized(cutout: Cutout, rng: Rng) -> Cutout:
    """The object 5 to 25 % larger or 5 to 20 % smaller; where it stood and stands no more, the ground is drawn in."""
    height, width = cutout.thing.shape
    x, y, w, h = cv2.boundingRect(cutout.thing.view(np.uint8))
    middle, low = x + (w - 1) / 2, y + (h - 1) * rng.uniform(0.5, 1)  # things stand on the ground
    larger, smaller = rng.uniform(1.05, 1.25), rng.uniform(0.80, 0.95)
    if rng.random() < 0.5 or w == width or h == height:
        scale = larger
    else:
        scale, middle, low = smaller, _cut_off(x, w, width, middle), _cut_off(y, h, height, low)
    transform = np.array([[scale, 0, middle * (1 - scale)], [0, scale, low * (1 - scale)]])
    kernel, border = cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
    warped = cv2.warpAffine(cutout.rgb, transform, (width, height), flags=kernel, borderMode=border)
    alpha = cutout.thing.view(np.uint8) * np.uint8(255)
    thing = cv2.warpAffine(alpha, transform, (width, height), flags=cv2.INTER_LINEAR, borderMode=border) >= 128
    # a little more than the object goes: its colour has bled into the rim
    gone = cv2.dilate(cutout.thing.view(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))).view(bool)
    if (cutout.thing & ~thing).any():
        cutout = _through(cutout, _filled(cutout.rgb, gone, rng), gone, thing, rng)
    return _through(cutout, warped, thing, thing, rng)


def exposed(cutout: Cutout, rng: Rng) -> Cutout:
    """The object brighter or darker: gamma between 0.4 and 2.5, away from 1."""
    darker = rng.random() < 0.5
    low, high = (1.1, 2.5) if darker else (0.4, 0.9)
    gamma = np.exp(rng.uniform(np.log(low), np.log(high)))
    table = np.rint(255 * np.power(np.arange(256) / 255, gamma)).astype(np.uint8)
    return _through(cutout, cv2.LUT(cutout.rgb, table.reshape(1, 256)), cutout.thing, cutout.thing, rng)


def textured(cutout: Cutout, rng: Rng) -> Cutout:
    """The object sharpened, blurred, noisy, saved as a JPEG of its own, or scaled there and back."""
    change = _TEXTURES[int(rng.integers(len(_TEXTURES)))]
    return _through(cutout, change(cutout.rgb, rng), cutout.thing, cutout.thing, rng)


ASPECTS: dict[str, Aspect] = {"size": resized, "exposure": exposed, "texture": textured}


# ---------------------------------------------------------------- textures


def _sharpened(rgb: np.ndarray, rng: Rng) -> np.ndarray:
    amount = rng.uniform(0.8, 2.5)
    return cv2.addWeighted(rgb, 1 + amount, cv2.GaussianBlur(rgb, (0, 0), rng.uniform(0.8, 1.5)), -amount, 0)


def _blurred(rgb: np.ndarray, rng: Rng) -> np.ndarray:
    return cv2.GaussianBlur(rgb, (0, 0), rng.uniform(0.5, 2))


def _noisy(rgb: np.ndarray, rng: Rng) -> np.ndarray:
    noise = rng.standard_normal(rgb.shape, np.float32) * np.float32(rng.uniform(4, 14))
    return np.rint(rgb + noise).clip(0, 255).astype(np.uint8)


def _saved(rgb: np.ndarray, rng: Rng) -> np.ndarray:
    """Through JPEG by itself: its blocks start at the cutout, not at the picture."""
    _, data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 81))])
    bgr = cast(np.ndarray, cv2.imdecode(data, cv2.IMREAD_COLOR))  # None only for bytes that are no picture
    return np.ascontiguousarray(bgr[..., ::-1])


def _scaled_there_and_back(rgb: np.ndarray, rng: Rng) -> np.ndarray:
    height, width = rgb.shape[:2]
    scale = rng.uniform(0.4, 0.8)
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    kernel = cv2.INTER_AREA if rng.random() < 0.5 else cv2.INTER_LINEAR
    return cv2.resize(cv2.resize(rgb, small, interpolation=kernel), (width, height), interpolation=cv2.INTER_CUBIC)


_TEXTURES = (_sharpened, _blurred, _noisy, _saved, _scaled_there_and_back)


# ---------------------------------------------------------------- shared


def _chosen(aspects: Sequence[str] | None) -> list[str]:
    names = list(ASPECTS) if aspects is None else list(aspects)
    unknown = [name for name in names if name not in ASPECTS]
    if unknown or not names:
        raise SettingError(f"Object Jitter knows the aspects {', '.join(ASPECTS)}, not {', '.join(unknown) or 'none'}.")
    return [name for name in ASPECTS if name in names]


def _drawn(names: list[str], rng: Rng) -> list[Aspect]:
    """One or two aspects, the size before the others: what is changed after it is changed at its new place."""
    count = min(len(names), 1 + int(rng.random() < 0.35))
    return [ASPECTS[names[index]] for index in sorted(rng.choice(len(names), count, replace=False))]


def _changed(
    rgb: np.ndarray, labels: np.ndarray, index: int, taken: np.ndarray, aspects: list[Aspect], rng: Rng
) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray] | None:
    """Box, new pixels (h, w, 3) and mask (h, w) of one object; None when it does not fit or its change is not seen."""
    x, y, w, h = cv2.boundingRect((labels == index).view(np.uint8))
    if min(w, h) < LEAST_SIDE:
        return None
    height, width = labels.shape
    wide, high = w // 4 + _PAD, h // 4 + _PAD
    box = np.s_[max(0, y - high) : min(height, y + h + high), max(0, x - wide) : min(width, x + w + wide)]
    before = rgb[box]
    thing = cv2.medianBlur((labels[box] == index).view(np.uint8) * np.uint8(255), 3) > 127  # an outline without steps
    if not thing.any() or (taken[box] & thing).any():
        return None
    cutout = Cutout(before, thing, np.zeros_like(thing))
    for aspect in aspects:
        cutout = aspect(cutout, rng)
    if (taken[box] & cutout.touched).any():
        return None
    inside = settled(before, cutout.rgb, cutout.touched, lasting=_LASTING)
    return None if inside is None else (box, cutout.rgb, inside)


def _cut_off(start: int, length: int, room: int, else_at: float) -> float:
    """The coordinate that stays when an object shrinks: the picture's edge where that cuts the object off.

    Shrunk towards its middle it would float, with a straight edge. Around any other object a cutout leaves room.
    """
    return 0.0 if start == 0 else room - 1.0 if start + length == room else else_at


def _through(cutout: Cutout, edited: np.ndarray, where: np.ndarray, thing: np.ndarray, rng: Rng) -> Cutout:
    """`edited` on the cutout where `where` says so, half of the time with a soft edge as wide as the object allows."""
    alpha = where.view(np.uint8) * np.uint8(255)
    _, _, w, h = cv2.boundingRect(alpha)
    kernel = next((kernel for side, kernel in _KERNELS if min(w, h) < side), _KERNEL)
    if kernel and rng.random() < 0.5:
        alpha = cv2.GaussianBlur(alpha, (kernel, kernel), 0)
        alpha[alpha < TOUCHED] = 0  # what the mask leaves out stays as it was
    return replace(cutout, rgb=laid_over(cutout.rgb, edited, alpha), thing=thing, touched=cutout.touched | (alpha > 0))


def _filled(rgb: np.ndarray, hole: np.ndarray, rng: Rng) -> np.ndarray:
    """The hole filled with what lies around it: inpainted where it is small, else mirrored over its outline."""
    if hole.all():
        return rgb
    if np.count_nonzero(hole) <= _INPAINTED:
        method = cv2.INPAINT_TELEA if rng.random() < 0.5 else cv2.INPAINT_NS
        return cv2.inpaint(rgb, hole.view(np.uint8), 3, method)
    height, width = hole.shape
    _, nearest = cv2.distanceTransformWithLabels(hole.view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    owner = np.asarray(nearest, np.int32)
    places = np.flatnonzero(~hole.ravel())
    of_owner = np.zeros(int(owner.max()) + 1, np.int64)
    of_owner[owner.ravel()[places]] = places
    beside = of_owner[owner[hole]]
    at, rows = np.nonzero(hole), beside // width
    columns = beside % width
    over_rows = (2 * rows - at[0]).clip(0, height - 1)
    over_columns = (2 * columns - at[1]).clip(0, width - 1)
    inside = hole[over_rows, over_columns]  # a bay of the outline: the nearest pixel itself
    out = rgb.copy()
    out[hole] = rgb[np.where(inside, rows, over_rows), np.where(inside, columns, over_columns)]
    return out
