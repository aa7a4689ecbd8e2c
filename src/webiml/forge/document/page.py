"""A page as a list of what is on it, and its pixels.

Letters are drawn at four times their size and averaged: they stand at quarters of a pixel, without hinting, as a
printer or a PDF viewer sets them, and come out the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from webiml.forge.document.fonts import Face, font

FINER = 4  # letters are drawn this many times larger and averaged
_LIFT, _DROP = 1.3, 0.6  # em above and below the baseline that no letter of these faces leaves


@dataclass(frozen=True, slots=True)
class Words:
    """A run of text in one face on one line. Body text is one run a word; a name, date or amount is one run.

    Attributes:
        text: not blank, letters of the face only.
        x, baseline: left end and baseline, pixels of the page.
        size: em, pixels; drawn at the nearest quarter of a pixel.
        ink: RGB, 0..255.
        what: "name", "date", "amount", "number", "address", "title", "label" or "text": what it says.
        spacing: pixels more between two letters.
    """

    text: str
    x: float
    baseline: float
    size: float
    face: Face
    ink: tuple[int, int, int]
    what: str
    spacing: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """What lies on a page and is no text.

    Attributes:
        rgba: (h, w, 4) uint8, alpha not multiplied in.
        x, y: its upper left corner, pixels of the page.
        what: "logo", "stamp", "signature", "portrait" (a silhouette) or "code".
    """

    rgba: np.ndarray
    x: int
    y: int
    what: str


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """A page before it is printed.

    Attributes:
        layout: which kind of page; a name of `layouts.LAYOUTS`.
        paper: (H, W, 3) uint8: paper, coloured bands, rules and boxes, all that is neither words nor figure, and
            words and figures that the edge of the picture cuts.
        words: all inside the page, none over another.
        figures: lie over the words, in order.
    """

    layout: str
    paper: np.ndarray
    words: tuple[Words, ...]
    figures: tuple[Figure, ...]


def rendered(page: Page) -> np.ndarray:
    """(H, W, 3) uint8: the page as a picture."""
    canvas = page.paper.copy()
    for words in page.words:
        draw_words(canvas, words)
    for figure in page.figures:
        draw_figure(canvas, figure)
    return canvas


def ink_of(words: Words, *, x: float | None = None, baseline: float | None = None) -> tuple[np.ndarray, int, int]:
    """How much of each pixel a run of text covers.

    Args:
        words: the run.
        x, baseline: elsewhere than where the run says, pixels; rounded to quarters.
    Returns:
        (h, w) float32 in [0, 1], cut tight, and the column and row of its upper left corner; (0, 0) for blank text.
    """
    left = round((words.x if x is None else x) * FINER)
    line = round((words.baseline if baseline is None else baseline) * FINER)
    large = font(words.face, words.size * FINER)
    pens = _pens(words, large)
    ends = [(pen + box[0], pen + box[2]) for text, pen in pens for box in [large.getbbox(text, anchor="ls")]]
    first = (left + int(min(end[0] for end in ends)) - 1) // FINER
    top = (line - int(_LIFT * words.size * FINER)) // FINER
    width = (left + int(max(end[1] for end in ends)) + 2) // FINER - first + 1
    height = (line + int(_DROP * words.size * FINER)) // FINER - top + 1
    canvas = Image.new("L", (width * FINER, height * FINER))
    draw = ImageDraw.Draw(canvas)
    for text, pen in pens:
        draw.text((left + pen - first * FINER, line - top * FINER), text, 255, font=large, anchor="ls")
    coverage = cv2.resize(np.asarray(canvas), (width, height), interpolation=cv2.INTER_AREA)
    x0, y0, w, h = cv2.boundingRect(coverage)
    return coverage[y0 : y0 + h, x0 : x0 + w].astype(np.float32) / 255, first + x0, top + y0


def box_of(words: Words) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of the ink of a run of text, tight, x1 and y1 exclusive."""
    coverage, x, y = ink_of(words)
    return x, y, x + coverage.shape[1], y + coverage.shape[0]


def width_of(text: str, face: Face, size: float, spacing: float = 0.0) -> float:
    """How far the pen moves, pixels."""
    return font(face, size * FINER).getlength(text) / FINER + spacing * len(text)


def draw_words(canvas: np.ndarray, words: Words) -> None:
    """Lay a run of text onto (H, W, 3) uint8, in place; what lies outside is cut."""
    coverage, x, y = ink_of(words)
    _lay(canvas, np.asarray(words.ink, np.float32), coverage, x, y)


def draw_figure(canvas: np.ndarray, figure: Figure) -> None:
    """Lay a figure onto (H, W, 3) uint8, in place; what lies outside is cut."""
    alpha = figure.rgba[..., 3].astype(np.float32) / 255
    _lay(canvas, figure.rgba[..., :3].astype(np.float32), alpha, figure.x, figure.y)


def _pens(words: Words, large: ImageFont.FreeTypeFont) -> list[tuple[str, float]]:
    """Texts to draw and where their pens start: the whole run, or letter by letter where letters are spaced."""
    if not words.spacing:
        return [(words.text, 0.0)]
    step = words.spacing * FINER
    return [(letter, large.getlength(words.text[:i]) + i * step) for i, letter in enumerate(words.text)]


def _lay(canvas: np.ndarray, colour: np.ndarray, alpha: np.ndarray, x: int, y: int) -> None:
    """Colour (3,) or (h, w, 3) float32 over a canvas, in place, by (h, w) float32 in [0, 1]."""
    (height, width), (h, w) = canvas.shape[:2], alpha.shape
    rows, columns = slice(max(0, -y), min(h, height - y)), slice(max(0, -x), min(w, width - x))
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return
    alpha = alpha[rows, columns, None]
    over = colour[rows, columns] if colour.ndim == 3 else colour
    place = canvas[y + rows.start : y + rows.stop, x + columns.start : x + columns.stop]
    place[...] = np.rint(place + (over - place) * alpha).astype(np.uint8)
