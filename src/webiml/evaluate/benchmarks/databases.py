"""Pictures and masks in an LMDB database, as DocTamper is published.

    num-samples                        how many there are, as text
    image-000000000, label-000000000   a picture and its mask, the bytes of files; and so on

Source: qcf-568/DocTamper cvtlmdb.py and dataloader.py.
"""

from __future__ import annotations

import importlib.util
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from webiml.errors import BadImage, SettingError
from webiml.images.read import MAX_BYTES, readable
from webiml.runners.local import Crashed, run_ordered
from webiml.types import Reason

FILE = "data.mdb"
"""What makes a folder a database."""
_MOST = 10_000_000  # pictures; more is a damaged number


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a database: the folder that holds it, and its key."""

    folder: Path
    key: str


def count_pictures(folder: Path) -> int:
    """How many pictures a database says that it holds.

    It is looked at in a process of its own: a damaged one can end the process that opens it.

    Raises:
        SettingError: lmdb is not installed, or it is no such database.
    """
    if importlib.util.find_spec("lmdb") is None:
        raise SettingError(
            f"{readable(folder)} holds an LMDB database, and lmdb, which reads it, is not installed: "
            "pip install 'webiml[lmdb]'"
        )
    with closing(run_ordered(_count, [folder], 1)) as results:
        ((_, found),) = results
    if isinstance(found, Crashed) or not 1 <= found <= _MOST:
        raise SettingError(
            f"{readable(folder / FILE)} is no LMDB database of pictures, or is damaged: it does not say how many there "
            "are under num-samples."
        )
    return found


def read_entry(entry: Entry) -> bytes:
    """The bytes of a value.

    Raises:
        BadImage: it is not there, or the database cannot be read.
    """
    import lmdb

    try:
        with _opened(entry.folder).begin() as transaction:
            found = transaction.get(entry.key.encode())
    except lmdb.Error as error:
        words = " ".join(str(error).split())[:200]
        raise BadImage(Reason.UNREADABLE, f"{entry.key}: the database cannot be read ({words})") from None
    if found is None:
        raise BadImage(Reason.NOT_FOUND, f"{entry.key} is not in the database")
    if len(found) > MAX_BYTES:
        raise BadImage(Reason.TOO_MANY_BYTES, f"{entry.key}: {len(found):,} bytes, the limit is {MAX_BYTES:,}")
    return bytes(found)


def _count(folder: Path) -> int:
    """0 where the database does not say it."""
    with _opened(folder).begin() as transaction:
        said = transaction.get(b"num-samples") or b""
    return int(said) if said.isdigit() and len(said) < 12 else 0


@cache
def _opened(folder: Path) -> Any:
    """The database, opened once a process and never written."""
    import lmdb

    return lmdb.open(str(folder), readonly=True, lock=False, readahead=False, create=False)
