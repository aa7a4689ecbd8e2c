"""What a notebook shows: the picture, what was found and what it means, and nothing that could do harm."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest
from tests.localize.tiny_localizer import write_tiny

from webiml import Annotation, AnnotatorSettings, Kind, Localization, Localizer, Reason, Status
from webiml.annotate.annotator import annotate_pair
from webiml.images.codec import from_8bit
from webiml.images.decode import decode

HOSTILE = "<img src=x onerror=alert(1)>\u202e</div>"


def levels() -> np.ndarray:
    """(40, 60) uint8: 255 in a block of 10 by 12."""
    found = np.zeros((40, 60), np.uint8)
    found[10:20, 20:32] = 255
    return found


GREEN = np.full((40, 60, 3), (40, 160, 40), np.uint8)
KEPT = Annotation(
    Status.KEPT, None, "", Kind.SPG, 0.98, from_8bit(levels()), qes=0.91, mask_area=0.05, components=1, thumbnail=GREEN
)
FOUND = Localization(from_8bit(levels()), np.ones((40, 60), np.float32), 0.83, 0.5, GREEN)


class Page(HTMLParser):
    """Tags, the attributes of each, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data

    @property
    def pictures(self) -> list[np.ndarray]:
        import base64

        sources = [value or "" for name, value in self.attributes if name == "src"]
        assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
        return [decode(base64.b64decode(source.partition(",")[2]), 10**6).rgb for source in sources]


def test_an_annotation_shows_its_mask_on_the_picture_and_says_what_was_decided():
    page = Page(KEPT._repr_html_())
    marked, probability = page.pictures
    assert marked.shape == probability.shape == (40, 60, 3)
    assert marked[15, 25, 0] > 100 > marked[5, 5, 0]  # tinted red inside the block alone
    assert probability[15, 25].mean() > 200 and probability[5, 5].mean() < 20
    for words in ("kept", "SPG (0.98)", "QES 0.91", "5.0% of the picture is marked, in 1 part."):
        assert words in page.text


def test_a_rejection_says_why():
    other = replace(KEPT, status=Status.REJECTED, reason=Reason.LOW_QES, kind=Kind.SDG)
    found = replace(
        KEPT, status=Status.REJECTED, reason=Reason.KIND_UNCERTAIN, detail=HOSTILE, alternative=other,
        unknown_fraction=0.25, qes=None, mask_area=0.0,
    )  # fmt: skip
    page = Page(found._repr_html_())
    for words in (
        "rejected (kind_uncertain)", "Neither kind is probable enough", "25.0% is not covered", "Nothing is marked.",
        "As SDG it would be rejected (low_qes).",
    ):  # fmt: skip
        assert words in page.text
    assert "QES" not in page.text and "<img src=x onerror=alert(1)>" in page.text  # as text
    assert "\u202e" not in page.text and page.tags.count("img") == 2


def test_without_a_map_there_are_words_and_the_picture():
    page = Page(replace(KEPT, probability=None, mask_area=None, components=None)._repr_html_())
    assert len(page.pictures) == 1 and "kept" in page.text
    assert replace(KEPT, probability=None)._repr_png_() is None


def test_without_a_thumbnail_only_the_maps_are_shown():
    mask, probability, confidence = Page(replace(FOUND, thumbnail=None)._repr_html_()).pictures
    assert mask[15, 25].min() > 240 and mask[5, 5].max() < 20
    assert probability.shape == confidence.shape == mask.shape


def test_a_thumbnail_of_another_shape_than_the_map_is_left_out():
    assert Page(replace(FOUND, thumbnail=GREEN[:30])._repr_html_()).pictures[0][5, 5].max() < 20


def test_a_localization_says_what_the_score_means_and_does_not_mean():
    page = Page(FOUND._repr_html_())
    assert len(page.pictures) == 3
    assert "score 0.83" in page.text and "5.0% of the picture is marked" in page.text
    assert "no proof" in page.text and "not that the picture is authentic" in page.text


@pytest.mark.parametrize("found", [KEPT, FOUND], ids=["annotation", "localization"])
def test_the_png_has_the_marked_picture_beside_the_probability(found):
    png = found._repr_png_()
    assert png is not None and png.startswith(b"\x89PNG")
    shown = decode(png, 10**6).rgb
    assert shown.shape == (40, 60 + 8 + 60, 3)
    assert shown[15, 25, 0] > 100 and shown[20, 63].tolist() == [255, 255, 255] and shown[15, 68 + 25].mean() > 200


def test_a_large_picture_is_shown_small():
    big = np.zeros((1000, 2000), np.float32)
    big[:100, :200] = 1
    found = Localization(big, big, 0.5, 0.5, np.zeros((256, 512, 3), np.uint8))
    assert {one.shape for one in Page(found._repr_html_()).pictures} == {(256, 512, 3)}
    png = found._repr_png_()
    assert png is not None and decode(png, 10**6).rgb.shape == (128, 256 + 8 + 256, 3)


def test_a_localizer_shows_its_card_of_which_nothing_is_believed(tmp_path):
    localizer = Localizer.load(write_tiny(
        tmp_path, about=HOSTILE, limits=[HOSTILE, 7, "It is a toy." * 1000], parameters=1234, pictures="many",
    ))  # fmt: skip
    page = Page(localizer._repr_html_())
    assert set(page.tags) == {"div"} and "Localizer tiny" in page.text and localizer.digest in page.text
    assert "Parameters: 1,234" in page.text and "Pictures" not in page.text and "It is a toy." in page.text
    assert len(page.text) < 3000


@pytest.mark.parametrize("html", [KEPT._repr_html_(), FOUND._repr_html_()], ids=["annotation", "localization"])
def test_nothing_is_loaded_and_nothing_runs(html):
    page = Page(html)
    assert set(page.tags) <= {"div", "figure", "img", "figcaption"}
    assert {name for name, _ in page.attributes} <= {"class", "style", "src", "alt", "width"}
    assert "http" not in re.sub(r"base64,[^\"]*", "", html) and "url(" not in html


def test_what_is_made_of_a_picture_carries_its_thumbnail(tmp_path):
    rgb = np.zeros((300, 1024, 3), np.uint8)
    rgb[:, 512:] = 200
    found = Localizer.load(write_tiny(tmp_path)).localize(rgb)
    assert found.thumbnail is not None and found.thumbnail.shape == (150, 512, 3)
    assert found.thumbnail[75, 400].tolist() == [200] * 3 and "thumbnail" not in repr(found)
    small = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (64, 80, 3), np.uint8), (5, 5), 0)
    annotation = annotate_pair(small, small, AnnotatorSettings(method="prior"))
    assert annotation.thumbnail is not None and np.array_equal(annotation.thumbnail, small)
    assert not np.shares_memory(annotation.thumbnail, small)
