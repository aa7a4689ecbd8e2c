"""Words as ink: for text that somebody writes into a scene, and for the captions and watermarks of the web."""

from __future__ import annotations

import functools

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from webiml.forge.objects import Rng

# fmt: off
WORDS = (
    "SALE", "HELLO", "WORLD", "when", "it", "rains", "not", "for", "sale", "best", "day", "ever", "REAL", "you",
    "will", "not", "believe", "this", "photo", "by", "www", "news", "Breaking", "STOP", "open", "closed", "Cafe",
    "Museum", "Hotel", "24h", "No.", "7", "exit", "left", "right", "summer", "winter", "2019", "2024", "Berlin",
    "Lagos", "Lima", "Oslo", "my", "cat", "the", "end", "of", "line", "bus", "taxi", "police", "danger", "wet",
    "paint", "free", "coffee", "today", "only", "50%", "off", "(c)studio", "@home", "#travel", "share", "if", "agree",
    "welcome", "to", "paradise", "mind", "gap", "do", "not", "feed", "ducks", "fresh", "bread", "since", "1887",
    "limited", "edition",
)
# fmt: on


def words(rng: Rng, most: int = 5) -> str:
    """One to `most` words, now and then a number or letters without meaning."""
    count = int(rng.integers(1, most + 1))
    text = " ".join(WORDS[int(i)] for i in rng.integers(0, len(WORDS), count))
    if rng.random() < 0.15:
        text = "".join(chr(65 + int(i)) for i in rng.integers(0, 26, int(rng.integers(2, 9))))
    if rng.random() < 0.15:
        text = f"{text} {int(rng.integers(0, 10000))}"
    return text.upper() if rng.random() < 0.25 else text


def ink(text: str, height: float, rng: Rng) -> np.ndarray:
    """(h, w) uint8, 255 where the ink is, cut tight; lines of about `height` pixels, at times bold or slanted."""
    size = int(np.clip(round(height), 6, 400))
    font = _font(size)
    bold = int(rng.random() < 0.35) * max(1, size // 16)
    left, top, right, bottom = font.getbbox(text, stroke_width=bold)
    canvas = Image.new("L", (max(1, int(right - left) + 2), max(1, int(bottom - top) + 2)))
    ImageDraw.Draw(canvas).text((1 - left, 1 - top), text, 255, font=font, stroke_width=bold)
    out = np.asarray(canvas)
    slant = rng.uniform(0.1, 0.3) * (rng.random() < 0.25)
    widen = np.exp(rng.uniform(-0.25, 0.35) * (rng.random() < 0.5))
    if slant or widen != 1:
        h, w = out.shape
        matrix = np.array([[widen, -slant, slant * h], [0, 1, 0]])
        size_out = (max(1, round(w * widen + slant * h)), h)
        out = cv2.warpAffine(out, matrix, size_out, flags=cv2.INTER_LINEAR)
    return out


def fitted_ink(text: str, height: float, width: float, rng: Rng) -> np.ndarray:
    """As `ink`, made smaller where it would be wider than `width` pixels."""
    made = ink(text, height, rng)
    if made.shape[1] <= width:
        return made
    scale = width / made.shape[1]
    size = (max(1, round(made.shape[1] * scale)), max(1, round(made.shape[0] * scale)))
    return cv2.resize(made, size, interpolation=cv2.INTER_AREA)


@functools.lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)  # the one that comes with Pillow: the same letters on every machine
