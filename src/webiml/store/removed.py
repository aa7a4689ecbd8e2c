"""Tombstones: what was taken out at somebody's request and must not come back.

`removed.jsonl` of a store, a dataset or an export: one line each. A tombstone holds the SHA-256 of what it stands for,
never the thing itself, so that the list of those who asked for removal is not published with the data.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from webiml.errors import SettingError
from webiml.store.place import Place

FILE_NAME = "removed.jsonl"
By = Literal["sha256", "url", "author", "source"]


@dataclass(frozen=True, slots=True)
class Tombstone:
    """One thing that was taken out.

    Attributes:
        by: what kind of thing. value: SHA-256 of it, see `hidden`. at: when, UTC, ISO 8601. note: of who took it out.
    """

    by: By
    value: str
    at: str
    note: str = ""


@dataclass(frozen=True)
class Removed:
    """All tombstones of a place."""

    tombstones: tuple[Tombstone, ...] = ()
    values: frozenset[tuple[str, str]] = frozenset()

    def match(
        self,
        *,
        sha256: str | None = None,
        url: str | None = None,
        author: str | None = None,
        source: str | None = None,
    ) -> bool:
        """Whether any of these was taken out; what is not given, or empty, is not asked."""
        if not self.values:
            return False
        asked: tuple[tuple[By, str | None], ...] = (
            ("sha256", sha256),
            ("url", url),
            ("author", author),
            ("source", source),
        )
        return any((by, hidden(by, value)) in self.values for by, value in asked if value)


def hidden(by: By, value: str) -> str:
    """The SHA-256, hex, under which a tombstone knows a value.

    Blanks around it do not count, nor does the case of an author or of a hash.
    """
    text = value.strip()
    return hashlib.sha256((text.casefold() if by in ("author", "sha256") else text).encode()).hexdigest()


def read_removed(place: Place) -> Removed:
    """The tombstones of a store, a dataset or an export; none where there is no list.

    Raises:
        SettingError: the list is damaged: going on could bring something back.
    """
    try:
        lines = place.read(FILE_NAME).splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return Removed()
    except OSError as error:
        raise SettingError(f"{place}/{FILE_NAME} cannot be read: {error.strerror or error}.") from None
    found = []
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            one = Tombstone(record["by"], record["value"], record["at"], record.get("note", ""))
            if one.by not in get_args(By) or len(one.value) != 64:
                raise ValueError(one.by)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise SettingError(
                f"{place}/{FILE_NAME} is damaged in line {number}: mend it, or what was taken out could come back."
            ) from None
        found.append(one)
    return _removed(found)


def add_removed(place: Place, new: Iterable[Tombstone]) -> Removed:
    """Add tombstones to a place, each once; all that it has then. The file is replaced whole.

    Raises:
        SettingError: the list that is there is damaged.
        OutputError: it cannot be written.
    """
    there = read_removed(place)
    fresh = {(one.by, one.value): one for one in new if (one.by, one.value) not in there.values}
    if not fresh:
        return there
    every = [*there.tombstones, *fresh.values()]
    place.write(FILE_NAME, b"".join(json.dumps(asdict(one)).encode() + b"\n" for one in every))
    return _removed(every)


def _removed(tombstones: list[Tombstone]) -> Removed:
    return Removed(tuple(tombstones), frozenset((one.by, one.value) for one in tombstones))
