"""Links of a manifest that `webiml dataset export --format manifest` wrote: the pictures of a dataset, to be had again.

Both pictures of a pair share a group, named by the authentic one's SHA-256; an authentic picture that several pairs
have is one link. What came is found again by its SHA-256 (datasets/rebuild.py), whatever it is called.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from webiml.store.parquet import read_annotations
from webiml.store.place import Place, open_place
from webiml.types import Link, Row, Status

MANIFEST = "manifest.parquet"
_OWN = ("group", "authentic_author", "authentic_license", "authentic_page", "manipulated_page")
"""Columns of the input that a store gives its pairs itself."""
_SHORT = 32  # hex digits of a SHA-256 that name a group


def read_manifest(path: str | Path | Place) -> Iterator[Link]:
    """The links of a manifest, in the order of its rows; of memory 16 bytes or so an authentic picture are held.

    A pair that failed in the dataset has none. A picture without an address is a link with its problem.

    Raises:
        SettingError: there is no manifest, or it cannot be read.
    """
    seen: set[int] = set()
    for row in read_annotations(open_place(path), MANIFEST):
        if row.status == Status.FAILED.value:
            continue
        group = (row.authentic_sha256 or row.key)[:_SHORT]
        number = int((row.authentic_sha256 or "0")[:15], 16)
        if number not in seen or not row.authentic_sha256:
            seen.add(number)
            yield Link(
                name=row.authentic_sha256 or row.key,
                group=group,
                role="authentic",
                url=row.authentic_url or "",
                sha256=row.authentic_sha256 or "",
                source=row.source or "",
                license=row.extra.get("authentic_license") or row.license or "",
                author=row.extra.get("authentic_author", ""),
                page=row.extra.get("authentic_page", ""),
                problem=_problem(row.authentic_url, row.authentic_sha256, row),
            )
        yield Link(
            name=row.key,
            group=group,
            role="manipulated",
            url=row.manipulated_url or "",
            sha256=row.manipulated_sha256 or "",
            source=row.source or "",
            license=row.license or "",
            author=row.author or "",
            page=row.extra.get("manipulated_page", ""),
            extra={name: text for name, text in row.extra.items() if name not in _OWN},
            problem=_problem(row.manipulated_url, row.manipulated_sha256, row),
        )


def _problem(url: str | None, sha256: str | None, row: Row) -> str:
    if not url:
        return f"the manifest has no address of this picture of the pair {row.key}"
    return "" if sha256 else f"the manifest does not say what bytes this picture of the pair {row.key} must have"
