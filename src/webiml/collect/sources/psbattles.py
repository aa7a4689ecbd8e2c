"""Links from the manifests of PS-Battles: originals.tsv, and photoshops.tsv with what was made of them.

    originals.tsv    id url end hash filesize score author link timestamp width height
    photoshops.tsv   id original url end hash filesize score author link timestamp width height

Both are read by their header. Its columns are those that download.sh and downloader.py of dbisUnibas/PS-Battles read;
originals.tsv itself was read, photoshops.tsv was not. Where a manifest has no column `original`, its ids must be
`<original id>/<comment id>_<n>`, as the pictures are filed there.

Source: S. Heller et al., "The PS-Battles Dataset", arXiv:1804.04866 (11,142 originals).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from webiml.collect.sources.tables import Role, bad_row, read_rows, rest, table_columns, take, take_sha256
from webiml.errors import SettingError
from webiml.images.read import readable
from webiml.pairs.table import Line
from webiml.types import Link

_ENDINGS = (".tsv", ".csv")
_PUBLISHED = {"id", "url", "end", "hash", "link"}
_ORIGINAL = ("original", "original_id")
_FILED = re.compile(r"(?:.*/)?([^/]+)/([^/]+?)(?:\.[A-Za-z]{3,4})?")


def manifests(path: Path) -> tuple[Path | None, Path | None]:
    """The manifest of the originals and that of what was made of them, which a folder or a file is; None: not there.

    Raises:
        SettingError: a file cannot be read.
    """
    if path.is_dir():
        return _in(path, "originals"), _in(path, "photoshops")
    if path.suffix.lower() not in _ENDINGS:
        return None, None
    columns, stem = table_columns(path), path.stem.lower()
    if stem not in ("originals", "photoshops") and not _PUBLISHED.issubset(columns):
        return None, None
    if stem == "photoshops" or (stem != "originals" and any(name in columns for name in _ORIGINAL)):
        return None, path
    return path, None


def read_psbattles(path: Path) -> Iterator[Link]:
    """The originals, then what was made of them; the id of the original is the group.

    Args:
        path: a folder with originals.tsv and, if it is there, photoshops.tsv; or one of the two. CSV will do, too.
    Raises:
        SettingError: none of them is there, or one misses a column; at once.
    """
    originals, photoshops = manifests(path)
    if originals is None and photoshops is None:
        raise SettingError(f"{readable(path)} holds no manifest of PS-Battles: originals.tsv and photoshops.tsv.")
    for table in (originals, photoshops):
        if table is not None:
            _check(table, is_original=table is originals)
    return _links(originals, photoshops)


def _in(folder: Path, stem: str) -> Path | None:
    return next((path for ending in _ENDINGS if (path := folder / f"{stem}{ending}").is_file()), None)


def _check(table: Path, is_original: bool) -> None:
    columns = table_columns(table)
    missing = [name for name in ("id", "url") if name not in columns]
    if missing:
        raise SettingError(
            f"{readable(table)} has no column {' and no column '.join(missing)}; it has {_list(columns)}. The manifest "
            f"of PS-Battles has id and url."
        )
    if is_original or any(name in columns for name in _ORIGINAL):
        return
    first = next((line for line in read_rows(table) if not line.fault), None)
    if first is not None and not any(_FILED.fullmatch(first.cells.get(name, "")) for name in ("id", "name")):
        raise SettingError(
            f"{readable(table)} has no column original, and its ids are not <original id>/<comment id>_<n> (the first "
            f"is {first.cells.get('id', '')[:80]!r}), so nothing says what was made of what; it has {_list(columns)}."
        )


def _list(columns: Sequence[str]) -> str:
    return ", ".join(columns)[:300] or "none"


def _links(originals: Path | None, photoshops: Path | None) -> Iterator[Link]:
    if originals is not None:
        for line in read_rows(originals):
            yield _link(line, "authentic")
    if photoshops is not None:
        for line in read_rows(photoshops):
            yield _link(line, "manipulated")


def _link(line: Line, role: Role) -> Link:
    if line.fault:
        return bad_row(line, role)
    cells = dict(line.cells)
    name, url = take(cells, "id"), take(cells, "url")
    group = name
    problem = "" if name else "id is empty"
    if role == "manipulated":
        group = take(cells, *_ORIGINAL)
        filed = _FILED.fullmatch(name) or _FILED.fullmatch(cells.get("name", ""))
        if filed and group in ("", filed[1]):
            group, name = filed[1], filed[2]
        if not group:
            problem = problem or f"no original is named, and the id is not <original id>/<comment id>_<n>: {name[:80]}"
    if not url:
        problem = problem or "url is empty"
    sha256, wrong = take_sha256(cells, "sha256", "hash")
    problem = problem or wrong
    return Link(
        name or line.where,
        group or name or line.where,
        role,
        url,
        sha256,
        source="PS-Battles",
        license=take(cells, "license", "licence"),  # the published manifests state none
        author=take(cells, "author"),
        page=take(cells, "link", "page"),
        extra=rest(cells),
        problem=f"{line.where}: {problem}" if problem else "",
    )
