"""The kinds of pages of each split, and how a page is drawn."""

from __future__ import annotations

import numpy as np

from webiml.forge.document import layouts_certificates, layouts_forms, layouts_held_out, layouts_letters
from webiml.forge.document.content import writer_of
from webiml.forge.document.draft import Draft, Layout, part_of
from webiml.forge.document.fonts import families
from webiml.forge.document.page import Page
from webiml.forge.document.paper import Colour, colour_of, patterned, shaded_or_plain, sheet
from webiml.forge.objects import Rng

LAYOUTS: dict[str, dict[str, Layout]] = {
    "train": {
        "letter": Layout(layouts_letters.letter, (0.68, 0.78), (10, 15), sheet),
        "receipt": Layout(layouts_letters.receipt, (0.36, 0.6), (12, 17), sheet, 0.2),
        "invoice": Layout(layouts_letters.invoice, (0.68, 0.8), (9.5, 13), sheet),
        "form": Layout(layouts_forms.form, (0.68, 0.85), (10.5, 14.5), sheet),
        "card": Layout(layouts_forms.card, (1.5, 1.7), (17, 23), patterned, 0.1),
        "price_list": Layout(layouts_forms.price_list, (0.6, 1.35), (11, 17), shaded_or_plain),
    },
    "val": {
        "statement": Layout(layouts_held_out.statement, (0.68, 0.8), (9.5, 12.5), sheet),
        "ticket": Layout(layouts_held_out.ticket, (2.0, 2.7), (14, 19), shaded_or_plain, 0.1),
        "certificate": Layout(layouts_certificates.certificate, (0.7, 1.45), (13, 19), patterned, 0.15),
        "transcript": Layout(layouts_certificates.transcript, (0.7, 1.3), (10.5, 14), sheet),
        "delivery_note": Layout(layouts_held_out.delivery_note, (0.68, 0.9), (10, 14), sheet),
    },
}
LEAST_EM = 8.0  # pixels: where a whole page would have smaller letters, the picture shows a part of one


def page_of(rng: Rng, size: int, split: str) -> Page:
    """A page whose picture is `size` pixels on its longer side.

    Args:
        rng: every draw comes from it.
        size: pixels.
        split: "train" or "val"; they share neither layouts nor typefaces.
    Raises:
        SettingError: a package that brings typefaces or names is not installed.
    """
    layouts = LAYOUTS[split]
    name = str(rng.choice(list(layouts)))
    cropped = rng.random() < layouts[name].cropped
    em = rng.uniform(*layouts[name].em)
    larger = max(rng.uniform(1.3, 2.0) if cropped else 1.0, LEAST_EM / em * 768 / size)
    draft = draft_of(rng, layouts[name], em, round(size * larger), split)
    layouts[name].write(draft)
    page = draft.page(name)
    return page if larger == 1.0 else _part(page, size, rng)


def draft_of(rng: Rng, layout: Layout, em: float, long: int, split: str) -> Draft:
    """An empty page of `long` pixels, `em` as in Layout, with its typefaces, colours and margins."""
    aspect = rng.uniform(*layout.aspects)
    shape = (long, max(1, round(long * aspect))) if aspect <= 1 else (max(1, round(long / aspect)), long)
    em *= long / 768
    of_split = families(split)
    body = of_split[int(rng.integers(len(of_split)))]
    head = body if rng.random() < 0.6 else of_split[int(rng.integers(len(of_split)))]
    dark = int(rng.integers(0, 60))
    ink: Colour = (dark, dark, dark) if rng.random() < 0.85 else colour_of(rng, (0.1, 0.28), (0.2, 0.8))
    accent = ink if rng.random() < 0.35 else colour_of(rng, (0.2, 0.45), (0.3, 0.9))
    margin = rng.uniform(0.05, 0.12) * shape[1] if aspect < 1.2 else rng.uniform(0.03, 0.06) * shape[1]
    return Draft(
        rng,
        writer_of(rng),
        layout.paper(rng, shape),
        em,
        em * rng.uniform(1.2, 1.6),
        margin,
        body,
        head,
        ink,
        accent,
        int(rng.integers(0, 5)),
    )


def _part(page: Page, size: int, rng: Rng) -> Page:
    """A window of the page around some of its words, `size` pixels on its longer side."""
    height, width = page.paper.shape[:2]
    aspect = float(np.exp(rng.uniform(-0.5, 0.5)))
    h, w = (size, round(size * aspect)) if aspect < 1 else (round(size / aspect), size)
    h, w = (min(h, height), min(w, width))
    if max(h, w) < size:  # the page is narrower than the window: take all that there is along its length
        h, w = (min(size, height), w) if height >= width else (h, min(size, width))
    windows = []
    for _ in range(6):
        around = page.words[int(rng.integers(len(page.words)))]
        x = int(np.clip(around.x - rng.uniform(0.1, 0.7) * w, 0, width - w))
        y = int(np.clip(around.baseline - rng.uniform(0.2, 0.8) * h, 0, height - h))
        windows.append(part_of(page, x, y, w, h))
    return max(windows[: 2 if len(windows[0].words) > 12 else 6], key=lambda one: len(one.words))
