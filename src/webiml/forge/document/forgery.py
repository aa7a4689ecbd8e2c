"""One forged document: a page that is rendered, acquired and edited, and its authentic self, after the web."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from webiml.errors import SettingError
from webiml.forge.document.acquisition import Acquired, acquired
from webiml.forge.document.edits import EDITS, noticed
from webiml.forge.document.layouts import page_of
from webiml.forge.document.page import rendered
from webiml.forge.document.places import Document
from webiml.forge.forged_pair import ForgedPair, Forgery, RenderedPage, chance, sent
from webiml.forge.objects import Rng
from webiml.forge.web_degradation import Strength, drawn_strength, through_the_web
from webiml.settings import ForgeSettings
from webiml.types import Kind

SPLITS = ("train", "val")
SMALLEST, LARGEST = 0.0005, 0.3  # share of the picture that a mask covers
TRIES = 40  # of a page on which nothing can be edited
_ATTEMPTS = 12  # at one edit
_STRENGTHS: dict[Strength, float] = {"mild": 0.92, "middle": 0.08}
_HOW_MANY = {1: 0.5, 2: 0.28, 3: 0.14, 4: 0.08}
_BEFORE = 0.1  # share of the pages that are edited first and printed then


def forge_document(key: str, settings: ForgeSettings, split: str) -> ForgedPair:
    """Forge one page: the same one for the same key, settings and split, in whatever process and order.

    Args:
        key: names the page and seeds its draws.
        settings: with `domain="document"`; `kinds` are the shares of the edits.
        split: whose typefaces and layouts, "train" or "val".
    Raises:
        SettingError: a split that is not known, or a typeface that is not installed.
    """
    refuse_split(split)
    rng = chance(key, settings.seed)
    for _ in range(TRIES):
        made = _forged(settings, split, rng)
        if made is None:
            continue
        pair = sent(key, Kind.SPG, made, rng, _STRENGTHS, False, mirror=0.0, captions=False)
        if SMALLEST <= pair.mask.mean() <= LARGEST:
            return pair
    raise SettingError(
        f"No document can be forged of {settings.size} pixels and {settings.kinds}: give a larger --size."
    )


def untouched_page(key: str, settings: ForgeSettings, split: str) -> np.ndarray:
    """A page that nobody forged, (H, W, 3) uint8, acquired and after the same web; arguments as `forge_document`.

    Raises:
        SettingError: as `forge_document`.
    """
    refuse_split(split)
    rng = chance(key, settings.seed)
    rgb = acquired(rendered(page_of(rng, settings.size, split)), rng).rgb
    strength = drawn_strength(rng, _STRENGTHS)
    nothing = np.zeros(rgb.shape[:2], bool)
    return np.ascontiguousarray(through_the_web(rgb, nothing, strength, rng, captions=False)[0])


def refuse_split(split: str) -> None:
    """Raise SettingError for a split that has no typefaces."""
    if split not in SPLITS:
        raise SettingError(f"--split of documents must be {' or '.join(SPLITS)}, got {split!r}.")


def _forged(settings: ForgeSettings, split: str, rng: Rng) -> Forgery | None:
    page = page_of(rng, settings.size, split)
    clean, seed = rendered(page), int(rng.integers(1 << 62))
    picture = acquired(clean, np.random.default_rng(seed))
    before = rng.random() < _BEFORE
    start = Acquired(clean, np.eye(3), ()) if before else picture
    document, done = _edited(Document.of(page, start, split), settings, split, rng)
    if not done:
        return None
    after, mask = document.picture.rgb, document.taken
    if before:
        again = acquired(after, np.random.default_rng(seed))
        size = (again.rgb.shape[1], again.rgb.shape[0])
        covered = cv2.warpPerspective(mask.astype(np.float32), again.matrix, size, flags=cv2.INTER_LINEAR)
        after, mask = again.rgb, covered >= 0.1
        if not noticed(picture.rgb, after, mask):
            return None
    if not SMALLEST <= mask.mean() <= LARGEST:
        return None
    done = [*done, *picture.operations] if before else [*picture.operations, *done]
    return Forgery(picture.rgb, after, mask, None, [np.eye(3)], done, [RenderedPage(page.layout)])


def _edited(document: Document, settings: ForgeSettings, split: str, rng: Rng) -> tuple[Document, list[str]]:
    """One to four edits; no two of them meet."""
    shares, done = settings.shares, list[str]()
    others: list[Document] = []

    def donor() -> Document:
        if not others:
            page = page_of(rng, settings.size, split)
            others.append(Document.of(page, acquired(rendered(page), rng), split))
        return others[0]

    for _ in range(int(rng.choice(list(_HOW_MANY), p=list(_HOW_MANY.values())))):
        name = str(rng.choice(list(shares), p=list(shares.values())))
        for _ in range(_ATTEMPTS):
            edit = EDITS[name](document, rng, donor)
            if edit is None:
                continue
            rgb, mask, what = edit
            taken = document.taken | mask
            if mask.any() and taken.mean() <= LARGEST and noticed(document.picture.rgb, rgb, mask):
                document = replace(document, picture=replace(document.picture, rgb=rgb), taken=taken)
                done.append(what)
                break
    return document, done
