"""The report page: what it says, what it must never carry, how large it may grow."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webiml.report.html import MAX_PAIRS_SHOWN, choose, shares, write_report
from webiml.report.tally import Tally
from webiml.report.words import FAILURE_MEANING, KIND_MEANING, REASON_MEANING, REJECTION_MEANING, STATUS_MEANING
from webiml.settings import AnnotatorSettings
from webiml.store.dataset_writer import DatasetWriter
from webiml.types import Finished, Kind, Reason, Row, Status

Write = Callable[..., Path]


def png(array: np.ndarray) -> bytes:
    return cv2.imencode(".png", array)[1].tobytes()


def finished(key: str, status: str, reason: str | None = None, qes: float | None = None, **columns) -> Finished:
    """A row, with pictures unless it failed and with maps when it has a score."""
    row = Row(key=key, name=columns.pop("name", key), status=status, reason=reason, qes=qes, **columns)
    files: dict[str, bytes] = {}
    if status != "failed":
        grey = np.full((30, 40, 3), 128, np.uint8)
        files = {"authentic.png": png(grey), "manipulated.png": png(grey)}
    if qes is not None:
        levels = np.zeros((30, 40), np.uint8)
        levels[10:20, 10:20] = 255
        files |= {"mask.png": png(levels), "probability.png": png(levels)}
    return Finished(row, files)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a dataset of the given finished inputs."""

    def write(inputs: Iterable[Finished], name: str = "dataset", format: str = "folder") -> Path:
        settings = AnnotatorSettings()
        with DatasetWriter.open(
            tmp_path / name,
            format=format,  # pyright: ignore[reportArgumentType]
            shard_pairs=1000,
            settings=asdict(settings),
            settings_hash="0" * 16,
            package_version="1.2.3",
        ) as dataset:
            for one in inputs:
                dataset.add(one)
            dataset.finish()
        return tmp_path / name

    return write


class Page(HTMLParser):
    """Elements and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def three() -> list:
    return [
        finished("a", "kept", qes=0.9, kind="SPG", kind_confidence=0.97, mask_area=0.083, components=2),
        finished("b", "rejected", "low_qes", qes=0.2, kind="SDG", detail="0.20, not above 0.5"),
        finished("c", "rejected", "unrelated", kind="unrelated"),
        finished("d", "failed", "truncated", detail="manipulated: ends early"),
    ]


@pytest.mark.parametrize("format", ["folder", "shards"])
def test_the_page_says_what_became_of_every_pair(write, format):
    path = write_report(write(three(), format=format), pictures=True)
    assert path.name == "report.html"
    page = Page(path.read_text())
    assert "4 pairs, 1 mask to trust" in page.words
    articles = page.all("article")
    assert [article["class"] for article in articles] == ["card kept", "card rejected", "card rejected", "card failed"]
    for words in ("QES 0.90", "area 8.3 %", "2 parts", "(0.97 sure)", "0.20, not above 0.5", "manipulated: ends early"):
        assert words in page.words
    images = page.all("img")
    assert len(images) == 4 + 4 + 2  # the unrelated pair has no map, the failed one nothing
    assert all((image["src"] or "").startswith("data:image/jpeg;base64,/9j/") and image["alt"] for image in images)
    assert all((image["width"], image["height"]) == ("40", "30") for image in images)


def test_without_pictures_the_page_has_none(write):
    page = Page(write_report(write(three()), pictures=False).read_text())
    assert not page.all("img") and not page.all("article")
    assert "low_qes" in page.words


def test_hostile_text_stays_text(write):
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}\x1b[31m\u202egnp"
    dataset = write(
        [
            finished("a", "kept", qes=0.9, name=evil, detail=evil, kind="SPG", extra={"x": evil}),
            finished("b", "failed", "bad_row", name=evil, detail=evil),
        ]
    )
    text = write_report(dataset, pictures=True).read_text()
    page = Page(text)
    assert not page.all("script")
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert all((image["src"] or "").startswith("data:image/jpeg") for image in page.all("img"))
    assert "\x1b" not in text and "\u202e" not in text and "49" not in page.words
    assert page.words.count("<script>alert(1)</script>") == 4


def test_the_policy_allows_the_style_it_carries_and_nothing_else(write):
    text = write_report(write(three()), pictures=True).read_text()
    (policy,) = [m["content"] for m in Page(text).all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy is not None
    assert f"style-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy
    assert "script" not in policy and " style=" not in text
    assert not re.search(r"""(?:src|href|url)\s*[=(]\s*["']?(?!data:)\w""", text)


def test_equal_datasets_give_equal_pages_and_a_page_that_says_the_same_stays(write):
    first = write_report(write(three(), "one"), pictures=True)
    second = write_report(write(three(), "two"), pictures=True)
    assert first.read_bytes() == second.read_bytes()
    before = first.stat()
    write_report(first.parent, pictures=True)
    assert (first.stat().st_mtime_ns, first.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    first.write_text("somebody else's")
    write_report(first.parent, pictures=True)
    assert first.read_bytes() == second.read_bytes()


def test_a_picture_that_is_gone_or_damaged_is_said(write):
    dataset = write(three())
    (dataset / "manipulated" / "a.png").unlink()
    (dataset / "probability" / "b.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    page = Page(write_report(dataset, pictures=True).read_text())
    assert page.words.count("cannot be shown") == 4  # a: manipulated and mask, b: probability and mask
    assert len(page.all("img")) == 10 - 4


def test_an_empty_dataset_has_a_page(write):
    page = Page(write_report(write([]), pictures=True).read_text())
    assert "0 pairs, 0 masks to trust" in page.words and "No pair has a score" in page.words


def test_a_large_dataset_has_a_bounded_sheet_with_every_status(write):
    inputs = [finished(f"f{n:04}", "failed", "truncated") for n in range(MAX_PAIRS_SHOWN + 50)]
    inputs += [finished("kept", "kept", qes=0.9, kind="SPG"), finished("rejected", "rejected", "low_qes", kind="SPG")]
    page = Page(write_report(write(inputs), pictures=True).read_text())
    classes = [article["class"] for article in page.all("article")]
    assert len(classes) == MAX_PAIRS_SHOWN
    assert classes.count("card kept") == classes.count("card rejected") == 1
    assert f"shows {MAX_PAIRS_SHOWN} of 252 pairs" in " ".join(page.words.split())


@pytest.mark.parametrize(
    ("counts", "limit", "want"),
    [
        ({"a": 10, "b": 10, "c": 10}, 9, {"a": 3, "b": 3, "c": 3}),
        ({"a": 1, "b": 100, "c": 100}, 9, {"a": 1, "b": 4, "c": 4}),
        ({"a": 0, "b": 2, "c": 100}, 9, {"a": 0, "b": 2, "c": 7}),
        ({"a": 1, "b": 1, "c": 1}, 9, {"a": 1, "b": 1, "c": 1}),
    ],
    ids=["even", "one-small", "one-empty", "all-fit"],
)
def test_shares(counts, limit, want):
    assert shares(counts, limit) == want


@given(st.lists(st.sampled_from(list(Status)), max_size=60), st.integers(3, 20))
def test_the_sheet_holds_exactly_the_shares(statuses, limit):
    rows = [Row(key=f"{n:03}", name="", status=status.value) for n, status in enumerate(statuses)]
    counts = {status.value: statuses.count(status) for status in Status}
    chosen = list(choose(iter(rows), counts, limit))
    assert len(chosen) == min(limit, len(rows))
    assert [row.key for row in chosen] == sorted(row.key for row in chosen)
    for status, share in shares(counts, limit).items():
        assert sum(row.status == status for row in chosen) == share


def test_tally():
    tally = Tally()
    tally.add(finished("a", "kept", kind="SPG").row)
    for reason in ("truncated", "is_url", "truncated"):
        tally.add(finished("b", "failed", reason).row)
    assert (tally.total, tally.kept, tally.rejected, tally.failed) == (4, 1, 0, 3)
    assert tally.reasons_of(Status.FAILED) == [("truncated", 2), ("is_url", 1)]
    assert tally.reasons_of(Status.REJECTED) == []
    assert (tally.kind_total("SPG"), tally.kind_total("SDG")) == (1, 0)


def test_every_word_of_the_closed_lists_is_explained():
    assert set(STATUS_MEANING) == set(Status)
    assert set(KIND_MEANING) == set(Kind)
    assert set(REASON_MEANING) == set(Reason)
    assert not set(REJECTION_MEANING) & set(FAILURE_MEANING)
