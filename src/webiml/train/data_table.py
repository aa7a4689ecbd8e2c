"""Which pictures a network has learned from: one row each, kept beside its weights, and the licences that may be."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from webiml.errors import SettingError
from webiml.forge.pictures import SourcePicture
from webiml.store.atomic import write_bytes

COLUMNS = ("key", "source", "license", "author", "sha256", "phash")

ALLOWED_LICENSES = frozenset(
    {
        "CC0-1.0",
        "CC-BY (version not stated)",
        "CC-BY-2.0",
        "CC-BY-2.0 (as TensorFlow's LICENSE list of this set says: "
        '"Creative Commons By-Attribution"; list not at hand)',
        "CC-BY-3.0",
        "CC-BY-4.0",
        "CC-BY-SA (version in debian/copyright)",
        "CC-BY-SA-2.0",
        "CC-BY-SA-3.0",
        "CC-BY-SA-4.0",
        "CDLA-Permissive-1.0",
        'Flickr, "commercial use & mods allowed" (CC-BY, CC-BY-SA or public domain; as the data set\'s author says, '
        "not recorded per picture)",
        "No-known-copyright-restrictions",
        "Pixabay-License (2019)",
        'permissive ("You are free to use these media files however you wish", repository README)',
        "public domain",
        "public domain (as the repository README says)",
        "released by Eastman Kodak for unrestricted use (as the repository README says)",
    }
)  # word for word as the packs say it: a new wording is looked at by a person before it is added
"""Licences of pictures that weights which ship may have learned from."""


def write_data_table(pictures: Iterable[SourcePicture], path: Path, before: pa.Table | None = None) -> str:
    """Write one row (COLUMNS) a picture, sorted by key, to a Parquet file; its digest, see `data_digest`.

    Args:
        pictures: none where a training needs none; the table then has no row.
        before: the table of the weights that the training begins with; its pictures were learned from, too.
    Raises:
        OutputError: it cannot be written.
    """
    rows = [{name: getattr(picture, name) for name in COLUMNS} for picture in pictures]
    listed = {row["sha256"] for row in rows}
    rows += [row for row in (before.to_pylist() if before else ()) if row["sha256"] not in listed]
    rows.sort(key=lambda row: row["key"])
    table = pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in COLUMNS]))
    sink = io.BytesIO()
    pq.write_table(table, sink)
    write_bytes(path, sink.getvalue())
    return data_digest(table)


def read_data_table(path: Path) -> pa.Table:
    """The table of a training's pictures.

    Raises:
        SettingError: it is missing or something else.
    """
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise SettingError(f"There is no table of training pictures {path}; webiml train leaves one.") from None
    except (pa.ArrowException, OSError) as error:
        words = " ".join(str(error).split())[:200]
        raise SettingError(f"{path} cannot be read as a table of training pictures: {words}") from None
    if tuple(table.column_names) != COLUMNS:
        raise SettingError(f"{path} is no table of training pictures: it must have the columns {', '.join(COLUMNS)}.")
    return table


def data_digest(table: pa.Table) -> str:
    """First 16 hex digits of the SHA-256 of the pictures' hashes, in the order of their keys."""
    return hashlib.sha256("".join(table["sha256"].to_pylist()).encode()).hexdigest()[:16]


def licenses(table: pa.Table) -> dict[str, int]:
    """Number of pictures a licence, sorted by licence."""
    return dict(sorted(Counter(table["license"].to_pylist()).items()))


def refuse_other_licenses(table: pa.Table) -> None:
    """Raises SettingError when a picture's licence does not let weights that learned from it ship."""
    other = sorted(set(licenses(table)) - ALLOWED_LICENSES)
    if other:
        raise SettingError(
            f"Weights that learned from pictures under {', '.join(repr(name) for name in other)} do not ship; "
            "train on pictures with other licences."
        )
