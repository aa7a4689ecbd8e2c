"""How a page becomes a picture: born digital, printed and scanned, faxed, or printed and photographed; and is saved.

Points are tracked: the matrix leads from the page to the picture. Every draw is a function of the generator and of
the page's size alone, never of what is written, so that two states of one page can be acquired alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from webiml.forge.objects import Rng
from webiml.forge.web_degradation import saved_as_jpeg

WAYS = {"born digital": 0.3, "scanned": 0.36, "faxed": 0.04, "photographed": 0.3}
"""Share of the pages that come so."""
_TURNED = 10.0  # degrees, the most that a photographed page is turned


@dataclass(frozen=True, slots=True, eq=False)
class Acquired:
    """A picture of a page.

    Attributes:
        rgb: (H, W, 3) uint8.
        matrix: 3x3 float64, points (x, y) of the page to points of the picture.
        operations: what happened: one of WAYS, and how it was saved, if with a loss.
        blur: how soft its letters are: sigma of a Gauss, pixels. Who edits the picture sees it, too.
        two_levels: it is black and white, without greys.
    """

    rgb: np.ndarray
    matrix: np.ndarray
    operations: tuple[str, ...]
    blur: float = 0.0
    two_levels: bool = False


def acquired(rgb: np.ndarray, rng: Rng) -> Acquired:
    """A page, (H, W, 3) uint8, as it comes to somebody who edits it; the longer side stays as long as it is."""
    way = str(rng.choice(list(WAYS), p=list(WAYS.values())))
    if way == "born digital":
        made = Acquired(rgb, np.eye(3), (way,))
    elif way == "photographed":
        made = _photographed(rgb, rng)
    else:
        made = _scanned(rgb, rng, faxed=way == "faxed")
    if made.two_levels or rng.random() < 0.3:
        return made
    quality, halved = round(rng.uniform(50, 96)), bool(rng.random() < 0.8)
    saved = saved_as_jpeg(made.rgb, quality, halved)
    return replace(made, rgb=saved, operations=(*made.operations, f"jpeg {quality}"))


# ---------------------------------------------------------------- scanned


def _scanned(rgb: np.ndarray, rng: Rng, *, faxed: bool) -> Acquired:
    page, blur = _printed(rgb, rng, weak=not faxed)
    page, matrix = _laid_askew(page, rng)
    soft = rng.uniform(0.25, 0.75)
    page = cv2.GaussianBlur(page, (0, 0), soft)
    page += _grain(page.shape[:2], rng)[..., None] * np.float32(rng.uniform(0, 2.5))  # of the paper
    if rng.random() < 0.35:
        page = np.repeat(cv2.cvtColor(page, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    if rng.random() < 0.35:
        page *= _border_shadow(page.shape[:2], rng)[..., None]
    page = _toned(page, black=rng.uniform(0, 45), white=rng.uniform(232, 262), gamma=rng.uniform(0.8, 1.25))
    page += _sensor_noise(page.shape, rng, rng.uniform(0.4, 3.0))
    if faxed:
        grey = cv2.cvtColor(page, cv2.COLOR_RGB2GRAY)
        black = grey < np.float32(rng.uniform(150, 200))
        page = np.repeat(np.where(black, np.float32(0), np.float32(255))[..., None], 3, axis=2)
    way = "faxed" if faxed else "scanned"
    return Acquired(_levels(page), matrix, (way,), 0.0 if faxed else float(np.hypot(blur, soft)), faxed)


def _printed(rgb: np.ndarray, rng: Rng, *, weak: bool = True) -> tuple[np.ndarray, float]:
    """The page on paper, (H, W, 3) float32: ink spreads, toner is weak or spills; and how soft it became."""
    page = rgb.astype(np.float32)
    height, width = rgb.shape[:2]
    if rng.random() < 0.5:  # ink spreads
        spread = cv2.erode(page, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))
        share = rng.uniform(0.05, 0.3)
        page = cv2.addWeighted(page, 1 - share, spread, share, 0)
    if weak and rng.random() < 0.3:  # toner runs out, in bands down the page
        across = cv2.GaussianBlur(rng.standard_normal((1, width)).astype(np.float32), (0, 0), width / 25)
        left = rng.uniform(0.55, 0.9) + np.clip(across / max(float(across.std()), 1e-6), -2, 2) * np.float32(0.06)
        page = np.asarray(255 - (255 - page) * np.clip(left, 0.4, 1)[..., None], np.float32)
    blur = rng.uniform(0.2, 0.5)
    page = cv2.GaussianBlur(page, (0, 0), blur)
    if rng.random() < 0.4:  # dots of toner, and dust that keeps it off
        for level, most in ((rng.uniform(20, 120), 6e-5), (255.0, 2e-5)):
            count = int(rng.uniform(0, most) * height * width)
            xs, ys = rng.uniform(0, width, count), rng.uniform(0, height, count)
            for x, y, radius in zip(xs, ys, rng.uniform(0.3, 1.1, count), strict=True):
                centre = (round(float(x) * 16), round(float(y) * 16))
                cv2.circle(page, centre, round(radius * 16), (float(level),) * 3, -1, cv2.LINE_AA, 4)
    return page, blur


def _laid_askew(page: np.ndarray, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """Turned by up to two degrees; beside the paper lies the scanner's lid, white or dark."""
    height, width = page.shape[:2]
    if rng.random() < 0.3:
        return page, np.eye(3)
    degrees = float(np.clip(rng.normal(0, 0.6), -2, 2))
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    matrix[:, 2] += rng.uniform(-0.004, 0.004, 2) * [width, height]
    lid = (float(rng.choice([rng.uniform(225, 250), rng.uniform(15, 70)], p=[0.75, 0.25])),) * 3
    kernel = cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR
    page = cv2.warpAffine(page, matrix, (width, height), flags=kernel, borderMode=cv2.BORDER_CONSTANT, borderValue=lid)
    return page, np.vstack([matrix, [0, 0, 1]])


def _border_shadow(shape: tuple[int, int], rng: Rng) -> np.ndarray:
    """(H, W) float32 in [0, 1]: dark towards one edge, as where a book is bound or the lid stands open."""
    height, width = shape
    edge = int(rng.integers(4))
    along = np.arange((height, width)[edge % 2], dtype=np.float32)
    along = along[::-1] if edge >= 2 else along
    fall = 1 - np.float32(rng.uniform(0.15, 0.6)) * np.exp(-along / np.float32(rng.uniform(0.01, 0.06) * len(along)))
    return np.broadcast_to(fall[:, None] if edge % 2 == 0 else fall[None, :], shape)


# ---------------------------------------------------------------- photographed


def _photographed(rgb: np.ndarray, rng: Rng) -> Acquired:
    page, blur = _printed(rgb, rng)
    size, matrix = _viewpoint(rgb.shape[0], rgb.shape[1], rng)
    shrink = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    if shrink < 0.8:  # against aliasing
        page = cv2.GaussianBlur(page, (0, 0), 0.4 / shrink)
    kernel = cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR
    warped = cv2.warpPerspective(page, matrix, size, flags=kernel, borderMode=cv2.BORDER_REPLICATE)
    covered = cv2.warpPerspective(np.ones(rgb.shape[:2], np.float32), matrix, size, flags=cv2.INTER_LINEAR)
    table = _table((size[1], size[0]), rng)
    away = rng.uniform(-0.008, 0.008, 2) * max(size)
    soft = rng.uniform(0.002, 0.012) * max(size)
    shade = cv2.GaussianBlur(covered, (0, 0), soft)
    shade = cv2.warpAffine(shade, np.array([[1, 0, away[0]], [0, 1, away[1]]]), size, borderMode=cv2.BORDER_REPLICATE)
    table *= 1 - np.float32(rng.uniform(0.2, 0.6)) * shade[..., None]
    scene = table + covered[..., None] * (warped - table)
    scene *= _light((size[1], size[0]), rng)[..., None]
    warm = rng.normal(0.15, 0.5)  # lamps are yellower than the sky
    cast = np.array([1 + 0.045 * warm, 1 + rng.uniform(-0.015, 0.01), 1 - 0.085 * warm])
    scene *= (rng.uniform(0.86, 1.02) * np.clip(cast, 0.8, 1.1)).astype(np.float32)
    scene = _toned(scene, black=rng.uniform(0, 25), white=rng.uniform(235, 262), gamma=rng.uniform(0.85, 1.2))
    focus = rng.uniform(0.3, 0.9) if rng.random() < 0.8 else rng.uniform(0.9, 1.4)
    scene = cv2.GaussianBlur(scene, (0, 0), focus)
    scene += _sensor_noise(scene.shape, rng, rng.uniform(0.6, 4.5))
    return Acquired(_levels(scene), matrix, ("photographed",), float(np.hypot(blur * shrink, focus)))


def _viewpoint(height: int, width: int, rng: Rng) -> tuple[tuple[int, int], np.ndarray]:
    """Width and height of the photograph, and the 3x3 map of the page's points into it."""
    long = max(height, width)
    shape = np.array([width, height], float) * rng.uniform(1, 1.12, 2)
    shape = np.rint(shape * long / shape.max()).astype(int)
    turn = np.deg2rad(np.clip(rng.normal(0, 3.5), -_TURNED, _TURNED))
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], float)
    flat = corners - [(width - 1) / 2, (height - 1) / 2]
    seen = flat @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    tilt = rng.uniform(-0.12, 0.12, 2) / np.array([width, height])  # what is further away is smaller
    seen /= 1 + (flat @ tilt)[:, None]
    seen += rng.uniform(-0.008, 0.008, (4, 2)) * [width, height]
    low, high = seen.min(0), seen.max(0)
    margin = rng.uniform(0.005, 0.06) if rng.random() < 0.7 else rng.uniform(-0.06, 0)  # or the page goes beyond it
    seen = (seen - (low + high) / 2) * float(((1 - 2 * margin) * shape / (high - low)).min())
    room = np.maximum(shape - (seen.max(0) - seen.min(0)), 0) / 2
    seen += (shape - 1) / 2 + rng.uniform(-0.6, 0.6, 2) * room
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), seen.astype(np.float32))
    return (int(shape[0]), int(shape[1])), matrix


def _table(shape: tuple[int, int], rng: Rng) -> np.ndarray:
    """(H, W, 3) float32: wood, cloth, stone or something plain, in its colour."""
    height, width = shape
    what = str(rng.choice(["wood", "cloth", "stone", "plain"], p=[0.4, 0.2, 0.2, 0.2]))
    if what == "wood":
        base = np.array([rng.uniform(70, 205), 0, 0])
        base[1:] = base[0] * rng.uniform([0.66, 0.42], [0.84, 0.68])
        fibre = np.zeros(shape, np.float32)
        for long, thin, weight in ((width // 2, 60, 1.0), (width // 6, 220, 0.7), (12, height, 0.5)):
            small = rng.standard_normal((max(4, min(height, thin)), max(4, width // long + 2))).astype(np.float32)
            fibre += np.float32(weight) * cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
        grain = fibre.T[:height, :width] if rng.random() < 0.5 and height == width else fibre
        amount = rng.uniform(0.03, 0.1)
    elif what == "cloth":
        base = rng.uniform(25, 225, 3) * 0.5 + rng.uniform(25, 225) * 0.5
        xs, ys = np.arange(width, dtype=np.float32)[None, :], np.arange(height, dtype=np.float32)[:, None]
        step = 2 * np.pi / rng.uniform(3, 7)
        grain = np.sin(step * xs + 0.05 * ys) * np.sin(step * ys) + _grain(shape, rng)
        amount = rng.uniform(0.03, 0.09)
    else:
        base = np.full(3, rng.uniform(30, 235)) + rng.uniform(-14, 14, 3)
        grain = _grain(shape, rng) + (2 * _clouds(shape, 9, rng) if what == "stone" else 0)
        amount = rng.uniform(0.02, 0.08) if what == "stone" else rng.uniform(0.005, 0.02)
    return np.clip(base.astype(np.float32) * (1 + np.float32(amount) * grain[..., None]), 4, 255).astype(np.float32)


def _light(shape: tuple[int, int], rng: Rng) -> np.ndarray:
    """(H, W) float32 about 1: a lamp to one side, the lens darker in its corners, at times somebody's shadow."""
    height, width = shape
    rows, columns = 72, 72  # shadows are soft: so many points tell everything
    ys = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    xs = np.linspace(-1, 1, columns, dtype=np.float32)[None, :]
    angle, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0.02, 0.2)
    light = 1 + np.float32(slope * np.cos(angle)) * xs + np.float32(slope * np.sin(angle)) * ys
    light = light * (1 - np.float32(rng.uniform(0, 0.22)) * (xs * xs + ys * ys) / 2)
    if rng.random() < 0.4:
        angle, where = rng.uniform(0, 2 * np.pi), rng.uniform(-0.1, 0.9)
        bend = np.float32(rng.uniform(-0.4, 0.4))
        side = np.float32(np.cos(angle)) * xs + np.float32(np.sin(angle)) * ys - np.float32(where)
        side = side + bend * (np.float32(np.sin(angle)) * xs - np.float32(np.cos(angle)) * ys) ** 2
        dark = 1 / (1 + np.exp(np.clip(-side / np.float32(rng.uniform(0.02, 0.12)), -30, 30)))
        light = light * (1 - np.float32(rng.uniform(0.12, 0.4)) * dark)
    return cv2.resize(light.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)


# ---------------------------------------------------------------- both


def _toned(page: np.ndarray, *, black: float, white: float, gamma: float) -> np.ndarray:
    """Levels from `black` to `white` by a curve, (H, W, 3) float32."""
    share = np.clip(page / np.float32(255), 0, 1)
    if abs(gamma - 1) > 0.05:
        share = cv2.pow(share, gamma)
    return share * np.float32(white - black) + np.float32(black)


def _grain(shape: tuple[int, int], rng: Rng) -> np.ndarray:
    """(H, W) float32 of mean 0 and spread about 1: fibres and flecks of several sizes."""
    fine = cv2.GaussianBlur(rng.standard_normal(shape, np.float32), (0, 0), 0.8) * np.float32(2.0)
    return np.float32(0.7) * fine + np.float32(0.7) * _clouds(shape, 4, rng)


def _clouds(shape: tuple[int, int], size: int, rng: Rng) -> np.ndarray:
    """(H, W) float32: noise whose flecks are about `size` pixels wide."""
    small = rng.standard_normal((shape[0] // size + 2, shape[1] // size + 2), np.float32)
    return cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)


def _sensor_noise(shape: tuple[int, ...], rng: Rng, spread: float) -> np.ndarray:
    """(H, W, 3) float32: mostly of brightness; that of colours is coarser."""
    height, width = shape[:2]
    grey = rng.standard_normal((height, width, 1), np.float32) * np.float32(0.85 * spread)
    colour = rng.standard_normal((height // 2 + 1, width // 2 + 1, 3), np.float32) * np.float32(0.6 * spread)
    return grey + cv2.resize(colour, (width, height), interpolation=cv2.INTER_LINEAR)


def _levels(page: np.ndarray) -> np.ndarray:
    return np.rint(page).clip(0, 255).astype(np.uint8)
