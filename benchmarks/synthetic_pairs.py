"""Make pairs of which the truth is known, to fit calibration constants (train split) and to check them (val split).

    python benchmarks/synthetic_pairs.py --images PACK [--images PACK2] --split val --out DIR --count 200 --seed 7

PACK is a folder with index.parquet and the tars it names: <key>.jpg, and <key>.mask.png where objects are outlined
(0 background, 1..n objects). Only rows with `may_ship_weights` are used. DIR gets pairs.csv and, as PNG,
authentic/<key>.png, manipulated/<key>.png and masks/<key>.png (0 or 255, empty for identical and unrelated pairs).

First a forgery is made at native size, then the two sides go through the web, each on its own. What a pair looks like
depends on its key and the seed alone, never on --count or --workers.
"""

from __future__ import annotations

import argparse
import csv
import functools
import hashlib
import os
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
from PIL import Image, ImageDraw, ImageFont

MIX = {"SPG": 0.40, "SDG": 0.40, "identical": 0.08, "unrelated": 0.12}
MIN_SIDE, MAX_SIDE = 200, 640  # pixels, before the web; larger pictures are reduced, smaller ones left out
RESAVED_ONLY = 0.25  # share of the pairs that keep their frame, size and colours and are only saved again
COLUMNS = (
    "key authentic manipulated mask kind operation web background_source donor_source source license split".split()
)

Rng = np.random.Generator
Picture = np.ndarray  # (H, W, 3) uint8 RGB
Soft = np.ndarray  # (H, W) float32 in [0, 1]


@dataclass(frozen=True)
class Item:
    """One picture of a pack, not yet read. `scene` is equal for two crops of the same photograph."""

    key: str
    scene: str
    license: str
    tar: Path
    picture: tuple[int, int]  # offset and length in the tar, bytes
    outlines: tuple[int, int] | None


@dataclass(frozen=True)
class Forgery:
    """A pair before the web: the mask is (H, W) bool and belongs to the manipulated picture."""

    authentic: Picture
    manipulated: Picture
    mask: np.ndarray
    operation: str
    background: Item
    donor: Item | None


# ---------------------------------------------------------------- pictures and objects


def list_items(packs: list[Path], split: str) -> list[Item]:
    """Every usable picture of one split, sorted by key, so that draws do not depend on the order of files."""
    items = []
    for pack in packs:
        members: dict[str, tuple[Path, int, int]] = {}
        rows = pq.read_table(pack / "index.parquet").to_pylist()
        for name in sorted({row["tar"] for row in rows}):
            with tarfile.open(pack / name) as tar:
                members |= {m.name: (pack / name, m.offset_data, m.size) for m in tar if m.isfile()}
        for row in rows:
            small = min(row["width"], row["height"]) * min(1.0, MAX_SIDE / max(row["width"], row["height"])) < MIN_SIDE
            if not row["may_ship_weights"] or row["split"] != split or small:
                continue
            tar_path, *picture = members[f"{row['key']}.jpg"]
            outlines = members.get(f"{row['key']}.mask.png")
            scene = f"{row['source']}/{row['source_path']}"
            items.append(
                Item(row["key"], scene, row["licence"], tar_path, tuple(picture), outlines[1:] if outlines else None)
            )
    return sorted(items, key=lambda item: item.key)


def read_member(tar: Path, where: tuple[int, int], flag: int) -> np.ndarray:
    with open(tar, "rb") as file:
        file.seek(where[0])
        return cv2.imdecode(np.frombuffer(file.read(where[1]), np.uint8), flag)


@functools.lru_cache(maxsize=32)
def read(item: Item) -> tuple[Picture, np.ndarray | None]:
    """The picture, at most MAX_SIDE long, and its outlines (H, W) uint8 or None."""
    picture = cv2.cvtColor(read_member(item.tar, item.picture, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    outlines = read_member(item.tar, item.outlines, cv2.IMREAD_GRAYSCALE) if item.outlines else None
    scale = MAX_SIDE / max(picture.shape[:2])
    if scale < 1:
        size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        outlines = None if outlines is None else cv2.resize(outlines, size, interpolation=cv2.INTER_NEAREST)
    return picture, outlines


def blob(shape: tuple[int, int], share: float, rng: Rng) -> Soft:
    """A closed smooth outline around a random centre that covers about `share` of the picture."""
    height, width = shape
    angle = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    radius = np.ones_like(angle)
    for wave in range(2, 7):
        radius += rng.normal(0, 0.45 / wave) * np.cos(wave * angle + rng.uniform(0, 2 * np.pi))
    radius = np.clip(radius, 0.25, None)
    stretch = np.exp(rng.uniform(-0.5, 0.5))
    points = np.stack([np.cos(angle) * radius * stretch, np.sin(angle) * radius / stretch], axis=1)
    area = cv2.contourArea(points.astype(np.float32))
    points *= np.sqrt(share * height * width / area)
    half = np.minimum(np.abs(points).max(axis=0), [width / 2 - 1, height / 2 - 1])
    points = np.clip(points, -half, half) + [rng.uniform(half[i], (width, height)[i] - half[i]) for i in (0, 1)]
    return cv2.fillPoly(np.zeros(shape, np.float32), [(points * 16).astype(np.int32)], 1.0, cv2.LINE_8, 4)


def cut_by_colour(picture: Picture, share: float, rng: Rng) -> Soft | None:
    """What GrabCut finds in a random box, looked for at a reduced size; None when it is no compact thing."""
    height, width = picture.shape[:2]
    scale = min(1.0, 144 / max(height, width))
    small = cv2.resize(picture, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    box = cv2.boundingRect((blob(small.shape[:2], min(share * 1.7, 0.6), rng) > 0).astype(np.uint8))
    labels = np.zeros(small.shape[:2], np.uint8)
    cv2.setRNGSeed(int(rng.integers(1 << 30)))
    try:
        cv2.grabCut(small, labels, box, np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_RECT)
    except cv2.error:  # too few colours inside or outside of the box
        return None
    _, parts, stats, _ = cv2.connectedComponentsWithStats((labels & 1).astype(np.uint8))
    if len(stats) < 2:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    if stats[largest, cv2.CC_STAT_AREA] < 0.25 * box[2] * box[3]:
        return None
    part = cv2.resize((parts == largest).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return (cv2.GaussianBlur(part, (0, 0), 0.4 / scale) > 0.5).astype(np.float32)


def pick_object(picture: Picture, outlines: np.ndarray | None, low: float, high: float, rng: Rng) -> Soft:
    """An object of the picture covering between `low` and `high` of it: an outlined one, a GrabCut part or a blob."""
    if outlines is not None and rng.random() < 0.85:
        shares = np.bincount(outlines.ravel(), minlength=2)[1:] / outlines.size
        fitting = np.flatnonzero((shares >= low) & (shares <= high)) + 1
        if len(fitting):
            region = (outlines == rng.choice(fitting)).astype(np.uint8) * 255
            return (cv2.medianBlur(region, 5) > 127).astype(np.float32)
    share = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    if rng.random() < 0.6:
        part = cut_by_colour(picture, share, rng)
        if part is not None and low <= part.mean() <= high:
            return part
    return blob(picture.shape[:2], share, rng)


# ---------------------------------------------------------------- pasting


def recolour(picture: Picture, rng: Rng, strength: float) -> Picture:
    """Gamma, gain of each channel, saturation and contrast; at strength 1 the ranges of the web."""
    x = np.power(picture.astype(np.float32) / 255, np.exp(rng.uniform(-0.223, 0.223) * strength))  # 0.8 to 1.25
    x *= 1 + rng.uniform(-0.09, 0.09, 3).astype(np.float32) * strength
    grey = x @ np.float32([0.299, 0.587, 0.114])
    x = grey[..., None] + (x - grey[..., None]) * np.float32(1 + rng.uniform(-0.25, 0.25) * strength)
    x = (x - x.mean()) * np.float32(1 + rng.uniform(-0.15, 0.15) * strength) + x.mean()
    return (x.clip(0, 1) * 255).round().astype(np.uint8)


def placement(thing: Soft, shape: tuple[int, int], share: tuple[float, float], rng: Rng) -> np.ndarray:
    """A 3x3 map that puts an object into a picture of `shape`, so that it covers `share` (low, high) of it."""
    x, y, w, h = cv2.boundingRect(thing.astype(np.uint8))
    height, width = shape
    area = float(thing.sum()) / (height * width)
    low = max(0.4, np.sqrt(share[0] / area))
    high = min(1.6, np.sqrt(share[1] / area))
    scale = float(np.exp(rng.uniform(np.log(low), np.log(high)))) if low < high else low
    angle = np.deg2rad(rng.uniform(-30, 30)) * (rng.random() < 0.7)
    mirror = -1 if rng.random() < 0.3 else 1
    to_origin = np.array([[mirror, 0, -mirror * (x + w / 2)], [0, 1, -(y + h / 2)], [0, 0, 1]])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    tilt = np.eye(3)
    tilt[:2, :2] = turn @ (np.eye(2) + rng.uniform(-0.06, 0.06, (2, 2)))
    if rng.random() < 0.4:
        tilt[2, :2] = rng.uniform(-0.12, 0.12, 2) / max(w, h) / scale
    half = np.array([w, h]) * scale * 0.4
    centre = [rng.uniform(min(half[i], size / 2), max(size - half[i], size / 2)) for i, size in enumerate((width, height))]
    return np.array([[1, 0, centre[0]], [0, 1, centre[1]], [0, 0, 1.0]]) @ tilt @ to_origin


def paste(
    onto: Picture, donor: Picture, thing: Soft, transform: np.ndarray, blend: str, harmonise: float, rng: Rng
) -> tuple[Picture, np.ndarray]:
    """Put an object of `donor` onto a picture; returns the picture and the pasted pixels, (H, W) bool."""
    height, width = onto.shape[:2]
    scale = np.sqrt(abs(np.linalg.det(transform[:2, :2])))
    if scale < 0.8:  # against aliasing
        donor = cv2.GaussianBlur(donor, (0, 0), 0.45 / scale)
    kernel = cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR
    warped = cv2.warpPerspective(donor, transform, (width, height), flags=kernel, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpPerspective(thing, transform, (width, height), flags=cv2.INTER_LINEAR)
    inside = alpha >= 0.5
    if not inside.any():
        return onto, inside
    if harmonise > 0:  # take over some of the mean and spread of the place
        ground = cv2.dilate(inside.astype(np.uint8), np.ones((15, 15), np.uint8)) > 0
        ground &= ~inside
        if ground.sum() > 50:
            a, b = warped[inside].astype(np.float32), onto[ground].astype(np.float32)
            gain = np.clip(b.std(0) / np.maximum(a.std(0), 4), 0.6, 1.6)
            fitted = (warped.astype(np.float32) - a.mean(0)) * gain + b.mean(0)
            warped = (warped * (1 - harmonise) + fitted * harmonise).clip(0, 255).astype(np.uint8)
    touches = inside[:3].any() or inside[-3:].any() or inside[:, :3].any() or inside[:, -3:].any()
    if blend == "poisson" and not touches:
        x, y, w, h = cv2.boundingRect(inside.astype(np.uint8))
        mask = inside.astype(np.uint8) * 255
        return cv2.seamlessClone(warped, onto, mask, (x + w // 2, y + h // 2), cv2.NORMAL_CLONE), inside
    if blend == "feathered":
        alpha = cv2.GaussianBlur(alpha, (0, 0), rng.uniform(0.7, 2.0))
    elif blend == "hard":
        alpha = inside.astype(np.float32)
    out = onto + alpha[..., None] * (warped.astype(np.float32) - onto)
    return out.round().clip(0, 255).astype(np.uint8), inside


# ---------------------------------------------------------------- edits in place (SPG); each returns None when it cannot


Edit = tuple[Picture, np.ndarray] | None


def splice(picture: Picture, donor: Picture, outlines: np.ndarray | None, rng: Rng) -> Edit:
    out, mask = picture, np.zeros(picture.shape[:2], bool)
    for _ in range(int(rng.choice([1, 2], p=[0.8, 0.2]))):
        thing = pick_object(donor, outlines, 0.01, 0.35, rng)
        if rng.random() < 0.5:
            donor = recolour(donor, rng, 0.7)
        transform = placement(thing, picture.shape[:2], (0.008, 0.30), rng)
        blend = str(rng.choice(["hard", "soft", "feathered", "poisson"], p=[0.25, 0.3, 0.25, 0.2]))
        out, inside = paste(out, donor, thing, transform, blend, rng.choice([0, rng.uniform(0.2, 0.7)]), rng)
        mask |= inside
    return out, mask


def copy_move(picture: Picture, outlines: np.ndarray | None, rng: Rng) -> Edit:
    thing = pick_object(picture, outlines, 0.008, 0.15, rng)
    out, mask = picture, np.zeros(picture.shape[:2], bool)
    for _ in range(int(rng.choice([1, 2, 3], p=[0.65, 0.25, 0.1]))):
        transform = placement(thing, picture.shape[:2], (0.006, 0.15), rng)
        if rng.random() < 0.5:  # merely moved: nothing is resampled
            x, y, w, h = cv2.boundingRect(thing.astype(np.uint8))
            shift = [rng.integers(-x, picture.shape[1] - w - x + 1), rng.integers(-y, picture.shape[0] - h - y + 1)]
            transform = np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1.0]])
        blend = str(rng.choice(["hard", "soft", "feathered", "poisson"], p=[0.3, 0.3, 0.25, 0.15]))
        out, inside = paste(out, picture, thing, transform, blend, 0.0, rng)
        mask |= inside
    return out, mask


def removal(picture: Picture, outlines: np.ndarray | None, rng: Rng) -> Edit:
    thing = pick_object(picture, outlines, 0.006, 0.10, rng)
    hole = cv2.dilate(thing.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7)))
    if rng.random() < 0.5:
        method = cv2.INPAINT_TELEA if rng.random() < 0.5 else cv2.INPAINT_NS
        return cv2.inpaint(picture, hole, 4, method), hole > 0
    x, y, w, h = cv2.boundingRect(hole)  # else clone what lies beside it
    sides = [(w, 0), (-w, 0), (0, h), (0, -h)]
    free = [(dx, dy) for dx, dy in sides if 0 <= x + dx <= picture.shape[1] - w and 0 <= y + dy <= picture.shape[0] - h]
    if not free:
        return None
    dx, dy = free[int(rng.integers(len(free)))]
    beside = np.roll(picture, (-dy, -dx), (0, 1))
    return paste(picture, beside, hole.astype(np.float32), np.eye(3), "poisson" if rng.random() < 0.6 else "feathered", 0.0, rng)


def local_edit(picture: Picture, outlines: np.ndarray | None, rng: Rng) -> Edit:
    where = pick_object(picture, outlines, 0.008, 0.25, rng)
    how = str(rng.choice(["recolour", "exposure", "blur", "pixels"], p=[0.4, 0.35, 0.15, 0.1]))
    if how == "recolour":
        hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV_FULL)
        hsv[..., 0] += np.uint8(rng.integers(40, 216))  # wraps round, as hue does
        hsv[..., 1] = np.clip(hsv[..., 1] * rng.uniform(0.7, 1.6) + rng.uniform(0, 60), 0, 255)
        edited = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL)
    elif how == "exposure":
        gamma = np.exp(rng.choice([-1, 1]) * rng.uniform(0.35, 1.0))
        edited = (255 * np.power(np.arange(256) / 255, gamma)).round().astype(np.uint8)[picture]
    elif how == "blur":
        edited = cv2.GaussianBlur(picture, (0, 0), rng.uniform(3, 8))
    else:
        step = int(rng.integers(6, 18))
        small = cv2.resize(picture, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA)
        edited = cv2.resize(small, picture.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    return paste(picture, edited, where, np.eye(3), str(rng.choice(["hard", "feathered"])), 0.0, rng)


def drawing(picture: Picture, rng: Rng) -> Edit:
    """A word or a scribble; the mask is the ink."""
    height, width = picture.shape[:2]
    ink = Image.new("L", (width, height))
    draw = ImageDraw.Draw(ink)
    if rng.random() < 0.6:
        text = str(rng.choice(["SALE", "HELLO WORLD", "when it rains", "NOT FOR SALE", "Best day ever!", "24 %", "REAL"]))
        text = "\n".join([text] * int(rng.integers(1, 3)))
        size = min(rng.uniform(0.09, 0.22) * height, 1.6 * width / max(len(line) for line in text.split("\n")))
        font = ImageFont.load_default(size)
        left, top, right, bottom = draw.multiline_textbbox((0, 0), text, font=font)
        at = (rng.uniform(0, max(1, width - right)) - left, rng.uniform(0, max(1, height - bottom)) - top)
        draw.multiline_text(at, text, 255, font=font, stroke_width=int(rng.integers(0, 3)))
    else:
        count = int(rng.integers(3, 9))
        nodes = rng.uniform(0.1, 0.9, (count, 2)) * [width, height]
        times = np.linspace(0, count - 1, 200)
        curve = np.stack([np.interp(times, range(count), nodes[:, i]) for i in (0, 1)], axis=1)
        curve = cv2.blur(curve.astype(np.float32), (1, 25), borderType=cv2.BORDER_REPLICATE)
        draw.line([tuple(map(float, p)) for p in curve], fill=255, width=int(rng.integers(4, 14)), joint="curve")
    alpha = np.asarray(ink, np.float32) / 255 * rng.uniform(0.75, 1)
    colour = rng.integers(0, 256, 3).astype(np.float32)
    out = picture + alpha[..., None] * (colour - picture)
    return out.round().astype(np.uint8), alpha >= 0.4


# ---------------------------------------------------------------- forgeries of each kind


def draw_items(items: list[Item], count: int, rng: Rng) -> list[Item]:
    """`count` pictures of different scenes."""
    chosen: list[Item] = []
    for index in rng.permutation(len(items)):
        if items[index].scene not in {item.scene for item in chosen}:
            chosen.append(items[index])
        if len(chosen) == count:
            return chosen
    raise SystemExit(f"{len(items)} pictures are too few: {count} different scenes are needed.")


def make_spg(items: list[Item], rng: Rng) -> Forgery | None:
    background, donor = draw_items(items, 2, rng)
    picture, outlines = read(background)
    edits: dict[str, tuple[float, Callable[[], Edit]]] = {
        "splice": (0.40, lambda: splice(picture, *read(donor), rng)),
        "copy_move": (0.20, lambda: copy_move(picture, outlines, rng)),
        "removal": (0.16, lambda: removal(picture, outlines, rng)),
        "local_edit": (0.16, lambda: local_edit(picture, outlines, rng)),
        "drawing": (0.08, lambda: drawing(picture, rng)),
    }
    name = str(rng.choice(list(edits), p=[share for share, _ in edits.values()]))
    made = edits[name][1]()
    if made is None:
        return None
    manipulated, inside = made
    change = np.abs(manipulated.astype(np.int16) - picture).max(axis=2)
    changed = cv2.morphologyEx((change >= 3).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8)) > 0
    mask = inside & changed  # what was edited and is not, by chance, what it was before
    if not 0.004 <= mask.mean() <= 0.6 or mask.sum() < 0.5 * inside.sum() or change[mask].mean() < 8:
        return None  # nothing that anybody would see
    return Forgery(picture, manipulated, mask, name, background, donor if name == "splice" else None)


def make_sdg(items: list[Item], rng: Rng) -> Forgery | None:
    donor, background = draw_items(items, 2, rng)
    authentic, outlines = read(donor)
    picture, _ = read(background)
    thing = pick_object(authentic, outlines, 0.02, 0.40, rng)
    out, mask = picture, np.zeros(picture.shape[:2], bool)
    copies = int(rng.choice([1, 2, 3], p=[0.72, 0.2, 0.08]))
    source = recolour(authentic, rng, 0.8) if rng.random() < 0.6 else authentic
    for _ in range(copies):
        transform = placement(thing, picture.shape[:2], (0.022, 0.35 if copies == 1 else 0.18), rng)
        blend = str(rng.choice(["hard", "soft", "feathered"]))
        out, inside = paste(out, source, thing, transform, blend, 0.3 * (rng.random() < 0.25), rng)
        mask |= inside
    if not 0.015 <= mask.mean() <= 0.45:
        return None
    return Forgery(authentic, out, mask, f"paste_{copies}", background, donor)


def make_identical(items: list[Item], rng: Rng) -> Forgery | None:
    (item,) = draw_items(items, 1, rng)
    picture, _ = read(item)
    return Forgery(picture, picture, np.zeros(picture.shape[:2], bool), "none", item, None)


def make_unrelated(items: list[Item], rng: Rng) -> Forgery | None:
    one, two, three = draw_items(items, 3, rng)
    picture, forged = read(two)[0], rng.random() < 0.5
    if forged:
        made = splice(picture, *read(three), rng)
        picture = made[0] if made else picture
    mask = np.zeros(picture.shape[:2], bool)  # nothing of it comes from the authentic picture, so nothing can be told
    return Forgery(read(one)[0], picture, mask, "splice" if forged else "none", two, one)


MAKERS = {"SPG": make_spg, "SDG": make_sdg, "identical": make_identical, "unrelated": make_unrelated}


# ---------------------------------------------------------------- the web


def cropped(picture: Picture, mask: Soft, rng: Rng) -> tuple[Picture, Soft]:
    height, width = mask.shape
    top, bottom, left, right = (rng.uniform(0, 0.15, 4) * [height, height, width, width]).astype(int)
    window = np.s_[top : height - bottom, left : width - right]
    if mask[window].sum() < 0.5 * mask.sum():  # the forgery is what the picture was posted for
        return picture, mask
    return picture[window], mask[window]


def turned(picture: Picture, mask: Soft, rng: Rng) -> tuple[Picture, Soft]:
    """A small rotation, zoomed so that no corner is empty."""
    height, width = mask.shape
    angle = rng.uniform(0.5, 4) * rng.choice([-1, 1])
    slope = np.deg2rad(abs(angle))
    zoom = np.cos(slope) + np.sin(slope) * max(width / height, height / width)
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, zoom)
    picture = cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return picture, cv2.warpAffine(mask, matrix, (width, height), flags=cv2.INTER_LINEAR)


def resized(picture: Picture, mask: Soft, rng: Rng) -> tuple[Picture, Soft]:
    height, width = mask.shape
    scale = max(np.exp(rng.uniform(np.log(0.5), np.log(1.5))), 128 / min(height, width))
    size = (round(width * scale), round(height * scale))
    kernels = [cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4, cv2.INTER_NEAREST]
    kernel = kernels[int(rng.choice(5, p=[0.35, 0.25, 0.2, 0.17, 0.03]))]
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(picture, size, interpolation=kernel), cv2.resize(mask, size, interpolation=smooth)


def framed(picture: Picture, mask: Soft, rng: Rng) -> tuple[Picture, Soft]:
    """A border all round, or a strip with a caption above or below; never part of the mask."""
    height, width = mask.shape
    if rng.random() < 0.5:
        sides = [int(rng.uniform(0.01, 0.06) * max(height, width))] * 4
    else:
        strip = int(rng.uniform(0.08, 0.16) * height)
        sides = [strip, 0, 0, 0] if rng.random() < 0.5 else [0, strip, 0, 0]
    white = bool(rng.random() < 0.5)
    out = cv2.copyMakeBorder(picture, *sides, cv2.BORDER_CONSTANT, value=(255,) * 3 if white else (0,) * 3)
    if sides[2] == 0:
        canvas = Image.fromarray(out)
        y = strip // 5 if sides[0] else height + strip // 5
        font = ImageFont.load_default(strip * 0.55)
        ImageDraw.Draw(canvas).text((width // 20, y), "you will not believe this", (0 if white else 255,) * 3, font=font)
        out = np.asarray(canvas)
    return out, cv2.copyMakeBorder(mask, *sides, cv2.BORDER_CONSTANT, value=0)


def filtered(picture: Picture, rng: Rng) -> Picture:
    """Mild blur, sharpening and noise."""
    draw = rng.random()
    if draw < 0.15:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.0))
    elif draw < 0.32:
        amount = rng.uniform(0.2, 0.9)
        picture = cv2.addWeighted(picture, 1 + amount, cv2.GaussianBlur(picture, (0, 0), 1.0), -amount, 0)
    if rng.random() < 0.2:
        noise = rng.normal(0, rng.uniform(1, 5), picture.shape)
        picture = (picture + noise).round().clip(0, 255).astype(np.uint8)
    return picture


def resaved(picture: Picture, rng: Rng) -> Picture:
    """JPEG (quality 40 to 95) or WebP, once to three times."""
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    for _ in range(int(rng.choice([1, 2, 3], p=[0.5, 0.35, 0.15]))):
        quality = round(rng.uniform(40, 95))
        if rng.random() < 0.15:
            _, code = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, quality])
        else:
            sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420 if rng.random() < 0.75 else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
            _, code = cv2.imencode(
                ".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
            )
        bgr = cv2.imdecode(code, cv2.IMREAD_COLOR)
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def through_the_web(picture: Picture, mask: np.ndarray, rng: Rng, mirror: float) -> tuple[Picture, np.ndarray]:
    """One side as it comes back from the web. `mirror` is the probability of a mirrored picture; mask (H, W) bool."""
    soft = mask.astype(np.float32)
    for share, step in ((0.6, cropped), (0.15, turned), (0.75, resized)):
        if rng.random() < share:
            picture, soft = step(picture, soft, rng)
    if rng.random() < mirror:
        picture, soft = np.ascontiguousarray(picture[:, ::-1]), np.ascontiguousarray(soft[:, ::-1])
    if rng.random() < 0.7:
        picture = recolour(picture, rng, 1.0)
    picture = filtered(picture, rng)
    if rng.random() < 0.1:
        picture, soft = framed(picture, soft, rng)
    return resaved(picture, rng), soft >= 0.5


# ---------------------------------------------------------------- the folder


def rng_for(seed: int, key: str) -> Rng:
    """The draws of one pair, a function of its key and the seed alone."""
    return np.random.default_rng(np.frombuffer(hashlib.sha256(f"{seed}/{key}".encode()).digest(), np.uint64))


def forge(items: list[Item], kinds: list[str], rng: Rng) -> tuple[str, Forgery]:
    """One forgery of a kind drawn from MIX. An edit that cannot be seen is made anew."""
    shares = np.array([MIX[kind] for kind in kinds])
    kind = str(rng.choice(kinds, p=shares / shares.sum()))
    for _ in range(50):
        forgery = MAKERS[kind](items, rng)
        if forgery is not None:
            return kind, forgery
    raise SystemExit(f"No {kind} pair can be made from these pictures.")


def write_png(path: Path, array: np.ndarray) -> None:
    part = path.with_suffix(".part")
    Image.fromarray(array).save(part, "PNG", compress_level=1)
    os.replace(part, path)


def make_pair(key: str, items: list[Item], kinds: list[str], seed: int, out: Path) -> dict[str, str]:
    """Write the three files of one pair and return its row."""
    cv2.setNumThreads(1)
    rng = rng_for(seed, key)
    kind, forgery = forge(items, kinds, rng)
    if rng.random() < RESAVED_ONLY:
        web = "resaved"
        authentic, manipulated = resaved(forgery.authentic, rng), resaved(forgery.manipulated, rng)
        mask = forgery.mask
    else:
        web = "full"
        nothing = np.zeros(forgery.authentic.shape[:2], bool)
        authentic, _ = through_the_web(forgery.authentic, nothing, rng, mirror=0.08)
        manipulated, mask = through_the_web(forgery.manipulated, forgery.mask, rng, mirror=0.0)
    row = {"key": key, "kind": kind, "operation": forgery.operation, "web": web}
    for column, folder, array in (
        ("authentic", "authentic", authentic),
        ("manipulated", "manipulated", manipulated),
        ("mask", "masks", mask.astype(np.uint8) * 255),
    ):
        row[column] = f"{folder}/{key}.png"
        write_png(out / row[column], array)
    used = [item for item in (forgery.background, forgery.donor) if item]
    row["background_source"], row["donor_source"] = forgery.background.key, forgery.donor.key if forgery.donor else ""
    row["source"] = " + ".join(item.key for item in used)
    row["license"] = " + ".join(dict.fromkeys(item.license for item in used))
    return row


def make_pairs(
    packs: list[Path], out: Path, *, split: str, count: int, seed: int, kinds: list[str], workers: int = 1
) -> Iterator[dict[str, str]]:
    """Make `count` pairs under `out` and yield their rows in the order of their keys; pairs.csv is written last."""
    items = list_items(packs, split)
    for folder in ("authentic", "manipulated", "masks"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    keys = [f"{split}-{index:05d}" for index in range(count)]
    work = functools.partial(make_pair, items=items, kinds=kinds, seed=seed, out=out)
    rows = []
    with ProcessPoolExecutor(workers) as pool:
        for row in pool.map(work, keys):
            rows.append(row | {"split": split})
            yield rows[-1]
    part = out / "pairs.csv.part"
    with open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    os.replace(part, out / "pairs.csv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, action="append", required=True, help="a pack; may be given again")
    parser.add_argument("--split", choices=("train", "val"), required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--kinds", default=",".join(MIX), help="comma-separated; the shares of MIX are kept")
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    kinds = arguments.kinds.split(",")
    if unknown := set(kinds) - set(MIX):
        parser.error(f"--kinds: {', '.join(sorted(unknown))} is none of {', '.join(MIX)}.")
    for pack in arguments.images:
        if not (pack / "index.parquet").is_file():
            parser.error(f"--images: {pack} holds no index.parquet.")
    done = make_pairs(
        arguments.images, arguments.out, split=arguments.split, count=arguments.count, seed=arguments.seed,
        kinds=[kind for kind in MIX if kind in kinds], workers=arguments.workers,
    )  # fmt: skip
    counts: dict[str, int] = {}
    for row in done:
        counts[row["kind"]] = counts.get(row["kind"], 0) + 1
    print(f"{sum(counts.values())} pairs in {arguments.out}:", ", ".join(f"{v} {k}" for k, v in sorted(counts.items())))


if __name__ == "__main__":
    main()
