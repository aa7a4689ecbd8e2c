"""A page with the picture of it, and where on it an edit goes: which words, how far around them, what free ground."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from webiml.forge.document.acquisition import Acquired
from webiml.forge.document.fonts import font
from webiml.forge.document.page import FINER, Figure, Page, Words, width_of
from webiml.forge.document.retouching import Area, Box, region
from webiml.forge.objects import Rng

_WANTED = {
    "amount": 3.0,
    "date": 2.5,
    "number": 2.0,
    "name": 2.0,
    "address": 1.0,
    "text": 0.35,
    "title": 0.5,
    "label": 0.3,
}
"""How much more often words that say this are edited than others."""


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A page and the picture of it that is edited.

    Attributes:
        picture: as it is by now. boxes: of the page's words, in order. split: whose typefaces it has.
        taken: (H, W) bool, what earlier edits have claimed; no edit goes over another.
    """

    page: Page
    picture: Acquired
    boxes: tuple[Box, ...]
    split: str
    taken: np.ndarray

    @classmethod
    def of(cls, page: Page, picture: Acquired, split: str) -> Document:
        """A document that nobody has edited."""
        return cls(page, picture, tuple(map(ink_box, page.words)), split, np.zeros(picture.rgb.shape[:2], bool))

    def area(self, box: Box) -> Area | None:
        """A box of the page in the picture; None where it is cut off or taken."""
        area = region(box, self.picture.matrix, self.picture.rgb.shape)
        return None if area is None or (self.taken[area.window] & (area.alpha > 0)).any() else area


def chosen_words(
    document: Document, rng: Rng, *, flat: bool = False, only: tuple[str, ...] = tuple(_WANTED)
) -> int | None:
    """The index of words to edit; what people do forge comes more often, unless `flat`."""
    known = [i for i, words in enumerate(document.page.words) if words.what in only and len(words.text) > 1]
    if not known:
        return None
    weights = np.array([1.0 if flat else _WANTED[document.page.words[i].what] for i in known])
    for index in rng.choice(known, size=6, p=weights / weights.sum()):
        area = document.area(document.boxes[index])
        if area is not None and area.alpha.shape[0] >= 5 and area.alpha.shape[1] >= 6:
            return int(index)
    return None


def lines_from(document: Document, index: int, count: int) -> list[Box]:
    """Boxes of words that follow each other, up to `count` lines of the same text from the one at `index` on."""
    words, boxes = document.page.words, document.boxes
    first = words[index]
    lines: list[Box] = []
    line, right = first.baseline, boxes[index][2]
    now = list(boxes[index])
    for other, box in zip(words[index + 1 :], boxes[index + 1 :], strict=True):
        if other.what != first.what or other.size != first.size or other.baseline - line > 2.2 * first.size:
            break
        if abs(other.baseline - line) < 0.5 and 0 <= box[0] - right < 1.5 * first.size:
            now = [min(now[0], box[0]), min(now[1], box[1]), max(now[2], box[2]), max(now[3], box[3])]
        elif other.baseline > line and len(lines) + 1 < count:
            lines.append((now[0], now[1], now[2], now[3]))
            now, line = list(box), other.baseline
        else:
            break
        right = box[2]
    lines.append((now[0], now[1], now[2], now[3]))
    return [(x0 - 1, y0 - 1, x1 + 1, y1 + 1) for x0, y0, x1, y1 in lines]


def free_place(document: Document, box: Box, rng: Rng, scale: float = 1.0) -> tuple[float, float] | None:
    """Where a box, made `scale` times as large, goes without covering words: often near, else anywhere."""
    height, width = document.page.paper.shape[:2]
    w, h = scale * (box[2] - box[0]), scale * (box[3] - box[1])
    if w >= width - 4 or h >= height - 4:
        return None
    best, least = None, 0.3
    for _ in range(24):
        if rng.random() < 0.4:
            x, y = rng.uniform(-1.5, 1.5, 2) * [max(w, 3 * h), 3 * h] + [box[0], box[1]]
        else:
            x, y = rng.uniform([2, 2], [width - w - 2, height - h - 2])
        x, y = float(np.clip(x, 1, width - w - 1)), float(np.clip(y, 1, height - h - 1))
        if (abs(x - box[0]) < 0.4 * w and abs(y - box[1]) < 0.6 * h) or document.area((x, y, x + w, y + h)) is None:
            continue
        share = _overlap(document, (x, y, x + w, y + h))
        if share < least:
            best, least = (x, y), share
        if share == 0:
            break
    return best


def widened(document: Document, box: Box, index: int, rng: Rng) -> Box:
    """A box with some pixels around it, but not into the words beside it."""
    grown = np.array(box) + rng.uniform(0.5, 3, 4) * [-1, -1, 1, 1]
    for other, (x0, y0, x1, y1) in enumerate(document.boxes):
        if other == index or y1 <= grown[1] or y0 >= grown[3] or x1 <= grown[0] or x0 >= grown[2]:
            continue
        if x1 <= box[0]:
            grown[0] = max(grown[0], x1)
        elif x0 >= box[2]:
            grown[2] = min(grown[2], x0)
        elif y1 <= box[1]:
            grown[1] = max(grown[1], y1)
        elif y0 >= box[3]:
            grown[3] = min(grown[3], y0)
    return float(grown[0]), float(grown[1]), float(grown[2]), float(grown[3])


def collides(document: Document, box: Box, index: int, most: float = 0.06) -> bool:
    """Whether a box covers words other than those at `index`, by more than a share of itself."""
    return _overlap(document, box, index) > most


def _overlap(document: Document, box: Box, without: int = -1) -> float:
    area = max((box[2] - box[0]) * (box[3] - box[1]), 1.0)
    boxes = np.array([one for i, one in enumerate(document.boxes) if i != without], float).reshape(-1, 4)
    wide = np.minimum(boxes[:, 2], box[2]) - np.maximum(boxes[:, 0], box[0])
    high = np.minimum(boxes[:, 3], box[3]) - np.maximum(boxes[:, 1], box[1])
    return float((np.maximum(wide, 0) * np.maximum(high, 0)).sum() / area)


def stands_right(page: Page, words: Words) -> bool:
    """Whether other words end where these end, as in a column of amounts."""
    end = words.x + width_of(words.text, words.face, words.size, words.spacing)
    alike = [one for one in page.words if one is not words and one.what == words.what and one.size == words.size]
    ends = [one.x + width_of(one.text, one.face, one.size, one.spacing) for one in alike]
    same_start = sum(abs(one.x - words.x) < 0.6 for one in alike)
    return sum(abs(one - end) < 0.6 for one in ends) > same_start


def letters_of(words: Words, start: int, end: int) -> Words:
    """Some letters of a run, where they stand."""
    before = width_of(words.text[:start], words.face, words.size, words.spacing) if start else 0.0
    return replace(words, text=words.text[start:end], x=words.x + before)


def ink_box(words: Words) -> Box:
    """As `box_of`, from the outlines of the letters: nothing is drawn."""
    left, top, right, bottom = font(words.face, round(words.size * FINER, 2)).getbbox(words.text, anchor="ls")
    wider = words.spacing * (len(words.text) - 1)
    return (
        words.x + left / FINER,
        words.baseline + top / FINER,
        words.x + right / FINER + wider,
        words.baseline + bottom / FINER,
    )


def box_of_figure(figure: Figure) -> Box:
    """A figure with the pixel around it."""
    height, width = figure.rgba.shape[:2]
    return figure.x - 1, figure.y - 1, figure.x + width + 1, figure.y + height + 1
