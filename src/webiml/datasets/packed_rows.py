"""Rows of many pairs, and their pictures, in little memory: a line of text each, made into a Row when asked for."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Sequence
from typing import Literal, overload

import numpy as np

from webiml.datasets.hashes import Source, slim, source_of
from webiml.store.place import Place
from webiml.store.rows import from_record, to_record
from webiml.types import Row


class PackedRows(Sequence[tuple[Place, Row]]):
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

    @overload
    def __getitem__(self, index: int) -> tuple[Place, Row]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[Place, Row]]: ...
    def __getitem__(self, index: int | slice) -> tuple[Place, Row] | list[tuple[Place, Row]]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        at = range(len(self))[index]
        row = from_record(json.loads(self._text[self._starts[at] : self._starts[at + 1]]))
        return next(place for place, end in zip(self._places, self._ends, strict=True) if at < end), row


class Pictures(Sequence[Source]):
    """One picture of each row."""

    def __init__(self, rows: PackedRows, role: Literal["authentic", "manipulated"]) -> None:
        self._rows = rows
        self._role: Literal["authentic", "manipulated"] = role

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Source: ...
    @overload
    def __getitem__(self, index: slice) -> list[Source]: ...
    def __getitem__(self, index: int | slice) -> Source | list[Source]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        place, row = self._rows[index]
        return source_of(place, row, self._role)


class Chosen(Sequence[Source]):
    """Some pictures of many, each made when it is asked for."""

    def __init__(self, pictures: Sequence[Source], which: Sequence[int] | np.ndarray) -> None:
        self._pictures, self._which = pictures, which

    def __len__(self) -> int:
        return len(self._which)

    @overload
    def __getitem__(self, index: int) -> Source: ...
    @overload
    def __getitem__(self, index: slice) -> list[Source]: ...
    def __getitem__(self, index: int | slice) -> Source | list[Source]:
        if isinstance(index, slice):
            return [self._pictures[place] for place in self._which[index]]
        return self._pictures[self._which[index]]
