"""The rows that the journal of a finished dataset has, also where some of its lines are damaged."""

from __future__ import annotations

import json
import shutil
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import numpy as np

from webiml.datasets.faults import Fault, Finding
from webiml.store.dataset import STATE
from webiml.store.journal import Entry, shard_name
from webiml.store.place import Place
from webiml.store.rows import from_record, is_safe_key

JOURNAL = f"{STATE}/journal.jsonl"


@dataclass
class JournalRows:
    """Keys of a journal, and its rows one by one. Damaged lines are passed over.

    Attributes:
        offsets: where the line of each key starts. shards: number of the tar that holds a key's files.
        whole: whether every line could be understood.
    """

    offsets: dict[str, int] = field(default_factory=dict)
    shards: dict[str, int] = field(default_factory=dict)
    whole: bool = True
    _file: BinaryIO | None = None

    def entry(self, key: str) -> Entry | None:
        """The row of a key, with its shard, and the sizes of its files; None where it cannot be read."""
        assert self._file is not None
        self._file.seek(self.offsets[key])
        try:
            record = json.loads(self._file.readline())
            if key in self.shards:
                record["row"]["shard"] = shard_name(self.shards[key])
            return Entry(from_record(record["row"]), dict(record["sizes"]))
        except (ValueError, KeyError, TypeError):
            return None


@contextmanager
def journal_rows(place: Place) -> Iterator[JournalRows]:
    """The journal of the dataset there, for a `with` block; one that is not there has no rows.

    Raises:
        OSError: it cannot be read.
    """
    with TemporaryDirectory(prefix="webiml-") as folder:
        copy = Path(folder) / "journal.jsonl"
        try:
            with place.reader(JOURNAL) as there, open(copy, "wb") as here:
                shutil.copyfileobj(there, here, 1 << 20)
        except (FileNotFoundError, NotADirectoryError):
            copy.touch()
        with open(copy, "rb") as file:
            yield _read(file)


def journal_findings(place: Place, keys: array[int]) -> list[Finding]:
    """What is wrong with the journal of a finished dataset whose table has keys of these hashes."""
    there, whole = array("q"), True
    try:
        with place.reader(JOURNAL) as file:
            for _, record in _lines(file):
                whole = whole and record is not None
                if record is not None and "row" in record:
                    there.append(hash(record["row"]["key"]))
    except (FileNotFoundError, NotADirectoryError):
        return [Finding(JOURNAL, Fault.JOURNAL, "is not there")]
    except OSError as error:
        return [Finding(JOURNAL, Fault.JOURNAL, f"cannot be read: {error.strerror or error}")]
    table, journal = np.unique(np.array(keys)), np.unique(np.array(there))
    both = len(np.intersect1d(table, journal, assume_unique=True))
    words = [] if whole else ["has lines that cannot be read"]
    words += [f"lacks {len(table) - both:,} rows of the table"] if len(table) > both else []
    words += [f"has {len(journal) - both:,} rows that the table lacks"] if len(journal) > both else []
    return [Finding(JOURNAL, Fault.JOURNAL, f"the journal {' and '.join(words)}")] if words else []


def _read(file: BinaryIO) -> JournalRows:
    rows, unpacked = JournalRows(_file=file), list[str]()
    for at, record in _lines(file):
        if record is None:
            rows.whole = False
        elif "row" in record:
            key = record["row"]["key"]
            rows.offsets[key] = at
            unpacked += [key] if record["sizes"] else []
        else:
            number, pairs = int(record["shard"]), int(record["pairs"])
            rows.whole = rows.whole and pairs <= len(unpacked)
            rows.shards.update(dict.fromkeys(unpacked[:pairs], number))
            del unpacked[:pairs]
    return rows


def _lines(file: BinaryIO) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Where each line starts, and its record; None where it is none."""
    at = 0
    for line in file:
        try:
            record = json.loads(line)
            if "shard" in record:
                record = {"shard": int(record["shard"]), "pairs": max(0, int(record["pairs"]))}
            elif not is_safe_key(record["row"]["key"]) or not isinstance(record["sizes"], dict):
                record = None
        except (ValueError, KeyError, TypeError):
            record = None
        yield at, record
        at += len(line)
