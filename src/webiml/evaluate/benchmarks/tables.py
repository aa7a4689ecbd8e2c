"""Items from a table: CSV, TSV or Parquet, of pairs with masks or of single pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from webiml.errors import SettingError
from webiml.evaluate.benchmarks.items import Item
from webiml.images.read import readable
from webiml.pairs.keys import unique_keys
from webiml.pairs.table import Line, path_problem, read_columns, read_lines
from webiml.types import Problem, Reason

PAIRS = ("key", "manipulated", "mask")
"""Columns of a table of pairs, beside authentic, which may be left out: one row is one item."""
PICTURES = ("image",)
"""Columns of a table of single pictures."""

_LABELS = {"0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}


def read_table(table: Path) -> tuple[tuple[Item, ...], tuple[str, ...]]:
    """The items of a table in the order of their keys, and its columns that were left out.

    A table of pairs has the columns key, manipulated and mask, and perhaps authentic; one row is one item, the
    manipulated picture. A table of single pictures has the column image and may have mask, label (1 manipulated,
    0 authentic) and key; a row whose label is 0, or without label and mask, is an authentic picture. Both may have
    `kind` or `type` (how it was made) and `component` or `group` (what it shares sources with). Paths are relative to
    the table's folder, or absolute. A row that cannot be used becomes an item with its problem.

    Raises:
        SettingError: the table cannot be read, is of neither sort or has no rows.
    """
    needed = _needed(table, read_columns(table))
    ignored: list[str] = []
    read = _pair if needed == PAIRS else _picture
    first: dict[str, str] = {}  # key -> where it stood first
    items = [_unlike(read(table, line), line, first) for line in read_lines(table, needed, ignored)]
    if not items:
        raise SettingError(f"{readable(table)} has no rows below its header; add one for each picture.")
    keys = unique_keys([item.key for item in items])
    keyed = [replace(item, key=key) for item, key in zip(items, keys, strict=True)]
    return tuple(sorted(keyed, key=lambda item: item.key)), tuple(map(readable, ignored))


def _needed(table: Path, columns: Sequence[str]) -> tuple[str, ...]:
    """The columns of the sort of table that this is."""
    if "image" in columns:
        return (*PICTURES, *(name for name in ("mask",) if name in columns))
    if not columns or {"key", "authentic", "manipulated"} & {name.lower() for name in columns}:
        return PAIRS
    raise SettingError(
        f"{readable(table)} is no table of pictures: it needs the columns {', '.join(PAIRS)} (pairs) or image (single "
        f"pictures); it has {', '.join(columns)[:300]}."
    )


def _pair(table: Path, line: Line) -> Item:
    image, problem = _path(table, line, "manipulated", Reason.MISSING_MANIPULATED)
    mask, mask_problem = _path(table, line, "mask", Reason.NOT_FOUND)
    authentic, no_authentic = _path(table, line, "authentic", Reason.MISSING_AUTHENTIC)
    return Item(
        key=line.cells.get("key", ""),
        name=line.cells.get("key", ""),
        image=image,
        mask=mask,
        group=_first(line, "component", "group"),
        kind=_first(line, "kind", "type"),
        authentic=() if no_authentic else (authentic,),  # scored without: it only says where the picture comes from
        problem=_fault(line) or problem or mask_problem,
    )


def _picture(table: Path, line: Line) -> Item:
    image, problem = _path(table, line, "image", Reason.BAD_ROW)
    label = line.cells.get("label", "").strip().lower()
    manipulated = _LABELS.get(label, bool(label or line.cells.get("mask", "").strip()))
    mask: Path | None = None
    if manipulated:
        mask, mask_problem = _path(table, line, "mask", Reason.NOT_FOUND)
        problem = problem or mask_problem
    if label and label not in _LABELS:
        problem = Problem(Reason.BAD_ROW, f"{line.where}: the label is {label[:50]!r}, neither 0 nor 1")
    text = line.cells.get("image", "")
    return Item(
        key=line.cells.get("key", "") or Path(text).stem,
        name=line.cells.get("key", "") or text,
        image=image,
        mask=mask,
        group=_first(line, "component", "group"),
        kind=_first(line, "kind", "type"),
        problem=_fault(line) or problem,
    )


def _unlike(item: Item, line: Line, first: dict[str, str]) -> Item:
    """The item with a name, and with a problem when its row repeats a key that the table gave."""
    given = line.cells.get("key", "")
    if not item.name.strip():
        problem = item.problem or Problem(Reason.BAD_ROW, f"{line.where}: the key is empty")
        return replace(item, key=f"row {line.number}", name=f"row {line.number}", problem=problem)
    if given.strip():
        if given in first:
            words = f"{line.where}: the key stands in {first[given]} already"
            item = replace(item, problem=item.problem or Problem(Reason.DUPLICATE_KEY, words))
        first.setdefault(given, line.where)
    return replace(item, name=readable(item.name))


def _path(table: Path, line: Line, column: str, missing: Reason) -> tuple[Path, Problem | None]:
    """A cell's path; where it holds none, the table's in its place and a problem."""
    text = line.cells.get(column, "")
    if not text.strip():
        return table, Problem(missing, f"{line.where}: {column} is empty")
    problem = path_problem(text, column, line.where)
    return (table, problem) if problem else (table.parent / text, None)


def _fault(line: Line) -> Problem | None:
    return Problem(Reason.BAD_ROW, f"{line.where}: {line.fault}") if line.fault else None


def _first(line: Line, *columns: str) -> str:
    return next((line.cells[column] for column in columns if line.cells.get(column)), "")
