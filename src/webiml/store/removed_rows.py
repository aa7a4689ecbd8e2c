"""Which rows a removal, or a tombstone, is about: the columns in which what was asked for may stand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from webiml.errors import SettingError
from webiml.store.links import from_link_record, to_link_record
from webiml.store.removed import By, Removed, hidden
from webiml.store.rows import INPUT, from_record, to_record
from webiml.types import LinkReason, LinkRow, LinkStatus, Reason, Row, Status

BOTH = frozenset({"authentic", "manipulated"})

_HEX = re.compile(r"[0-9a-f]{64}")
_COLUMN = re.compile(r"(?:input\.)?(?:(authentic|manipulated)_)?(url|final_url|page|author|source)")
_BY: dict[str, By] = {"url": "url", "final_url": "url", "page": "url", "author": "author", "source": "source"}
_LINK_COLUMNS = frozenset({"url", "final_url", "page", "author", "source"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be taken out, as a person says it: whatever any of these names.

    Attributes:
        sha256: of a picture's bytes, 64 hex digits. url: of a picture, or of the page that shows it.
        author: upper and lower case do not count. source: as the tables say. key: of a pair.
    """

    sha256: tuple[str, ...] = ()
    url: tuple[str, ...] = ()
    author: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    key: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """What is to be taken out, as tombstones know it.

    Attributes:
        values: kind and hidden value of each thing. keys: of pairs. pictures: SHA-256 that are known already.
    """

    values: frozenset[tuple[By, str]]
    keys: frozenset[str] = frozenset()
    pictures: frozenset[str] = frozenset()

    @cached_property
    def kinds(self) -> frozenset[By]:
        """Kinds of things that were asked for: no other column needs a look."""
        return frozenset(by for by, _ in self.values)

    def asks(self, by: By, value: object) -> bool:
        """Whether this value was asked for."""
        return by in self.kinds and isinstance(value, str) and (by, hidden(by, value)) in self.values


def wanted(asked: Asked) -> Wanted:
    """What was asked for, checked.

    Raises:
        SettingError: a value is empty, or no SHA-256.
    """
    values: set[tuple[By, str]] = set()
    given: tuple[tuple[By, tuple[str, ...]], ...] = (
        ("sha256", asked.sha256),
        ("url", asked.url),
        ("author", asked.author),
        ("source", asked.source),
    )
    for by, several in given:
        if not all(value.strip() for value in several):
            raise SettingError(f"--{by} is empty: say what is to be taken out.")
        values.update((by, hidden(by, value)) for value in several)
    pictures = frozenset(value.strip().lower() for value in asked.sha256)
    for value in pictures:
        if not _HEX.fullmatch(value):
            raise SettingError(f"--sha256 {value:.80} is no SHA-256, which has 64 hex digits (sha256sum FILE says it).")
    if not all(asked.key):
        raise SettingError("--key is empty: say what is to be taken out.")
    return Wanted(frozenset(values), frozenset(asked.key), pictures)


def by_tombstones(removed: Removed) -> Wanted:
    """What must not come back; make it once, and ask it of every row."""
    return Wanted(frozenset((one.by, one.value) for one in removed.tombstones))


def pictures_of_pair(record: Mapping[str, Any], wanted: Wanted) -> set[str]:
    """SHA-256 of the pictures of a pair that what was asked for names, without regard to their bytes elsewhere.

    An author, an address or a page belongs to one of the two pictures where the column says so. In a pair that comes
    from a store (it has a group) a column without that word is of the manipulated picture; elsewhere it may be of
    either, so both go. A source is of both, a key of the manipulated one, after which the pair is named.
    """
    roles: set[str] = {"manipulated"} if record.get("key") in wanted.keys else set()
    for column, value in record.items():
        meaning = _meaning(column) if value else None
        if meaning is not None and wanted.asks(meaning[0], value):
            by, role = meaning
            if role is not None:
                roles.add(role)
            else:
                roles |= {"manipulated"} if by != "source" and record.get(f"{INPUT}group") else BOTH
    found = {_hash(record.get(f"{role}_sha256")) for role in roles}
    found |= {_hash(record.get(f"{role}_sha256")) for role in BOTH} & wanted.pictures
    return found - {""}


def takes_pair(record: Mapping[str, Any], wanted: Wanted, pictures: frozenset[str] = frozenset()) -> bool:
    """Whether a pair goes: it was asked for, or one of its pictures goes."""
    if record.get("key") in wanted.keys:
        return True
    for role in BOTH:
        sha256 = _hash(record.get(f"{role}_sha256"))
        if sha256 in pictures or wanted.asks("sha256", sha256):
            return True
    return any(
        wanted.asks(meaning[0], value)
        for column, value in record.items()
        if value and (meaning := _meaning(column)) is not None
    )


def pictures_of_link(record: Mapping[str, Any], wanted: Wanted) -> set[str]:
    """SHA-256 of the picture of a link, also of the one that it should have brought, if it was asked for."""
    hashes = {_hash(record.get("sha256")), _hash(record.get("expected_sha256"))} - {""}
    return hashes if _asked_link(record, wanted) else hashes & wanted.pictures


def takes_link(
    record: Mapping[str, Any],
    wanted: Wanted,
    pictures: frozenset[str] = frozenset(),
    links: frozenset[str] = frozenset(),
) -> bool:
    """Whether a row of a link goes: it was asked for, its picture goes, or it tells of a link that goes but brought
    nothing itself. Another picture that the same link brought at another time stays.
    """
    for sha256 in (_hash(record.get("sha256")), _hash(record.get("expected_sha256"))):
        if sha256 in pictures or wanted.asks("sha256", sha256):
            return True
    if _asked_link(record, wanted):
        return True
    return not record.get("sha256") and record["link"] in links and not is_blank_link(record)


def pair_without(row: Row, wanted: Wanted) -> Row:
    """The row, or what stays of it where a tombstone stands for it or for one of its pictures."""
    if not wanted.values:
        return row
    record = to_record(row)
    return from_record(blank_pair(record)) if takes_pair(record, wanted) else row


def link_without(row: LinkRow, wanted: Wanted) -> LinkRow:
    """The row, or what stays of it where a tombstone stands for it or for its picture."""
    if not wanted.values:
        return row
    record = to_link_record(row)
    return from_link_record(blank_link(record)) if takes_link(record, wanted) else row


def blank_pair(record: Mapping[str, Any]) -> dict[str, Any]:
    """What stays of a pair: its key, so that it is not done again, and that it was removed."""
    kept = {"key": record["key"], "name": record["key"], "status": Status.FAILED.value, "reason": Reason.REMOVED.value}
    return {**dict.fromkeys(record), **kept}


def is_blank_pair(record: Mapping[str, Any]) -> bool:
    """Whether nothing but the key of a pair is left."""
    return all(value is None or (value and name in _PAIR_KEPT) for name, value in record.items()) and (
        record.get("reason") == Reason.REMOVED
    )


def blank_link(record: Mapping[str, Any]) -> dict[str, Any]:
    """What stays of a row of a link: which link it was, and that it was removed."""
    kept = {name: record[name] for name in ("link", "group", "role")}
    state = {"name": "", "url": "", "status": LinkStatus.REFUSED.value, "reason": LinkReason.REMOVED.value}
    return {**dict.fromkeys(record), **kept, **state}


def is_blank_link(record: Mapping[str, Any]) -> bool:
    """Whether nothing but the link itself is left."""
    return record.get("reason") == LinkReason.REMOVED and not record.get("name") and not record.get("url")


_PAIR_KEPT = frozenset({"key", "name", "status", "reason"})


def _asked_link(record: Mapping[str, Any], wanted: Wanted) -> bool:
    for column, value in record.items():
        if not value:
            continue
        meaning = _meaning(column) if column in _LINK_COLUMNS or column.startswith(INPUT) else None
        if meaning is not None and wanted.asks(meaning[0], value):
            return True
    return False


@lru_cache(maxsize=1000)
def _meaning(column: str) -> tuple[By, str | None] | None:
    """What stands in a column, and of which picture; None where a removal does not look."""
    match = _COLUMN.fullmatch(column)
    return None if match is None else (_BY[match[2]], match[1])


def _hash(value: object) -> str:
    return value.lower() if isinstance(value, str) else ""
