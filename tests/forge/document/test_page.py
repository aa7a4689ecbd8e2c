"""A page and its pixels: ink lies where the words say."""

from dataclasses import replace

import numpy as np
import pytest

from webiml.forge.document.draft import part_of
from webiml.forge.document.fonts import families
from webiml.forge.document.page import Figure, Page, Words, box_of, ink_of, rendered, width_of

FACE = families("train")[0].regular
WORDS = Words("Jagd 41,20 €", 20.3, 40.7, 16.0, FACE, (20, 30, 90), "amount")


def white(words: tuple[Words, ...], figures: tuple[Figure, ...] = ()) -> Page:
    return Page("letter", np.full((80, 160, 3), 255, np.uint8), words, figures)


@pytest.mark.parametrize(
    "words", [WORDS, replace(WORDS, spacing=1.5, size=11.0), replace(WORDS, x=33.1, baseline=20.0)]
)
def test_the_box_is_where_the_picture_changes(words):
    picture = rendered(white((words,)))
    rows, columns = np.nonzero((picture != 255).any(axis=2))
    assert box_of(words) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def test_coverage_mixes_paper_and_ink():
    coverage, x, y = ink_of(WORDS)
    h, w = coverage.shape
    assert coverage.dtype == np.float32 and coverage.min() == 0 and coverage.max() == 1
    want = np.rint(255 + (np.array(WORDS.ink) - 255) * coverage[..., None])
    assert np.abs(rendered(white((WORDS,)))[y : y + h, x : x + w] - want).max() <= 1


def test_ink_stands_at_quarters_of_a_pixel():
    here, x, y = ink_of(WORDS, x=20.0, baseline=40.0)
    same, x4, y3 = ink_of(WORDS, x=24.1, baseline=43.0)  # rounds to 24
    assert np.array_equal(here, same) and (x4 - x, y3 - y) == (4, 3)
    half, *_ = ink_of(WORDS, x=20.5, baseline=40.0)
    assert half.shape != here.shape or not np.array_equal(half, here)
    assert abs(half.sum() - here.sum()) < 0.01 * here.sum()


def test_the_letters_stand_on_the_baseline():
    box = box_of(Words("HEX", 10.0, 50.0, 20.0, FACE, (0, 0, 0), "text"))
    assert box[3] == 50 and 49 - 20 < box[1] < 50 - 12  # capitals: between 0.6 and 1 em tall


def test_spacing_adds_to_the_width():
    assert width_of("abcd", FACE, 12, 2.0) == pytest.approx(width_of("abcd", FACE, 12) + 8)


def test_blank_words_have_no_ink():
    assert ink_of(replace(WORDS, text=" "))[0].size == 0


def test_figures_lie_over_words_and_are_cut_at_the_edge():
    red = np.zeros((30, 30, 4), np.uint8)
    red[...] = (255, 0, 0, 255)
    picture = rendered(white((WORDS,), (Figure(red, 145, 70, "stamp"), Figure(red, 20, 25, "stamp"))))
    assert (picture[70:, 145:] == (255, 0, 0)).all() and (picture[25:55, 20:50] == (255, 0, 0)).all()


def test_a_part_of_a_page_has_the_pages_pixels():
    page = white((WORDS, replace(WORDS, baseline=15.0), replace(WORDS, x=70.2, baseline=70.0, text="rim")))
    part = part_of(page, 30, 5, 120, 70)
    assert np.array_equal(rendered(part), rendered(page)[5:75, 30:150])
    assert [one.text for one in part.words] == ["rim"]  # the two that the left edge cuts became paper
