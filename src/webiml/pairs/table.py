"""Pairs from a table: CSV, TSV or Parquet with the columns key, authentic and manipulated."""

from __future__ import annotations

import csv
import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webiml.errors import SettingError
from webiml.images.read import readable
from webiml.pairs.packed import PackedPairs
from webiml.types import Pair, Problem, Reason

ENDINGS = (".csv", ".tsv", ".parquet")
NEEDED = ("key", "authentic", "manipulated")
OPTIONAL = ("source", "license", "licence", "author", "authentic_url", "manipulated_url")
_URL = re.compile(r"\s*(?:[a-z][a-z0-9+.-]+://|data:|www\.)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Line:
    """One row as text: where it stands ("line 3"), its number from 1, its cells, and what is wrong with it."""

    where: str
    number: int
    cells: Mapping[str, str]
    fault: str = ""


def list_table(table: Path) -> tuple[PackedPairs, list[str]]:
    """Pairs of a table in its order, and columns that could not be carried (`key` is still the name).

    Paths are relative to the table's folder, or absolute. `licence` is read as `license`. Every further column goes
    into `extra` as text, empty cells and nulls left out. A row that cannot be used keeps its place, with its problem;
    of several rows with one key the first stays a pair.

    Raises:
        SettingError: the table cannot be read, misses a column or has no rows.
    """
    ignored: list[str] = []
    first: dict[str, str] = {}  # key -> where it stood first
    pairs = PackedPairs(_pair(table, line, first) for line in read_lines(table, NEEDED, ignored))
    if not pairs:
        raise SettingError(f"{readable(table)} has no rows below its header; add one for each pair.")
    return pairs, ignored


def read_lines(table: Path, needed: Sequence[str], ignored: list[str] | None = None) -> Iterator[Line]:
    """The rows of a CSV, TSV or Parquet table, as text, in its order; an empty line is none.

    Args:
        needed: columns that must be there; all but the first hold paths. ignored: gets the columns that hold bytes.
    Raises:
        SettingError: the table cannot be read, or misses a column.
    """
    if table.suffix.lower() == ".parquet":
        return _parquet_lines(table, needed, [] if ignored is None else ignored)
    return _csv_lines(table, needed)


def read_columns(table: Path) -> list[str]:
    """The names of a table's columns.

    Raises:
        SettingError: the table cannot be read.
    """
    if table.suffix.lower() != ".parquet":
        with _readable_csv(table), open(table, encoding="utf-8-sig", newline="") as file:
            return _header(csv.reader(file, delimiter=_delimiter(table), strict=True))
    import pyarrow.parquet as pq

    with _readable_parquet(table), pq.ParquetFile(table) as file:
        return list(file.schema_arrow.names)


def path_problem(text: str, column: str, where: str) -> Problem | None:
    """Why a cell that is not empty holds no path; None when it may.

    Args:
        column, where: for a person: the cell's column, and where its row stands.
    """
    if re.search(r"[\0\n\r]", text):
        words = f"{where}: {column} holds a line break or a NUL, perhaps a quote is not closed"
        return Problem(Reason.BAD_ROW, words)
    if _URL.match(text):
        words = f"{where}: {column} is an address, not a path; download it first: {text.strip()[:200]}"
        return Problem(Reason.IS_URL, words)
    return None


def _pair(table: Path, line: Line, first: dict[str, str]) -> Pair:
    cells = line.cells
    name = cells.get("key", "")
    problem = None
    if line.fault:
        problem = Problem(Reason.BAD_ROW, f"{line.where}: {line.fault}")
    if not name.strip():
        name = f"row {line.number}"
        problem = problem or Problem(Reason.BAD_ROW, f"{line.where}: the key is empty")
    elif name in first:
        problem = problem or Problem(Reason.DUPLICATE_KEY, f"{line.where}: the key stands in {first[name]} already")
    else:
        first[name] = line.where

    paths: dict[str, Path | None] = {}
    for column, missing in (("authentic", Reason.MISSING_AUTHENTIC), ("manipulated", Reason.MISSING_MANIPULATED)):
        text = cells.get(column, "")
        usable = False
        if not text.strip():
            problem = problem or Problem(missing, f"{line.where}: {column} is empty")
        elif (bad := path_problem(text, column, line.where)) is not None:
            problem = problem or bad
        else:
            usable = True
        paths[column] = table.parent / text if usable else None
    return Pair(
        key=name,
        name=name,
        authentic=paths["authentic"],
        manipulated=paths["manipulated"],
        problem=problem,
        source=cells.get("source", ""),
        license=cells.get("license", "") or cells.get("licence", ""),
        author=cells.get("author", ""),
        authentic_url=cells.get("authentic_url", ""),
        manipulated_url=cells.get("manipulated_url", ""),
        extra={column: text for column, text in cells.items() if text and column not in NEEDED + OPTIONAL},
    )


def _csv_lines(table: Path, needed: Sequence[str]) -> Iterator[Line]:
    delimiter = _delimiter(table)
    with _readable_csv(table), open(table, encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, delimiter=delimiter, strict=True)
        header = _header(rows)
        _check_columns(table, header, needed, delimiter)
        number = 0
        while True:
            above = rows.line_num
            fault = ""
            cells: list[str] = []
            try:
                cells = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                fault = str(error)
            if len(cells) > len(header):
                fault = f"{len(cells)} fields, the header has {len(header)}"
            if (fault and rows.line_num > above + 1) or "unexpected end of data" in fault:
                # What stands between two stray quotes becomes one cell: rows would be lost without a word
                raise SettingError(
                    f"{readable(table)}: a quote in line {above + 1} seems never to be closed ({fault}); mend it."
                )
            if not cells and not fault:  # an empty line
                continue
            number += 1
            yield Line(f"line {above + 1}", number, dict(zip(header, cells, strict=False)), fault)


def _delimiter(table: Path) -> str:
    return "\t" if table.suffix.lower() == ".tsv" else ","


def _header(rows: Iterator[list[str]]) -> list[str]:
    return [name.strip() or f"column {i}" for i, name in enumerate(next(rows, []), 1)]


@contextmanager
def _readable_csv(table: Path) -> Iterator[None]:
    """What fails while a table of text is read leaves as a sentence."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise SettingError(
            f"{readable(table)} is not UTF-8 (byte 0x{error.object[error.start]:02x}); save it as UTF-8."
        ) from None
    except csv.Error as error:
        raise SettingError(f"The header of {readable(table)} cannot be read: {error}.") from None
    except OSError as error:
        raise SettingError(f"{readable(table)} cannot be read: {error.strerror}.") from None


def _parquet_lines(table: Path, needed: Sequence[str], ignored: list[str]) -> Iterator[Line]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _readable_parquet(table), pq.ParquetFile(table) as file:
        schema = file.schema_arrow
        _check_columns(table, schema.names, needed)
        for field in schema:
            plain = field.type.value_type if isinstance(field.type, pa.DictionaryType) else field.type
            if field.name in needed[1:] and not (pa.types.is_string(plain) or pa.types.is_large_string(plain)):
                raise SettingError(
                    f"Column {field.name} of {readable(table)} holds {field.type}; paths as text are needed."
                )
            if pa.types.is_binary(plain) or pa.types.is_large_binary(plain) or pa.types.is_fixed_size_binary(plain):
                ignored.append(f"{table.name}: column {field.name} (bytes)")
        columns = [name for name in schema.names if f"{table.name}: column {name} (bytes)" not in ignored]
        number = 0
        for batch in file.iter_batches(batch_size=4096, columns=columns):
            texts = [_texts(column) for column in batch.columns]
            for values in zip(*texts, strict=True):
                number += 1
                yield Line(f"row {number}", number, dict(zip(batch.schema.names, values, strict=True)))


@contextmanager
def _readable_parquet(table: Path) -> Iterator[None]:
    """What fails while a Parquet table is read leaves as a sentence."""
    import pyarrow as pa

    try:
        yield
    except pa.ArrowException as error:
        words = " ".join(str(error).split())[:200]
        raise SettingError(f"{readable(table)} cannot be read as Parquet: {words}") from None
    except OSError as error:
        raise SettingError(f"{readable(table)} cannot be read: {error.strerror or 'the file is damaged'}.") from None


def _texts(column: Any) -> list[str]:
    """A Parquet column as text; null and NaN as empty."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_temporal(kind) or pa.types.is_decimal(kind):
        column = column.cast(pa.string())  # Python's own types know no nanoseconds
    return [_text(value) for value in column.to_pylist()]


def _text(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _check_columns(table: Path, found: list[str], needed: Sequence[str], delimiter: str = "") -> None:
    twice = sorted({name for name in found if found.count(name) > 1})
    if twice:
        raise SettingError(f"{readable(table)} has the column {twice[0]} more than once; rename one.")
    missing = [name for name in needed if name not in found]
    if not missing:
        return
    if not found:
        raise SettingError(f"{readable(table)} is empty; its header needs {', '.join(needed)}.")
    other = next((c for c in ",;\t|" if c != delimiter and delimiter and c in found[0]), None)
    if len(found) == 1 and other:
        raise SettingError(
            f"The columns of {readable(table)} are parted by {other!r}; save it with {delimiter!r} between them."
        )
    near = [(name, difflib.get_close_matches(name, found, 1, 0.6)) for name in missing]
    hints = [f"{match[0]!r} may be {name!r}" for name, match in near if match]
    hints += [
        f"{column!r} may be {name!r}" for name, match in near if not match for column in found if column.lower() == name
    ]
    raise SettingError(
        f"{readable(table)} has no column {' and no column '.join(missing)}; it has {', '.join(found)[:300]}"
        + (f" ({', '.join(hints)})" if hints else "")
        + "."
    )
