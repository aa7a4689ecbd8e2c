"""The grid on which a case is drawn: the picture's own pixels, or fewer where it is large."""

from __future__ import annotations

import math

import numpy as np

MAX_PIXELS = 4_000_000

Size = tuple[int, int]


def grid_of(size: Size, max_pixels: int = MAX_PIXELS) -> Size:
    """Height and width of the grid of a picture: `size` (H, W) itself, or both sides made smaller alike."""
    height, width = size
    if height * width <= max_pixels:
        return size
    share = math.sqrt(max_pixels / (height * width))
    rows = max(1, min(math.floor(height * share), max_pixels))
    return rows, max(1, min(math.floor(width * share), max_pixels // rows))


def to_native(values: np.ndarray, size: Size) -> np.ndarray:
    """(H, W) of `size` from values (h, w) on its grid: every pixel has the value of the one grid pixel it lies in."""
    if values.shape == size:
        return values
    rows, columns = (np.arange(n) * have // n for n, have in zip(size, values.shape, strict=True))
    return values[rows[:, None], columns[None, :]]


def to_grid(values: np.ndarray, grid: Size) -> np.ndarray:
    """(h, w) of `grid`: of the pixels in a grid pixel the middle one, so that `to_native` is undone exactly."""
    if values.shape == grid:
        return values
    rows, columns = (_middles(n, have) for n, have in zip(grid, values.shape, strict=True))
    return values[rows[:, None], columns[None, :]]


def _middles(count: int, native: int) -> np.ndarray:
    """Of the native pixels of each of `count` grid pixels the middle one."""
    edges = -(-np.arange(count + 1) * native // count)  # rounded up: where each begins
    return (edges[:-1] + edges[1:] - 1) // 2
