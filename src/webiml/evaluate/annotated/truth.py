"""Published masks for the pairs of a dataset: listed from a table or a folder, then brought together with its rows."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from webiml.errors import SettingError
from webiml.images.read import readable
from webiml.pairs.folder import EXTENSIONS
from webiml.pairs.table import ENDINGS, Line, path_problem, read_lines
from webiml.types import Kind, Problem, Reason, Row

NEEDED = ("key", "mask")
GROUPS = ("group", "component")
"""Columns that say what a pair shares sources with; the first that is filled in counts."""
NAMED = 10  # keys that an error names

_KINDS = {kind.value.lower(): kind for kind in Kind}
_MASKLESS = (Kind.IDENTICAL, Kind.UNRELATED)  # of such a pair there may be nothing to mark


@dataclass(frozen=True, slots=True)
class Published:
    """What is published of one pair: nothing has been opened yet.

    Attributes:
        name: the key in the table, or the file's name without its ending.
        mask: None where there is nothing to mark, or with a problem.
        kind: the true one; None where nobody says.
        group: what it shares sources with, drawn together by a bootstrap; empty: on its own.
        problem: why it cannot be scored; it still becomes a row.
        root: a mask whose real path leaves this folder is refused; None: any path is allowed.
    """

    name: str
    mask: Path | None
    kind: Kind | None = None
    group: str = ""
    problem: Problem | None = None
    root: Path | None = None


@dataclass(frozen=True, slots=True)
class Matched:
    """Which published mask is whose.

    Attributes:
        by_key: by the key of the dataset's row. problems: those that cannot be scored, in their order.
    """

    by_key: dict[str, Published]
    problems: tuple[Published, ...]


def read_truth_table(table: Path) -> list[Published]:
    """The rows of a CSV, TSV or Parquet table with the columns key and mask, in its order.

    `kind` is read where it is there, and `group` or `component`; other columns are not looked at. Paths are relative to
    the table's folder, or absolute. A row that cannot be used keeps its place, with its problem; of several rows with
    one key the first counts. The mask may be left empty where the kind is identical or unrelated.

    Raises:
        SettingError: the table cannot be read, misses a column, has no rows, or a kind that there is not.
    """
    if table.suffix.lower() not in ENDINGS:
        raise SettingError(f"--truth {readable(table)} is no table; its name must end in {', '.join(ENDINGS)}.")
    found: list[Published] = []
    first: dict[str, str] = {}  # key -> where it stood first
    for line in read_lines(table, NEEDED):
        found.append(_published(table, line, first))
    if not found:
        raise SettingError(f"{readable(table)} has no rows below its header; add one for each mask.")
    return found


def list_masks(folder: Path) -> tuple[list[Published], list[str]]:
    """The masks `<key>.<ext>` of a folder, sorted, and the names of what else lies there. Subfolders are not entered.

    Raises:
        SettingError: the folder cannot be read or holds no masks, or two files claim one key.
    """
    try:
        with os.scandir(folder) as entries:
            names = sorted((entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith("."))
    except OSError as error:
        raise SettingError(f"--masks {readable(folder)} cannot be read as a folder: {error.strerror}.") from None
    by_stem: dict[str, list[str]] = defaultdict(list)
    ignored = []
    for name, is_folder in names:
        stem, ending = os.path.splitext(name)
        if is_folder or ending[1:].lower() not in EXTENSIONS:
            ignored.append(readable(name))
        else:
            by_stem[stem].append(name)
    twice = [" and ".join(map(readable, files)) for files in by_stem.values() if len(files) > 1]
    if twice:
        raise SettingError(f"{readable(folder)} has two masks of one key: {_some(twice)}; take one of each away.")
    if not by_stem:
        raise SettingError(f"{readable(folder)} holds no masks; they must be called <key>.png, or another picture.")
    found = [Published(readable(stem), folder / files[0], root=folder) for stem, files in by_stem.items()]
    return found, ignored


def match(published: Iterable[Published], rows: Iterable[Row], dataset: Path, truth: Path) -> Matched:
    """Find the row of each published mask: the one whose key it names, else the one whose own name.

    The name of an input becomes a key that is safe as a file name; the table that was annotated holds the name.

    Args:
        rows: of the whole dataset; taken once. dataset, truth: for the sentence of an error.
    Raises:
        SettingError: a key is not in the dataset, or two rows have it as their name.
    """
    wanted = {one.name: one for one in published if one.problem is None}
    problems = [one for one in published if one.problem is not None]
    keys: set[str] = set()  # names that are keys of rows
    named: dict[str, list[str]] = defaultdict(list)  # name -> keys of the rows that have it
    for row in rows:
        if row.key in wanted:
            keys.add(row.key)
        if row.name in wanted and row.reason != Reason.DUPLICATE_KEY:
            named[row.name].append(row.key)
    _refuse_missing([name for name in wanted if name not in keys and name not in named], len(wanted), dataset, truth)
    several = [name for name in wanted if name not in keys and len(named[name]) > 1]
    if several:
        raise SettingError(
            f"{dataset} has several rows that are called {_some(several)}; give their keys in {readable(truth)}."
        )
    by_key: dict[str, Published] = {}
    for name, one in wanted.items():
        key = name if name in keys else named[name][0]
        if key in by_key:
            words = f"it is the same row of the dataset as {by_key[key].name}"
            problems.append(replace(one, problem=Problem(Reason.DUPLICATE_KEY, words)))
        else:
            by_key[key] = one
    return Matched(by_key, tuple(problems))


def _published(table: Path, line: Line, first: dict[str, str]) -> Published:
    cells = line.cells
    name, mask = cells.get("key", ""), cells.get("mask", "")
    kind = _kind(table, line)
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
    if mask.strip():
        problem = problem or path_problem(mask, "mask", line.where)
    elif kind not in _MASKLESS:
        problem = problem or Problem(Reason.BAD_ROW, f"{line.where}: mask is empty")
    group = next((cells[column] for column in GROUPS if cells.get(column)), "")
    path = table.parent / mask if mask.strip() and problem is None else None
    return Published(name, path, kind, group, problem)


def _kind(table: Path, line: Line) -> Kind | None:
    text = line.cells.get("kind", "").strip()
    if not text or line.fault:
        return None
    if text.lower() not in _KINDS:
        raise SettingError(
            f"{readable(table)}, {line.where}: the kind {text[:80]!r} is none of {', '.join(Kind)}; correct it, or "
            "leave it empty where it is not known."
        )
    return _KINDS[text.lower()]


def _refuse_missing(missing: list[str], of: int, dataset: Path, truth: Path) -> None:
    if missing:
        has = "has" if len(missing) == 1 else "have"
        raise SettingError(
            f"{len(missing):,} of {of:,} keys in {readable(truth)} {has} no row in {dataset}: {_some(missing)}. "
            "Take them out, or annotate their pairs, too."
        )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
