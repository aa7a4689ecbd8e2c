"""A dataset as one page: `write_report(dataset, pictures)`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from webiml.errors import BadImage
from webiml.images.codec import decode_map, from_8bit
from webiml.images.decode import decode
from webiml.images.draw import heat, overlay, thumbnail
from webiml.report.page import THUMBNAIL_SIDE, Picture, encoded, page_of, picture, write_page
from webiml.report.tally import Tally
from webiml.report.words import KIND_MEANING, REASON_MEANING, STATUS_MEANING
from webiml.store.dataset import Role, dataset_info, read_member, read_rows
from webiml.store.place import Place
from webiml.types import Kind, Row, Status

MAX_PAIRS_SHOWN = 200  # pairs in the sheet; each costs about 50 kB of page
QES_BINS = 20  # over [0, 1]

_NAME = "report.html"


@dataclass(frozen=True, slots=True)
class Card:
    """One pair of the sheet."""

    row: Row
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bin of the QES histogram, in the units of the drawing."""

    left: float
    kept: int
    rejected: int
    kept_height: float
    rejected_height: float


def write_report(dataset: Path, pictures: bool) -> Path:
    """Write DATASET/report.html in one step, or leave it alone when it already says the same.

    The rows are streamed twice, first to count and then to draw, so memory is bounded by the page. Equal datasets
    give equal bytes.

    Args:
        dataset: a dataset of either shape, finished.
        pictures: whether the sheet of pairs is drawn.
    Returns:
        Path of the page.
    Raises:
        OutputError: the page cannot be written.
    """
    return write_page(dataset / _NAME, _render(dataset, pictures))


def put_report(dataset: Place, pictures: bool) -> str:
    """As `write_report`, into a dataset on this machine or elsewhere; the page's path or address.

    Raises:
        OutputError: the page cannot be written. OSError: the dataset cannot be read.
    """
    if dataset.local is not None:
        return str(write_report(dataset.local, pictures))
    page = encoded(_render(dataset, pictures))
    if dataset.size(_NAME) != len(page) or dataset.read(_NAME) != page:
        dataset.write(_NAME, page)
    return dataset.below(_NAME).url


def _render(dataset: Path | Place, pictures: bool) -> Iterator[str]:
    info = dataset_info(dataset)
    tally = Tally()
    kept_qes, rejected_qes = np.zeros(QES_BINS, int), np.zeros(QES_BINS, int)
    for row in read_rows(dataset):
        tally.add(row)
        if row.qes is not None:
            bins = kept_qes if row.status == Status.KEPT else rejected_qes
            bins[min(int(row.qes * QES_BINS), QES_BINS - 1)] += 1

    counts = {status.value: tally.statuses[status] for status in Status}
    max_pixels = int(float(info.settings["max_megapixels"]) * 1_000_000)
    return page_of(
        "report.html.j2",
        tally=tally,
        statuses=[(status.value, counts[status.value], STATUS_MEANING[status]) for status in Status],
        reasons=[
            (status.value, reason, count, REASON_MEANING.get(reason, ""))
            for status in (Status.REJECTED, Status.FAILED)
            for reason, count in tally.reasons_of(status)
        ],
        kinds=[
            (kind.value, [tally.kinds[kind, status] for status in Status], tally.kind_total(kind), KIND_MEANING[kind])
            for kind in Kind
        ],
        histogram=_bars(kept_qes, rejected_qes),
        scored=int(kept_qes.sum() + rejected_qes.sum()),
        tallest=int((kept_qes + rejected_qes).max()),
        min_qes=float(info.settings["min_qes"]),
        settings=sorted(info.settings.items()),
        info=info,
        pictures=pictures,
        shown=min(MAX_PAIRS_SHOWN, tally.total),
        cards=(_card(dataset, row, max_pixels) for row in choose(read_rows(dataset), counts)) if pictures else (),
    )


def shares(counts: dict[str, int], limit: int) -> dict[str, int]:
    """How many of each group are shown: as even as the groups allow, `limit` in all at most."""
    result: dict[str, int] = {}
    for position, (group, count) in enumerate(sorted(counts.items(), key=lambda item: (item[1], item[0]))):
        result[group] = min(count, limit // (len(counts) - position))
        limit -= result[group]
    return result


def choose(rows: Iterator[Row], counts: dict[str, int], limit: int = MAX_PAIRS_SHOWN) -> Iterator[Row]:
    """Rows for the sheet: of each status an even share, taken at even distances, so that any run chooses the same."""
    share = shares(counts, limit)
    seen = dict.fromkeys(counts, 0)
    for row in rows:
        index, total, wanted = seen[row.status], counts[row.status], share[row.status]
        seen[row.status] += 1
        if index * wanted // total != (index + 1) * wanted // total:
            yield row


def _card(dataset: Path | Place, row: Row, max_pixels: int) -> Card:
    """The pair with its thumbnails; what was not stored (a failed pair) has none."""
    if row.status == Status.FAILED:
        return Card(row, ())
    authentic = _decoded(dataset, row, "authentic", max_pixels)
    manipulated = _decoded(dataset, row, "manipulated", max_pixels)
    drawn = [
        picture("authentic", f"authentic picture of {row.key}", authentic),
        picture("manipulated", f"manipulated picture of {row.key}", manipulated),
    ]
    if row.qes is not None or row.mask_area is not None:
        levels = _decoded(dataset, row, "probability", max_pixels)
        small = None if levels is None else heat(from_8bit(thumbnail(levels, THUMBNAIL_SIDE)))
        drawn.append(picture("probability", f"probability map of {row.key}, bright where manipulated", small))
        marked = None
        if levels is not None and manipulated is not None and levels.shape == manipulated.shape[:2]:
            # Drawn at the size it is looked at: an outline drawn on twelve megapixels would vanish.
            mask = thumbnail((levels >= 128).astype(np.uint8) * 255, THUMBNAIL_SIDE) >= 128
            marked = overlay(thumbnail(manipulated, THUMBNAIL_SIDE), mask)
        drawn.append(picture("mask", f"manipulated picture of {row.key} with its mask in red", marked))
    return Card(row, tuple(drawn))


def _decoded(dataset: Path | Place, row: Row, role: Role, max_pixels: int) -> np.ndarray | None:
    """One stored picture, or None when somebody has removed or damaged it since."""
    try:
        data = read_member(dataset, row, role)
        return decode_map(data) if role == "probability" else decode(data, max_pixels).rgb
    except (BadImage, OSError, KeyError):
        return None


def _bars(kept: np.ndarray, rejected: np.ndarray, height: float = 120) -> list[Bar]:
    """Stacked bars, the tallest `height` high; a bin that holds anything is at least one unit high."""
    tallest = max(1, int((kept + rejected).max()))

    def scaled(count: int) -> float:
        return max(1.0, round(height * count / tallest, 1)) if count else 0.0

    return [
        Bar(index / len(kept), int(k), int(r), scaled(int(k)), scaled(int(r)))
        for index, (k, r) in enumerate(zip(kept, rejected, strict=True))
    ]
