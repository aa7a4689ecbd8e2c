"""Rows of many pairs, and their pictures, in little memory: a line of text each, made into a Row when asked for."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from webiml.datasets.hashes import Source, slim, source_of
from webiml.pairs.on_demand import OnDemand
from webiml.store.place import Place
from webiml.store.rows import from_record, to_record
from webiml.types import Row


class PackedRows(OnDemand[tuple[Place, Row]]):
    """What of rows is needed to find their files and to weigh them, with the place of each: some 400 bytes a row."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._starts = array("Q", [0])
        self._places: list[Place] = []
        self._ends: list[int] = []  # of the rows of each place

    def add(self, place: Place, rows: Iterable[Row]) -> None:
        """Take the rows of one place."""
        for row in rows:
            record = {name: value for name, value in to_record(slim(row)).items() if value is not None}
            self._text += json.dumps(record, separators=(",", ":")).encode()
            self._starts.append(len(self._text))
        self._places.append(place)
        self._ends.append(len(self))

    def __len__(self) -> int:
        return len(self._starts) - 1

    def make(self, index: int) -> tuple[Place, Row]:
        """The place and the row at `index`."""
        row = from_record(json.loads(self._text[self._starts[index] : self._starts[index + 1]]))
        return next(place for place, end in zip(self._places, self._ends, strict=True) if index < end), row


class Pictures(OnDemand[Source]):
    """One picture of each row."""

    def __init__(self, rows: PackedRows, role: Literal["authentic", "manipulated"]) -> None:
        self._rows = rows
        self._role: Literal["authentic", "manipulated"] = role

    def __len__(self) -> int:
        return len(self._rows)

    def make(self, index: int) -> Source:
        """The picture of the row at `index`."""
        place, row = self._rows[index]
        return source_of(place, row, self._role)


class Chosen(OnDemand[Source]):
    """Some pictures of many, each made when it is asked for."""

    def __init__(self, pictures: Sequence[Source], which: Sequence[int] | np.ndarray) -> None:
        self._pictures, self._which = pictures, which

    def __len__(self) -> int:
        return len(self._which)

    def make(self, index: int) -> Source:
        """The picture that is number `index` of the chosen ones."""
        return self._pictures[self._which[index]]
