"""Edits in place: what makes a manipulated picture out of an authentic one of the same frame.

An edit takes the picture as it is by now, (H, W, 3) uint8, and returns the new one with the pixels it claims, (H, W)
bool, or None when it cannot be done there. `settled` then says which of these have really changed.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from webiml.forge.blending import TOUCHED, laid_over, paste, placement, recolour
from webiml.forge.lettering import fitted_ink, words
from webiml.forge.objects import Rng, blob, drawn_shape
from webiml.forge.scene import Scene, pick_flat, pick_thin, pick_thing

Remover = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(rgb (H, W, 3) uint8, hole (H, W) bool) -> rgb with the hole filled: a generative model, say."""
Edit = tuple[np.ndarray, np.ndarray] | None

_SEEN = 3  # 8-bit levels: a smaller change of a pixel is none
_LASTING = 5  # 8-bit levels, mean over a part after a 3x3 mean: less would not outlive being saved again
_BLEND_SHARES = {"splice": [0.3, 0.25, 0.25, 0.2], "copy_move": [0.35, 0.25, 0.25, 0.15]}


def settled(
    before: np.ndarray, after: np.ndarray, claimed: np.ndarray, *, lasting: float = _LASTING
) -> np.ndarray | None:
    """The pixels of an edit that count as manipulated, (H, W) bool; None when hardly anything can be seen of it.

    A thing that by chance equals the ground here and there is still manipulated as a whole; a large part of it that
    melts into the ground is not. A mask that nothing in the pictures speaks for would teach a network to guess.
    """
    x, y, w, h = cv2.boundingRect(claimed.view(np.uint8))
    if w == 0:
        return None
    box = np.s_[y : y + h, x : x + w]
    inside = (_largest_change(before[box], after[box]) >= _SEEN) & claimed[box]
    area = int(np.count_nonzero(claimed))
    if np.count_nonzero(inside) <= 0.9 * area:  # closing takes most of the time, and would only add to it
        reach = int(np.clip(0.35 * np.sqrt(area), 3, 41)) | 1
        padded = cv2.copyMakeBorder(inside.view(np.uint8), reach, reach, reach, reach, cv2.BORDER_CONSTANT)
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
        closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, kernel)[reach:-reach, reach:-reach].view(bool)
        inside = closed & claimed[box]
    if np.count_nonzero(inside) > 0.9 * area:  # what is missing is noise
        inside = claimed[box].copy()
    smooth = _largest_change(cv2.blur(before[box], (3, 3)), cv2.blur(after[box], (3, 3)))
    parts, found = cv2.connectedComponents(inside.view(np.uint8))
    labels = np.asarray(found, np.int32)
    sizes = np.bincount(labels.ravel(), minlength=parts)
    change_of = np.bincount(labels.ravel(), smooth.ravel(), parts) / np.maximum(sizes, 1)
    keep = (change_of >= lasting) & (sizes >= 8)
    keep[0] = False
    inside &= keep[labels]
    if np.count_nonzero(inside) < max(24, 0.6 * area):
        return None
    mask = np.zeros_like(claimed)
    mask[box] = inside
    return mask


# ---------------------------------------------------------------- pasted from elsewhere, or from the picture itself


def splice(rgb: np.ndarray, scene: Scene, donor: Scene, rng: Rng) -> Edit:
    """A thing of another picture: turned, scaled, tilted, mirrored, recoloured, blended."""
    if rng.random() < 0.08:
        thing, low, high = pick_thin(donor, rng), 0.002, 0.2
    else:
        thing, low, high = pick_thing(donor, 0.01, 0.4, rng), 0.006, 0.35
    source = recolour(donor.rgb, rng) if rng.random() < 0.4 else donor.rgb
    harmonise = rng.uniform(0.2, 0.8) if rng.random() < 0.45 else 0.0
    transform = placement(thing, scene.shape, low, high, rng)
    opacity = rng.uniform(0.6, 0.9) if rng.random() < 0.06 else 1.0
    return paste(rgb, source, thing, transform, _blend("splice", rng), rng, harmonise, opacity)


def large_paste(rgb: np.ndarray, scene: Scene, donor: Scene, rng: Rng) -> Edit:
    """A thing of another picture that covers 25 to 60 % of this one."""
    height, width = scene.shape
    thing = pick_thing(donor, 0.15, 0.6, rng)
    area = np.count_nonzero(thing) / (height * width)
    scale = np.sqrt(rng.uniform(0.25, 0.6) / max(area, 1e-3))
    if scale > 2.2:
        return None
    x, y, w, h = cv2.boundingRect(thing.view(np.uint8))
    mirror = -1 if rng.random() < 0.3 else 1
    at = rng.uniform([0.3 * width, 0.3 * height], [0.7 * width, 0.7 * height])
    transform = np.array(
        [[mirror * scale, 0, at[0] - mirror * scale * (x + w / 2)], [0, scale, at[1] - scale * (y + h / 2)], [0, 0, 1]]
    )
    harmonise = rng.uniform(0.2, 0.8) if rng.random() < 0.4 else 0.0
    return paste(rgb, donor.rgb, thing, transform, _blend("splice", rng), rng, harmonise)


def copy_move(rgb: np.ndarray, scene: Scene, rng: Rng) -> Edit:
    """One to three copies of a thing of the picture itself."""
    thing = pick_thing(scene, 0.008, 0.18, rng)
    return _copies(rgb, scene, thing, 0.006, 0.2, int(rng.choice([1, 2, 3], p=[0.65, 0.25, 0.1])), rng)


def flat_copy_move(rgb: np.ndarray, scene: Scene, rng: Rng) -> Edit:
    """A piece of sky, lawn or wall laid over another place, as one does to hide a thing."""
    return _copies(rgb, scene, pick_flat(scene, 0.01, 0.15, rng), 0.008, 0.2, int(rng.random() < 0.3) + 1, rng)


def resized_in_place(rgb: np.ndarray, scene: Scene, rng: Rng) -> Edit:
    """A thing overdrawn by a larger copy of itself: only its edge and its grain tell."""
    thing = pick_thing(scene, 0.01, 0.25, rng, drawn=False)
    x, y, w, h = cv2.boundingRect(thing.view(np.uint8))
    scale = rng.uniform(1.06, 1.35)
    about = np.array([x + w / 2, y + h * rng.uniform(0.5, 1)])
    transform = np.array([[scale, 0, about[0] * (1 - scale)], [0, scale, about[1] * (1 - scale)], [0, 0, 1]])
    return paste(rgb, rgb, thing, transform, str(rng.choice(["soft", "feathered"])), rng)


def background_replaced(rgb: np.ndarray, scene: Scene, donor: Scene, rng: Rng) -> Edit:
    """Everything but the main thing, or all above or below a line, comes from another picture: 10 to 60 %."""
    height, width = scene.shape
    if rng.random() < 0.6:
        ground = ~pick_thing(scene, 0.4, 0.85, rng, drawn=False)
    else:
        level = rng.uniform(0.2, 0.6) * height
        waves = np.cumsum(rng.normal(0, height / 60, width)) * (rng.random() < 0.7)
        waves = cv2.GaussianBlur(waves[None].astype(np.float32), (0, 0), width / 30)[0]
        ground = np.arange(height)[:, None] < (level + waves - waves.mean())[None, :]
        ground = ground[::-1] if rng.random() < 0.3 else ground
        ground = np.ascontiguousarray(ground)
    if not 0.1 <= ground.mean() <= 0.62:
        return None
    other = donor.rgb[:, ::-1] if rng.random() < 0.5 else donor.rgb
    if rng.random() < 0.5:
        other = recolour(other, rng)
    fill = max(height / other.shape[0], width / other.shape[1])
    size = (int(np.ceil(other.shape[1] * fill)), int(np.ceil(other.shape[0] * fill)))
    other = cv2.resize(other, size, interpolation=cv2.INTER_AREA if fill < 1 else cv2.INTER_CUBIC)[:height, :width]
    alpha = ground.view(np.uint8) * np.uint8(255)
    if rng.random() < 0.7:
        alpha = cv2.GaussianBlur(alpha, (0, 0), rng.uniform(0.6, 2))
    return laid_over(rgb, other, alpha), ground | (alpha >= TOUCHED)


# ---------------------------------------------------------------- taken away


def removal(rgb: np.ndarray, scene: Scene, rng: Rng, remover: Remover | None = None) -> Edit:
    """A thing is gone: inpainted, covered by what lies beside it, or filled by `remover`."""
    thing = pick_thin(scene, rng) if rng.random() < 0.1 else pick_thing(scene, 0.006, 0.12, rng)
    wide = int(rng.integers(3, 9))
    hole = cv2.dilate(thing.view(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (wide, wide)))
    draw = rng.random()
    if remover is not None and draw < 0.6:
        filled = remover(rgb.copy(), hole > 0)
        if filled.shape != rgb.shape or filled.dtype != np.uint8:
            raise ValueError(f"the remover returned {filled.dtype} {filled.shape} for a uint8 {rgb.shape} picture")
        alpha = cv2.GaussianBlur(hole * np.uint8(255), (0, 0), 0.8)
        return laid_over(rgb, filled, alpha), (hole > 0) | (alpha >= TOUCHED)
    if draw < 0.4 and hole.mean() < 0.05:  # large holes would look like fog, and take long
        method = cv2.INPAINT_TELEA if rng.random() < 0.5 else cv2.INPAINT_NS
        return _inpainted(rgb, hole, method), hole > 0
    x, y, w, h = cv2.boundingRect(hole)
    height, width = scene.shape
    sides = [(w, 0), (-w, 0), (0, h), (0, -h)]
    free = [(dx, dy) for dx, dy in sides if 0 <= x + dx <= width - w and 0 <= y + dy <= height - h]
    if not free:
        return None
    dx, dy = free[int(rng.integers(len(free)))]
    shift = np.array([[1.0, 0, -dx], [0, 1, -dy], [0, 0, 1]])
    beside = np.roll(hole, (dy, dx), (0, 1)) > 0
    return paste(rgb, rgb, beside, shift, "poisson" if rng.random() < 0.6 else "feathered", rng)


def _inpainted(rgb: np.ndarray, hole: np.ndarray, method: int) -> np.ndarray:
    """cv2.inpaint in the neighbourhood of the hole alone: its time goes with the area it is given."""
    x, y, w, h = cv2.boundingRect(hole)
    box = np.s_[max(0, y - 8) : y + h + 8, max(0, x - 8) : x + w + 8]
    out = rgb.copy()
    out[box] = cv2.inpaint(np.ascontiguousarray(rgb[box]), np.ascontiguousarray(hole[box]), 3, method)
    return out


# ---------------------------------------------------------------- changed where it stands


def recoloured(rgb: np.ndarray, scene: Scene, rng: Rng) -> Edit:
    """Another hue for a thing: the red car is blue."""
    hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV_FULL)
    hsv[..., 0] += np.uint8(rng.integers(30, 226))  # wraps round, as hue does
    saturation = hsv[..., 1] * np.float32(rng.uniform(0.6, 1.6)) + np.float32(rng.uniform(0, 70))
    hsv[..., 1] = saturation.clip(0, 255).astype(np.uint8)
    return _through(rgb, cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL), _place(scene, rng), rng)


def exposed(rgb: np.ndarray, scene: Scene, rng: Rng) -> Edit:
    """A thing brighter, darker, flatter or without colour."""
    draw = rng.random()
    if draw < 0.6:
        gamma = np.exp(rng.choice([-1, 1]) * rng.uniform(0.3, 1.0))
        edited = np.rint(255 * np.power(np.arange(256) / 255, gamma)).astype(np.uint8)[rgb]
    elif draw < 0.8:
        slope = float(np.exp(rng.choice([-1, 1]) * rng.uniform(0.3, 0.8)))
        edited = cv2.convertScaleAbs(rgb, alpha=slope, beta=float(rgb.mean()) * (1 - slope) if slope < 1 else 0)
    else:
        edited = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        edited = 255 - edited if rng.random() < 0.2 else edited
    return _through(rgb, edited, _place(scene, rng), rng)


def blurred(rgb: np.ndarray, scene: Scene, rng: Rng) -> Edit:
    """A face or a number plate out of focus, in coarse pixels, or the reverse: sharpened or noisy."""
    draw = rng.random()
    if draw < 0.45:
        edited = cv2.GaussianBlur(rgb, (0, 0), rng.uniform(2.5, 8))
    elif draw < 0.75:
        step = int(rng.integers(5, 16))
        small = cv2.resize(rgb, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA)
        edited = cv2.resize(small, rgb.shape[1::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    elif draw < 0.9:
        amount = rng.uniform(1.5, 3.5)
        edited = cv2.addWeighted(rgb, 1 + amount, cv2.GaussianBlur(rgb, (0, 0), 1.5), -amount, 0)
    else:
        noise = rng.normal(0, rng.uniform(15, 40), rgb.shape)
        edited = np.rint(rgb + noise).clip(0, 255).astype(np.uint8)
    return _through(rgb, edited, _place(scene, rng), rng)


def liquified(rgb: np.ndarray, scene: Scene, rng: Rng) -> Edit:
    """A round place pushed, bulged, pinched or twirled; the change fades towards its edge."""
    height, width = scene.shape
    radius = rng.uniform(0.09, 0.28) * min(height, width)
    cx, cy = rng.uniform([radius, radius], [width - radius, height - radius])
    xs, ys = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    dx, dy = xs - np.float32(cx), ys - np.float32(cy)
    distance = np.sqrt(dx * dx + dy * dy) / np.float32(radius)
    fade = np.clip(1 - distance * distance, 0, 1) ** 2
    draw = rng.random()
    if draw < 0.4:  # push
        angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.25, 0.55) * radius
        mx, my = fade * np.float32(far * np.cos(angle)), fade * np.float32(far * np.sin(angle))
    elif draw < 0.75:  # bulge or pinch
        amount = np.float32(rng.uniform(0.4, 0.8) * rng.choice([-1, 1]))
        mx, my = -dx * fade * amount, -dy * fade * amount
    else:  # twirl
        turn = fade * np.float32(rng.uniform(0.8, 2.2) * rng.choice([-1, 1]))
        mx = dx * (np.cos(turn) - 1) - dy * np.sin(turn)
        my = dx * np.sin(turn) + dy * (np.cos(turn) - 1)
    out = cv2.remap(rgb, xs + mx, ys + my, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    moved = np.sqrt(mx * mx + my * my) > 0.7
    out[~moved] = rgb[~moved]
    return out, moved


# ---------------------------------------------------------------- drawn


def lettered(rgb: np.ndarray, scene: Scene, rng: Rng) -> Edit:
    """Words as if they stood in the scene: tilted, coloured, softened; most of them on a sign that covers a patch.

    Bare words on a picture are nearly always a caption, which is no forgery.
    """
    height, width = scene.shape
    letters = fitted_ink(words(rng, 3), rng.uniform(0.06, 0.25) * height, 0.8 * width, rng)
    pad = max(2, round(0.25 * letters.shape[0]))
    letters = cv2.copyMakeBorder(letters, pad, pad, pad, pad, cv2.BORDER_CONSTANT)
    h, w = letters.shape
    angle = rng.uniform(-0.35, 0.35) * (rng.random() < 0.7)
    corners = np.array([[0, 0], [w, 0], [w, h], [0, h]], float) - [w / 2, h / 2]
    corners = corners @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners += rng.uniform(-0.18, 0.18, (4, 2)) * h
    reach = np.minimum(np.abs(corners).max(0), [width / 2, height / 2])
    corners += rng.uniform(reach, [width - reach[0], height - reach[1]])
    flat = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    transform = cv2.getPerspectiveTransform(flat, corners.astype(np.float32))
    stain = cv2.warpPerspective(letters, transform, (width, height), flags=cv2.INTER_LINEAR)
    board = cv2.warpPerspective(np.full_like(letters, 255), transform, (width, height), flags=cv2.INTER_LINEAR)
    inside = board >= 128
    if not inside.any():
        return None
    around = rgb[inside].mean(0)
    out, mask = rgb, stain >= TOUCHED
    colour = np.where(rng.random() < 0.5, rng.integers(0, 256, 3), 255 * (around.mean() < 128)).astype(np.float32)
    if rng.random() < 0.85:
        sign = rng.integers(0, 256, 3) if rng.random() < 0.4 else around + rng.normal(0, 30, 3)
        colour = np.where(np.abs(sign.mean() - colour.mean()) < 60, 255 * (sign.mean() < 128), colour)
        out, mask = laid_over(out, _shaded(rgb, sign, 0.35), board, rng.uniform(0.85, 1)), board >= TOUCHED
    return laid_over(out, _shaded(rgb, colour, 0.2), stain, rng.uniform(0.8, 1)), mask


def scribbled(rgb: np.ndarray, scene: Scene, rng: Rng) -> Edit:
    """A line of a marker, or a few."""
    height, width = scene.shape
    canvas = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.choice([1, 2, 3], p=[0.6, 0.25, 0.15]))):
        count = int(rng.integers(2, 8))
        nodes = rng.uniform(0.1, 0.9, 2) * [width, height] + rng.normal(0, 0.18, (count, 2)) * min(scene.shape)
        times = np.linspace(0, count - 1, 120)
        curve = np.stack([np.interp(times, range(count), nodes[:, i]) for i in (0, 1)], axis=1)
        curve = cv2.blur(curve.astype(np.float32), (1, 15), borderType=cv2.BORDER_REPLICATE)
        thick = int(rng.integers(2, max(4, height // 20)))
        cv2.polylines(canvas, [np.round(curve * 8).astype(np.int32)], False, (255,), thick, cv2.LINE_AA, 3)
    colour = np.full_like(rgb, rng.integers(0, 256, 3).astype(np.uint8))
    return laid_over(rgb, colour, canvas, rng.uniform(0.75, 1)), canvas >= TOUCHED


def covered(rgb: np.ndarray, scene: Scene, rng: Rng) -> Edit:
    """A flat or shaded bar, disc or star, as a censor or a joker sets it."""
    share = float(np.exp(rng.uniform(np.log(0.005), np.log(0.15))))
    inside = drawn_shape(scene.shape, share, rng) if rng.random() < 0.8 else blob(scene.shape, share, rng)
    if not inside.any():
        return None
    black_or_white = rng.random() < 0.3
    colour = np.full(3, rng.choice([0, 255])) if black_or_white else rng.integers(0, 256, 3)
    colour = rgb[inside].mean(0) + rng.normal(0, 25, 3) if rng.random() < 0.3 else colour
    over = _shaded(rgb, colour, 0.4 * (rng.random() < 0.4))
    alpha = cv2.GaussianBlur(inside.view(np.uint8) * np.uint8(255), (0, 0), rng.uniform(0.4, 0.9))
    return laid_over(rgb, over, alpha, rng.uniform(0.85, 1)), inside | (alpha >= TOUCHED)


# ---------------------------------------------------------------- shared


def _copies(rgb: np.ndarray, scene: Scene, thing: np.ndarray, low: float, high: float, count: int, rng: Rng) -> Edit:
    height, width = scene.shape
    out, mask = rgb, np.zeros(scene.shape, bool)
    for _ in range(count):
        if rng.random() < 0.55:  # merely moved: nothing is resampled
            x, y, w, h = cv2.boundingRect(thing.view(np.uint8))
            shift = [rng.integers(-x, width - w - x + 1), rng.integers(-y, height - h - y + 1)]
            if abs(shift[0]) < 0.25 * w and abs(shift[1]) < 0.25 * h:
                continue
            transform = np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1.0]])
        else:
            transform = placement(thing, scene.shape, low, high, rng)
        source = recolour(rgb, rng, gamma=1.1, gain=0.04) if rng.random() < 0.15 else rgb
        out, inside = paste(out, source, thing, transform, _blend("copy_move", rng), rng)
        mask |= inside
    return (out, mask) if mask.any() else None


def _blend(edit: str, rng: Rng) -> str:
    return str(rng.choice(["hard", "soft", "feathered", "poisson"], p=_BLEND_SHARES[edit]))


def _place(scene: Scene, rng: Rng) -> np.ndarray:
    return pick_thing(scene, 0.008, 0.3, rng)


def _largest_change(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Of the three channels, (H, W) uint8."""
    red, green, blue = cv2.split(cv2.absdiff(before, after))
    return cv2.max(cv2.max(red, green), blue)


def _through(rgb: np.ndarray, edited: np.ndarray, where: np.ndarray, rng: Rng) -> Edit:
    alpha = where.view(np.uint8) * np.uint8(255)
    if rng.random() < 0.5:
        alpha = cv2.GaussianBlur(alpha, (0, 0), rng.uniform(0.7, 2))
    return laid_over(rgb, edited, alpha), where | (alpha >= TOUCHED)


def _shaded(rgb: np.ndarray, colour: np.ndarray, strength: float) -> np.ndarray:
    """A colour that takes over some of the light and shade of the place, (H, W, 3) uint8."""
    if strength == 0:
        return np.full_like(rgb, np.clip(colour, 0, 255).astype(np.uint8))
    light = cv2.GaussianBlur(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (0, 0), 4).astype(np.float32)
    light = 1 + np.float32(strength) * (light / max(float(light.mean()), 1.0) - 1)
    return (light[..., None] * np.asarray(colour, np.float32)).clip(0, 255).astype(np.uint8)
