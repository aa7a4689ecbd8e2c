"""Links from a table: CSV, TSV, Parquet or JSON lines; a row a pair, or a row a picture."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, cast

from webiml.collect.sources.json_lines import ENDINGS as JSON_LINES
from webiml.collect.sources.json_lines import json_columns, read_json_lines
from webiml.collect.sources.names import Seen, address_name, digest
from webiml.errors import SettingError
from webiml.images.read import readable
from webiml.pairs.table import ENDINGS as TABLES
from webiml.pairs.table import Line, read_columns, read_lines
from webiml.types import Link

ENDINGS = (*TABLES, *JSON_LINES)
Role = Literal["authentic", "manipulated"]
ROLES: tuple[Role, ...] = ("authentic", "manipulated")

_NEEDED = ("authentic_url", "manipulated_url", "url", "group")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_IS_ADDRESS = re.compile(r"\s*[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def read_table(table: Path, ignored: list[str] | None = None) -> Iterator[Link]:
    """The links of a table; docs/sources.md says which columns it may have.

    Of a table of pairs each authentic picture is one link, however many rows name it. A row that cannot be understood
    is one link with its problem.

    Args:
        ignored: gets the columns that hold bytes.
    Raises:
        SettingError: the table cannot be read, or its columns are neither those of pairs nor those of pictures. At
            once, but for what only reading on can find.
    """
    columns = table_columns(table)
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise SettingError(f"{readable(table)} has the column {twice[0]} more than once; rename one.")
    named = [next((name for name in (f"{role}_url", role) if name in columns), "") for role in ROLES]
    if all(named):
        if named != ["authentic_url", "manipulated_url"]:
            _check_addresses(table, named)
        return _pairs(read_rows(table, ignored), named)
    if "url" in columns and ("group" in columns or "group_id" in columns):
        return _pictures(read_rows(table, ignored), "role" in columns)
    if len(columns) <= 1 and table.suffix.lower() in TABLES:  # empty, or parted by another character: said there
        next(read_lines(table, _NEEDED[2:]), None)
    raise SettingError(_wrong_columns(table, columns))


def table_columns(table: Path) -> list[str]:
    """The names of a table's columns.

    Raises:
        SettingError: the table cannot be read.
    """
    return json_columns(table) if table.suffix.lower() in JSON_LINES else read_columns(table)


def read_rows(table: Path, ignored: list[str] | None = None) -> Iterator[Line]:
    """The rows of a table as text, in its order.

    Raises:
        SettingError: the table cannot be read.
    """
    return read_json_lines(table) if table.suffix.lower() in JSON_LINES else read_lines(table, (), ignored)


def take(cells: dict[str, str], *columns: str) -> str:
    """What the first of these columns says that is not empty; it is taken out of the cells. Empty where none is."""
    for column in columns:
        if text := cells.get(column, "").strip():
            del cells[column]
            return text
    return ""


def take_sha256(cells: dict[str, str], strict: str, loose: str) -> tuple[str, str]:
    """The SHA-256 of a row, or none, and what is wrong with it.

    Args:
        strict: the column that must hold one. loose: one that may hold any hash; what is no SHA-256 stays in the cells.
    """
    if text := take(cells, strict):
        return (text.lower(), "") if _SHA256.fullmatch(text) else ("", f"{strict} is not 64 hex digits: {text[:80]}")
    return (take(cells, loose).lower() if _SHA256.fullmatch(cells.get(loose, "").strip()) else ""), ""


def rest(cells: dict[str, str]) -> dict[str, str]:
    """The cells that were not taken and say something."""
    return {column: text for column, text in cells.items() if text}


def bad_row(line: Line, role: Role = "manipulated") -> Link:
    """The link that stands for a row whose cells cannot even be told apart."""
    return Link(line.where, line.where, role, problem=f"{line.where}: {line.fault}")


def _pairs(rows: Iterator[Line], named: Sequence[str]) -> Iterator[Link]:
    seen = Seen()
    for line in rows:
        if line.fault:
            yield bad_row(line)
            continue
        cells = dict(line.cells)
        urls = [take(cells, column) for column in named]
        name, group = take(cells, "key", "name", "id"), take(cells, "group", "group_id")
        of_both = take(cells, "source"), take(cells, "license", "licence")
        problem = next((f"{column} is empty" for column, url in zip(named, urls, strict=True) if not url), "")
        sides = []
        for role, url in zip(ROLES, urls, strict=True):
            side, wrong = _side(cells, role, url, *of_both)
            problem = problem or wrong
            sides.append(side)
        authentic, manipulated = sides
        is_new = False
        if problem:  # one of two pictures is of no use: neither is asked for
            name = name or (manipulated.name if manipulated.url else line.where)
            group = group or (authentic.name if authentic.url else name)
            problem = f"{line.where}: {problem}"
        else:
            group, is_new = _group(seen, group, authentic)
        if is_new:
            yield replace(authentic, group=group)
        yield replace(manipulated, name=name or manipulated.name, group=group, extra=rest(cells), problem=problem)


def _side(cells: dict[str, str], role: Role, url: str, source: str, license: str) -> tuple[Link, str]:
    """One picture of a pair, still without its group, and what is wrong with it."""
    sha256, wrong = take_sha256(cells, f"{role}_sha256", f"{role}_hash")
    author, page = take(cells, f"{role}_author"), take(cells, f"{role}_page")
    if role == "manipulated":  # where the column does not say whose it is, it is of what the pair is about
        if not sha256 and not wrong:
            sha256, wrong = take_sha256(cells, "sha256", "hash")
        author, page = author or take(cells, "author"), page or take(cells, "page")
    source = take(cells, f"{role}_source") or source
    license = take(cells, f"{role}_license", f"{role}_licence") or license
    return Link(address_name(url), "", role, url, sha256, source, license, author, page), wrong


def _group(seen: Seen, group: str, authentic: Link) -> tuple[str, bool]:
    """The group of an authentic picture, and whether it is its first row.

    A group has one authentic picture: a manipulated one would be compared with the wrong picture else. Of a second one
    the group's name gets a hash of its address.
    """
    if not group:
        return authentic.name, seen.new("group", authentic.name)
    if seen.new("group", group):
        seen.new("first", group, authentic.url)
        return group, True
    if ("first", group, authentic.url) in seen:
        return group, False
    own = f"{group}-{digest(authentic.url)}"
    return own, seen.new("group", own)


def _pictures(rows: Iterator[Line], with_role: bool) -> Iterator[Link]:
    seen = Seen()
    for line in rows:
        if line.fault:
            yield bad_row(line)
            continue
        cells = dict(line.cells)
        url, group = take(cells, "url"), take(cells, "group", "group_id")
        name = take(cells, "name", "key", "id") or (address_name(url) if url else line.where)
        problem = "" if url else "url is empty"
        problem = problem or ("" if group else "group is empty")
        if with_role or cells.get("role"):
            text = take(cells, "role")
            role = text.lower()
            if role not in ROLES:
                problem = problem or f"role is {text[:80]!r}, not authentic or manipulated"
                role = "manipulated"
        else:
            role = "authentic" if group and seen.new(group) else "manipulated"
        sha256, wrong = take_sha256(cells, "sha256", "hash")
        problem = problem or wrong
        yield Link(
            name,
            group or name,
            cast(Role, role),
            url,
            sha256,
            take(cells, "source"),
            take(cells, "license", "licence"),
            take(cells, "author"),
            take(cells, "page"),
            rest(cells),
            f"{line.where}: {problem}" if problem else "",
        )


def _check_addresses(table: Path, named: Sequence[str]) -> None:
    """Refuse a table of paths as a whole, not row by row."""
    for line in read_rows(table):
        texts = [line.cells.get(column, "") for column in named]
        if all(texts):
            if not any(_IS_ADDRESS.match(text) for text in texts):
                raise SettingError(
                    f"{' and '.join(named)} of {readable(table)} hold no addresses ({texts[0][:80]}): webiml annotate "
                    f"reads a table of files as it is; to collect, it needs authentic_url and manipulated_url."
                )
            return


def _wrong_columns(table: Path, columns: Sequence[str]) -> str:
    near = []
    for wanted in _NEEDED:
        folded = next((name for name in columns if name.lower() == wanted), None)
        match = [folded] if folded else difflib.get_close_matches(wanted, columns, 1, 0.7)
        if match and wanted not in columns:
            near.append(f"{match[0]!r} may be {wanted!r}")
    return (
        f"{readable(table)} needs the columns authentic_url and manipulated_url (a row a pair), or url and group (a "
        f"row a picture); it has {', '.join(columns)[:300] or 'none'}" + (f" ({', '.join(near)})" if near else "") + "."
    )
