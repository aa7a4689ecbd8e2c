"""One picture of a benchmark becomes one row: its map is made or fetched, its truth read, both compared."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from webiml.errors import MAX_DETAIL, BadImage, OutputError, one_line
from webiml.evaluate.benchmarks.items import Item, MaskRule, read_source, read_truth
from webiml.evaluate.degrade import Degradation, degrade
from webiml.evaluate.maps import Look, Maker, Map, MapCache, stretched
from webiml.evaluate.pixel_figures import score_map
from webiml.evaluate.predictions import fit_to, read_prediction
from webiml.evaluate.protocols import Protocol
from webiml.evaluate.rows import ImageRow, Result
from webiml.images.decode import decode, size_of
from webiml.metrics.histograms import Histograms
from webiml.runners.cores import few_threads, usable_cores
from webiml.runners.local import Crashed, run_ordered
from webiml.types import Problem, Reason


@dataclass(frozen=True, slots=True)
class Scoring:
    """How every picture is scored. Decides the numbers, with the maker or the predictions.

    Attributes:
        rule: how the benchmark's masks are read. degradation: done to every picture first; None leaves them alone.
        maker: makes the maps; None where they come from `predictions`, a folder.
        cache: where made maps are kept. invert, zero_one: as `read_prediction` has them. stretch: a saved map of
            another size is brought to the picture's.
    """

    protocol: Protocol
    max_pixels: int
    rule: MaskRule = field(default_factory=MaskRule)
    degradation: Degradation | None = None
    maker: Maker | None = None
    cache: MapCache | None = None
    predictions: Path | None = None
    invert: bool = False
    zero_one: bool = False
    stretch: bool = False

    def for_masks(self, rule: MaskRule) -> Scoring:
        """The same for a benchmark whose masks are read by `rule`; the protocol may say above which level."""
        above = self.protocol.mask_above
        return replace(self, rule=rule if above is None else replace(rule, above=above))


@dataclass(frozen=True, slots=True, eq=False)
class ScoredItem:
    """The row of a picture, and what adds up over pictures: both None where the protocol leaves it out."""

    row: ImageRow
    counts: Histograms | None = None
    curve: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One picture to score: `map_file` is its saved map, None where the map is made here."""

    benchmark: str
    item: Item
    map_file: Path | None = None


def score_items(
    benchmark: str, items: Sequence[Item], scoring: Scoring, workers: int, files: Mapping[str, Path] | None = None
) -> Generator[ScoredItem, None, None]:
    """Score every item, in order, in `workers` processes (0: one for each core); whatever goes wrong is its row.

    Args:
        files: the saved map of each key, for predictions.
    Raises:
        OutputError: the cache cannot be written.
    """
    # Items of one picture go to one process, so that its map is made once
    tasks = [
        tuple(Task(benchmark, item, (files or {}).get(item.key)) for item in same)
        for _, same in groupby(items, key=lambda item: item.image)
    ]
    cores = usable_cores()
    workers = max(1, min(workers or cores, len(tasks)))
    start = partial(_start_worker, scoring, max(1, cores // workers))
    with closing(run_ordered(_score_all, tasks, workers, start)) as results:
        for same, result in results:
            if isinstance(result, Crashed):
                detail = result.detail[:MAX_DETAIL]
                yield from (_unusable(_row(task), Reason.WORKER_DIED, detail) for task in same)
            elif isinstance(result, OutputError):
                raise result
            else:
                yield from result


def map_of(task: Task, scoring: Scoring, look: Look | None = None) -> tuple[np.ndarray, Map, float | None]:
    """The picture of a task (H, W, 3), its map at that size and the seconds that it took; for a report.

    Raises:
        BadImage: it cannot be read. KeyError: the map is not in the cache and there is no `look` to make it.
    """
    data = read_source(task.item.image, task.item.root)
    rgb = decode(data, scoring.max_pixels).rgb
    if scoring.predictions is not None:
        assert task.map_file is not None  # every item was matched before work began
        found, seconds = _saved(task.map_file, scoring), None
    else:
        found, seconds = _made(data, rgb, scoring, look)
    return rgb, replace(found, levels=fit_to(found.levels, rgb.shape[:2])), seconds


# ---------------------------------------------------------------- in the workers


# What a worker process holds from picture to picture; set by `_start_worker`.
_scoring: Scoring
_look: Look | None


def _start_worker(scoring: Scoring, threads: int) -> None:
    global _scoring, _look
    few_threads(threads)
    _scoring, _look = scoring, None
    if scoring.maker is not None:
        look = scoring.maker.load(threads)
        side = scoring.protocol.stretch
        _look = stretched(look, side) if side else look


def _score_all(same: Sequence[Task]) -> list[ScoredItem] | OutputError:
    try:
        return [_score(task) for task in same]
    except OutputError as error:
        return error


def _score(task: Task) -> ScoredItem:
    row = _row(task)
    try:
        if task.item.problem is not None:
            raise BadImage(task.item.problem.reason, task.item.problem.detail)
        return _score_item(task, row, _scoring, _look)
    except BadImage as error:
        return _unusable(row, error.reason, error.detail)
    except OutputError:
        raise
    except Exception as error:  # a bug of ours, or no memory: one row, not the end of the run
        return _unusable(row, Reason.INTERNAL_ERROR, one_line(error))


class _Compared(NamedTuple):
    """What is to be compared: the map, the truth (None: authentic) and the picture's size, after any degradation."""

    row: ImageRow
    found: Map
    truth: np.ndarray | None
    size: tuple[int, int]


def _score_item(task: Task, row: ImageRow, scoring: Scoring, look: Look | None) -> ScoredItem:
    """The truth first: without it there is nothing to say of a manipulated picture, with it a lost map counts."""
    truth = None
    if task.item.mask is not None:
        mask_data = read_source(task.item.mask, task.item.root)
        row = replace(row, mask_sha256=hashlib.sha256(mask_data).hexdigest())
        truth = read_truth(task.item, scoring.rule, scoring.max_pixels)
    try:
        if scoring.predictions is None:
            row, found, truth, size = _with_made_map(task, row, truth, scoring, look)
        else:
            row, found, truth, size = _with_saved_map(task, row, truth, scoring)
    except _WrongTruth as error:
        return _unusable(row, Reason.MASK_SIZE, str(error))
    except BadImage as error:
        return _without_map(row, truth, Problem(error.reason, error.detail), scoring.protocol)
    except OutputError:
        raise
    except Exception as error:  # the network failed on this picture
        return _without_map(row, truth, Problem(Reason.INTERNAL_ERROR, one_line(error)), scoring.protocol)
    levels, truth = _at_one_size(found.levels, truth, size, scoring.protocol)
    scored = score_map(levels, truth, scoring.protocol)
    row = replace(row, result=Result.SCORED.value, score=found.score, largest=scored.largest, **asdict(scored.figures))
    return ScoredItem(row, scored.counts, scored.curve)


def _with_made_map(
    task: Task, row: ImageRow, truth: np.ndarray | None, scoring: Scoring, look: Look | None
) -> _Compared:
    data = read_source(task.item.image, task.item.root)
    rgb = decode(data, scoring.max_pixels).rgb
    height, width = rgb.shape[:2]
    row = replace(row, sha256=hashlib.sha256(data).hexdigest(), height=height, width=width)
    _refuse_other_size(truth, (height, width))
    if scoring.degradation is not None:
        rgb, truth = degrade(rgb, truth, scoring.degradation, task.item.key)
    found, seconds = _made(data, rgb, scoring, look)
    height, width = rgb.shape[:2]
    return _Compared(replace(row, seconds=seconds), found, truth, (height, width))


def _with_saved_map(task: Task, row: ImageRow, truth: np.ndarray | None, scoring: Scoring) -> _Compared:
    """Of the picture only the size is asked; where it cannot be read, its map can still be compared with its mask."""
    assert task.map_file is not None  # every item was matched before work began
    found = _saved(task.map_file, scoring)
    notes = [found.note]
    size = found.levels.shape if truth is None else truth.shape
    try:
        data = read_source(task.item.image, task.item.root)
        size = size_of(data, scoring.max_pixels)
        row = replace(row, sha256=hashlib.sha256(data).hexdigest(), height=size[0], width=size[1])
        _refuse_other_size(truth, size)
    except BadImage as error:
        notes.append(f"the picture itself could not be read ({error.reason.value})")
    if found.levels.shape != size and scoring.protocol.compared == "native" and not scoring.stretch:
        words = f"the map is {_size(found.levels.shape)}, the picture {_size(size)}; --fit stretch brings it there"
        raise BadImage(Reason.MAP_SIZE, words)
    row = replace(row, detail="; ".join(filter(None, notes)) or None)
    return _Compared(row, found, truth, (size[0], size[1]))


def _refuse_other_size(truth: np.ndarray | None, size: tuple[int, int]) -> None:
    if truth is not None and truth.shape != size:
        raise _WrongTruth(f"the mask is {_size(truth.shape)}, the picture {_size(size)}")


def _made(data: bytes, rgb: np.ndarray, scoring: Scoring, look: Look | None) -> tuple[Map, float | None]:
    """The map out of the cache, or made now and put there, and how long that took."""
    degraded = scoring.degradation is not None
    sha256 = hashlib.sha256(rgb.tobytes() if degraded else data).hexdigest()
    found = scoring.cache.get(sha256, scoring.max_pixels) if scoring.cache else None
    if found is not None:
        return found, None
    if look is None:
        raise KeyError(sha256)
    started = time.perf_counter()
    found = look(rgb)
    seconds = round(time.perf_counter() - started, 4)
    if scoring.cache:
        scoring.cache.put(sha256, found)
    return found, seconds


def _saved(path: Path, scoring: Scoring) -> Map:
    assert scoring.predictions is not None
    found = read_prediction(
        path, scoring.predictions, scoring.max_pixels, invert=scoring.invert, zero_one=scoring.zero_one
    )
    rounded = "" if found.exact else "rounded to 8 bits"
    return Map(found.levels, found.score, "; ".join(filter(None, (found.note, rounded))))


def _at_one_size(
    levels: np.ndarray, truth: np.ndarray | None, size: tuple[int, int], protocol: Protocol
) -> tuple[np.ndarray, np.ndarray | None]:
    """Map and truth where the protocol compares them: the picture's size, or the square that the network saw."""
    if protocol.compared == "native":
        return fit_to(levels, size), truth
    assert protocol.stretch is not None
    square = (protocol.stretch, protocol.stretch)
    if truth is not None:
        truth = cv2.resize(truth.view(np.uint8), square, interpolation=cv2.INTER_NEAREST) != 0
    return fit_to(levels, square), truth


def _without_map(row: ImageRow, truth: np.ndarray | None, problem: Problem, protocol: Protocol) -> ScoredItem:
    """A manipulated picture without a map counts as one in which nothing is marked; an authentic one cannot count."""
    if truth is None:
        return _unusable(row, problem.reason, problem.detail)
    levels, truth = _at_one_size(np.zeros(truth.shape, np.uint8), truth, truth.shape, protocol)
    scored = score_map(levels, truth, protocol)
    row = replace(row, result=Result.FAILED.value, reason=problem.reason.value, detail=problem.detail or None)
    row = replace(row, score=0.0, largest=0.0, **asdict(scored.figures))
    return ScoredItem(row, scored.counts, scored.curve)


def _unusable(row: ImageRow, reason: Reason, detail: str) -> ScoredItem:
    return ScoredItem(replace(row, result=Result.SKIPPED.value, reason=reason.value, detail=detail or None))


def _row(task: Task) -> ImageRow:
    item = task.item
    return ImageRow(task.benchmark, item.key, item.name, item.manipulated, item.kind, item.group)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"


class _WrongTruth(Exception):
    """The mask is not one of this picture."""
