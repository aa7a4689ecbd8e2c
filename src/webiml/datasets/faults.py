"""What can be wrong with a dataset or a store."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What can be wrong. Closed: readers may rely on it; free text goes into `detail`."""

    MISSING = "missing"  # a file of a row is not there
    OTHER_BYTES = "other_bytes"  # a picture's bytes are not those of the SHA-256 that stands for them
    UNREADABLE = "unreadable"  # a file cannot be read or decoded
    SIZE = "size"  # a picture or a map has another size than its row says
    MASK = "mask"  # the mask is not the probability at 128 or more
    SCORE = "score"  # QES, area or components are not those of the stored map
    WORD = "word"  # a status, kind or reason that there is not, or that do not go together
    ORDER = "order"  # a key that comes twice, or not in its order
    STRAY = "stray"  # a file that no row has
    SHARD = "shard"  # what a tar says of a row is not what the table says
    TABLE = "table"  # a table that cannot be read
    JOURNAL = "journal"  # what a writer goes on from does not have the rows of the table
    REVIEW = "review"  # a line of what people decided that is none, or is about a row that there is not
    REMOVED = "removed"  # taken out at somebody's request, and still there


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: of which row (or file), what, and words for a person."""

    key: str
    fault: Fault
    detail: str


@dataclass(frozen=True)
class Verified:
    """What was looked at, and what is wrong with it."""

    shape: str
    """dataset or store."""
    rows: int
    """Rows that were looked at."""
    files: int
    """Files that they should have."""
    findings: tuple[Finding, ...]
    """What is wrong."""
    notes: tuple[str, ...] = ()
    """What was noticed and is no fault."""


def whole_png(data: bytes) -> bool:
    """Whether every part of a PNG has its checksum and the last is there; a decoder may be content with less."""
    at = 8
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        body, checksum = data[at + 4 : at + 8 + size], data[at + 8 + size : at + 12 + size]
        if len(checksum) < 4 or zlib.crc32(body) != int.from_bytes(checksum, "big"):
            return False
        at += 12 + size
        if body[:4] == b"IEND":
            return at == len(data)
    return False
