"""The pictures of an evaluation as cases for a person to look at, those that went worst first.

Figures come from per_image.parquet; pictures, masks and maps from where the evaluation found them (evaluate/places.py),
and only while their bytes are those that were scored. What has moved since costs its picture, not the page.
"""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from webiml.app.review.cases import CaseTable, Role, What
from webiml.app.review.localization_cases import number
from webiml.errors import BadImage, SettingError
from webiml.evaluate.benchmarks.items import Benchmark, Item, Source, read_source, read_truth
from webiml.evaluate.benchmarks.read import read_benchmark
from webiml.evaluate.maps import MapCache
from webiml.evaluate.places import Places, read_places
from webiml.evaluate.predictions import fit_to, match_predictions, read_prediction
from webiml.evaluate.protocols import Protocol
from webiml.evaluate.rows import ImageRow, Result
from webiml.evaluate.saved_run import RESULT, ROWS, SavedRun, read_run
from webiml.evaluate.score import Scoring
from webiml.images.decode import decode
from webiml.metrics.histograms import HALF
from webiml.pairs.keys import unique_keys
from webiml.store.drawn_masks import is_sha256
from webiml.store.reviews import State
from webiml.types import Reason

_FIGURES = ("f1", "iou", "auc", "marked", "score", "true")  # numbers of a row that the queue can be ordered by
_LEFT_OUT = ("seconds", "f1_permuted", "f1_best_permuted", "f1_inner", "mcc", "ap")  # of what is shown of a row


@dataclass(frozen=True, slots=True)
class _Found:
    """A benchmark when it is looked at again: its items by key, and the saved map of each, as far as it is known."""

    benchmark: Benchmark
    items: dict[str, Item]
    files: dict[str, Path]


class EvaluationCases:
    """Pictures of an evaluation; see `Cases`. Made by `EvaluationCases.open`; may be used by several threads."""

    what: What = "evaluation"
    orders: tuple[str, ...] = ("doubt", *_FIGURES, "name")
    roles: tuple[Role, ...] = ("manipulated", "truth", "probability")
    min_qes: float | None = None

    def __init__(self, run: SavedRun, rows: dict[str, ImageRow]) -> None:
        self.folder = run.folder
        self.title = f"{run.name}: {run.what}"
        self.table = _table(rows)
        self._run, self._rows = run, rows
        self._lock = threading.Lock()
        self._benchmarks: dict[str, _Found | BadImage] = {}

    @classmethod
    def open(cls, path: Path) -> EvaluationCases:
        """The evaluation in a folder; no picture is looked for yet.

        Raises:
            SettingError: it is no result of `webiml evaluate`, or is damaged.
        """
        run = read_run(path)
        rows = (*run.rows, *run.left_out)
        several = len({row.benchmark for row in rows}) > 1  # a key is unique in its benchmark only
        keys = unique_keys([f"{row.benchmark}-{row.key}" if several else row.key for row in rows])
        return cls(run, dict(zip(keys, rows, strict=True)))

    def column(self, name: str) -> list[Any]:
        """The values of a column of `orders`."""
        return self.table.columns[name]

    def machine(self, key: str) -> State:
        """Scored, or failed where there is nothing that a person could judge; see `Cases`."""
        row = self._rows[key]
        return State(_status(row), row.reason)

    def facts(self, key: str) -> dict[str, Any]:
        """The row; see `Cases`."""
        row = self._rows[key]
        known = {name: value for name, value in dataclasses.asdict(row).items() if name not in _LEFT_OUT}
        known = {name: number(value) if isinstance(value, float) else value for name, value in known.items()}
        return {**known, "status": _status(row), "kind": _kind(row), "source": row.benchmark}

    def roles_of(self, key: str) -> tuple[Role, ...]:
        """Picture and map of what was scored, and the truth of a manipulated one; see `Cases`."""
        row = self._rows[key]
        if row.result != Result.SCORED:
            return ()
        return self.roles if row.manipulated else ("manipulated", "probability")

    def level(self, key: str) -> int:
        """128: all F1 are of the mask at 0.5; see `Cases`."""
        self._rows[key]
        return HALF

    def size(self, key: str) -> tuple[int, int] | None:
        """Height and width of the picture; see `Cases`."""
        row = self._rows[key]
        if row.result != Result.SCORED or not row.height or not row.width or min(row.height, row.width) < 1:
            return None
        return row.height, row.width

    def picture(self, key: str, role: Role) -> np.ndarray:
        """The picture, its truth or its map at the picture's size; see `Cases`."""
        row, size = self._rows[key], self.size(key)
        if size is None:
            raise BadImage(Reason.NOT_FOUND, f"it was not scored ({row.reason or row.result})")
        if role not in self.roles_of(key):
            raise BadImage(Reason.NOT_FOUND, f"this picture of an evaluation has no {role}")
        found = self._drawn(row, role)
        if role == "probability":
            return fit_to(found, size)  # a network that saw a square gave a square
        if found.shape[:2] != size:
            raise BadImage(Reason.MASK_SIZE, f"the {role} has another size than its row says")
        return found

    def _drawn(self, row: ImageRow, role: Role) -> np.ndarray:
        places = self._places
        if isinstance(places, BadImage):
            raise places
        if role == "probability" and places.maps is not None:
            return _cached(places, row)
        found = self._benchmark(row.benchmark, places)
        item = found.items.get(row.key)
        if item is None:
            raise BadImage(Reason.NOT_FOUND, f"{row.name} is not in {row.benchmark} any more")
        if role == "probability":
            return _saved(places, row, item, found.files.get(row.key))
        if role == "truth":
            _read(item.mask, item, row.mask_sha256, "mask")
            rule = Scoring(self._protocol, places.max_pixels).for_masks(found.benchmark.rule).rule
            return read_truth(item, rule, places.max_pixels).view(np.uint8) * np.uint8(255)
        return decode(_read(item.image, item, row.sha256, "picture"), places.max_pixels).rgb

    @property
    def _protocol(self) -> Protocol:
        return self._run.protocol

    @cached_property
    def _places(self) -> Places | BadImage:
        try:
            return read_places(self.folder, self._run.fingerprint, self._run.date)
        except SettingError as error:
            return _lost(error)

    def _benchmark(self, name: str, places: Places) -> _Found:
        """A benchmark, looked through when the first of its pictures is asked for."""
        with self._lock:
            if name not in self._benchmarks:
                try:
                    self._benchmarks[name] = _look_again(name, places)
                except SettingError as error:  # its folder has moved, say
                    self._benchmarks[name] = _lost(error)
            found = self._benchmarks[name]
        if isinstance(found, BadImage):
            raise found
        return found


def is_evaluation(path: Path) -> bool:
    """Whether a folder holds a result of `webiml evaluate`."""
    return (path / RESULT).is_file() and (path / ROWS).is_file()


def _lost(error: SettingError) -> BadImage:
    return BadImage(Reason.NOT_FOUND, str(error).removesuffix("."))  # it stands inside another sentence


def _look_again(name: str, places: Places) -> _Found:
    spec = places.data.get(name)
    if spec is None:
        raise SettingError(f"The evaluation does not say where {name} lies: evaluate again to look at its pictures.")
    benchmark = read_benchmark(spec)
    files: dict[str, Path] = {}
    if places.predictions is not None:
        with suppress(SettingError):  # a map is gone: the others are looked for one by one
            files = match_predictions(benchmark.items, Path(places.predictions)).files
    return _Found(benchmark, {item.key: item for item in benchmark.items}, files)


def _read(source: Source | None, item: Item, sha256: str | None, what: str) -> bytes:
    """The bytes of a picture or a mask, the very ones that were scored."""
    if source is None:
        raise BadImage(Reason.NOT_FOUND, f"{item.name} has no {what} any more")
    data = read_source(source, item.root)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BadImage(Reason.OTHER_BYTES, f"the {what} of {item.name} has changed since it was scored")
    return data


def _cached(places: Places, row: ImageRow) -> np.ndarray:
    known = places.maps is not None and is_sha256(row.sha256)
    kept = MapCache(Path(places.maps or "")).get(row.sha256 or "", places.max_pixels) if known else None
    if kept is None:
        raise BadImage(Reason.NOT_FOUND, f"the map of {row.name} is no longer in the cache: evaluate again")
    return kept.levels


def _saved(places: Places, row: ImageRow, item: Item, path: Path | None) -> np.ndarray:
    if places.predictions is None:
        raise BadImage(Reason.NOT_FOUND, "the maps of a network without a digest are not kept; see docs/evaluate.md")
    folder, zero_one = Path(places.predictions), row.benchmark in places.zero_one
    if path is None:
        try:
            path = match_predictions([item], folder).files[item.key]
        except SettingError as error:
            raise _lost(error) from None
    return read_prediction(path, folder, places.max_pixels, invert=places.invert, zero_one=zero_one).levels


def _status(row: ImageRow) -> str:
    """Of what was skipped there is nothing to judge either."""
    return Result.SCORED.value if row.result == Result.SCORED else Result.FAILED.value


def _kind(row: ImageRow) -> str:
    return (row.kind or "manipulated") if row.manipulated else "authentic"


def _doubt(row: ImageRow) -> float | None:
    """0 of what went worst: nothing found of a manipulated picture, all of an authentic one marked."""
    if row.result != Result.SCORED:
        return None
    if row.manipulated:
        return row.f1
    return None if row.marked is None else 1 - row.marked


def _table(rows: dict[str, ImageRow]) -> CaseTable:
    found = rows.values()
    columns: dict[str, list[Any]] = {
        "key": list(rows),
        "name": [row.name or row.key for row in found],
        "status": [_status(row) for row in found],
        "reason": [row.reason for row in found],
        "kind": [_kind(row) for row in found],
        "source": [row.benchmark for row in found],
    }
    figures = {name: [number(getattr(row, name)) for row in found] for name in _FIGURES}
    return CaseTable(columns | figures | {"doubt": [_doubt(row) for row in found]})
