"""What the user names on the command line becomes a sorted list of pairs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from webiml.errors import SettingError
from webiml.images.read import readable
from webiml.pairs.folder import EXTENSIONS, list_folder
from webiml.pairs.keys import unique_keys
from webiml.pairs.table import ENDINGS, list_table
from webiml.types import Pair


@dataclass(frozen=True, slots=True)
class Listing:
    """All inputs.

    Attributes:
        pairs: sorted by key, which is unique; those that cannot be used carry their problem.
        ignored: what lay beside them and is no part of a pair, sorted, relative to the folder.
    """

    pairs: Sequence[Pair]
    ignored: tuple[str, ...] = ()


def list_pairs(inputs: Sequence[Path]) -> Listing:
    """The pairs of one folder, of one table, or of two picture files (authentic, manipulated). No picture is opened.

    Raises:
        SettingError: there is nothing that could be a list of pairs; the message says what to do.
    """
    if not 1 <= len(inputs) <= 2:
        raise SettingError(
            f"Give one folder or table of pairs, or two pictures (authentic, manipulated); got {len(inputs)} paths."
        )
    for path in inputs:
        if not _is(path, "exists"):
            raise SettingError(f"{readable(path)} does not exist; check the path.")
    if len(inputs) == 2:
        return Listing((_two_files(*inputs),))
    (path,) = inputs
    if _is(path, "is_dir"):
        pairs, ignored = list_folder(path)
    elif path.suffix.lower() in ENDINGS:
        pairs, ignored = list_table(path)
    elif path.suffix.lower().lstrip(".") in EXTENSIONS:
        raise SettingError(
            f"{readable(path)} is one picture; give the authentic picture first and the manipulated one behind it."
        )
    else:
        raise SettingError(
            f"{readable(path)} is neither a folder nor a table; a table's name ends in {', '.join(ENDINGS)}."
        )
    return Listing(pairs.sorted_by_key(), tuple(sorted(map(readable, ignored))))


def _two_files(authentic: Path, manipulated: Path) -> Pair:
    for path in (authentic, manipulated):
        if not _is(path, "is_file"):
            raise SettingError(
                f"{readable(path)} is not a file; with two paths both must be pictures, authentic and manipulated."
            )
    name = os.path.splitext(manipulated.name)[0]
    return Pair(unique_keys([name])[0], readable(name), authentic, manipulated)


def _is(path: Path, what: str) -> bool:
    try:
        return getattr(path, what)()
    except OSError as error:  # no permission on a folder above it
        raise SettingError(f"{readable(path)} cannot be looked at: {error.strerror}.") from None
