"""Drawn figures: logos, stamps, signatures, bar codes and heads that are nobody's. (h, w, 4) uint8, RGB and alpha."""

from __future__ import annotations

import cv2
import numpy as np

from webiml.forge.document.fonts import Face
from webiml.forge.document.page import Words, ink_of, width_of
from webiml.forge.document.paper import Colour, colour_of
from webiml.forge.objects import Rng

FINER = 3  # figures are drawn this many times larger and averaged
_SKIN: tuple[Colour, ...] = ((236, 200, 176), (222, 178, 148), (196, 148, 112), (150, 104, 76), (104, 70, 52))
_HAIR: tuple[Colour, ...] = ((30, 26, 24), (66, 46, 34), (112, 78, 48), (186, 150, 96), (150, 150, 148), (120, 56, 34))


def logo(rng: Rng, side: int, colour: Colour) -> np.ndarray:
    """A mark of a firm, (side, side): discs, bars, rings, polygons or petals in one or two colours."""
    n = side * FINER
    rgb, alpha = np.full((n, n, 3), colour, np.uint8), np.zeros((n, n), np.uint8)
    second = colour_of(rng, (0.3, 0.6), (0.4, 0.9)) if rng.random() < 0.5 else colour
    middle, kind = n // 2, str(rng.choice(["disc", "ring", "bars", "polygon", "petals", "badge"]))

    def fill(points: np.ndarray, paint: Colour, opaque: int = 255) -> None:
        outline = np.round(points * n * 16).astype(np.int32)
        cv2.fillPoly(alpha, [outline], (opaque,), cv2.LINE_8, 4)
        cv2.fillPoly(rgb, [outline], paint, cv2.LINE_8, 4)

    if kind == "disc":
        apart = rng.uniform(0.1, 0.22)
        for centre, paint in ((0.5 - apart, colour), (0.5 + apart, second)):
            fill(_round(centre, 0.5, 0.27), paint)
        fill(_round(0.5, 0.5, 0.1), (255, 255, 255))
    elif kind == "ring":
        for radius in (0.46, 0.3, 0.14)[: int(rng.integers(1, 4))]:
            cv2.circle(alpha, (middle, middle), int(radius * n), (255,), max(2, n // 11))
        fill(_round(0.5, 0.5, rng.uniform(0.05, 0.12)), second)
    elif kind == "bars":
        count = int(rng.integers(3, 6))
        for index in range(count):
            x, tall = 0.06 + 0.88 * index / count, rng.uniform(0.3, 0.9)
            fill(_box(x, 0.95 - tall, x + 0.6 / count, 0.95), second if index % 2 else colour)
    elif kind == "polygon":
        corners, turn = int(rng.integers(3, 9)), rng.uniform(0, 6)
        fill(_round(0.5, 0.5, 0.48, corners, turn), colour)
        fill(
            _round(0.5, 0.5, rng.uniform(0.2, 0.34), corners, turn + rng.uniform(0, 1)),
            second,
            255 * (second != colour),
        )
    elif kind == "petals":
        petals, angle = int(rng.integers(3, 9)), np.linspace(0, 2 * np.pi, 180)
        radius = 0.12 + 0.36 * np.abs(np.cos(petals * angle / 2 + rng.uniform(0, 3)))
        fill(0.5 + np.stack([np.cos(angle), np.sin(angle)], 1) * radius[:, None], colour)
        fill(_round(0.5, 0.5, 0.1), second)
    else:
        fill(_box(0.08, 0.08, 0.92, 0.92), colour)
        shape = _round(0.5, 0.5, 0.3, int(rng.integers(3, 6)), rng.uniform(0, 6))
        fill(shape, second, 255 * (second != colour))  # of one colour: a hole
    return _reduced(rgb, alpha)


def stamp(rng: Rng, side: int, upper: str, lower: str, face: Face) -> np.ndarray:
    """A rubber stamp, turned, with uneven ink: a double ring or a frame around one or two lines of text."""
    colour = [(28, 52, 140), (160, 30, 40), (40, 40, 44), (20, 100, 70), (110, 40, 120)][int(rng.integers(5))]
    n = side * 2
    alpha = np.zeros((n, n), np.float32)
    thick, round_one = max(2, n // 45), rng.random() < 0.6
    if round_one:
        cv2.circle(alpha, (n // 2, n // 2), int(0.47 * n), (1.0,), thick, cv2.LINE_AA)
        cv2.circle(alpha, (n // 2, n // 2), int(rng.uniform(0.38, 0.43) * n), (1.0,), max(1, thick // 2), cv2.LINE_AA)
    else:
        tall = rng.uniform(0.2, 0.26)
        for inset in (0.03, 0.055)[: int(rng.integers(1, 3))]:
            box = [int(v * n) for v in (inset, 0.5 - tall + inset, 1 - inset, 0.5 + tall - inset)]
            cv2.rectangle(alpha, (box[0], box[1]), (box[2], box[3]), (1.0,), thick)
    room = (0.66 if round_one else 0.82) * n
    for text, centre, most in ((upper, 0.46, 0.2), (lower, 0.62, 0.1)):
        size = min(most * n, most * n * room / max(width_of(text, face, most * n), 1))
        _stain(
            alpha, Words(text, (n - width_of(text, face, size)) / 2, centre * n + size / 4, size, face, colour, "text")
        )
    if round_one:
        for angle in np.linspace(0, 2 * np.pi, int(rng.integers(12, 40)), endpoint=False):
            at = [round(n / 2 + 0.34 * n * f(angle)) for f in (np.cos, np.sin)]
            if abs(at[1] - n / 2) > 0.2 * n:
                cv2.circle(alpha, (at[0], at[1]), max(1, n // 70), (1.0,), -1, cv2.LINE_AA)
    uneven = cv2.resize(rng.random((12, 12), np.float32), (n, n), interpolation=cv2.INTER_CUBIC)
    speckled = cv2.resize(rng.random((n // 3, n // 3), np.float32), (n, n), interpolation=cv2.INTER_LINEAR)
    alpha *= np.clip(rng.uniform(0.55, 0.95) - 0.5 * np.clip(uneven - 0.5, 0, 1) - 0.5 * (speckled > 0.86), 0, 1)
    turn = cv2.getRotationMatrix2D((n / 2, n / 2), float(rng.normal(0, 11)), 0.92)
    alpha = cv2.resize(cv2.warpAffine(alpha, turn, (n, n)), (side, side), interpolation=cv2.INTER_AREA)
    return _of_one_colour(alpha, colour)


def signature(rng: Rng, width: int, height: int) -> np.ndarray:
    """A pen's quick line, (height, width), blue or black: loops that run to the right, and at times a stroke below."""
    colour = [(20, 30, 110), (15, 20, 30), (30, 60, 150)][int(rng.integers(3))]
    canvas = np.zeros((height * FINER, width * FINER), np.uint8)
    t = np.linspace(0, 1, 400)
    knots = np.linspace(0, 1, 9)
    turning = np.cumsum(np.interp(t, knots, rng.uniform(0.3, 2.2, 9))) * rng.uniform(3.5, 8) / 400  # turns of the hand
    tall = np.interp(t, knots, [rng.uniform(0.6, 1), *rng.uniform(0.05, 0.75, 7), rng.uniform(0, 0.3)])
    wide = np.interp(t, knots, rng.uniform(-0.03, 0.13, 9))
    phase = rng.uniform(0, 6.28)
    x = t + wide * np.cos(2 * np.pi * turning + phase)
    y = tall * (np.sin(2 * np.pi * turning + phase) + 0.4 * np.sin(2 * np.pi * 1.7 * turning + rng.uniform(0, 6)))
    y += np.interp(t, knots, rng.uniform(-0.2, 0.2, 9)) - rng.uniform(-0.3, 0.5) * t
    strokes = [(x, y)]
    if rng.random() < 0.5:
        strokes.append((np.array([0.1, 0.5, rng.uniform(0.8, 1.1)]), y.max() + np.array([0.2, 0.1, -0.1])))
    (low_x, high_x), (low_y, high_y) = [
        (min(float(s[i].min()) for s in strokes), max(float(s[i].max()) for s in strokes)) for i in (0, 1)
    ]
    pen = max(2, round(height * FINER * rng.uniform(0.02, 0.045)))
    pad, room = 2 * pen, np.array([width, height]) * FINER - 4 * pen
    for one_x, one_y in strokes:
        shared = np.stack([(one_x - low_x) / (high_x - low_x), (one_y - low_y) / (high_y - low_y)], 1) * room + pad
        cv2.polylines(canvas, [np.round(shared * 16).astype(np.int32)], False, (255,), pen, cv2.LINE_AA, 4)
    return _reduced(np.full((*canvas.shape, 3), colour, np.uint8), canvas)


def bar_code(rng: Rng, width: int, height: int) -> np.ndarray:
    """Black bars of one to four units on white, (height, width)."""
    unit = max(1, width // 110)
    row = np.full(width, 255, np.uint8)
    x, dark = 2 * unit, True
    while x < width - 2 * unit:
        wide = unit * int(rng.choice([1, 2, 3, 4], p=[0.5, 0.25, 0.15, 0.1]))
        row[x : min(x + wide, width - 2 * unit)] = 0 if dark else 255
        x, dark = x + wide, not dark
    return np.dstack([np.tile(row, (height, 1))] * 3 + [np.full((height, width), 255, np.uint8)])


def square_code(rng: Rng, side: int) -> np.ndarray:
    """A square of black and white cells with a ring in three corners, (side, side); it says nothing."""
    cells = int(rng.choice([21, 25, 29, 33]))
    grid = np.where(rng.random((cells, cells)) < 0.5, 0, 255).astype(np.uint8)
    ring = np.full((8, 8), 255, np.uint8)
    ring[:7, :7] = 0
    ring[1:6, 1:6] = 255
    ring[2:5, 2:5] = 0
    grid[:8, :8], grid[:8, -8:], grid[-8:, :8] = ring, ring[:, ::-1], ring[::-1]
    grid = cv2.copyMakeBorder(grid, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=(255,))
    grid = cv2.resize(grid, (side, side), interpolation=cv2.INTER_NEAREST)
    return np.dstack([grid] * 3 + [np.full_like(grid, 255)])


def portrait(rng: Rng, width: int, height: int) -> np.ndarray:
    """Head and shoulders as a silhouette, nobody's, (height, width), where a card has a photograph."""
    h, w = height * FINER, width * FINER
    back = np.array(colour_of(rng, (0.7, 0.92), (0.0, 0.35)), float)
    shade = np.linspace(rng.uniform(0.9, 1.0), rng.uniform(0.8, 1.05), h)[:, None, None]
    rgb = np.clip(back * np.broadcast_to(shade, (h, w, 1)), 0, 255).astype(np.uint8)
    skin, hair = _SKIN[int(rng.integers(len(_SKIN)))], _HAIR[int(rng.integers(len(_HAIR)))]
    coat = colour_of(rng, (0.12, 0.6), (0.1, 0.5))
    if rng.random() < 0.25:  # all in one grey
        skin = hair = coat = (int(rng.integers(90, 160)),) * 3
    x, y = w // 2 + int(rng.normal(0, 0.02) * w), int(rng.uniform(0.38, 0.44) * h)
    face_w, face_h = int(rng.uniform(0.17, 0.22) * w), int(rng.uniform(0.17, 0.21) * h)
    if rng.random() < 0.5:  # long hair, behind
        cv2.ellipse(rgb, (x, y + face_h // 3), (int(1.5 * face_w), int(1.6 * face_h)), 0, 0, 360, hair, -1, cv2.LINE_AA)
    cv2.ellipse(
        rgb, (x, h), (int(rng.uniform(0.36, 0.5) * w), int(rng.uniform(0.27, 0.36) * h)), 0, 0, 360, coat, -1, 16
    )
    cv2.rectangle(rgb, (x - face_w // 2, y), (x + face_w // 2, y + int(1.5 * face_h)), skin, -1)
    cv2.ellipse(rgb, (x, y - face_h // 6), (int(1.12 * face_w), int(1.1 * face_h)), 0, 180, 360, hair, -1, cv2.LINE_AA)
    cv2.ellipse(rgb, (x, y), (face_w, face_h), 0, 0, 360, skin, -1, cv2.LINE_AA)
    cv2.ellipse(rgb, (x, y - face_h // 2), (face_w, face_h // 2), 0, 180, 360, hair, -1, cv2.LINE_AA)
    return _reduced(rgb, np.full((h, w), 255, np.uint8))


def _reduced(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    size = (alpha.shape[1] // FINER, alpha.shape[0] // FINER)
    return cv2.resize(np.dstack([rgb, alpha]), size, interpolation=cv2.INTER_AREA)


def _of_one_colour(alpha: np.ndarray, colour: Colour) -> np.ndarray:
    made = np.empty((*alpha.shape, 4), np.uint8)
    made[..., :3], made[..., 3] = colour, np.rint(255 * alpha)
    return made


def _stain(alpha: np.ndarray, words: Words) -> None:
    """Text into a plane of coverage, in place; it lies inside."""
    coverage, x, y = ink_of(words)
    place = alpha[y : y + coverage.shape[0], x : x + coverage.shape[1]]
    place[...] = np.maximum(place, coverage)


def _box(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def _round(x: float, y: float, radius: float, corners: int = 64, turn: float = 0.0) -> np.ndarray:
    angle = turn + np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.array([x, y]) + radius * np.stack([np.cos(angle), np.sin(angle)], 1)
