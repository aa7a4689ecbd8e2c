"""What people change in the picture of a page: words replaced, moved, erased; words, digits and figures pasted.

An edit takes a document as it is by now and returns its new picture, what it claims, (H, W) bool, and what was done;
or None when it cannot be done there. `noticed` then says whether anybody could see it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from webiml.forge.document.overlays import as_forged, carry, write
from webiml.forge.document.page import Words, width_of
from webiml.forge.document.places import (
    Document,
    box_of_figure,
    chosen_words,
    collides,
    free_place,
    ink_box,
    letters_of,
    lines_from,
    stands_right,
    widened,
)
from webiml.forge.document.retouching import FILLS, Box, Canvas, filling
from webiml.forge.document.wording import changed_part, other_text
from webiml.forge.objects import Rng

_LASTING = 2.5  # 8-bit levels, mean over a part of the mask after a 3x3 mean: less would not outlive being saved again


Edit = tuple[np.ndarray, np.ndarray, str] | None
Donor = Callable[[], Document]


def replaced(document: Document, rng: Rng, donor: Donor) -> Edit:
    """Words, or some digits or one word of them, painted over and written anew with another text."""
    index = chosen_words(document, rng)
    if index is None:
        return None
    old = document.page.words[index]
    new = replace(old, text=other_text(old.text, old.what, rng))
    box = document.boxes[index]
    part = changed_part(old.text, new.text)
    if part and rng.random() < 0.65:  # only what is to change
        old, new = (letters_of(one, *part) for one in (old, new))
        box = ink_box(old)
    elif old.what == "name" and " " in old.text and rng.random() < 0.5:
        start = old.text.rindex(" ") + 1
        name = new.text.rsplit(" ", 1)[-1]
        old, new = letters_of(old, start, len(old.text)), replace(letters_of(old, start, len(old.text)), text=name)
        box = ink_box(old)
    elif stands_right(document.page, old) and rng.random() < 0.85:
        end = old.x + width_of(old.text, old.face, old.size, old.spacing)
        new = replace(new, x=end - width_of(new.text, new.face, new.size, new.spacing))
    if not new.text.strip():
        return None
    new = as_forged(new, document, rng)
    if collides(document, ink_box(new), index):
        return None
    erased_box = widened(document, box, index, rng)
    hole = document.area(erased_box)
    if hole is None or min(hole.alpha.shape) < 5:
        return None
    canvas = Canvas.of(document.picture.rgb)
    canvas.lay(hole, filling(canvas.rgb, hole, _how(rng), rng), rng.uniform(0.6, 1.2) * (rng.random() < 0.3))
    if not write(canvas, document, old, new, rng):
        return None
    return _finished(canvas, document, rng, f"replaced {old.what}")


def erased(document: Document, rng: Rng, donor: Donor) -> Edit:
    """Words, one to three lines of them, or a figure are gone: their ground was drawn over them."""
    figures = document.page.figures
    if figures and rng.random() < 0.25:
        figure = figures[int(rng.integers(len(figures)))]
        boxes, what = [box_of_figure(figure)], figure.what
    else:
        index = chosen_words(document, rng, flat=rng.random() < 0.5)
        if index is None:
            return None
        what = document.page.words[index].what
        many = what == "text" or rng.random() < 0.2
        boxes = lines_from(document, index, int(rng.choice([1, 2, 3], p=[0.7, 0.2, 0.1]))) if many else []
        boxes = boxes or [widened(document, document.boxes[index], index, rng)]
    canvas, how = Canvas.of(document.picture.rgb), _how(rng)
    for box in boxes:
        hole = document.area(box)
        if hole is None:
            return None
        canvas.lay(hole, filling(canvas.rgb, hole, how, rng), rng.uniform(0.6, 1.5) * (rng.random() < 0.4))
    return _finished(canvas, document, rng, f"erased {what}")


def moved(document: Document, rng: Rng, donor: Donor) -> Edit:
    """Words or a figure cut out and put elsewhere; the hole is filled."""
    figures = document.page.figures
    if figures and rng.random() < 0.4:
        figure = figures[int(rng.integers(len(figures)))]
        box, what = box_of_figure(figure), figure.what
    else:
        index = chosen_words(document, rng, flat=True)
        if index is None:
            return None
        what = document.page.words[index].what
        lines = lines_from(document, index, 1) if what == "text" else []
        box = lines[0] if lines else widened(document, document.boxes[index], index, rng)
    hole, place = document.area(box), free_place(document, box, rng)
    if hole is None or place is None:
        return None
    canvas = Canvas.of(document.picture.rgb)
    canvas.lay(hole, filling(canvas.rgb, hole, _how(rng), rng))
    if not carry(canvas, document, document, box, place, 1.0, _tone(rng, 0.6), rng):
        return None
    return _finished(canvas, document, rng, f"moved {what}")


def pasted(document: Document, rng: Rng, donor: Donor) -> Edit:
    """Digits of the page over others of it; or words or a figure, of this page or of another one."""
    draw = rng.random()
    if draw < 0.55:
        return _pasted_digits(document, rng)
    other = donor() if draw < 0.8 else document
    if other.page.figures and rng.random() < 0.6:
        figure = other.page.figures[int(rng.integers(len(other.page.figures)))]
        box, scale = box_of_figure(figure), float(np.exp(rng.uniform(-0.25, 0.25)))
        place = free_place(document, box, rng, scale)
        if place is None or other.area(box) is None:
            return None
        canvas = Canvas.of(document.picture.rgb)
        if not carry(canvas, document, other, box, place, scale, _tone(rng, 0.25), rng):
            return None
        return _finished(canvas, document, rng, f"pasted {figure.what}")
    return _pasted_words(document, other, rng)


EDITS = {"replaced": replaced, "moved": moved, "erased": erased, "pasted": pasted}
"""The names that `--kinds` knows."""


def noticed(before: np.ndarray, after: np.ndarray, mask: np.ndarray) -> bool:
    """Whether an edit can be seen: something of every connected part of (H, W) bool has changed enough to last."""
    x, y, w, h = cv2.boundingRect(mask.view(np.uint8))
    if w == 0:
        return False
    box = np.s_[y : y + h, x : x + w]
    change = cv2.absdiff(cv2.blur(before[box], (3, 3)), cv2.blur(after[box], (3, 3)))
    largest = cv2.max(cv2.max(change[..., 0], change[..., 1]), change[..., 2])
    parts, labels = cv2.connectedComponents(np.ascontiguousarray(mask[box]).view(np.uint8))
    flat = np.asarray(labels, np.int64).ravel()
    sizes = np.bincount(flat, minlength=parts)[1:]
    means = np.bincount(flat, largest.ravel(), parts)[1:] / np.maximum(sizes, 1)
    return bool((means >= _LASTING).all())


# ---------------------------------------------------------------- pasted


def _pasted_digits(document: Document, rng: Rng) -> Edit:
    """Digits over others of like size: a 9 of the date over the 1 of an amount, or a whole amount over another."""
    index = chosen_words(document, rng, only=("amount", "number", "date"))
    if index is None:
        return None
    target = document.page.words[index]
    runs = [match.span() for match in re.finditer(r"\d+(?:[.,]\d+)*", target.text)]
    if not runs:
        return None
    start, end = runs[int(rng.integers(len(runs)))]
    if rng.random() < 0.7:  # some of them
        length = min(end - start, int(rng.choice([1, 2, 3], p=[0.5, 0.3, 0.2])))
        start += int(rng.integers(end - start - length + 1))
        end = start + length
    old = letters_of(target, start, end)
    pattern, found = re.sub(r"\d", "0", old.text), list[tuple[Words, Box]]()
    for words in document.page.words:
        if abs(words.size / target.size - 1) > 0.25 or (words.face != target.face and rng.random() < 0.9):
            continue
        digits = re.sub(r"\d", "0", words.text)
        for at in range(len(digits) - len(pattern) + 1):
            if digits[at : at + len(pattern)] == pattern and words.text[at : at + len(pattern)] != old.text:
                found.append((piece := letters_of(words, at, at + len(pattern)), ink_box(piece)))
    if not found:
        return None
    piece, source = found[int(rng.integers(len(found)))]
    up, aside = rng.uniform(0.8, 2.5), rng.uniform(0.3, 0.9)
    source = (source[0] - aside, source[1] - up, source[2] + aside, source[3] + up)
    shift = np.array([old.x - piece.x, old.baseline - piece.baseline]) + rng.normal(0, 0.35, 2)
    place = (source[0] + shift[0], source[1] + shift[1])
    canvas = Canvas.of(document.picture.rgb)
    old_box, size = ink_box(old), (source[2] - source[0], source[3] - source[1])
    covered = place[0] <= old_box[0] and place[0] + size[0] >= old_box[2]
    if not covered or piece.face != old.face or rng.random() < 0.2:
        hole = document.area((old_box[0] - aside, old_box[1] - up, old_box[2] + aside, old_box[3] + up))
        if hole is None:
            return None
        canvas.lay(hole, filling(canvas.rgb, hole, _how(rng), rng))
    if not carry(canvas, document, document, source, place, 1.0, "raw" if rng.random() < 0.7 else "levelled", rng):
        return None
    return _finished(canvas, document, rng, "pasted digits")


def _pasted_words(document: Document, other: Document, rng: Rng) -> Edit:
    """Words of a page over words that say the same sort of thing, or on free ground."""
    index = chosen_words(document, rng)
    if index is None:
        return None
    target = document.page.words[index]
    alike = [i for i, words in enumerate(other.page.words) if words.what == target.what and words.text != target.text]
    if not alike:
        return None
    chosen = alike[int(rng.integers(len(alike)))]
    words, source = other.page.words[chosen], widened(other, other.boxes[chosen], chosen, rng)
    if other.area(source) is None:
        return None
    scale = 1.0 if other is document else float(np.clip(target.size / words.size, 0.5, 2) * rng.uniform(0.94, 1.06))
    canvas = Canvas.of(document.picture.rgb)
    if rng.random() < 0.75:
        hole = document.area(widened(document, document.boxes[index], index, rng))
        if hole is None:
            return None
        canvas.lay(hole, filling(canvas.rgb, hole, _how(rng), rng))
        place = (
            target.x - scale * (words.x - source[0]),
            target.baseline - scale * (words.baseline - source[1]) + rng.normal(0, 0.5),
        )
        width, height = scale * (source[2] - source[0]), scale * (source[3] - source[1])
        if collides(document, (place[0], place[1], place[0] + width, place[1] + height), index, most=0.25):
            return None
    else:
        place = free_place(document, source, rng, scale)
    if place is None or not carry(canvas, document, other, source, place, scale, _tone(rng, 0.35), rng):
        return None
    return _finished(canvas, document, rng, f"pasted {target.what}")


# ---------------------------------------------------------------- shared


def _finished(canvas: Canvas, document: Document, rng: Rng, what: str) -> Edit:
    if document.picture.two_levels and rng.random() < 0.75:  # saved in black and white again
        inside = canvas.rgb[canvas.mask]
        canvas.rgb[canvas.mask] = np.where(inside.mean(axis=1, keepdims=True) < 128, 0, 255).astype(np.uint8)
    return canvas.rgb, canvas.mask, what


def _how(rng: Rng) -> str:
    return str(rng.choice(list(FILLS), p=list(FILLS.values())))


def _tone(rng: Rng, raw: float) -> str:
    return str(rng.choice(["raw", "levelled", "multiplied"], p=[raw, 0.7 * (1 - raw), 0.3 * (1 - raw)]))
