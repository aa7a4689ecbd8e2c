"""Pairs from a folder: `<key>/0.<ext>` and `<key>/1.<ext>`, or `authentic/` and `manipulated/`."""

from __future__ import annotations

import errno
import os
import re
from collections import defaultdict
from pathlib import Path

from webiml.errors import SettingError
from webiml.images.read import readable
from webiml.pairs.packed import PackedPairs
from webiml.types import Pair, Problem, Reason

EXTENSIONS = ("jpg", "jpeg", "jpe", "jfif", "png", "webp", "avif", "gif", "bmp", "tif", "tiff", "mpo")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_LAYOUTS = (
    "give a folder of pair folders (<key>/0.jpg authentic, <key>/1.jpg manipulated), "
    "a folder with authentic/ and manipulated/ (same file names), or a table"
)


def list_folder(folder: Path) -> tuple[PackedPairs, list[str]]:
    """Pairs below a folder, and what was ignored beside them (both unsorted, names as on disk, `key` still the name).

    Pair folders: `<key>/0.<ext>` is authentic, `<key>/1.<ext>` manipulated and becomes the row `<key>`, `<key>/2.<ext>`
    the row `<key>-2`, and so on. Where `N.png` lies beside `N.jpg` (or another ending) with N of 1 or more, the PNG is
    the mask of the field's layout: the other file is the picture and the PNG is ignored. Alone, `1.png` is the picture.
    A subfolder that holds folders but no numbered picture is no pair folder (a dataset written there, say).

    Two sides: files of `authentic/` and `manipulated/` belong together when their names without the ending are equal.

    Raises:
        SettingError: the folder cannot be read or holds nothing that looks like a pair.
    """
    try:
        entries = _entries(folder)
    except OSError as error:
        raise SettingError(f"The folder {readable(folder)} cannot be read: {error.strerror}.") from None
    sides = [folder / side for side in ("authentic", "manipulated")]
    if all(os.path.isdir(side) for side in sides):
        return _two_sides(folder, entries)

    pairs = PackedPairs()
    ignored: list[str] = []
    looks_like_pairs = False
    entries.reverse()
    while entries:  # there may be millions: each is let go of when its pair is packed
        entry = entries.pop()
        if entry.name.startswith("."):
            ignored.append(entry.name)
        elif (problem := _link_problem(entry)) is not None:
            pairs.append(Pair(entry.name, entry.name, None, None, problem, folder))
            looks_like_pairs = True
        elif not _is_folder(entry):
            ignored.append(entry.name)
        else:
            rows, others, is_pair_folder = _pair_folder(folder, entry.name)
            for row in rows:
                pairs.append(row)
            ignored += others
            looks_like_pairs |= is_pair_folder
    if not looks_like_pairs:  # nothing but folders of other things: better said at once than in a row for each
        here = [side.name for side in sides if os.path.isdir(side)]
        what = f"has {here[0]}/ without its partner" if here else "holds no pairs"
        raise SettingError(f"{readable(folder)} {what}: {_LAYOUTS}.")
    return pairs, ignored


def _pair_folder(root: Path, key: str) -> tuple[list[Pair], list[str], bool]:
    """Rows of one pair folder, what was ignored in it, and whether it is one (holds a numbered picture, or nothing)."""
    folder = os.path.join(root, key)
    try:
        entries = _entries(folder)
    except OSError as error:
        problem = Problem(Reason.UNREADABLE, f"{readable(key)}: the folder cannot be read ({error.strerror})")
        return [Pair(key, key, None, None, problem, root)], [], True
    numbered: dict[int, list[str]] = defaultdict(list)
    ignored: list[str] = []
    for entry in entries:
        stem, extension = _split(entry.name)
        if extension in EXTENSIONS and _NUMBER.fullmatch(stem):
            numbered[int(stem)].append(entry.name)
        else:
            ignored.append(f"{key}/{entry.name}")
    if not numbered and any(_is_folder(entry) for entry in entries):
        return [], [f"{key}/"], False
    for number, names in numbered.items():
        masks = [name for name in names if _split(name)[1] == "png"]
        if number > 0 and 0 < len(masks) < len(names):
            ignored += [f"{key}/{name}" for name in masks]
            numbered[number] = [name for name in names if name not in masks]

    def row(number: int) -> Pair:
        name = key if number == 1 else f"{key}-{number}"
        problem = None
        for needed, reason in ((number, Reason.MISSING_MANIPULATED), (0, Reason.MISSING_AUTHENTIC)):
            names = numbered.get(needed, [])
            if not names:
                what = "is empty" if not entries else f"holds no {needed}.jpg (or .png, .webp, ...)"
                problem = Problem(reason, f"the folder {readable(key)} {what}")
            elif len(names) > 1:
                problem = Problem(Reason.AMBIGUOUS, f"{readable(key)}: {readable(' and '.join(names))}, keep one")
        authentic, manipulated = (
            Path(folder, names[0]) if len(names := numbered.get(n, [])) == 1 else None for n in (0, number)
        )
        return Pair(name, name, authentic, manipulated, problem, root)

    return (
        [row(number) for number in sorted(numbered) if number > 0] or [row(1)],
        ignored,
        bool(numbered) or not entries,
    )


def _two_sides(root: Path, entries: list[os.DirEntry[str]]) -> tuple[PackedPairs, list[str]]:
    ignored = [entry.name for entry in entries if entry.name not in ("authentic", "manipulated")]
    sides: list[dict[str, list[str]]] = []
    for side in ("authentic", "manipulated"):
        stems: dict[str, list[str]] = defaultdict(list)
        try:
            files = _entries(root / side)
        except OSError as error:
            raise SettingError(f"The folder {readable(root / side)} cannot be read: {error.strerror}.") from None
        for entry in files:
            stem, extension = _split(entry.name)
            if extension in EXTENSIONS and not entry.name.startswith(".") and not _is_folder(entry):
                stems[stem].append(entry.name)
            else:
                ignored.append(f"{side}/{entry.name}")
        sides.append(stems)
    authentic, manipulated = sides
    if not authentic and not manipulated:
        raise SettingError(f"{readable(root)}: authentic/ and manipulated/ hold no pictures: {_LAYOUTS}.")

    pairs = PackedPairs()
    for stem in sorted(authentic.keys() | manipulated.keys()):
        ours, theirs = authentic.get(stem, []), manipulated.get(stem, [])
        problem = None
        if not ours:
            problem = Problem(Reason.MISSING_AUTHENTIC, readable(f"no authentic/{stem}.* for manipulated/{theirs[0]}"))
        elif not theirs:
            problem = Problem(Reason.MISSING_MANIPULATED, readable(f"no manipulated/{stem}.* for authentic/{ours[0]}"))
        for side, names in (("authentic", ours), ("manipulated", theirs)):
            if len(names) > 1:
                problem = Problem(Reason.AMBIGUOUS, readable(f"{side}/: {' and '.join(names)}, keep one"))
        first = root / "authentic" / ours[0] if len(ours) == 1 else None
        second = root / "manipulated" / theirs[0] if len(theirs) == 1 else None
        pairs.append(Pair(stem, stem, first, second, problem, root))
    return pairs, ignored


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as found:
        return sorted(found, key=lambda entry: os.fsencode(entry.name))


def _split(name: str) -> tuple[str, str]:
    stem, extension = os.path.splitext(name)
    return stem, extension[1:].lower()


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that runs in a circle
        return False


def _link_problem(entry: os.DirEntry[str]) -> Problem | None:
    """Why a link in the place of a pair folder cannot be followed; None when it can, or is no link to a folder."""
    if not entry.is_symlink():
        return None
    name = readable(entry.name)
    try:
        real = os.path.realpath(entry.path, strict=True)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return Problem(Reason.SYMLINK_LOOP, f"{name}: its symbolic links run in a circle")
        return Problem(Reason.NOT_FOUND, f"{name} is a link to nothing")
    root = os.path.realpath(os.path.dirname(entry.path))
    if not os.path.isdir(real):
        return None
    if real == root:
        return Problem(Reason.SYMLINK_LOOP, f"{name} is a link to the folder that holds it")
    if not Path(real).is_relative_to(root):
        return Problem(Reason.OUTSIDE_FOLDER, f"{name} is a link that leaves the folder that was given")
    return None
