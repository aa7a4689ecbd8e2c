"""Rows with their files on the way from one dataset into another, and what must not come along."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import cast

from webiml.errors import BadImage, SettingError
from webiml.store.dataset import Role, read_member
from webiml.store.dataset_writer import DatasetWriter
from webiml.store.place import Place
from webiml.store.removal import refuse_unfinished
from webiml.store.removed import By, Removed, Tombstone, add_removed, read_removed
from webiml.store.removed_rows import Wanted, blank_pair, takes_pair
from webiml.store.rows import from_record, to_record
from webiml.types import Finished, Problem, Reason, Row, Status

_EXTENSION = re.compile(r"\.[a-z0-9]{1,5}")


def file_names(row: Row) -> dict[Role, str]:
    """The files that a row says it has: role and name, as in `Finished.files`.

    Raises:
        BadImage: a picture's name has no ending that a dataset could have given it.
    """
    names: dict[Role, str] = {}
    pictures: tuple[tuple[Role, str | None], ...] = (
        ("authentic", row.authentic_path),
        ("manipulated", row.manipulated_path),
    )
    for role, path in pictures:
        if path is not None:
            ending = PurePosixPath(path).suffix
            if not _EXTENSION.fullmatch(ending):
                raise BadImage(Reason.BAD_ROW, f"{path!r:.200} is not the name of a stored picture")
            names[role] = f"{role}{ending}"
    if row.mask_area is not None:
        names |= {"mask": "mask.png", "probability": "probability.png"}
    if row.alternative_kind is not None:
        names["alternative"] = "alternative.png"
    return names


def read_files(place: Place, row: Row) -> dict[str, bytes]:
    """The files of a pair, by name as in `Finished.files`. The pictures have the SHA-256 of the row.

    Raises:
        BadImage: a file is not there, cannot be read or is another one; its detail says which.
    """
    files: dict[str, bytes] = {}
    expected = {"authentic": row.authentic_sha256, "manipulated": row.manipulated_sha256}
    for role, name in file_names(row).items():
        try:
            data = read_member(place, row, role)
        except BadImage as error:
            raise BadImage(error.reason, f"{role}: {error.detail}") from None
        if role in expected and hashlib.sha256(data).hexdigest() != expected[role]:
            raise BadImage(Reason.OTHER_BYTES, f"{role}: its bytes are not those of the SHA-256 in its row")
        files[name] = data
    return files


def carried(place: Place, row: Row) -> Finished:
    """A row as it is, with its files; a pair whose files are damaged becomes a failed row."""
    try:
        return Finished(row, read_files(place, row))
    except BadImage as error:
        return Finished(failed(row, Problem(error.reason, error.detail)))


def failed(row: Row, problem: Problem) -> Row:
    """The row of a pair that could not be carried over: what its input said is left, what was found is not."""
    found = {
        name: None
        for name in (
            *("kind", "kind_confidence", "kind_probabilities", "transform", "unknown_fraction"),
            *("qes", "mask_area", "components", "authentic_path", "manipulated_path", "shard"),
            *("alternative_kind", "alternative_transform", "alternative_unknown_fraction"),
        )
    }
    return replace(row, status=Status.FAILED.value, reason=problem.reason.value, detail=problem.detail or None, **found)


def without_removed(row: Row, removed: Removed) -> Row:
    """The row, or what stays of it where one of its pictures was taken out at somebody's request."""
    if not removed.values:
        return row
    record = to_record(row)
    taken = any(removed.match(sha256=sha256) for sha256 in (row.authentic_sha256, row.manipulated_sha256))
    if taken or takes_pair(record, Wanted(cast(frozenset[tuple[By, str]], removed.values), frozenset()), frozenset()):
        return from_record(blank_pair(record))
    return row


def tombstones(places: Iterable[Place]) -> Removed:
    """All that was taken out of any of these places, and so must not come into what is made of them.

    Raises:
        SettingError: a list is damaged, or a removal is not done.
    """
    found: dict[tuple[str, str], Tombstone] = {}
    for place in places:
        refuse_unfinished(place)
        found |= {(one.by, one.value): one for one in read_removed(place).tombstones}
    return Removed(tuple(found.values()), frozenset((one.by, one.value) for one in found.values()))


def pass_on(removed: Removed, out: Path) -> None:
    """Leave the tombstones in a dataset that was made of others."""
    if removed.tombstones:
        add_removed(Place(str(out)), removed.tombstones)


def is_done(writer: DatasetWriter, row: Row) -> bool:
    """Whether an earlier run of the same command has finished this row.

    Raises:
        SettingError: it has finished another row of this key.
    """
    if row.key not in writer.done:
        return False
    there = writer.entry(row.key).row
    same = ("name", "authentic_sha256", "manipulated_sha256")
    if there.reason != Reason.REMOVED and any(getattr(there, name) != getattr(row, name) for name in same):
        raise SettingError(
            f"{writer.place} has a finished pair {row.key} that came from another dataset: give another --out."
        )
    return True


def refuse_others(writer: DatasetWriter, rows: int) -> None:
    """Refuse to finish a dataset that has rows of an earlier run with other inputs.

    Raises:
        SettingError: more is finished than the `rows` of this run.
    """
    if len(writer.done) > rows:
        raise SettingError(
            f"{writer.place} has {len(writer.done) - rows:,} finished pairs that are not in the input (any more): "
            "give another --out."
        )


def refuse_inside(out: Path, inputs: Iterable[Place]) -> None:
    """Refuse an output that lies in an input, or around it.

    Raises:
        SettingError: it does.
    """
    for place in inputs:
        if place.local is None:
            continue
        there, here = place.local.resolve(), out.resolve()
        if here.is_relative_to(there) or there.is_relative_to(here):
            raise SettingError(f"--out {out} and {place} lie in one another: choose a folder elsewhere.")
