"""The page of a folder of results: what it says, what it must never carry, how large it may grow."""

import json
import re
from collections.abc import Callable, Iterable
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from webiml.errors import SettingError
from webiml.localize.rows import PictureRow, to_record
from webiml.report.localizations import MAX_FAILURES_SHOWN, MAX_PICTURES_SHOWN, write_report

Write = Callable[[Iterable[PictureRow]], Path]
SETTINGS = {"max_megapixels": 200.0, "schema": 1, "threshold": 0.5, "views": 1, "weights": "tiny:00ff"}


def localized(key: str, score: float, area: float = 0.25, **columns) -> PictureRow:
    facts = {"name": f"photos/{key}.jpg", "height": 30, "width": 40, "components": int(area > 0), "regions": []}
    return PictureRow(key=key, status="localized", score=score, area=area, **(facts | columns))


def failed(key: str, reason: str, detail: str = "", name: str = "") -> PictureRow:
    return PictureRow(key, name or f"photos/{key}.jpg", "failed", reason=reason, detail=detail)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Lay down a folder of results with the given rows."""

    def write(rows: Iterable[PictureRow]) -> Path:
        folder = tmp_path / "out"
        for name in (".webiml", "masks", "probability", "confidence", "overlays"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / ".webiml" / "localize.json").write_text(json.dumps(SETTINGS))
        levels = np.zeros((30, 40), np.uint8)
        levels[10:20, 10:20] = 255
        with open(folder / "results.jsonl", "w") as lines:
            for row in rows:
                lines.write(json.dumps(to_record(row)) + "\n")
                if row.status == "localized":
                    for name in ("masks", "probability", "confidence"):
                        cv2.imwrite(str(folder / name / f"{row.key}.png"), levels)
                    cv2.imwrite(str(folder / "overlays" / f"{row.key}.png"), np.full((30, 40, 3), 128, np.uint8))
        return folder

    return write


class Page(HTMLParser):
    """Elements and words of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.text = path.read_text()
        self.feed(self.text)
        self.words = " ".join(self.words.split())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def four() -> list[PictureRow]:
    return [
        localized("low", 0.031, 0.0),
        localized("high", 0.97, notes="first of 2 frames"),
        failed("cut", "truncated", "the PNG file ends early"),
        localized("middle", 0.5),
    ]


def test_the_most_suspicious_come_first_and_failures_are_a_table(write):
    page = Page(write_report(write(four()), pictures=True))
    assert "4 pictures, 2 with a marked area" in page.words
    assert [article["id"] for article in page.all("article")] == ["picture-high", "picture-middle", "picture-low"]
    for words in ("score 0.97", "score 0.03", "nothing marked", "area 25.0 %", "first of 2 frames", "40 \u00d7 30"):
        assert words in page.words
    assert "photos/cut.jpgtruncatedthe PNG file ends early" in page.words  # three cells of one line
    images = page.all("img")
    assert len(images) == 9 and all((image["width"], image["height"]) == ("40", "30") for image in images)
    assert all((image["src"] or "").startswith("data:image/jpeg;base64,/9j/") and image["alt"] for image in images)
    assert "fake" not in page.text.lower()


def test_the_page_reaches_nothing_and_hostile_text_stays_text(write):
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}\x1b[31m\u202egnp"
    page = Page(write_report(write([localized("a", 0.9, name=evil, notes=evil), failed("b", "x", evil, evil)]), True))
    assert not page.all("script") and page.words.count("<script>alert(1)</script>") == 4
    assert "\x1b" not in page.text and "\u202e" not in page.text and "49" not in page.words
    (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in (policy or "") and " style=" not in page.text
    assert not re.search(r"""(?:src|href|url)\s*[=(]\s*["']?(?!data:|x\b)\w""", page.text)


def test_a_page_that_says_the_same_stays_and_one_without_pictures_has_none(write):
    path = write_report(write(four()), pictures=True)
    before = path.stat().st_mtime_ns, path.stat().st_ino
    write_report(path.parent, pictures=True)
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before
    page = Page(write_report(path.parent, pictures=False))
    assert not page.all("img") and "truncated" in page.words and "0.5" in page.words


def test_a_map_that_is_gone_or_damaged_is_said(write):
    folder = write(four())
    (folder / "overlays" / "high.png").unlink()
    (folder / "probability" / "low.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    page = Page(write_report(folder, pictures=True))
    assert page.words.count("cannot be shown") == 2 and len(page.all("img")) == 7


def test_a_large_folder_has_a_bounded_page(write, monkeypatch):
    monkeypatch.setattr("webiml.report.localizations.MAX_PICTURES_SHOWN", 20)
    monkeypatch.setattr("webiml.report.localizations.MAX_FAILURES_SHOWN", 30)
    assert (MAX_PICTURES_SHOWN, MAX_FAILURES_SHOWN) == (200, 500)
    rows = [localized(f"p{n:03}", n % 50 / 100) for n in range(60)] + [failed(f"f{n}", "truncated") for n in range(40)]
    page = Page(write_report(write(rows), pictures=True))
    found = [str(article["id"]) for article in page.all("article")]
    assert found == [f"picture-p{n:03}" for n in range(49, 29, -1)]
    assert "shows the 20 highest scores of 60" in page.words and "The first 30 of 40" in page.words


def test_what_is_no_folder_of_results_is_refused(tmp_path):
    with pytest.raises(SettingError, match="not a folder of results"):
        write_report(tmp_path, pictures=True)
