"""What is cut out of a picture: its labelled objects, parts found by GrabCut and superpixels, blobs and drawn shapes.

A thing is (H, W) bool. Found parts are a function of the picture alone: stored or not, pairs come out the same.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

import cv2
import numpy as np

from webiml.errors import BadImage
from webiml.forge.pictures import SourcePicture, read_reduced, reduced_size
from webiml.images.codec import decode_map, encode_png
from webiml.images.read import read_bytes

FOUND_AT = 144  # pixels, the long side at which parts are looked for
GRABCUT_PARTS, SUPERPIXEL_PARTS = 4, 4  # bits of the stored planes: GrabCut below, unions of superpixels above
Rng = np.random.Generator


# ---------------------------------------------------------------- found once a picture, and stored


def find_parts(rgb: np.ndarray, seed: str) -> np.ndarray:
    """Parts of a picture (H, W, 3) uint8 that hang together by colour.

    Returns:
        (h, w) uint8, long side at most FOUND_AT: bits 0 to 3 are parts that GrabCut finds, bits 4 to 7 unions of
        superpixels of like colour. A plane may be empty.
    """
    rng = np.random.default_rng(np.frombuffer(hashlib.sha256(f"parts/{seed}".encode()).digest(), np.uint64))
    small = cv2.resize(rgb, _size_of_parts(rgb.shape[0], rgb.shape[1])[::-1], interpolation=cv2.INTER_AREA)
    planes = np.zeros(small.shape[:2], np.uint8)
    superpixels = _superpixels(small)
    for bit in range(GRABCUT_PARTS):
        part = _cut_by_colour(small, _union(small, superpixels, rng), rng)
        if part is not None:
            planes |= part.astype(np.uint8) << bit
    for bit in range(SUPERPIXEL_PARTS):
        planes |= _union(small, superpixels, rng).astype(np.uint8) << (GRABCUT_PARTS + bit)
    return planes


def stored_name(picture: SourcePicture) -> str:
    """Name of the file that keeps the parts of a picture."""
    return f"{picture.sha256[:32]}.png"


def find_parts_of(picture: SourcePicture) -> bytes:
    """PNG bytes of the parts of a picture, to be stored as `stored_name(picture)`.

    Raises:
        BadImage: the picture cannot be read.
    """
    return encode_png(find_parts(read_reduced(picture, 4 * FOUND_AT)[0], picture.sha256))


@functools.lru_cache(maxsize=4096)
def parts_of(picture: SourcePicture, folder: Path | None) -> np.ndarray:
    """`find_parts` of a picture: from `folder` where it is stored there and sound, else found now.

    Raises:
        BadImage: the picture cannot be read.
    """
    if folder is not None:
        try:
            planes = decode_map(read_bytes(folder / stored_name(picture), None), FOUND_AT * FOUND_AT)
            if planes.shape == _size_of_parts(*reduced_size(picture.height, picture.width, 4 * FOUND_AT)):
                return planes
        except BadImage:
            pass
    return find_parts(read_reduced(picture, 4 * FOUND_AT)[0], picture.sha256)


def _size_of_parts(height: int, width: int) -> tuple[int, int]:
    return tuple(max(8, side) for side in reduced_size(height, width, FOUND_AT))  # type: ignore[return-value]


def _cut_by_colour(small: np.ndarray, union: np.ndarray, rng: Rng) -> np.ndarray | None:
    """What GrabCut makes of a union of superpixels; None when it is no compact thing.

    From a box alone it finds nothing in most natural pictures: a random box seldom encloses one thing.
    """
    x, y, w, h = cv2.boundingRect(union.view(np.uint8))
    cut = np.full(small.shape[:2], cv2.GC_BGD, np.uint8)
    pad = max(3, round(0.2 * max(w, h)))
    cut[max(0, y - pad) : y + h + pad, max(0, x - pad) : x + w + pad] = cv2.GC_PR_BGD
    cut[union] = cv2.GC_PR_FGD
    depth = cv2.distanceTransform(union.view(np.uint8), cv2.DIST_L2, 3)
    cut[depth > 0.6 * depth.max()] = cv2.GC_FGD
    cv2.setRNGSeed(int(rng.integers(1 << 30)))
    try:
        cv2.grabCut(small, cut, None, np.zeros((1, 65)), np.zeros((1, 65)), 2, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    except cv2.error:  # too few colours inside or outside
        return None
    inside = cv2.morphologyEx(cut & 1, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, parts, stats, _ = cv2.connectedComponentsWithStats(inside)
    if len(stats) < 2:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    return parts == largest if stats[largest, cv2.CC_STAT_AREA] >= 40 else None


def _superpixels(small: np.ndarray) -> np.ndarray:
    """(h, w) int32, 0 .. n - 1: watershed from a grid of seeds, so they follow edges and have about one size."""
    height, width = small.shape[:2]
    step = max(6, round(FOUND_AT / 16))
    seeds = np.zeros((height, width), np.int32)
    ys, xs = np.arange(step // 2, height, step), np.arange(step // 2, width, step)
    seeds[np.ix_(ys, xs)] = 1 + np.arange(len(ys) * len(xs)).reshape(len(ys), len(xs))
    marked = cv2.watershed(cv2.GaussianBlur(small, (0, 0), 1.0), seeds)
    ridges = (marked <= 0).astype(np.uint8)  # ridges and the frame go to the nearest superpixel
    _, nearest = cv2.distanceTransformWithLabels(ridges, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    nearest = np.asarray(nearest, np.int32)
    owner = np.zeros(int(nearest.max()) + 1, np.int32)
    owner[nearest[ridges == 0]] = marked[ridges == 0]
    return owner[nearest] - 1


def _union(small: np.ndarray, superpixels: np.ndarray, rng: Rng) -> np.ndarray:
    """Superpixels around a random one, the most alike in colour first, until they cover a random share."""
    count = int(superpixels.max()) + 1
    sizes = np.maximum(np.bincount(superpixels.ravel(), minlength=count), 1)
    flat = superpixels.ravel()
    colours = np.stack(
        [np.bincount(flat, small[..., c].ravel().astype(float), count) / sizes for c in range(3)], axis=1
    )
    neighbours: list[set[int]] = [set() for _ in range(count)]
    for a, b in ((superpixels[1:], superpixels[:-1]), (superpixels[:, 1:], superpixels[:, :-1])):
        touching = a != b
        for one, two in set(zip(a[touching].tolist(), b[touching].tolist(), strict=True)):
            neighbours[one].add(two)
            neighbours[two].add(one)
    share = float(np.exp(rng.uniform(np.log(0.015), np.log(0.4))))
    chosen = {int(rng.integers(count))}
    while sizes[list(chosen)].sum() < share * superpixels.size:
        border = sorted(set().union(*(neighbours[one] for one in chosen)) - chosen)
        if not border:
            break
        mean = np.average(colours[list(chosen)], axis=0, weights=sizes[list(chosen)])
        inside = [len(neighbours[one] & chosen) for one in border]  # compact rather than stringy
        cost = np.abs(colours[border] - mean).sum(axis=1) - 22 * np.array(inside)
        chosen.add(border[int(cost.argmin())])
    return np.isin(superpixels, list(chosen))


# ---------------------------------------------------------------- drawn


def blob(shape: tuple[int, int], share: float, rng: Rng) -> np.ndarray:
    """A closed smooth outline around a random centre that covers about `share` of `shape` (H, W)."""
    angle = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    radius = np.ones(len(angle))
    for wave in range(2, 7):
        radius += rng.normal(0, 0.45 / wave) * np.cos(wave * angle + rng.uniform(0, 2 * np.pi))
    stretch = np.exp(rng.uniform(-0.5, 0.5))
    radius = np.clip(radius, 0.25, None)
    return _placed(np.stack([np.cos(angle) * radius * stretch, np.sin(angle) * radius / stretch], 1), shape, share, rng)


def drawn_shape(shape: tuple[int, int], share: float, rng: Rng) -> np.ndarray:
    """A rectangle, circle, ellipse, polygon or star, upright or turned, that covers about `share` of `shape`."""
    what = rng.choice(["rectangle", "round", "polygon", "ragged", "star"], p=[0.45, 0.2, 0.12, 0.15, 0.08])
    stretch = np.exp(rng.uniform(-0.7, 0.7) * (rng.random() < 0.75))
    if what == "rectangle":
        points = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)
    elif what == "ragged":
        angle = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(5, 12))))
        points = np.stack([np.cos(angle), np.sin(angle)], 1) * rng.uniform(0.5, 1.3, (len(angle), 1))
    else:
        corners = {"round": 64, "polygon": int(rng.integers(3, 8)), "star": 2 * int(rng.integers(4, 8))}[str(what)]
        angle = np.linspace(0, 2 * np.pi, corners, endpoint=False) - np.pi / 2
        points = np.stack([np.cos(angle), np.sin(angle)], 1)
        if what == "star":
            points[1::2] *= rng.uniform(0.4, 0.7)
    points = points * [stretch, 1 / stretch]
    if rng.random() < 0.35:
        turn = rng.uniform(0, np.pi)
        points = points @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return _placed(points, shape, share, rng)


def thin_shape(shape: tuple[int, int], rng: Rng) -> np.ndarray:
    """One to four posts, poles or wires, 1.5 to 6 pixels wide."""
    height, width = shape
    canvas = np.zeros(shape, np.uint8)
    thick = int(rng.integers(2, 7))
    length = rng.uniform(0.2, 0.9) * min(height, width)
    angle = np.pi / 2 if rng.random() < 0.5 else rng.uniform(0, np.pi)
    step = np.array([np.cos(angle), np.sin(angle)]) * length
    start = rng.uniform(0, 1, 2) * np.maximum([width, height] - np.abs(step), 1) + np.maximum(-step, 0)
    apart = np.array([rng.uniform(3, 12) * thick, 0.0])
    bend = rng.normal(0, 0.15, 2) * length * (rng.random() < 0.35)
    times = np.linspace(0, 1, 24)[:, None]
    for index in range(int(rng.choice([1, 2, 3, 4], p=[0.55, 0.2, 0.15, 0.1]))):
        line = start + apart * index + times * step + 4 * times * (1 - times) * bend
        cv2.polylines(canvas, [np.round(line * 16).astype(np.int32)], False, (1,), thick, cv2.LINE_8, 4)
    return canvas > 0


def _placed(points: np.ndarray, shape: tuple[int, int], share: float, rng: Rng) -> np.ndarray:
    """An outline (n, 2) around 0, made to cover `share` of `shape`, somewhere inside; clipped where it is too large."""
    height, width = shape
    area = cv2.contourArea(points.astype(np.float32))
    points = points * np.sqrt(share * height * width / max(area, 1e-6))
    half = np.minimum(np.abs(points).max(axis=0), [width / 2 - 1, height / 2 - 1])
    points = np.clip(points, -half, half) + rng.uniform(half, [width - half[0], height - half[1]])
    canvas = np.zeros(shape, np.uint8)
    return cv2.fillPoly(canvas, [np.round(points * 16).astype(np.int32)], (1,), cv2.LINE_8, 4) > 0
