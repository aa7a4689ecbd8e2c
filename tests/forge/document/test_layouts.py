"""Pages of every kind: inside, apart, the same for the same seed, and other ones in the held-out split."""

import numpy as np
import pytest

from webiml.forge.document.layouts import LAYOUTS, draft_of, page_of
from webiml.forge.document.page import box_of, rendered

EACH = [(split, name) for split, layouts in LAYOUTS.items() for name in layouts]
KINDS = {"name", "date", "amount", "number", "address", "title", "label", "text"}


@pytest.mark.parametrize(("split", "name"), EACH, ids=[name for _, name in EACH])
def test_words_are_inside_and_apart(split, name):
    layout = LAYOUTS[split][name]
    for seed in range(10):
        rng = np.random.default_rng(seed)
        draft = draft_of(rng, layout, rng.uniform(*layout.em), 420, split)
        layout.write(draft)
        page = draft.page(name)
        height, width = page.paper.shape[:2]
        assert max(height, width) == 420
        boxes = np.array([box_of(words) for words in page.words])
        assert len(boxes) >= 7 and draft.refused <= 3
        assert boxes.min() >= 0 and (boxes[:, 2] <= width).all() and (boxes[:, 3] <= height).all()
        across, down = (
            np.minimum(boxes[:, None, i + 2], boxes[:, i + 2]) - np.maximum(boxes[:, None, i], boxes[:, i])
            for i in (0, 1)
        )
        over = np.minimum(across, down)
        np.fill_diagonal(over, 0)
        assert over.max() <= 2, seed
        for figure in page.figures:
            h, w = figure.rgba.shape[:2]
            assert 0 <= figure.x <= width - w and 0 <= figure.y <= height - h
        assert {words.what for words in page.words} <= KINDS


@pytest.mark.parametrize(("split", "name"), EACH, ids=[name for _, name in EACH])
def test_a_page_can_be_read(split, name):
    """Ink is darker than its paper, or lighter on a dark band, by enough to be seen."""
    rng = np.random.default_rng(3)
    draft = draft_of(rng, LAYOUTS[split][name], LAYOUTS[split][name].em[0], 500, split)
    LAYOUTS[split][name].write(draft)
    page = draft.page(name)
    for words in page.words:
        x0, y0, x1, y1 = box_of(words)
        under = page.paper[y0:y1, x0:x1].reshape(-1, 3).mean(axis=0)
        assert np.abs(under - words.ink).max() > 50, words.text


def test_the_splits_share_no_layout_and_no_family():
    assert not set(LAYOUTS["train"]) & set(LAYOUTS["val"])
    seen = {}
    for split in LAYOUTS:
        pages = [page_of(np.random.default_rng(seed), 160, split) for seed in range(7)]
        seen[split] = {words.face.family for page in pages for words in page.words}
        assert {page.layout for page in pages} <= set(LAYOUTS[split])
    assert len(seen["train"]) > 2 and len(seen["val"]) > 2 and not seen["train"] & seen["val"]


@pytest.mark.parametrize("split", ["train", "val"])
def test_the_same_seed_gives_the_same_bytes(split):
    first = [rendered(page_of(np.random.default_rng(seed), 320, split)) for seed in (4, 5)]
    again = [rendered(page_of(np.random.default_rng(seed), 320, split)) for seed in (5, 4)]
    assert np.array_equal(first[0], again[1]) and np.array_equal(first[1], again[0])
    assert first[0].shape != first[1].shape or not np.array_equal(first[0], first[1])


@pytest.mark.parametrize("size", [64, 300])
def test_the_longer_side_is_what_was_asked_for(size):
    for seed in range(3):
        page = page_of(np.random.default_rng(seed), size, "train")
        assert max(page.paper.shape[:2]) == size and page.words
        assert page.paper.dtype == np.uint8 and np.median([words.size for words in page.words]) > 5
