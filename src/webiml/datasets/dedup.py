"""A dataset in which no manipulated picture stands twice: by bytes, nearly, mirrored or cropped, also across datasets.

    D2/...                the dataset without the pairs that were dropped
    D2/dropped.parquet    one row for each of them: why, and which pair stays instead
    D2/dropped.jpg        the most telling of them beside what they are
    D2/in_doubt.parquet   what stays although it looks like another pair's authentic picture

A pair is dropped only for one that stays, so a row of pictures of which each is near the next loses no more than it
must. Which of two stays: that of an older dataset; else kept before rejected, then the higher QES, more pixels, the
smaller key. Status and mask are those that people have reviewed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from webiml.datasets.carry import refuse_inside
from webiml.datasets.dropped import Found, Steps, Why, why_of, write_sheet, write_table
from webiml.datasets.duplicates import Twin, find_twins
from webiml.datasets.hashes import Source, hash_unknown
from webiml.datasets.looks_table import CACHE, LooksTable
from webiml.datasets.near import between_slices
from webiml.datasets.packed_rows import Chosen, PackedRows, Pictures
from webiml.datasets.without import refuse_out, write_without
from webiml.images.hashing import bits_set
from webiml.store.place import Place
from webiml.store.reviews import read_reviewed
from webiml.types import Row, Status

TABLE, SHEET, DOUBT = "dropped.parquet", "dropped.jpg", "in_doubt.parquet"
DISTANCE = 6  # bits of 64


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What a search found.

    Attributes:
        pairs: rows of the dataset. dropped: one for each pair that does not stay. in_doubt: pairs that stay although
            their manipulated picture looks like another pair's authentic one.
        unread: pictures that could not be read, and so were compared by the SHA-256 of their row alone.
    """

    pairs: int
    dropped: list[Found]
    in_doubt: list[Found]
    unread: int

    @property
    def keys(self) -> frozenset[str]:
        """Keys of the pairs that do not stay."""
        return frozenset(one.key for one in self.dropped)


def settings_of(distance: int, older: Sequence[Place]) -> dict[str, object]:
    """What of a search the new dataset keeps among its settings."""
    return {"dedup": {"distance": distance, "against": len(older)}}


def dedup_dataset(
    dataset: Place, older: Sequence[Place], out: Path, distance: int, workers: int, max_pixels: int, steps: Steps
) -> Duplicates:
    """Write the dataset `out`: that at `dataset` without pairs that stand twice, there or in the older datasets.

    A run that was stopped goes on with the same call, to the same bytes. The inputs are not changed, but for the
    hashes that are kept in `dataset`.

    Args:
        distance: bits of 64 in which the hashes of near pictures may differ.
        steps: called at the beginning of each step of the work.
    Raises:
        SettingError: something is no dataset, or `out` holds something else, lies in an input, or was made of others.
        OutputError: `out` cannot be written; what is finished stays.
    """
    refuse_inside(out, [dataset, *older])
    refuse_out(dataset, out, settings_of(distance, older))
    found = find_duplicates(dataset, older, distance, workers, max_pixels, steps)
    tick = steps("write", found.pairs - len(found.keys))
    write_without(dataset, out, found.keys, settings_of(distance, older), lambda row: tick())
    write_table(out / TABLE, found.dropped)
    write_table(out / DOUBT, found.in_doubt)
    write_sheet(out / SHEET, found.dropped, max_pixels)
    return found


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows with pictures: first those of the dataset, then those of the older ones.

    Attributes:
        rows: each with its place. new: how many are of the dataset. pairs: rows of the dataset, with pictures or not.
    """

    rows: Sequence[tuple[Place, Row]]
    new: int
    pairs: int
    manipulated: Sequence[Source]
    authentic: Sequence[Source]

    def found(self, index: int, why: Why, other: int, other_picture: str = "manipulated", **more: object) -> Found:
        """The pair at `index`, whose manipulated picture is one of the pair at `other`."""
        (_, row), (place, twin) = self.rows[index], self.rows[other]
        right = self.manipulated[other] if other_picture == "manipulated" else self.authentic[other]
        sources = (self.manipulated[index], right)
        return Found(
            row.key,
            row.name,
            "manipulated",
            why,
            str(place),
            twin.key,
            other_picture,
            sources=sources,
            **more,  # type: ignore[arg-type]
        )


def find_duplicates(
    dataset: Place, older: Sequence[Place], distance: int, workers: int, max_pixels: int, steps: Steps
) -> Duplicates:
    """The pairs of `dataset` that stand twice; writes nothing but the hashes that are kept in `dataset`.

    Args and Raises: as those of `dedup_dataset`.
    """
    every = _read(dataset, older)
    table = LooksTable(None if dataset.local is None else dataset.local / CACHE)
    for place in older:
        if place.local is not None:
            table.take(place.local / CACHE)
    unread = _hash(every, table, workers, max_pixels, steps)

    order = sorted(range(every.new), key=lambda index: _preference(every.rows[index][1]))
    dropped = _authentic_elsewhere(every)
    stays: dict[str, int] = {}  # SHA-256 to the row that stands for it; those of older datasets first
    same: list[tuple[int, int]] = []
    for index in [*range(every.new, len(every.rows)), *(one for one in order if one not in dropped)]:
        there = stays.setdefault(every.manipulated[index].sha256, index)
        if there != index and index < every.new:
            same.append((index, there))
    shown = [index for index in order if stays.get(every.manipulated[index].sha256) == index]
    old = [index for index in stays.values() if index >= every.new]
    twins = find_twins(
        Chosen(every.manipulated, [*shown, *old]), len(shown), table, distance, workers, max_pixels, steps
    )
    dropped |= _beside_what_stays(every, [*shown, *old], len(shown), twins)
    for index, there in same:
        first = dropped.get(there)
        if first is None:
            dropped[index] = every.found(index, Why.SAME_BYTES, there)
        else:  # what it equals does not stay either: name what does
            dropped[index] = replace(first, key=every.rows[index][1].key, name=every.rows[index][1].name)
    doubt = _in_doubt(every, [index for index in shown if index not in dropped], table, distance)
    return Duplicates(every.pairs, [dropped[index] for index in sorted(dropped)], doubt, unread)


def _read(dataset: Place, older: Sequence[Place]) -> _Rows:
    rows = PackedRows()
    pairs = new = 0

    def with_pictures(place: Place) -> Iterator[Row]:
        nonlocal pairs
        for row in read_reviewed(place):
            pairs += place is dataset
            if row.manipulated_path and row.manipulated_sha256 and row.authentic_path and row.authentic_sha256:
                yield row

    for place in (dataset, *older):
        rows.add(place, with_pictures(place))
        new = len(rows) if place is dataset else new
    return _Rows(rows, new, pairs, Pictures(rows, "manipulated"), Pictures(rows, "authentic"))


def _hash(every: _Rows, table: LooksTable, workers: int, max_pixels: int, steps: Steps) -> int:
    """Fill the table; how many pictures could not be read."""
    new: set[bytes] = set()
    for _, row in every.rows:
        sides = filter(None, (row.manipulated_sha256, row.authentic_sha256))
        new.update(bytes.fromhex(sha256) for sha256 in sides if sha256 not in table)
    tick = steps("hash pictures", len(new))

    def once() -> Iterator[Source]:
        for source in chain(every.manipulated, every.authentic):
            if (digest := bytes.fromhex(source.sha256)) in new:
                new.remove(digest)
                yield source

    opened = hash_unknown(once(), len(new), table, workers, max_pixels, tick)
    return sum(sha256 is None for _, sha256 in opened)


def _preference(row: Row) -> tuple[bool, float, int, str]:
    """Sorts first what should rather stay."""
    pixels = (row.height or 0) * (row.width or 0)
    return row.status != Status.KEPT, -(row.qes if row.qes is not None else -1.0), -pixels, row.key


def _authentic_elsewhere(every: _Rows) -> dict[int, Found]:
    """Pairs whose manipulated picture is another pair's authentic one, byte for byte: one of the two labels is wrong.

    A pair with the same bytes on both sides says nothing of which picture is authentic.
    """
    claims: dict[str, int] = {}
    for index, (_, row) in enumerate(every.rows):
        if row.authentic_sha256 and row.authentic_sha256 != row.manipulated_sha256:
            claims.setdefault(row.authentic_sha256, index)
    found = {}
    for index in range(every.new):
        claim = claims.get(every.manipulated[index].sha256)
        if claim is not None:
            found[index] = every.found(index, Why.AUTHENTIC_ELSEWHERE, claim, "authentic")
    return found


def _beside_what_stays(every: _Rows, places: Sequence[int], new: int, twins: Sequence[Twin]) -> dict[int, Found]:
    """Those of the first `new` places, the preferred first, that are a twin of one that stays."""
    beside: dict[int, list[tuple[bool, int, int, Twin]]] = defaultdict(list)
    for twin in twins:
        for one, other in ((twin.i, twin.j), (twin.j, twin.i)):
            beside[one].append((other < new, twin.distance, other, twin))  # an older one first, then the nearest
    gone: set[int] = set()
    found = {}
    for one in range(new):
        near = [entry for entry in beside[one] if entry[2] not in gone and (entry[2] < one or entry[2] >= new)]
        if near:
            _, apart, other, twin = min(near, key=lambda entry: entry[:3])
            gone.add(one)
            found[places[one]] = every.found(
                places[one],
                why_of(twin.window, twin.mirrored, twin.likeness),
                places[other],
                distance=apart,
                likeness=twin.likeness,
            )
    return found


def _in_doubt(every: _Rows, shown: Sequence[int], table: LooksTable, distance: int) -> list[Found]:
    """Pairs that look like another pair's authentic picture, though not like their own."""
    authentic: dict[str, int] = {}
    for index, (source, manipulated) in enumerate(zip(every.authentic, every.manipulated, strict=True)):
        if source.sha256 != manipulated.sha256:
            authentic.setdefault(source.sha256, index)
    ours, _, _ = table.columns([every.manipulated[index].sha256 for index in shown])
    own, _, _ = table.columns([every.authentic[index].sha256 for index in shown])
    theirs, _, _ = table.columns(list(authentic))
    far = np.flatnonzero((ours != 0) & ((own == 0) | (bits_set(ours ^ own) > distance)))
    there = np.flatnonzero(theirs)
    places = list(authentic.values())
    nearest: dict[int, tuple[int, int]] = {}
    for i, j, apart in between_slices(ours[far], theirs[there], distance):
        for one, other, bits in zip(far[i].tolist(), there[j].tolist(), apart.tolist(), strict=True):
            nearest[one] = min(nearest.get(one, (64, 0)), (bits, places[other]))
    return [
        every.found(shown[one], Why.NEAR, other, "authentic", distance=bits)
        for one, (bits, other) in sorted(nearest.items())
    ]
