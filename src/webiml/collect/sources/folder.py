"""Links to the files of a folder of pairs, as `webiml annotate` understands it: nothing is fetched, only copied."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from webiml.collect.sources.tables import Role
from webiml.images.read import readable
from webiml.pairs.folder import list_folder
from webiml.types import Link, Pair


def read_folder(folder: Path, ignored: list[str] | None = None) -> Iterator[Link]:
    """The files of pair folders, or of authentic/ and manipulated/ (see pairs/folder.py), each once.

    The group is the pair folder, or the name that both files share; the manipulated picture has the name that it would
    have for `webiml annotate`. A pair that cannot be used is one link with its problem.

    Args:
        ignored: gets what lies there and is no part of a pair.
    Raises:
        SettingError: the folder cannot be read or holds nothing that looks like a pair; at once.
    """
    pairs, others = list_folder(folder)
    if ignored is not None:
        ignored += [readable(name) for name in others]
    two_sides = all(os.path.isdir(folder / side) for side in ("authentic", "manipulated"))
    return _links(folder, pairs, two_sides)


def _links(folder: Path, pairs: Sequence[Pair], two_sides: bool) -> Iterator[Link]:
    root = os.path.realpath(folder)
    before = None  # pairs of one pair folder follow each other
    for pair in pairs:
        group = pair.name
        if not two_sides and (file := pair.authentic or pair.manipulated) is not None:
            assert isinstance(file, Path)
            group = file.parent.name
        if pair.problem is not None:
            yield Link(readable(pair.name), readable(group), "manipulated", problem=pair.problem.detail)
            continue
        sides: tuple[tuple[Role, object], ...] = (("authentic", pair.authentic), ("manipulated", pair.manipulated))
        for role, path in sides:
            assert isinstance(path, Path)
            if role == "authentic" and path == before:
                continue
            before = path if role == "authentic" else before
            name = group if role == "authentic" else pair.name
            inside = Path(os.path.realpath(path)).is_relative_to(root)
            problem = "" if inside else f"{readable(path.relative_to(folder))} is a link that leaves the folder"
            yield Link(readable(name), readable(group), role, problem=problem, path=path)
