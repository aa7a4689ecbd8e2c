"""Bare paper: white, cream, tinted, shaded, or with fine line patterns as cards and certificates have them."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np

from webiml.forge.objects import Rng

Colour = tuple[int, int, int]


def colour_of(rng: Rng, lightness: tuple[float, float], saturation: tuple[float, float]) -> Colour:
    """An RGB colour of any hue; lightness and saturation in [0, 1] between the two given."""
    red, green, blue = colorsys.hls_to_rgb(rng.random(), rng.uniform(*lightness), rng.uniform(*saturation))
    return round(255 * red), round(255 * green), round(255 * blue)


def sheet(rng: Rng, shape: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) uint8: what letters and bills are printed on, mostly white."""
    chance = rng.random()
    if chance < 0.5:
        colour = (255, 255, 255) if rng.random() < 0.6 else (int(rng.integers(240, 255)),) * 3
    elif chance < 0.75:  # cream
        colour = (int(rng.integers(245, 254)), int(rng.integers(238, 248)), int(rng.integers(215, 238)))
    else:
        colour = colour_of(rng, (0.88, 0.97), (0.1, 0.7))
    return np.full((*shape, 3), colour, np.uint8)


def shaded(rng: Rng, shape: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) uint8: two light colours that run into one another."""
    height, width = shape
    first, second = (np.array(colour_of(rng, (0.82, 0.97), (0.15, 0.8)), float) for _ in range(2))
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[:height, :width]
    along = np.cos(angle) * x / width + np.sin(angle) * y / height
    along = (along - along.min()) / max(float(np.ptp(along)), 1e-6)
    return np.rint(first + (second - first) * along[..., None]).astype(np.uint8)


def shaded_or_plain(rng: Rng, shape: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) uint8: one of the two above."""
    return shaded(rng, shape) if rng.random() < 0.4 else sheet(rng, shape)


def patterned(rng: Rng, shape: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) uint8: a shaded ground under waves, rosettes or a lattice of fine lines (guilloche)."""
    ground = shaded(rng, shape) if rng.random() < 0.7 else sheet(rng, shape)
    height, width = shape
    long = max(shape)
    lines = ground.copy()
    t = np.linspace(0, 1, 240)
    for _ in range(int(rng.integers(1, 3))):
        colour = colour_of(rng, (0.45, 0.75), (0.2, 0.8))
        kind = str(rng.choice(["waves", "rosette", "lattice"], p=[0.45, 0.35, 0.2]))
        if kind == "waves":
            step, deep = long * rng.uniform(0.012, 0.03), long * rng.uniform(0.01, 0.06)
            waves, drift, phase = rng.uniform(1, 6), rng.uniform(-0.15, 0.15), rng.uniform(0, 6.28)
            for row in np.arange(-deep - 0.1 * height, height + deep + 0.1 * height, step):
                y = row + deep * np.sin(2 * np.pi * waves * t + phase + row * drift / step)
                _line(lines, t * width, y, colour)
        elif kind == "rosette":
            x0, y0 = rng.uniform(0.2, 0.8) * width, rng.uniform(0.2, 0.8) * height
            radius, petals = min(shape) * rng.uniform(0.25, 0.6), int(rng.integers(5, 14))
            angle = 2 * np.pi * np.linspace(0, 1, 400)
            for turn in np.linspace(0, np.pi / petals * 2, int(rng.integers(6, 14)), endpoint=False):
                r = radius * (0.65 + 0.35 * np.cos(petals * (angle + turn)))
                _line(lines, x0 + r * np.cos(angle), y0 + r * np.sin(angle), colour)
        else:
            step, lean = long * rng.uniform(0.012, 0.03), rng.uniform(0.5, 2)
            for start in np.arange(-lean * height, width + lean * height, step):
                for slope in (lean, -lean):
                    _line(lines, np.array([start, start + slope * height]), np.array([0.0, height]), colour)
    strength = float(rng.uniform(0.15, 0.5))
    return cv2.addWeighted(lines, strength, ground, 1 - strength, 0)


def _line(canvas: np.ndarray, x: np.ndarray, y: np.ndarray, colour: Colour) -> None:
    points = np.round(np.stack([x, y], 1) * 16).astype(np.int32)
    cv2.polylines(canvas, [points], False, colour, max(1, round(max(canvas.shape) / 1200)), cv2.LINE_AA, 4)
