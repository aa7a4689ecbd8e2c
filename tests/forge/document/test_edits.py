"""Edits of documents: exact masks, ink and ground as they are on the page, other text of the same form."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from webiml.forge.document.acquisition import Acquired, acquired
from webiml.forge.document.edits import EDITS, noticed
from webiml.forge.document.fonts import FAMILIES, families
from webiml.forge.document.layouts import page_of
from webiml.forge.document.overlays import as_forged
from webiml.forge.document.page import Page, Words, draw_words, ink_of, rendered
from webiml.forge.document.places import Document, ink_box
from webiml.forge.document.retouching import FILLS, Canvas, filling, ground_of, ink_colour, region, warped
from webiml.forge.document.wording import changed_part, other_text


def words(text: str = "1,234.56", what: str = "amount", x: float = 40.0, baseline: float = 60.0) -> Words:
    return Words(text, x, baseline, 22.0, families("train")[0].regular, (200, 30, 40), what)


def document(seed: int, split: str = "train") -> Document:
    rng = np.random.default_rng(seed)
    page = page_of(rng, 320, split)
    return Document.of(page, acquired(rendered(page), rng), split)


@pytest.mark.parametrize("name", list(EDITS))
def test_masks_are_exact(name):
    done: set[str] = set()
    for seed in range(6):
        rng, held = np.random.default_rng(seed), document(seed)
        before = held.picture.rgb.copy()
        edit = next(filter(None, (EDITS[name](held, rng, lambda: document(100)) for _ in range(8))), None)
        assert np.array_equal(held.picture.rgb, before)  # the document that was given is never written into
        if edit is None:
            continue
        after, mask, what = edit
        assert after.dtype == np.uint8 and after.shape == before.shape
        assert mask.dtype == bool and what.startswith(name)
        changed = (after != before).any(axis=2)
        assert not changed[~mask].any()
        if noticed(before, after, mask):
            parts, labels = cv2.connectedComponents(mask.view(np.uint8))
            assert set(np.unique(labels[changed])) == set(range(1, parts))
            done.add(held.picture.operations[0])
    assert len(done) >= 2  # ways of acquisition


def test_no_edit_goes_over_another():
    held = document(3)
    held = replace(held, taken=np.ones_like(held.taken))
    for name, edit in EDITS.items():
        assert edit(held, np.random.default_rng(0), lambda: document(100)) is None, name


def test_an_edit_that_nobody_sees_is_not_noticed():
    before = np.full((60, 60, 3), 200, np.uint8)
    mask = np.zeros((60, 60), bool)
    mask[10:20, 10:20] = mask[40:50, 40:50] = True
    after = before.copy()
    after[10:20, 10:20] = 150
    assert not noticed(before, after, mask)  # nothing of the second part has changed
    after[40:50, 40:50] = 190
    assert noticed(before, after, mask)
    assert not noticed(before, after, np.zeros_like(mask))


def test_a_box_of_the_page_is_just_as_large_in_an_unturned_picture():
    area = region((10.2, 20.0, 30.0, 29.5), np.eye(3), (50, 60))
    assert area is not None
    inside = np.zeros((50, 60), bool)
    inside[area.window] = area.alpha > 0
    want = np.zeros((50, 60), bool)
    want[20:30, 10:30] = True
    assert np.array_equal(inside, want)
    assert region((50, 20, 70, 30), np.eye(3), (50, 60)) is None  # cut off


@pytest.mark.parametrize("blur", [0.0, 0.8])
def test_ink_is_that_of_the_letters(blur):
    rgb = np.full((90, 200, 3), (240, 238, 225), np.uint8)
    draw_words(rgb, words())
    inked = warped(*ink_of(words()), np.eye(3), rgb.shape)
    assert inked is not None
    if blur:
        rgb = cv2.GaussianBlur(rgb, (0, 0), blur)
        inked = replace(inked, alpha=cv2.GaussianBlur(inked.alpha, (0, 0), blur))
    ground = ground_of(rgb, inked)
    assert np.abs(ink_colour(rgb, inked, ground, picked=False) - (200, 30, 40)).max() < 12
    assert np.abs(ink_colour(rgb, inked, ground, picked=True) - (200, 30, 40)).max() < (12 if blur == 0 else 90)


@pytest.mark.parametrize("how", list(FILLS))
def test_what_is_painted_over_looks_like_its_ground(how):
    slope = np.linspace(180, 240, 200, dtype=np.float32)[None, :, None]
    clean = np.broadcast_to(slope, (90, 200, 3)).astype(np.uint8)
    rgb = np.ascontiguousarray(clean)
    draw_words(rgb, words())
    box = ink_box(words())
    area = region((box[0] - 2, box[1] - 2, box[2] + 2, box[3] + 2), np.eye(3), rgb.shape)
    assert area is not None
    canvas = Canvas.of(rgb)
    canvas.lay(area, filling(rgb, area, how, np.random.default_rng(1)))
    off = np.abs(canvas.rgb.astype(float) - clean).mean(axis=2)[canvas.mask]
    assert off.mean() < (14 if how == "flat" else 3)


def test_replaced_words_stay_where_they_were():
    """An amount on a page without anything else: the mask lies on it, and its ink is found there again."""
    page = Page("letter", np.full((120, 260, 3), 245, np.uint8), (words(), words("Total", "label", 150.0)), ())
    held = Document.of(page, Acquired(rendered(page), np.eye(3), ()), "train")
    done = 0
    for seed in range(12):
        edit = EDITS["replaced"](held, np.random.default_rng(seed), lambda: held)
        if edit is None or edit[2] != "replaced amount":
            continue
        after, mask, _ = edit
        ys, xs = np.nonzero(mask)
        x0, y0, x1, y1 = ink_box(words())
        assert x0 - 8 < xs.min() and xs.max() < x1 + 24 and y0 - 8 < ys.min() and ys.max() < y1 + 8
        inside = after[mask].astype(int)
        assert (inside[:, 0] - inside[:, 1]).max() > 70 or inside.min() < 90  # red, or the black of a tool
        done += 1
    assert done >= 5


def test_letters_are_wrong_only_within_the_typefaces_of_the_split():
    for split in FAMILIES:
        rng, seen = np.random.default_rng(0), set()
        held = document(1, split)
        for _ in range(60):
            made = as_forged(replace(words(), face=families(split)[0].regular), held, rng)
            seen.add(made.face.family)
            assert 0.84 < made.size / 22 < 1.17 and abs(made.baseline - 60) < 3
        assert len(seen) > 1 and seen <= set(FAMILIES[split])


@pytest.mark.parametrize(
    ("text", "what", "form"),
    [
        ("1.204,50 €", "amount", "0.000,00 €"),
        ("RE-20417", "number", "RE-00000"),
        ("12 March 2024", "date", "00 March 0000"),
    ],
)
def test_other_digits_keep_their_form(text, what, form):
    rng, longer = np.random.default_rng(2), 0
    for _ in range(30):
        new = other_text(text, what, rng)
        assert new != text
        longer += len(new) > len(text)
        if len(new) == len(text):
            assert "".join("0" if letter.isdigit() else letter for letter in new) == form
            start, end = changed_part(text, new) or (0, 0)
            assert text[:start] == new[:start] and text[end:] == new[end:] and start < end
    assert longer == 0 if what != "amount" else longer < 12


def test_other_names_are_about_as_long():
    rng = np.random.default_rng(5)
    for text, what in (
        ("Maria Lindgren", "name"),
        ("KUUSISTO", "name"),
        ("delivered", "text"),
        ("Main Street 4", "address"),
    ):
        new = other_text(text, what, rng)
        assert new != text and 3 <= len(new) <= 2.2 * len(text) + 4
        assert new.isupper() == text.isupper()
