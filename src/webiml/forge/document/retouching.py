"""What somebody's hand does to a picture of a page: fill a region with its ground, write there, lay a patch over it.

Regions and letters are given in points of the page and warped into the picture by its matrix. What a canvas claims is
what was written or erased, as regions: every pixel that changes is among them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from webiml.forge.objects import Rng

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels of the page, x1 and y1 exclusive."""
FILLS = {"plane": 0.4, "inpainted": 0.25, "copied": 0.2, "flat": 0.15}
_LEAST = 0.1  # of a pixel: a region that covers less of it leaves it alone


@dataclass(frozen=True, slots=True, eq=False)
class Area:
    """A part of a picture: alpha (h, w) float32 in [0, 1], and the column and row of its upper left corner."""

    alpha: np.ndarray
    x: int
    y: int

    @property
    def window(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        height, width = self.alpha.shape
        return slice(self.y, self.y + height), slice(self.x, self.x + width)


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What lies around an area, without its ink: (3,) float32 levels, (h, w, 3) float32 plane over it, spread."""

    level: np.ndarray
    plane: np.ndarray
    spread: float


def warped(coverage: np.ndarray, x: float, y: float, matrix: np.ndarray, shape: tuple[int, ...]) -> Area | None:
    """A part of a page, (h, w) float32 in [0, 1], where a picture of `shape` shows it; None where it is cut off.

    Args: x, y: its upper left corner on the page. matrix: 3x3, points of the page to points of the picture.
    """
    padded = cv2.copyMakeBorder(coverage, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    height, width = padded.shape
    there = matrix @ np.array([[1, 0, x - 1], [0, 1, y - 1], [0, 0, 1.0]])
    corners = np.array([[[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]], np.float64)
    ends = cv2.perspectiveTransform(corners, there)[0]
    (left, top), (right, bottom) = np.floor(ends.min(0) + 1e-6).astype(int), np.ceil(ends.max(0) - 1e-6).astype(int)
    if left < 0 or top < 0 or right >= shape[1] or bottom >= shape[0]:
        return None
    shift = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1.0]])
    alpha = cv2.warpPerspective(padded, shift @ there, (int(right - left + 1), int(bottom - top + 1)))
    return Area(alpha, int(left), int(top))


def region(box: Box, matrix: np.ndarray, shape: tuple[int, ...]) -> Area | None:
    """A box of the page where a picture of `shape` shows it; None where the picture cuts it off."""
    x0, y0 = int(np.floor(box[0])), int(np.floor(box[1]))
    size = (max(1, int(np.ceil(box[3])) - y0), max(1, int(np.ceil(box[2])) - x0))
    return warped(np.ones(size, np.float32), x0, y0, matrix, shape)


def ground_of(rgb: np.ndarray, area: Area) -> Ground:
    """The ground around an area of a picture: what its neighbourhood has most of, and how that slopes."""
    height, width = area.alpha.shape
    reach = int(np.clip(0.6 * min(height, width), 4, 16))
    top, left = max(0, area.y - reach), max(0, area.x - reach)
    wide = rgb[top : area.y + height + reach, left : area.x + width + reach].astype(np.float32)
    ring = np.ones(wide.shape[:2], bool)
    ring[area.y - top : area.y - top + height, area.x - left : area.x - left + width] = area.alpha <= 0
    light = wide.mean(axis=2)
    middle = float(np.median(light[ring]))
    away = np.abs(light - middle)
    paper = ring & (away <= max(5.0, 2 * float(np.median(away[ring]))))
    ys, xs = np.nonzero(paper)
    step = max(1, len(ys) // 500)
    ys, xs = ys[::step], xs[::step]
    found = wide[ys, xs]
    level = np.median(found, axis=0)
    terms = np.stack([np.ones(len(xs)), (xs - xs.mean()) / 32, (ys - ys.mean()) / 32], axis=1).astype(np.float32)
    fit = np.linalg.lstsq(terms, found, rcond=None)[0]
    columns = (np.arange(width, dtype=np.float32) + (area.x - left) - np.float32(xs.mean())) / 32
    rows = (np.arange(height, dtype=np.float32) + (area.y - top) - np.float32(ys.mean())) / 32
    plane = fit[0] + columns[None, :, None] * fit[1] + rows[:, None, None] * fit[2]
    return Ground(level, plane.astype(np.float32), float((found - terms @ fit).std()))


def filling(rgb: np.ndarray, area: Area, how: str, rng: Rng) -> np.ndarray:
    """What an area is painted over with, (h, w, 3) float32; `how` is one of FILLS. Some of it gets grain."""
    ground = ground_of(rgb, area)
    if how == "inpainted":
        return _inpainted(rgb, area)
    if how == "copied":
        beside = _beside(rgb, area, ground)
        if beside is not None:
            return beside
    over = np.broadcast_to(ground.level, ground.plane.shape) if how == "flat" else ground.plane
    if how != "flat" and rng.random() < 0.6:
        over = over + rng.standard_normal((*area.alpha.shape, 1), np.float32) * np.float32(ground.spread)
    return over.astype(np.float32)


def ink_colour(rgb: np.ndarray, inked: Area, ground: Ground, *, picked: bool) -> np.ndarray:
    """(3,) float32 levels: the ink of letters that stand there.

    Args:
        inked: their coverage in the picture, as soft as there.
        picked: take the pixels that differ most from the ground, as a pipette does; else the ink that, by its
            coverage, explains the pixels best.
    """
    away = rgb[inked.window] - ground.plane
    if picked:
        distance = np.abs(away).sum(axis=2).ravel()
        most = np.argsort(distance)[-max(3, distance.size // 25) :]
        ink = ground.level + away.reshape(-1, 3)[most].mean(0)
    else:
        alpha = inked.alpha[..., None]
        ink = ground.level + (away * alpha).sum((0, 1)) / max(float((alpha * alpha).sum()), 1e-3)
    return np.clip(ink, 0, 255).astype(np.float32)


@dataclass(slots=True, eq=False)
class Canvas:
    """A picture that is worked on, (H, W, 3) uint8, and what was written or erased so far, (H, W) bool."""

    rgb: np.ndarray
    mask: np.ndarray

    @classmethod
    def of(cls, rgb: np.ndarray) -> Canvas:
        """A copy of a picture, untouched."""
        return cls(rgb.copy(), np.zeros(rgb.shape[:2], bool))

    def lay(self, area: Area, over: np.ndarray, soft: float = 0.0) -> None:
        """Lay colours, (3,) or (h, w, 3) float32, over an area and claim it; `soft` fades its edge inwards, pixels."""
        inside = area.alpha >= _LEAST
        alpha = np.where(inside, area.alpha, np.float32(0))
        if soft > 0:
            alpha *= np.clip(2 * cv2.GaussianBlur(alpha, (0, 0), soft, borderType=cv2.BORDER_CONSTANT) - 1, 0.15, 1)
        self._blend(area, alpha, over)
        self.mask[area.window] |= inside

    def write(self, inked: Area, claimed: Area, ink: np.ndarray) -> None:
        """Write letters in an ink, (3,) float32, and claim the region around them. Both areas have one window."""
        inside = claimed.alpha >= _LEAST
        self._blend(inked, np.where(inside, inked.alpha, np.float32(0)), ink)
        self.mask[claimed.window] |= inside

    def _blend(self, area: Area, alpha: np.ndarray, over: np.ndarray) -> None:
        below = self.rgb[area.window].astype(np.float32)
        self.rgb[area.window] = np.rint(below + alpha[..., None] * (over - below)).clip(0, 255).astype(np.uint8)


def _inpainted(rgb: np.ndarray, area: Area) -> np.ndarray:
    height, width = area.alpha.shape
    top, left = max(0, area.y - 6), max(0, area.x - 6)
    wide = np.ascontiguousarray(rgb[top : area.y + height + 6, left : area.x + width + 6])
    hole = np.zeros(wide.shape[:2], np.uint8)
    rows, columns = slice(area.y - top, area.y - top + height), slice(area.x - left, area.x - left + width)
    hole[rows, columns] = area.alpha > 0
    return cv2.inpaint(wide, hole, 3, cv2.INPAINT_TELEA)[rows, columns].astype(np.float32)


def _beside(rgb: np.ndarray, area: Area, ground: Ground) -> np.ndarray | None:
    """A free piece of ground next to the area, as light as the ground in it; None where ink stands on all sides."""
    height, width = area.alpha.shape
    for dx, dy in ((0, -height), (0, height), (width, 0), (-width, 0), (0, -2 * height), (0, 2 * height)):
        x, y = area.x + dx, area.y + dy
        if not (0 <= x <= rgb.shape[1] - width and 0 <= y <= rgb.shape[0] - height):
            continue
        piece = rgb[y : y + height, x : x + width].astype(np.float32)
        level = np.median(piece, axis=(0, 1))
        if np.abs(piece - level).max() < 12 + 5 * ground.spread and np.abs(level - ground.level).max() < 25:
            return piece + (ground.plane.mean((0, 1)) - level)
    return None
