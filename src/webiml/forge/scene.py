"""A window of a picture in which forging happens, and the things that can be cut out of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from webiml.forge.objects import GRABCUT_PARTS, SUPERPIXEL_PARTS, Rng, blob, drawn_shape, parts_of, thin_shape
from webiml.forge.pictures import SourcePicture, read_reduced

_ASPECTS = (1.0, 5 / 4, 4 / 3, 3 / 2, 16 / 9)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A window of one picture.

    Attributes:
        rgb: (H, W, 3) uint8. labels: (H, W) uint8, 0 background, 1..n objects; None without labels.
        parts: (h, w) uint8, bit-planes of the parts of the whole picture. to_parts: 3x3, window points to points there.
        whole: whether `pick_thing` looks for whole things, as people cut out, rather than for any shape.
    """

    picture: SourcePicture
    rgb: np.ndarray
    labels: np.ndarray | None
    parts: np.ndarray
    to_parts: np.ndarray
    whole: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.rgb.shape[0], self.rgb.shape[1]


def open_scene(picture: SourcePicture, size: int, objects: Path | None, rng: Rng) -> Scene:
    """A random window of a picture, its long side at most `size` pixels; reduced or at native scale, never enlarged.

    Half of the windows show nearly the whole picture, the others a part of it.

    Raises:
        BadImage: the picture cannot be read.
    """
    rgb, labels = read_reduced(picture, 4 * size)
    height, width = rgb.shape[:2]
    if rng.random() < 0.35:
        aspect = width / height
    else:
        aspect = float(rng.choice(_ASPECTS)) ** (1 if width >= height else -1) ** (rng.random() < 0.8)
    longest = min(width, height * aspect) if aspect >= 1 else min(height, width / aspect)  # of a window of this shape
    least = min(size, longest)
    wanted = longest * rng.uniform(0.85, 1) if rng.random() < 0.5 else rng.uniform(least, longest)
    wanted = max(wanted, least)
    w, h = (wanted, wanted / aspect) if aspect >= 1 else (wanted * aspect, wanted)
    w, h = max(1, min(width, round(w))), max(1, min(height, round(h)))
    x, y = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
    rgb = rgb[y : y + h, x : x + w]
    labels = None if labels is None else labels[y : y + h, x : x + w]
    scale = size / max(w, h)
    if scale < 1:
        small = (max(1, round(w * scale)), max(1, round(h * scale)))
        rgb = cv2.resize(rgb, small, interpolation=cv2.INTER_AREA)
        labels = None if labels is None else cv2.resize(labels, small, interpolation=cv2.INTER_NEAREST_EXACT)
    parts = parts_of(picture, objects)
    out_height, out_width = rgb.shape[:2]
    sx, sy = parts.shape[1] / width, parts.shape[0] / height
    to_parts = np.array(
        [
            [w / out_width * sx, 0, (x + 0.5 * w / out_width) * sx - 0.5],
            [0, h / out_height * sy, (y + 0.5 * h / out_height) * sy - 0.5],
            [0, 0, 1],
        ]
    )
    return Scene(picture, np.ascontiguousarray(rgb), labels, parts, to_parts)


def pick_thing(scene: Scene, low: float, high: float, rng: Rng, *, drawn: bool = True) -> np.ndarray:
    """A thing, (H, W) bool, that covers about `low` to `high` of the window.

    A labelled object where there is one, else something found by GrabCut or a union of superpixels; with `drawn` also
    a rectangle, circle, polygon or star. A blob where nothing else fits.
    """
    draw = rng.random()
    labelled, found, drawn_from = (0.82, 0.86, 0.88) if scene.whole else (0.55, 0.68, 0.78)
    if scene.labels is not None and draw < labelled:
        things = _labelled(scene, low, high)
        if things:
            return things[int(rng.integers(len(things)))]
    share = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    if drawn and draw > drawn_from:
        return drawn_shape(scene.shape, share, rng)
    if draw < found:
        bits = rng.permutation(GRABCUT_PARTS) if scene.whole else rng.permutation(GRABCUT_PARTS + SUPERPIXEL_PARTS)
        for bit in bits:
            part = part_mask(scene, int(bit))
            if low <= part.mean() <= high:
                return part
    candidates = [blob(scene.shape, share, rng) for _ in range(2)]
    return max(candidates, key=lambda one: scene.rgb[one].std() if one.any() else -1.0)  # things, not empty walls


def pick_flat(scene: Scene, low: float, high: float, rng: Rng) -> np.ndarray:
    """The least structured of several drawn things: sky, wall, water, lawn."""
    shares = np.exp(rng.uniform(np.log(low), np.log(high), 5))
    draw = blob if rng.random() < 0.6 else drawn_shape
    candidates = [draw(scene.shape, float(share), rng) for share in shares]
    return min(candidates, key=lambda one: scene.rgb[one].std() if one.any() else 1e9)


def pick_thin(scene: Scene, rng: Rng) -> np.ndarray:
    """Posts, poles or wires, (H, W) bool."""
    return thin_shape(scene.shape, rng)


def part_mask(scene: Scene, bit: int) -> np.ndarray:
    """One found part at the size of the window, (H, W) bool, with a smooth outline."""
    height, width = scene.shape
    plane = ((scene.parts >> bit) & 1) * np.uint8(255)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    part = cv2.warpPerspective(plane, scene.to_parts, (width, height), flags=flags)
    grain = 1 / scene.to_parts[0, 0]
    if grain > 1:
        part = cv2.GaussianBlur(part, (0, 0), 0.6 * grain)
    return part >= 128


def things_of(scene: Scene) -> np.ndarray:
    """The things of a window, (H, W) uint8, 0 background, 1..n: its labelled objects, else what GrabCut found."""
    if scene.labels is not None and scene.labels.any():
        return scene.labels
    parts = sorted((part_mask(scene, bit) for bit in range(GRABCUT_PARTS)), key=np.count_nonzero, reverse=True)
    things = np.zeros(scene.shape, np.uint8)
    for index, part in enumerate(parts, 1):  # the smaller over the larger
        things[part] = index
    return things


def _labelled(scene: Scene, low: float, high: float) -> list[np.ndarray]:
    """Labelled objects of a fitting size, their outline freed of steps."""
    assert scene.labels is not None
    shares = np.bincount(scene.labels.ravel(), minlength=2)[1:] / scene.labels.size
    fitting = np.flatnonzero((shares >= low) & (shares <= high)) + 1
    return [cv2.medianBlur((scene.labels == i).astype(np.uint8) * 255, 3) > 127 for i in fitting]
