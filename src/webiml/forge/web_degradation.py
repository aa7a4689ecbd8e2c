"""What the web does to one side of a pair: framing, colours, filters, things laid over it, and saving again and again.

Every step keeps track of where the points went. Frames, captions, text and watermarks that are laid over a picture
belong to the web, not to the mask.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, cast

import cv2
import numpy as np

from webiml.forge.blending import laid_over, recolour
from webiml.forge.lettering import fitted_ink, words
from webiml.forge.objects import Rng

Strength = Literal["mild", "middle", "hard"]
STRENGTHS: dict[Strength, float] = {"mild": 0.42, "middle": 0.36, "hard": 0.22}
"""Share of the pairs that meet this much of the web."""

MIN_SIDE = 96  # pixels: no step makes a picture smaller
_KERNELS = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4, cv2.INTER_NEAREST_EXACT)


@dataclass(slots=True)
class View:
    """One side on its way.

    Attributes:
        rgb: (H, W, 3) uint8. mask: (H, W) uint8, 0 to 255, share of each pixel that is manipulated.
        matrix: 3x3 float64, points (x, y) before the web to points now. operations: what happened, in order.
    """

    rgb: np.ndarray
    mask: np.ndarray
    matrix: np.ndarray = field(default_factory=lambda: np.eye(3))
    operations: list[str] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.mask.shape[0], self.mask.shape[1]

    def move(self, step: np.ndarray) -> None:
        """Note a step of the points: 3x3, points before it to points after it."""
        self.matrix = step @ self.matrix


def drawn_strength(rng: Rng, shares: dict[Strength, float] = STRENGTHS) -> Strength:
    """How much of the web a picture meets, by shares that add up to 1."""
    return list(shares)[int(rng.choice(len(shares), p=list(shares.values())))]


def through_the_web(
    rgb: np.ndarray, mask: np.ndarray, strength: Strength, rng: Rng, *, mirror: float = 0.0, captions: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """One side as it comes back from the web.

    Args:
        rgb: (H, W, 3) uint8. mask: (H, W) bool, what must not be lost by cropping; may be empty.
        strength: mild is saved again, perhaps resized, now and then written upon, no more.
        mirror: probability that the side comes back mirrored.
        captions: now and then text, watermarks and frames are laid over it.
    Returns:
        (h, w, 3) uint8; (h, w) bool; 3x3 float64, points (x, y) of `rgb` to points of the result; what happened.
    """
    view = View(rgb, mask.view(np.uint8) * np.uint8(255))
    if strength == "mild":
        if rng.random() < 0.35:
            resize(view, rng, 0.7, 1.25)
        if captions and rng.random() < 0.08:
            overlay_text(view, rng)
        _save(view, rng, [0.1, 0.6, 0.3], 55, 98, changing=0.05)
    else:
        _frame_anew(view, rng, hard=strength == "hard", mirror=mirror)
        _recolour(view, rng, hard=strength == "hard")
        _filter(view, rng, hard=strength == "hard")
        if captions:
            _lay_over(view, rng, hard=strength == "hard")
        low, high = (25, 92) if strength == "hard" else (40, 96)
        _save(view, rng, [0, 0.45, 0.35, 0.2], low, high, changing=0.3)
    return view.rgb, view.mask >= 128, view.matrix, view.operations


# ---------------------------------------------------------------- geometry


def _frame_anew(view: View, rng: Rng, hard: bool, mirror: float) -> None:
    if rng.random() < (0.6 if hard else 0.5):
        _crop(view, rng, 0.18 if hard else 0.12, reframe=rng.random() < 0.15)
    if rng.random() < (0.5 if hard else 0.2):
        rotate(view, float(rng.uniform(0.3, 8 if hard else 4) * rng.choice([-1, 1])), rng)
    if rng.random() < (0.8 if hard else 0.6):
        resize(view, rng, 0.4 if hard else 0.5, 1.5)
    if rng.random() < mirror:
        width = view.shape[1]
        view.rgb, view.mask = np.ascontiguousarray(view.rgb[:, ::-1]), np.ascontiguousarray(view.mask[:, ::-1])
        view.move(np.array([[-1.0, 0, width - 1], [0, 1, 0], [0, 0, 1]]))
        view.operations.append("mirror")


def _crop(view: View, rng: Rng, most: float, reframe: bool) -> None:
    """Up to `most` off each edge; with `reframe` up to 45 % of both sides at once. The forgery stays in sight."""
    height, width = view.shape
    if reframe:
        keep = rng.uniform(0.55, 0.8, 2)
        start = rng.uniform(0, 1 - keep)
        top, left = (start * [height, width]).astype(int)
        bottom, right = ((1 - start - keep) * [height, width]).astype(int)
    else:
        edges = rng.uniform(0, most, 4) * (rng.random(4) < 0.8)
        top, bottom, left, right = (edges * [height, height, width, width]).astype(int)
    if height - top - bottom < MIN_SIDE or width - left - right < MIN_SIDE:
        return
    window = np.s_[top : height - bottom, left : width - right]
    if int(view.mask[window].sum()) < 0.6 * int(view.mask.sum()):  # the forgery is what the picture was posted for
        return
    view.rgb, view.mask = view.rgb[window], view.mask[window]
    view.move(np.array([[1.0, 0, -left], [0, 1, -top], [0, 0, 1]]))
    view.operations.append("crop")


def rotate(view: View, degrees: float, rng: Rng) -> None:
    """Turn by `degrees`; zoomed so that no corner is empty, or with black or white corners in a fifth of the cases."""
    height, width = view.shape
    slope = np.deg2rad(abs(degrees))
    zoom = np.cos(slope) + np.sin(slope) * max(width / height, height / width)
    border, value = cv2.BORDER_REPLICATE, (0, 0, 0)
    if rng.random() < 0.2:
        zoom, border, value = rng.uniform(1, zoom), cv2.BORDER_CONSTANT, (255,) * 3 if rng.random() < 0.5 else (0,) * 3
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, float(zoom))
    kernel = cv2.INTER_CUBIC if rng.random() < 0.6 else cv2.INTER_LINEAR
    view.rgb = cv2.warpAffine(view.rgb, matrix, (width, height), flags=kernel, borderMode=border, borderValue=value)
    view.mask = cv2.warpAffine(view.mask, matrix, (width, height), flags=cv2.INTER_LINEAR)
    view.move(np.vstack([matrix, [0, 0, 1]]))
    view.operations.append("rotate")


def resize(view: View, rng: Rng, low: float, high: float) -> None:
    """Another size, `low` to `high` times as large, by one of five kernels; now and then not quite in proportion."""
    height, width = view.shape
    scale = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    scale = max(scale, min(1.0, MIN_SIDE / min(height, width)))
    skew = float(np.exp(rng.uniform(-0.06, 0.06) * (rng.random() < 0.1)))
    size = (max(16, round(width * scale * skew)), max(16, round(height * scale / skew)))
    kernel = _KERNELS[int(rng.choice(5, p=[0.35, 0.25, 0.2, 0.17, 0.03]))]
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    view.rgb = cv2.resize(view.rgb, size, interpolation=kernel)
    view.mask = cv2.resize(view.mask, size, interpolation=smooth)
    sx, sy = size[0] / width, size[1] / height
    view.move(np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2], [0, 0, 1]]))
    view.operations.append("resize")


# ---------------------------------------------------------------- colours and filters


def _recolour(view: View, rng: Rng, hard: bool) -> None:
    if rng.random() < (0.85 if hard else 0.55):
        if hard:
            view.rgb = recolour(view.rgb, rng, gamma=1.54, gain=0.13, saturation=0.4, contrast=0.25)
        else:
            view.rgb = recolour(view.rgb, rng, gamma=1.22, gain=0.07, saturation=0.25, contrast=0.15)
        view.operations.append("recolour")
    draw = rng.random()
    if draw < (0.06 if hard else 0.02):
        grey = cv2.cvtColor(view.rgb, cv2.COLOR_RGB2GRAY)[..., None]
        tint = np.array([1, 1, 1]) if rng.random() < 0.5 else np.array([1.07, 0.97, 0.8])
        view.rgb = np.rint(grey * tint).clip(0, 255).astype(np.uint8)
        view.operations.append("grey")
    elif draw < (0.16 if hard else 0.06):  # a filter of the apps: black lifted, white lowered, tinted
        low, high = rng.uniform(0, 40, 3), rng.uniform(225, 255, 3)
        table = np.rint(low + np.arange(256)[:, None] * (high - low) / 255).astype(np.uint8)
        view.rgb = cv2.LUT(view.rgb, table.reshape(1, 256, 3))
        view.operations.append("tint")
    if rng.random() < (0.15 if hard else 0.05):
        height, width = view.shape
        ys = (np.arange(height, dtype=np.float32)[:, None] / max(height - 1, 1) - 0.5) * 2
        xs = (np.arange(width, dtype=np.float32)[None, :] / max(width - 1, 1) - 0.5) * 2
        fall = 1 - np.float32(rng.uniform(0.15, 0.5)) * ((xs * xs + ys * ys) / 2) ** np.float32(rng.uniform(0.8, 2))
        view.rgb = (view.rgb * fall[..., None]).astype(np.uint8)
        view.operations.append("vignette")


def _filter(view: View, rng: Rng, hard: bool) -> None:
    draw = rng.random() / (1 if hard else 0.6)
    if draw < 0.2:
        view.rgb = cv2.GaussianBlur(view.rgb, (0, 0), rng.uniform(0.4, 1.3 if hard else 0.9))
        view.operations.append("blur")
    elif draw < 0.42:
        amount = rng.uniform(0.2, 1.4 if hard else 0.8)
        soft = cv2.GaussianBlur(view.rgb, (0, 0), rng.uniform(0.7, 1.6))
        view.rgb = cv2.addWeighted(view.rgb, 1 + amount, soft, -amount, 0)
        view.operations.append("sharpen")
    if rng.random() < (0.25 if hard else 0.12):
        noise = rng.standard_normal(view.rgb.shape, np.float32) * np.float32(rng.uniform(1, 8 if hard else 4))
        view.rgb = np.rint(view.rgb + noise).clip(0, 255).astype(np.uint8)
        view.operations.append("noise")


# ---------------------------------------------------------------- laid over


def _lay_over(view: View, rng: Rng, hard: bool) -> None:
    if rng.random() < (0.65 if hard else 0.4):
        overlay_text(view, rng)
    if rng.random() < (0.2 if hard else 0.1):
        watermark(view, rng)
    if rng.random() < (0.35 if hard else 0.12):
        frame(view, rng)


def overlay_text(view: View, rng: Rng) -> None:
    """One to three lines of text, solid or half transparent, at times on a bar; together at most 8 % of the picture."""
    height, width = view.shape
    left = 0.08 * height * width
    opacity = 1.0 if rng.random() < 0.6 else rng.uniform(0.35, 0.8)
    colour = rng.integers(0, 256, 3) if rng.random() < 0.4 else np.full(3, 255 * (rng.random() < 0.7))
    y = rng.choice([0.03, rng.uniform(0.05, 0.8), 0.8]) * height
    centred = rng.random() < 0.6
    bar = rng.random() < 0.25
    outlined = rng.random() < 0.35
    for _ in range(int(rng.choice([1, 2, 3], p=[0.6, 0.3, 0.1]))):
        letters = fitted_ink(words(rng), rng.uniform(0.035, 0.12) * height, 0.9 * width, rng)
        h, w = letters.shape
        pad = max(2, h // 4)
        area = (h + 2 * pad) * (w + 2 * pad)
        if area > left or y + h + pad >= height:
            break
        left -= area
        x = (width - w) / 2 if centred else rng.uniform(pad, max(pad + 1, width - w - pad))
        at = np.s_[int(y) : int(y) + h, int(x) : int(x) + w]
        if bar:
            wide = np.s_[max(0, int(y) - pad) : int(y) + h + pad, max(0, int(x) - pad) : int(x) + w + pad]
            _stain(view, wide, np.full(view.rgb[wide].shape[:2], 255, np.uint8), 255 - colour, opacity)
        elif outlined:
            _stain(view, at, cv2.dilate(letters, np.ones((3, 3), np.uint8)), np.full(3, 255 * (colour.mean() < 128)), 1)
        _stain(view, at, letters, colour, opacity)
        y += h + 2 * pad
    view.operations.append("text")


def watermark(view: View, rng: Rng) -> None:
    """Faint words all over the picture, or a small logo in a corner."""
    height, width = view.shape
    if rng.random() < 0.45:
        letters = fitted_ink(words(rng, 2), rng.uniform(0.05, 0.1) * height, 0.5 * width, rng)
        h = letters.shape[0]
        tile = cv2.copyMakeBorder(letters, h, h, h, 2 * h, cv2.BORDER_CONSTANT)
        side = int(1.5 * max(height, width)) + max(tile.shape)
        tiled = np.tile(tile, (side // tile.shape[0] + 1, side // tile.shape[1] + 1))[:side, :side]
        turn = cv2.getRotationMatrix2D((side / 2, side / 2), float(rng.uniform(-45, 45)), 1.0)
        turn[:, 2] += [width / 2 - side / 2, height / 2 - side / 2]
        alpha = cv2.warpAffine(tiled, turn, (width, height), flags=cv2.INTER_LINEAR)
        colour = np.full(3, 255 * (rng.random() < 0.7))
        _stain(view, np.s_[:, :], alpha, colour, rng.uniform(0.08, 0.35))
    else:
        size = int(rng.uniform(0.06, 0.16) * min(height, width))
        badge = np.zeros((size, size), np.uint8)
        cv2.ellipse(badge, (size // 2, size // 2), (size // 2 - 1,) * 2, 0, 0, 360, (255,), -1, cv2.LINE_AA)
        if rng.random() < 0.6:
            letters = cv2.resize(fitted_ink(words(rng, 1)[:3], size, size, rng), (size * 2 // 3, size // 2))
            hole = badge[size // 4 : size // 4 + letters.shape[0], size // 6 : size // 6 + letters.shape[1]]
            hole[...] = np.minimum(hole, 255 - letters)
        margin = max(1, size // 4)
        y, x = (margin if rng.random() < 0.5 else side - size - margin for side in (height, width))
        _stain(view, np.s_[y : y + size, x : x + size], badge, rng.integers(0, 256, 3), rng.uniform(0.5, 1))
    view.operations.append("watermark")


def frame(view: View, rng: Rng) -> None:
    """A border of one or two colours all round, or strips of up to 16 % an edge, at times with a caption in one."""
    height, width = view.shape
    white = rng.random() < 0.4
    colour = np.full(3, 255 * white) if rng.random() < 0.5 else rng.integers(0, 256, 3)
    if rng.random() < 0.5:  # all round
        edge = max(2, int(rng.uniform(0.01, 0.1) * max(height, width)))
        sides = [edge] * 4
    else:
        pairs = rng.random() < 0.5
        deep = rng.uniform(0.03, 0.16, 4) * [height, height, width, width]
        chosen = np.repeat(rng.permutation([True, False]), 2) if pairs else rng.random(4) < 0.4
        sides = [int(one) for one in np.where(chosen, deep, 0)]
        if pairs:
            sides[1], sides[3] = sides[0], sides[2]
    top, bottom, left, right = sides
    if not any(sides):
        return
    fill = [int(value) for value in colour]
    view.rgb = cv2.copyMakeBorder(view.rgb, top, bottom, left, right, cv2.BORDER_CONSTANT, value=fill)
    view.mask = cv2.copyMakeBorder(view.mask, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(0,))
    view.move(np.array([[1.0, 0, left], [0, 1, top], [0, 0, 1]]))
    if rng.random() < 0.3 and min(sides) > 3:  # a second colour outside
        thin = max(1, min(sides) // 3)
        outer = [int(value) for value in rng.integers(0, 256, 3)]
        h, w = view.shape
        cv2.rectangle(view.rgb, (0, 0), (w - 1, h - 1), outer, thin)
    strip = max(top, bottom)
    if strip >= 14 and rng.random() < 0.5:
        letters = fitted_ink(words(rng), 0.45 * strip, 0.9 * width, rng)
        h, w = letters.shape
        y = (strip - h) // 2 if top >= bottom else view.shape[0] - strip + (strip - h) // 2
        if y >= 0 and y + h <= view.shape[0] and h <= strip:
            x = left + (width - w) // 2
            _stain(view, np.s_[y : y + h, x : x + w], letters, np.full(3, 255 * (colour.mean() < 128)), 1)
    view.operations.append("frame")


def _stain(view: View, at: tuple[slice, slice], alpha: np.ndarray, colour: np.ndarray, opacity: float) -> None:
    """Lay one colour over a box of the picture."""
    below = view.rgb[at]
    alpha = alpha[: below.shape[0], : below.shape[1]]
    over = np.broadcast_to(np.asarray(colour, np.uint8), below.shape)
    out = view.rgb.copy()
    out[at] = laid_over(below, over, alpha, float(opacity))
    view.rgb = out


# ---------------------------------------------------------------- saving


def _save(view: View, rng: Rng, counts: list[float], low: int, high: int, changing: float) -> None:
    """Saved `counts` (probability of 0, 1, 2, ... times) as JPEG or WebP; between two times its size may change."""
    for turn in range(int(rng.choice(len(counts), p=counts))):
        if turn and rng.random() < changing:
            resize(view, rng, 0.8, 1.2)
        quality = round(rng.uniform(low, high))
        if rng.random() < 0.15:
            quality = int(np.clip(quality, 35, 95))
            view.rgb = saved_as_webp(view.rgb, quality)
            view.operations.append(f"webp {quality}")
        else:
            view.rgb = saved_as_jpeg(view.rgb, quality, rng.random() < 0.75)
            view.operations.append(f"jpeg {quality}")


def saved_as_jpeg(rgb: np.ndarray, quality: int, halved_colour: bool) -> np.ndarray:
    """(H, W, 3) uint8 after one JPEG; `halved_colour` is 4:2:0, else 4:4:4."""
    sampling = 0x221111 if halved_colour else 0x111111
    return _saved(rgb, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling])


def saved_as_webp(rgb: np.ndarray, quality: int) -> np.ndarray:
    """(H, W, 3) uint8 after one WebP."""
    return _saved(rgb, ".webp", [cv2.IMWRITE_WEBP_QUALITY, quality])


def _saved(rgb: np.ndarray, ending: str, options: list[int]) -> np.ndarray:
    _, code = cv2.imencode(ending, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    bgr = cast(np.ndarray, cv2.imdecode(code, cv2.IMREAD_COLOR))  # None only for bytes that are no picture
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
