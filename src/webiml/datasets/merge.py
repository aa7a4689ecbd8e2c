"""Several datasets as one: all rows of all of them, each with its own settings, whatever their order."""

from __future__ import annotations

import hashlib
import heapq
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, repeat
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from webiml import __version__
from webiml.datasets.carry import (
    carried,
    is_done,
    pass_on,
    refuse_inside,
    refuse_others,
    tombstones,
    without_removed,
)
from webiml.datasets.carry_reviews import CarriedReviews, more_kept
from webiml.errors import SettingError
from webiml.pairs.keys import MAX_LENGTH
from webiml.store.dataset import DatasetInfo, dataset_info, read_rows, settings_digest
from webiml.store.dataset_writer import DatasetWriter
from webiml.store.place import Place
from webiml.store.removed import Removed
from webiml.store.reviews import Reviews
from webiml.store.rows import to_record
from webiml.types import Row, Status

Format = Literal["folder", "shards"]

_HASH = 8  # hex digits behind a key that occurs twice
# What of a row tells where and when it was written, not what it is
_ELSEWHERE = ("annotated_at", "package_version", "authentic_path", "manipulated_path", "shard")


@dataclass(frozen=True)
class Plan:
    """Datasets that can be merged.

    Attributes:
        settings: theirs, if they agree; else what they agree on, and `mixed`: every one's by its hash.
        differing: names of the settings on which they do not agree.
        renamed: (key, identity) to a new key, of rows whose key another row has, too. rows: of all, duplicates among
            them.
    """

    places: tuple[Place, ...]
    format: Format
    shard_pairs: int
    settings: dict[str, Any]
    differing: tuple[str, ...]
    renamed: dict[tuple[str, str], str]
    rows: int
    removed: Removed


@dataclass
class Merged:
    """What became of the rows."""

    rows: int = 0
    """Rows of the new dataset."""
    kept: int = 0
    """Of them, those with a mask to trust, as people have reviewed them."""
    duplicates: int = 0
    """Rows left out, since another dataset has the same pair, made with the same settings."""
    renamed: int = 0
    """Rows that got a new key, since another row has theirs."""
    damaged: int = 0
    """Rows that fail now, since a file of theirs is not there or is damaged."""
    resumed: int = 0
    """Rows that an earlier run of the same command had written."""


def plan_merge(places: Sequence[Place], format: Format | None = None, shard_pairs: int | None = None) -> Plan:
    """What merging these datasets means; nothing is written.

    Args: format, shard_pairs: of the new dataset; by default as they all have it.
    Raises:
        SettingError: there are less than two, one is no dataset, or they differ in their format and none is given.
    """
    if len(places) < 2:
        raise SettingError("Give two datasets or more to merge.")
    if len({str(place) for place in places}) < len(places):
        raise SettingError("A dataset is given twice: name each once.")
    infos = [dataset_info(place) for place in places]
    formats = {info.format for info in infos}
    if format is None and len(formats) > 1:
        raise SettingError("Some of the datasets are folders and some are shards: give --format folder or shards.")
    if shard_pairs is not None and shard_pairs < 1:
        raise SettingError(f"--shard-pairs must be at least 1, got {shard_pairs}.")
    settings, differing = _common_settings(infos)
    removed = tombstones(places)
    renamed, rows = _new_keys(places, removed)
    return Plan(
        tuple(places),
        format or ("shards" if formats == {"shards"} else "folder"),
        shard_pairs or max(info.shard_pairs for info in infos),
        settings,
        differing,
        renamed,
        rows,
        removed,
    )


def merge_datasets(plan: Plan, out: Path, on_row: Callable[[Merged], None] | None = None) -> Merged:
    """Write all rows of all datasets, with their files and what people decided, into the dataset at `out`.

    A row keeps its time, version and settings. Equal inputs give equal bytes, in whatever order they are named. A run
    that was stopped goes on with the same call.

    Raises:
        SettingError: `out` holds something else, or lies in one of them. OutputError: it cannot be written.
    """
    refuse_inside(out, plan.places)
    removed = tombstones([*plan.places, Place(str(out))])
    counts = Merged()
    reviews = CarriedReviews(Reviews.read(place) for place in plan.places)
    with DatasetWriter.open(
        out,
        format=plan.format,
        shard_pairs=plan.shard_pairs,
        settings=plan.settings,
        settings_hash=settings_digest(plan.settings),
        package_version=__version__,
    ) as writer:
        pass_on(removed, out)
        for places, old, row in _all_rows(plan, removed, counts):
            counts.rows += 1
            counts.renamed += old.key != row.key
            if is_done(writer, row):
                counts.resumed += 1
                after = writer.entry(row.key).row
            else:
                found = carried(places[0], old)
                new = replace(found, row=replace(found.row, key=row.key, extra=row.extra))
                after = writer.add(new, carried=True)
            for place in places:
                reviews.take(place, old.key, after)
            counts.kept += after.status == Status.KEPT
            counts.damaged += after.status == Status.FAILED and old.status != Status.FAILED
            if on_row is not None:
                on_row(counts)
        refuse_others(writer, counts.rows)
        every = reviews.write(Place(str(out)))
        decided = writer.done & set(every.keys())
        counts.kept += more_kept(every, (writer.entry(key).row for key in decided))
        writer.finish()
    return counts


def _all_rows(plan: Plan, removed: Removed, counts: Merged) -> Iterator[tuple[list[Place], Row, Row]]:
    """Where a row lies, the row as it is in the first place, and as it will be; sorted by the key it has there."""
    streams = [zip(repeat(place), _rows(place, removed), strict=False) for place in plan.places]
    for _, group in groupby(heapq.merge(*streams, key=_key), key=_key):
        found: dict[str, tuple[list[Place], Row]] = {}
        for place, row in group:
            identity = _identity(row)
            counts.duplicates += identity in found
            # Of equal pairs that differ in what was said of them the one is taken that does not depend on the order
            others, best = found.get(identity, ([], row))
            if not others or _content(row) < _content(best):
                found[identity] = ([place, *others], row)
            else:
                others.append(place)
        for identity in sorted(found):
            places, row = found[identity]
            key = plan.renamed.get((row.key, identity))
            extra = row.extra if key is None else row.extra | {"merged_from": f"{_name(places[0])}/{row.key}"}
            yield places, row, replace(row, key=key or row.key, extra=extra)


def _key(one: tuple[Place, Row]) -> str:
    return one[1].key


def _new_keys(places: Sequence[Place], removed: Removed) -> tuple[dict[tuple[str, str], str], int]:
    """A key for every row whose own another row has, too, in whatever case; and how many rows there are.

    The new one has a hash of what the row is behind it, so it depends neither on the order of the datasets nor on what
    else they hold.
    """
    seen: set[str] = set()
    clashing: set[str] = set()
    rows = 0
    for place in places:
        for row in _rows(place, removed):
            rows += 1
            folded = row.key.casefold()
            (clashing if folded in seen else seen).add(folded)
    rivals: dict[str, set[tuple[str, str]]] = {}
    for place in places if clashing else ():
        for row in _rows(place, removed):
            if row.key.casefold() in clashing:
                rivals.setdefault(row.key.casefold(), set()).add((row.key, _identity(row)))
    renamed: dict[tuple[str, str], str] = {}
    for group in rivals.values():
        for key, identity in sorted(group) if len(group) > 1 else ():
            text, turn = f"{key}\0{identity}", 0
            while (new := f"{key[: MAX_LENGTH - _HASH - 1]}-{_digest(text)[:_HASH]}").casefold() in seen:
                text, turn = f"{key}\0{identity}\0{turn}", turn + 1
            seen.add(new.casefold())
            renamed[key, identity] = new
    return renamed, rows


def _rows(place: Place, removed: Removed) -> Iterator[Row]:
    return (without_removed(row, removed) for row in read_rows(place))


def _identity(row: Row) -> str:
    """What makes two rows of one key the same pair: their pictures and settings; without pictures, all they say."""
    if row.authentic_sha256 is None and row.manipulated_sha256 is None:
        return _content(row)
    return _digest(json.dumps([row.authentic_sha256, row.manipulated_sha256, row.settings_hash]))


def _content(row: Row) -> str:
    return _digest(json.dumps({name: value for name, value in to_record(row).items() if name not in _ELSEWHERE}))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _name(place: Place) -> str:
    return place.local.resolve().name if place.local is not None else PurePosixPath(place.url).name


def _common_settings(infos: Sequence[DatasetInfo]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The settings of datasets as one, and the names of those on which they do not agree."""
    every: dict[str, dict[str, Any]] = {}
    for info in infos:
        mixed = info.settings.get("mixed")
        every |= mixed if isinstance(mixed, dict) else {info.settings_hash: info.settings}
    if len(every) == 1:
        return dict(infos[0].settings), ()
    first, *others = (every[name] for name in sorted(every))
    common = {name: value for name, value in first.items() if all(name in one and one[name] == value for one in others)}
    names = sorted({name for one in every.values() for name in one} - common.keys())
    return common | {"mixed": {name: every[name] for name in sorted(every)}}, tuple(names)
