"""Objects cut out of pictures, pasted into others, and edits in place: the first half of synthetic_pairs.py."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

Rng = np.random.Generator
Picture = np.ndarray  # (H, W, 3) uint8 RGB
Soft = np.ndarray  # (H, W) float32 in [0, 1]
Edit = tuple[Picture, np.ndarray] | None  # the edited picture and (H, W) bool where; None when it cannot be done


# ---------------------------------------------------------------- objects


def blob(shape: tuple[int, int], share: float, rng: Rng) -> Soft:
    """A closed smooth outline around a random centre that covers about `share` of the picture."""
    height, width = shape
    angle = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    radius = np.ones(len(angle))
    for wave in range(2, 7):
        radius += rng.normal(0, 0.45 / wave) * np.cos(wave * angle + rng.uniform(0, 2 * np.pi))
    radius = np.clip(radius, 0.25, None)
    stretch = np.exp(rng.uniform(-0.5, 0.5))
    points = np.stack([np.cos(angle) * radius * stretch, np.sin(angle) * radius / stretch], axis=1)
    area = cv2.contourArea(points.astype(np.float32))
    points *= np.sqrt(share * height * width / area)
    half = np.minimum(np.abs(points).max(axis=0), [width / 2 - 1, height / 2 - 1])
    points = np.clip(points, -half, half) + rng.uniform(half, [width - half[0], height - half[1]])
    canvas = np.zeros(shape, np.float32)
    return cv2.fillPoly(canvas, [(points * 16).astype(np.int32)], (1.0,), cv2.LINE_8, 4)


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
    if rng.random() < 0.75:
        part = cut_by_colour(picture, share, rng)
        if part is not None and low <= part.mean() <= high:
            return part
    candidates = [blob(picture.shape[:2], share, rng) for _ in range(3)]
    return max(candidates, key=lambda one: picture[one > 0].std())  # people copy things, not empty walls


# ---------------------------------------------------------------- pasting


def recolour(picture: Picture, rng: Rng, strength: float) -> Picture:
    """Gamma, gain of each channel, saturation and contrast; at strength 1 the ranges of the web."""
    x = np.power(picture.astype(np.float32) / 255, np.exp(rng.uniform(-0.223, 0.223) * strength))  # 0.8 to 1.25
    x *= 1 + rng.uniform(-0.09, 0.09, 3).astype(np.float32) * strength
    grey = x @ np.array([0.299, 0.587, 0.114], np.float32)
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
    margin = np.minimum(np.array([w, h]) * scale * 0.4, np.array([width, height]) / 2)  # a tenth may lie outside
    centre_x, centre_y = rng.uniform(margin, [width, height] - margin)
    return np.array([[1, 0, centre_x], [0, 1, centre_y], [0, 0, 1.0]]) @ tilt @ to_origin


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
        warped = cv2.seamlessClone(warped, onto, mask, (x + w // 2, y + h // 2), cv2.NORMAL_CLONE)
        alpha = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 1.0)  # the clone also changes the box around it
    elif blend == "feathered":
        alpha = cv2.GaussianBlur(alpha, (0, 0), rng.uniform(0.7, 2.0))
    elif blend == "hard":
        alpha = inside.astype(np.float32)
    out = onto + alpha[..., None] * (warped.astype(np.float32) - onto)
    return out.round().clip(0, 255).astype(np.uint8), inside


# ---------------------------------------------------------------- edits in place


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
    blend = "poisson" if rng.random() < 0.6 else "feathered"
    return paste(picture, beside, hole.astype(np.float32), np.eye(3), blend, 0.0, rng)


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
        text = str(rng.choice(["SALE", "HELLO WORLD", "when it rains", "NOT FOR SALE", "Best day ever!", "REAL"]))
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
