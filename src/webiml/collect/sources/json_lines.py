"""Tables as JSON lines: one object a line, its keys are the columns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from webiml.errors import SettingError
from webiml.images.read import readable
from webiml.pairs.table import Line

ENDINGS = (".jsonl", ".ndjson")
MAX_LINE = 1 << 20  # bytes; a row of links has a few hundred
_LOOKED_AT = 100  # rows: a column that none of them has is taken for missing


def read_json_lines(table: Path) -> Iterator[Line]:
    """The rows of a table of JSON lines, as text, in its order; an empty line is none.

    Numbers, lists and objects become their JSON, null becomes empty. A line that cannot be understood is a row with
    its fault; of a line above 1 MB no more than that is held.

    Raises:
        SettingError: the file cannot be read.
    """
    try:
        with open(table, "rb") as file:
            number = 0
            for at, data in enumerate(_lines(file), 1):
                if at == 1:
                    data = data.removeprefix(b"\xef\xbb\xbf")
                if not data.strip():
                    continue
                number += 1
                cells, fault = _cells(data)
                yield Line(f"line {at}", number, cells, fault)
    except OSError as error:
        raise SettingError(f"{readable(table)} cannot be read: {error.strerror}.") from None


def json_columns(table: Path) -> list[str]:
    """The keys of the first 100 rows, in the order in which they come first.

    Raises:
        SettingError: the file cannot be read, or none of these rows can be.
    """
    columns: dict[str, None] = {}
    fault = ""
    for line in read_json_lines(table):
        columns.update(dict.fromkeys(line.cells))
        fault = fault or (line.fault and f"{line.where}: {line.fault}")
        if line.number == _LOOKED_AT:
            break
    if fault and not columns:
        raise SettingError(f"{readable(table)} needs one JSON object a line ({fault}).")
    return list(columns)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(MAX_LINE + 1):
        rest = line
        while len(rest) > MAX_LINE and not rest.endswith(b"\n"):
            rest = file.readline(MAX_LINE + 1)
        yield line


def _cells(data: bytes) -> tuple[dict[str, str], str]:
    """The cells of a line, and what is wrong with it."""
    if len(data.rstrip(b"\r\n")) > MAX_LINE:
        return {}, f"longer than {MAX_LINE:,} bytes"
    try:
        row = json.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        return {}, f"not UTF-8 (byte 0x{data[error.start]:02x})"
    except (ValueError, RecursionError) as error:
        words = error.msg if isinstance(error, json.JSONDecodeError) else "numbers or lists without end"
        return {}, f"not JSON ({words})"
    if not isinstance(row, dict):
        return {}, "not a JSON object"
    return {readable(name): _text(value) for name, value in row.items()}, ""


def _text(value: Any) -> str:
    if value is None or value != value:
        return ""
    return readable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
