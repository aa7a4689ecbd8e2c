"""Where the files of a pair lie in either shape of dataset, and the row as it is stored with them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from webiml.store.dataset import FOLDERS, DatasetInfo
from webiml.store.journal import Entry
from webiml.store.rows import clean_text, to_record
from webiml.types import Finished, Row

_FILE = re.compile(r"(authentic|manipulated)(\.[a-z0-9]{1,5})|(mask|probability|alternative)(\.png)")


def where_of(format: str, key: str, name: str) -> str:
    """Where the file `name` of a pair lies: relative to the dataset, or its name in a tar."""
    match = _FILE.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r:.100} is not a file of a pair")
    role, extension = match[1] or match[3], match[2] or match[4]
    return f"{key}.{role}{extension}" if format == "shards" else f"{FOLDERS[role]}/{key}{extension}"


def stored_row(finished: Finished, info: DatasetInfo, carried: bool = False) -> Row:
    """The row of a finished input with where its files lie, the time, the version and the hash of the settings.

    Args: carried: the row was finished in another dataset and says itself when, by what version and settings.
    """
    paths = {name.partition(".")[0]: where_of(info.format, finished.row.key, name) for name in finished.files}
    pictures = {f"{role}_path": paths.get(role) for role in ("authentic", "manipulated")}
    row = clean_text(replace(finished.row, **pictures, shard=None))
    if carried:
        return row
    return replace(
        row,
        annotated_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        settings_hash=info.settings_hash,
        package_version=info.package_version,
    )


def shard_members(entries: Iterable[Entry], shard: str, read: Callable[[str], bytes]) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of everything that goes into a tar.

    Args: entries: the pairs with files, sorted by key. read: gives the bytes of a file by its name in the tar.
    """
    for entry in entries:
        for name in sorted(entry.sizes, key=lambda name: list(FOLDERS).index(name.partition(".")[0])):
            where = where_of("shards", entry.row.key, name)
            yield where, read(where)
        record = to_record(replace(entry.row, shard=shard))
        del record["annotated_at"]  # the one value that differs between two equal runs stays in the table
        yield f"{entry.row.key}.json", json.dumps(record, ensure_ascii=False).encode()
