"""A folder of results as one page: `write_report(folder, pictures)`, the most suspicious pictures first."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from webiml.errors import BadImage
from webiml.images.codec import decode_map, from_8bit
from webiml.images.decode import decode
from webiml.images.draw import heat, overlay, thumbnail
from webiml.images.read import read_bytes
from webiml.localize.folder import about_results, read_results
from webiml.localize.rows import Outcome, PictureRow
from webiml.report.page import Picture, page_of, picture, write_page

MAX_PICTURES_SHOWN = 200  # each costs about 60 kB of page
MAX_FAILURES_SHOWN = 500  # lines of the table
THUMBNAIL_SIDE = 320  # pixels, the longer side


@dataclass(frozen=True, slots=True)
class Card:
    """One picture of the sheet."""

    row: PictureRow
    pictures: tuple[Picture, ...]


def write_report(folder: Path, pictures: bool) -> Path:
    """Write FOLDER/report.html in one step, or leave it alone when it already says the same.

    The rows are streamed, so memory is bounded by the page. Equal folders give equal bytes.

    Args:
        folder: results of `webiml localize`.
        pictures: whether the sheet of pictures is drawn.
    Returns:
        Path of the page.
    Raises:
        SettingError: it is no folder of results. OutputError: the page cannot be written.
    """
    return write_page(folder / "report.html", _render(folder, pictures))


def _render(folder: Path, pictures: bool) -> Iterator[str]:
    about = about_results(folder)
    counts: Counter[str] = Counter()
    suspicious: list[tuple[float, int, PictureRow]] = []  # a heap: the least suspicious of them goes first
    failures: list[PictureRow] = []
    for number, row in enumerate(read_results(folder)):
        counts[row.status] += 1
        if row.status == Outcome.FAILED:
            if len(failures) < MAX_FAILURES_SHOWN:
                failures.append(row)
            continue
        counts["marked"] += bool(row.area)
        heapq.heappush(suspicious, (row.score or 0.0, -number, replace(row, regions=None)))
        if len(suspicious) > MAX_PICTURES_SHOWN:
            heapq.heappop(suspicious)
    shown = [row for *_, row in sorted(suspicious, key=lambda one: (-one[0], one[2].key))]
    max_pixels = int(float(about["max_megapixels"]) * 1_000_000)
    return page_of(
        "localizations.html.j2",
        total=counts[Outcome.LOCALIZED] + counts[Outcome.FAILED],
        localized=counts[Outcome.LOCALIZED],
        failed=counts[Outcome.FAILED],
        marked=counts["marked"],
        threshold=float(about["threshold"]),
        settings=sorted(about.items()),
        pictures=pictures,
        shown=len(shown),
        cards=(_card(folder, row, max_pixels) for row in shown) if pictures else (),
        failures=failures,
    )


def _card(folder: Path, row: PictureRow, max_pixels: int) -> Card:
    """The picture with its thumbnails."""
    marked = _stored(folder, "overlays", row, max_pixels)
    probability = _stored(folder, "probability", row, max_pixels)
    confidence = _stored(folder, "confidence", row, max_pixels)
    mask = _stored(folder, "masks", row, max_pixels)
    if marked is not None and mask is not None and marked.shape[:2] == mask.shape:
        # Outlined at the size it is looked at: an outline drawn on twelve megapixels would vanish.
        small = thumbnail(mask, THUMBNAIL_SIDE) >= 128
        marked = overlay(thumbnail(marked, THUMBNAIL_SIDE), small, strength=0)
    drawn = (
        ("picture with its marked area", f"{row.key} with its marked area outlined", marked),
        ("probability", f"probability map of {row.key}, bright where it may be manipulated", _heat(probability)),
        ("confidence", f"confidence map of {row.key}, bright where the localizer is sure", confidence),
    )
    return Card(row, tuple(picture(caption, alt, rgb, THUMBNAIL_SIDE) for caption, alt, rgb in drawn))


def _heat(levels: np.ndarray | None) -> np.ndarray | None:
    return None if levels is None else heat(from_8bit(thumbnail(levels, THUMBNAIL_SIDE)))


def _stored(folder: Path, name: str, row: PictureRow, max_pixels: int) -> np.ndarray | None:
    """One stored picture or map, or None when somebody has removed or damaged it since."""
    try:
        data = read_bytes(folder / name / f"{row.key}.png", folder)
        return decode(data, max_pixels).rgb if name == "overlays" else decode_map(data, max_pixels)
    except BadImage:
        return None
