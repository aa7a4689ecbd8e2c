"""Letters and patches laid over the picture of a document."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from webiml.forge.document.fonts import Face, families
from webiml.forge.document.page import Words, ink_of
from webiml.forge.document.places import Document
from webiml.forge.document.retouching import Area, Box, Canvas, ground_of, ink_colour, region, warped
from webiml.forge.objects import Rng


def carry(
    canvas: Canvas, document: Document, other: Document, box: Box, place: tuple[float, float], scale: float, tone: str,
    rng: Rng,
) -> bool:  # fmt: skip
    """Lay a box of another document, or of the same one, with its upper left corner at `place` of the page.

    `tone` is raw, levelled (its ground becomes as light as the place's) or multiplied (its ground vanishes).
    Within one picture nothing is resampled, mostly: what was cut out moves by whole pixels.
    """
    there = document.picture.matrix
    width, height = scale * (box[2] - box[0]), scale * (box[3] - box[1])
    area = document.area((place[0], place[1], place[0] + width, place[1] + height))
    lifted = region(box, other.picture.matrix, other.picture.rgb.shape)
    if area is None or lifted is None:
        return False
    move = np.array([[scale, 0, place[0] - scale * box[0]], [0, scale, place[1] - scale * box[1]], [0, 0, 1.0]])
    if other is document and rng.random() < 0.8:
        one, two = (_through(matrix, (box[0], box[1])) for matrix in (there @ move, there))
        dx, dy = np.rint(one - two).astype(int)
        area = Area(lifted.alpha, lifted.x + int(dx), lifted.y + int(dy))
        bottom, right = area.y + area.alpha.shape[0], area.x + area.alpha.shape[1]
        if area.x < 0 or area.y < 0 or bottom > canvas.mask.shape[0] or right > canvas.mask.shape[1]:
            return False
        if (document.taken[area.window] & (area.alpha > 0)).any():
            return False
        over = document.picture.rgb[lifted.window].astype(np.float32)
    else:
        warp = np.array([[1, 0, -area.x], [0, 1, -area.y], [0, 0, 1.0]]) @ there @ move
        warp = warp @ np.linalg.inv(other.picture.matrix)
        kernel = cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR
        size = (area.alpha.shape[1], area.alpha.shape[0])
        over = cv2.warpPerspective(other.picture.rgb, warp, size, flags=kernel, borderMode=cv2.BORDER_REPLICATE)
        over = over.astype(np.float32)
    if tone != "raw":
        below, was = canvas.rgb[area.window].astype(np.float32), ground_of(other.picture.rgb, lifted)
        here = ground_of(canvas.rgb, area).plane
        if tone == "multiplied":
            here = below
        over = np.clip(over / np.maximum(was.level, 1), 0, 1.15 if tone == "levelled" else 1) * here
    canvas.lay(area, over, rng.uniform(0.6, 1.5) * (rng.random() < 0.3))
    return True


def write(canvas: Canvas, document: Document, old: Words, new: Words, rng: Rng) -> bool:
    """Write `new` in the ink in which `old` stood; False where it would leave the picture."""
    picture = document.picture
    before = warped(*ink_of(old), picture.matrix, picture.rgb.shape)
    if before is None:
        return False
    ground = ground_of(picture.rgb, before)
    as_soft = replace(before, alpha=_softened(before.alpha, picture.blur))
    ink = ink_colour(picture.rgb, as_soft, ground, picked=rng.random() < 0.4)
    draw = rng.random()
    if draw < 0.2:  # paler
        ink += rng.uniform(0.08, 0.3) * (ground.level - ink)
    elif draw < 0.4:  # darker, or black as it comes from the tool
        ink *= rng.uniform(0.3, 0.85) if rng.random() < 0.7 else 0.0
    blur = picture.blur * rng.uniform(0.85, 1.15) if rng.random() < 0.55 else 0.0
    rim = int(np.ceil(3 * blur / max(np.sqrt(abs(np.linalg.det(picture.matrix[:2, :2]))), 0.3))) + 1
    coverage, x, y = ink_of(new)
    padded = cv2.copyMakeBorder(coverage, rim, rim, rim, rim, cv2.BORDER_CONSTANT)
    inked = warped(padded, x - rim, y - rim, picture.matrix, picture.rgb.shape)
    claimed = warped(np.ones_like(padded), x - rim, y - rim, picture.matrix, picture.rgb.shape)
    if inked is None or claimed is None or (document.taken[claimed.window] & (claimed.alpha > 0)).any():
        return False
    canvas.write(replace(inked, alpha=_softened(inked.alpha, blur)), claimed, ink)
    return True


def as_forged(words: Words, document: Document, rng: Rng) -> Words:
    """Words in nearly the face, size and place that they should have; or visibly not so.

    Where neither scanner nor camera left a trace they mostly are not right: else nothing at all would tell.
    """
    words = replace(words, size=words.size * rng.uniform(0.993, 1.007), baseline=words.baseline + rng.normal(0, 0.2))
    if rng.random() < (0.4 if document.picture.blur or document.picture.two_levels else 0.15):
        return words
    wrong = rng.random(4) < [0.4, 0.45, 0.4, 0.2]
    if wrong[0]:
        words = replace(words, face=_other_face(words.face, document.split, rng))
    if wrong[1]:
        words = replace(words, size=words.size * float(np.exp(rng.choice([-1, 1]) * rng.uniform(0.03, 0.14))))
    if wrong[2]:
        words = replace(words, baseline=words.baseline + float(rng.choice([-1, 1]) * rng.uniform(0.5, 2)))
    if wrong[3]:
        words = replace(words, spacing=words.spacing + float(rng.uniform(-0.04, 0.08) * words.size))
    return words


def _other_face(face: Face, split: str, rng: Rng) -> Face:
    """A face of another family, or of the same one and another weight."""
    known = families(split)
    if rng.random() < 0.3:
        (own,) = (one for one in known if one.name == face.family)
        return own.bold if face.style == "regular" else own.regular
    others = [one for one in known if one.name != face.family]
    return getattr(others[int(rng.integers(len(others)))], face.style)


def _softened(alpha: np.ndarray, blur: float) -> np.ndarray:
    return cv2.GaussianBlur(alpha, (0, 0), blur) if blur > 0.15 else alpha


def _through(matrix: np.ndarray, point: tuple[float, float]) -> np.ndarray:
    x, y, z = matrix @ np.array([point[0], point[1], 1.0])
    return np.array([x / z, y / z])
