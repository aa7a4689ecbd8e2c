"""The pictures of an evaluation that are worth a look: found worst, found best, and authentic with most marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from webiml.errors import BadImage, one_line
from webiml.evaluate.benchmarks.items import Item, read_truth
from webiml.evaluate.plan import Plan
from webiml.evaluate.rows import ImageRow, Result
from webiml.evaluate.run import Evaluated
from webiml.evaluate.score import Scoring, Task, map_of
from webiml.images.codec import from_8bit
from webiml.images.draw import heat, overlay, thumbnail
from webiml.metrics.histograms import HALF
from webiml.report.page import Picture, picture

SHOWN = 12  # pictures of each sort; each costs about 80 kB of page
THUMBNAIL_SIDE = 320  # pixels, the longer side
TRUTH, MARKED = (0, 170, 255), (255, 0, 80)  # RGB of outlines


@dataclass(frozen=True, slots=True)
class Case:
    """One picture of a sheet: `problem` says why there are no thumbnails, or why some are missing."""

    row: ImageRow
    pictures: tuple[Picture, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Cases of one sort, drawn one by one while the page is written."""

    title: str
    words: str
    cases: Iterator[Case]


def sheets(found: Evaluated, planned: Plan) -> Iterator[Sheet]:
    """The sheets that are not empty; a map that is gone or a picture that cannot be read is said on its card."""
    worst, best, alarms = choose(found.rows)
    items = {(one.name, item.key): item for one in planned.benchmarks for item in one.items}
    for title, words, rows in (
        ("Found worst", "Manipulated pictures of the lowest F1 at 0.5.", worst),
        ("Found best", "Manipulated pictures of the highest F1 at 0.5.", best),
        ("Marked most although authentic", "Authentic pictures of which the most is marked.", alarms),
    ):
        if rows:
            yield Sheet(title, words, (_case(row, items, found.scorings, planned) for row in rows))


def choose(rows: Sequence[ImageRow]) -> tuple[list[ImageRow], list[ImageRow], list[ImageRow]]:
    """The manipulated pictures found worst and best, none in both, and the authentic ones with the most marked."""
    scored = [row for row in rows if row.result == Result.SCORED]  # of a failed one there is no map to look at
    judged = [row for row in scored if row.manipulated and row.f1 is not None]
    judged.sort(key=lambda row: (row.f1 or 0.0, row.benchmark, row.key))
    half = (len(judged) + 1) // 2
    alarms = [row for row in scored if not row.manipulated and row.marked]
    alarms.sort(key=lambda row: (-(row.marked or 0.0), row.benchmark, row.key))
    return judged[: min(SHOWN, half)], judged[max(half, len(judged) - SHOWN) :][::-1], alarms[:SHOWN]


def _case(row: ImageRow, items: Mapping[tuple[str, str], Item], scorings: Mapping[str, Scoring], planned: Plan) -> Case:
    item, scoring = items.get((row.benchmark, row.key)), scorings.get(row.benchmark)
    if item is None or scoring is None:
        return Case(row, (), "The picture is no longer listed.")
    map_file = planned.files.get(row.benchmark, {}).get(row.key)
    if scoring.predictions is not None and map_file is None:
        return Case(row, (), "There is no map of it.")
    try:
        rgb, found, _ = map_of(Task(row.benchmark, item, map_file), scoring)
    except KeyError:
        return Case(row, (), "Its map is no longer in the cache.")
    except Exception as error:  # the figures are there; no picture may cost the report
        return Case(row, (), f"It cannot be shown: {error if isinstance(error, BadImage) else one_line(error)}.")
    truth, problem = _truth(item, scoring, rgb.shape[:2])
    small = thumbnail(rgb, THUMBNAIL_SIDE)
    outline = None if truth is None else _small(truth)
    plain = small if outline is None else overlay(small, outline, TRUTH, 0)
    marked = overlay(small, _small(found.levels >= HALF), MARKED, 0.45)
    marked = marked if outline is None else overlay(marked, outline, TRUTH, 0)
    levels = thumbnail(found.levels, THUMBNAIL_SIDE)
    drawn = (
        ("picture, truth outlined" if item.manipulated else "authentic picture", f"picture {row.key}", plain),
        ("probability", f"probability map of {row.key}, bright where it may be manipulated", heat(from_8bit(levels))),
        ("marked at 0.5, truth outlined" if item.manipulated else "marked at 0.5", f"mask of {row.key} in red", marked),
    )
    return Case(row, tuple(picture(words, alt, image, THUMBNAIL_SIDE) for words, alt, image in drawn), problem)


def _truth(item: Item, scoring: Scoring, size: tuple[int, ...]) -> tuple[np.ndarray | None, str]:
    """The truth of a manipulated picture, and what was wrong with it."""
    if not item.manipulated:
        return None, ""
    try:
        truth = read_truth(item, scoring.rule, scoring.max_pixels)
    except Exception as error:  # as above
        return None, f"Its truth cannot be shown: {error if isinstance(error, BadImage) else one_line(error)}."
    return (truth, "") if truth.shape == size else (None, "Its truth has another size now.")


def _small(mask: np.ndarray) -> np.ndarray:
    """(h, w) bool: the mask at the size it is looked at; a small area does not vanish."""
    levels = thumbnail(mask.view(np.uint8) * np.uint8(255), THUMBNAIL_SIDE)
    half = levels >= HALF
    return half if half.any() else levels > 0
