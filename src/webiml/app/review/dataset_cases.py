"""The pairs of a dataset as cases of the review page: its table read once, by columns; rows and pictures when asked."""

from __future__ import annotations

import math
import os
import threading
from bisect import bisect_right
from collections import OrderedDict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from webiml.app.review.cases import TEXT, CaseTable, Role, What
from webiml.errors import BadImage, SettingError
from webiml.images.read import readable
from webiml.store.dataset import dataset_info, read_member
from webiml.store.parquet import FILE_NAME, as_records
from webiml.store.place import Place, open_place
from webiml.store.reviews import State
from webiml.store.rows import from_record, is_safe_key
from webiml.types import Reason, Row, Status

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

MAX_PIXELS = 200_000_000  # of a picture or map that is opened for a person
MASK_LEVEL = 128  # of the 8-bit probability, from which on a dataset's mask begins
USUAL_MIN_QES = 0.5  # of a dataset that does not say, such as one that was imported
NUMBERS = ("qes", "mask_area", "components", "kind_confidence", "unknown_fraction", "height", "width")
SHOWN = (
    "name", "status", "reason", "detail", "kind", "kind_confidence", "kind_probabilities", "qes", "mask_area",
    "components", "unknown_fraction", "alternative_kind", "height", "width", "source", "license", "author",
    "authentic_url", "manipulated_url", "authentic_sha256", "manipulated_sha256", "annotated_at", "package_version",
)  # fmt: skip
"""Columns that a person sees of a pair."""

DECIDED = ("reviewed_by", "reviewed_at", "machine_status", "machine_reason", "drawn_mask")
"""Columns that are empty in a dataset's own table: what people decided is laid over its rows."""

_GROUPS = 4  # row groups of a thousand rows that are held, some megabytes
_UNDECIDED = (None, Reason.LOW_QES.value, Reason.TOO_SMALL_AREA.value, Reason.TOO_LARGE_AREA.value)
"""Reasons of rows whose mask was drawn and judged by its QES."""


class DatasetCases:
    """A dataset of this machine, in either shape. Made by `DatasetCases.open`; may be used by several threads."""

    what: What = "dataset"
    roles: tuple[Role, ...] = ("authentic", "manipulated", "probability")

    def __init__(self, folder: Path, file: pq.ParquetFile, table: CaseTable, min_qes: float) -> None:
        self.folder = folder
        self.title = readable(folder.resolve().name)
        self.table = table
        self.min_qes: float | None = min_qes
        self._place = Place(str(folder))
        self._file = file
        self._starts = _group_starts(file)
        schema = file.schema_arrow
        orderable = [field.name for field in schema if not _is_list(field.type) and field.name not in DECIDED]
        first = ("doubt", *(name for name in NUMBERS if name in orderable))
        self.orders: tuple[str, ...] = (*first, *(name for name in orderable if name not in first))
        self._lock = threading.Lock()
        self._groups: OrderedDict[int, pa.Table] = OrderedDict()

    @classmethod
    def open(cls, path: Path | Place) -> DatasetCases:
        """The dataset at `path`. Its table stays open, so that a run that replaces it does not mix two.

        Raises:
            SettingError: it is no finished dataset, lies elsewhere than on this machine, or its table cannot be read.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        place = open_place(path)
        if place.local is None:
            raise SettingError(f"{place} must be a folder of this machine to be reviewed: copy it first.")
        info = dataset_info(place)
        try:
            file = pq.ParquetFile(pa.OSFile(os.fsencode(place.local / FILE_NAME)))  # bytes: a folder may have any name
            columns = _columns(file)
        except FileNotFoundError:
            raise SettingError(f"{place}/{FILE_NAME} is not there: {place} is not finished yet.") from None
        except (OSError, ValueError, pa.ArrowException) as error:
            raise SettingError(f"{place}/{FILE_NAME} cannot be read as a table: {error}") from error
        _refuse_bad_keys(columns, place)
        given = info.settings.get("min_qes")
        min_qes = float(given) if isinstance(given, int | float) and 0 <= given <= 1 else USUAL_MIN_QES
        columns["doubt"] = _doubt(columns, min_qes)
        return cls(place.local, file, CaseTable(columns), min_qes)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {key: number for number, key in enumerate(self.table.columns["key"])}

    def column(self, name: str) -> list[Any]:
        """The values of a column of `orders`, read now where a person seldom asks for it; times as numbers."""
        import pyarrow as pa

        if name in self.table.columns:
            return self.table.columns[name]
        with self._lock:
            read = self._file.read(columns=[name])
        column = read.column(name).combine_chunks()
        if pa.types.is_timestamp(column.type):
            column = column.view(pa.int64())
        return [value if isinstance(value, str | int | float) else None for value in column.to_pylist()]

    def machine(self, key: str) -> State:
        """What the annotator says of the pair."""
        number, columns = self._numbers[key], self.table.columns
        return State(columns["status"][number], columns["reason"][number])

    def facts(self, key: str) -> dict[str, Any]:
        """What is known of the pair: the columns of SHOWN, and its transform."""
        row = self._row(key)
        shown = {name: getattr(row, name) for name in SHOWN}
        return {"key": key, **shown, "transform": _transform(row.transform)}

    def roles_of(self, key: str) -> tuple[Role, ...]:
        """All pictures of a pair on which something was drawn; none of one that failed."""
        number, columns = self._numbers[key], self.table.columns
        if columns["status"][number] == Status.FAILED:
            return ()
        return self.roles if columns["mask_area"][number] is not None else ("authentic", "manipulated")

    def level(self, key: str) -> int:
        """128, of every pair."""
        self._numbers[key]
        return MASK_LEVEL

    def size(self, key: str) -> tuple[int, int] | None:
        """Height and width as the row says; None where it does not, or says something that cannot be."""
        number, columns = self._numbers[key], self.table.columns
        height, width = columns["height"][number], columns["width"][number]
        if height is None or width is None or min(height, width) < 1 or height * width > MAX_PIXELS:
            return None
        return int(height), int(width)

    def picture(self, key: str, role: Role) -> np.ndarray:
        """One picture of the pair, or the levels of its probability.

        Raises:
            BadImage: it has no such picture, or it cannot be read.
        """
        from webiml.images.codec import decode_map
        from webiml.images.decode import decode

        row = self._row(key)
        if role in ("authentic", "manipulated"):
            return decode(read_member(self._place, row, role), MAX_PIXELS).rgb
        if role == "probability":
            return decode_map(read_member(self._place, row, role), MAX_PIXELS)
        raise BadImage(Reason.NOT_FOUND, f"a dataset has no {role}")

    def _row(self, key: str) -> Row:
        """The whole row, from the one group of the table that holds it."""
        number = self._numbers[key]
        group = bisect_right(self._starts, number) - 1
        try:
            (batch,) = self._group(group).slice(number - self._starts[group], 1).to_batches()
            return from_record(as_records(batch)[0])
        except (OSError, ValueError) as error:  # what pyarrow raises is one of them, too
            raise BadImage(Reason.UNREADABLE, f"the row of {key} cannot be read ({error})") from error

    def _group(self, group: int) -> pa.Table:
        with self._lock:  # a Parquet file is read by one thread at a time
            table = self._groups.pop(group, None)
            if table is None:
                table = self._file.read_row_group(group)
            self._groups[group] = table
            if len(self._groups) > _GROUPS:
                self._groups.popitem(last=False)
        return table


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return pa.types.is_nested(kind)


def _columns(file: pq.ParquetFile) -> dict[str, list[Any]]:
    """The columns of all rows; one that an older table lacks is None throughout."""
    there = set(file.schema_arrow.names)
    wanted = [name for name in (*TEXT, *NUMBERS) if name in there]
    table = file.read(columns=wanted)
    return {name: _clean(table, name) if name in there else [None] * len(table) for name in (*TEXT, *NUMBERS)}


def _clean(table: pa.Table, name: str) -> list[Any]:
    """A column's values; what is no text, or no finite number, is None."""
    values = table.column(name).to_pylist()
    if name in TEXT:
        return [value if isinstance(value, str) else None for value in values]
    return [value if isinstance(value, int | float) and math.isfinite(value) else None for value in values]


def _refuse_bad_keys(columns: dict[str, list[Any]], place: Place) -> None:
    keys = columns["key"]
    wrong = next((key for key in keys if not is_safe_key(key)), None)
    if wrong is not None or None in keys:
        raise SettingError(f"{place}/{FILE_NAME} is no table of annotations: {wrong!r:.200} is not a key.")
    if len(set(keys)) != len(keys):
        raise SettingError(f"{place}/{FILE_NAME} has a key twice: webiml dataset verify {place} names it.")
    if None in columns["name"] or None in columns["status"]:
        raise SettingError(f"{place}/{FILE_NAME} is no table of annotations: a row has no name or no status.")


def _doubt(columns: dict[str, list[Any]], min_qes: float) -> list[float | None]:
    """How far QES lies from where it decides; 0 where even the kind is in doubt, None where a mask was not judged."""
    found: list[float | None] = []
    for status, reason, qes in zip(columns["status"], columns["reason"], columns["qes"], strict=True):
        if reason == Reason.KIND_UNCERTAIN:
            found.append(0.0)
        elif status == Status.FAILED or qes is None or reason not in _UNDECIDED:
            found.append(None)
        else:
            found.append(abs(qes - min_qes))
    return found


def _group_starts(file: pq.ParquetFile) -> list[int]:
    """The number of the first row of each group."""
    starts, at = [], 0
    for group in range(file.num_row_groups):
        starts.append(at)
        at += file.metadata.row_group(group).num_rows
    return starts


def _transform(values: list[float] | None) -> list[list[float]] | None:
    """Three rows of three, of finite numbers; None where there is no such thing."""
    if values is None or len(values) != 9 or not all(v is not None and math.isfinite(v) for v in values):
        return None
    return [values[:3], values[3:6], values[6:]]
