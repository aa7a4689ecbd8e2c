"""Items from a folder of pictures and masks, by a layout that is written down as data.

A layout says which paths are pictures, and what the path of the mask of each is. All paths are looked at without
their ending, with "/" between folders, and upper and lower case are the same: copies of one benchmark differ in these.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from webiml.errors import SettingError
from webiml.evaluate.benchmarks.items import Expected, Item, MaskRule
from webiml.images.read import readable
from webiml.pairs.folder import EXTENSIONS
from webiml.pairs.keys import unique_keys
from webiml.types import Problem, Reason


@dataclass(frozen=True, slots=True)
class Part:
    """Pictures of one sort, and where the mask of each lies.

    Attributes:
        images: regular expression for the paths of the pictures; its named groups are for the templates below.
        masks: paths of the mask, the first that is there counts; {name} stands for a group of `images` and * for any
            part of a file's name. None: the pictures are authentic.
        authentic: paths of the pictures that a manipulated one was made from; those that are there count.
        kind: how the pictures were made; empty: what `kinds` says of the group `kind`.
        group: what a picture shares sources with, as a template; empty: it stands alone.
    """

    images: str
    masks: tuple[str, ...] = ()
    authentic: tuple[str, ...] = ()
    kind: str = ""
    kinds: Mapping[str, str] = field(default_factory=dict)
    group: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """One way in which a benchmark's files lie.

    Attributes:
        words: the layout for a person, such as "Tp/ and Gt/".
        parts: the first that a picture's path fits decides; a picture that fits none is no part of the benchmark.
        rule: how its masks are read.
        source: where this was read, empty when it was read nowhere.
        in_order: when no mask is found by its name, and there are as many masks as pictures, both are paired in the
            order of their names; the folders of the two.
    """

    words: str
    parts: tuple[Part, ...]
    rule: MaskRule = field(default_factory=MaskRule)
    source: str = ""
    in_order: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """A published benchmark: what it is called, how it lies, what it should hold and what is wrong with it.

    Attributes:
        name: for the command line, such as casia-v1; title: for a table.
        expected: how many pictures, and who says so.
        notes: known faults and terms of use, a sentence each.
    """

    name: str
    title: str
    layouts: tuple[Layout, ...]
    expected: Expected = field(default_factory=Expected)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tree:
    """The files in a folder and all folders in it, as paths relative to it, sorted; nothing has been opened.

    Attributes:
        pictures: files whose name ends like a picture's. others: other files, and links to folders, which are not
            followed: what lies in the folder is listed where it lies, and what lies elsewhere is no part of it.
    """

    root: Path
    pictures: tuple[str, ...]
    others: tuple[str, ...]
    stems: Mapping[str, tuple[str, ...]]
    """Pictures by their path without its ending, in lower case."""
    folders: Mapping[str, tuple[str, ...]]
    """The keys of `stems` by their folder."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one layout makes of a folder; `masks` counts the manipulated pictures whose mask is there."""

    layout: Layout
    items: tuple[Item, ...] = ()
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    masks: int = 0


def look_through(root: Path) -> Tree:
    """The files of a folder. Hidden files are left out.

    Raises:
        SettingError: a folder cannot be read.
    """
    pictures: list[str] = []
    others: list[str] = []
    for path, is_file in _walk(root, ""):
        (pictures if is_file and _ending(path) in EXTENSIONS else others).append(path)
    stems: dict[str, list[str]] = defaultdict(list)
    folders: dict[str, list[str]] = defaultdict(list)
    for path in sorted(pictures):
        stem = _stem(path).lower()
        stems[stem].append(path)
        folders[stem.rpartition("/")[0]].append(stem)
    return Tree(
        root,
        tuple(sorted(pictures)),
        tuple(sorted(others)),
        {stem: tuple(paths) for stem, paths in stems.items()},
        {folder: tuple(found) for folder, found in folders.items()},
    )


def read_layout(tree: Tree, layout: Layout) -> Found:
    """The items of a folder as a layout says; none when it says of no picture where its mask lies.

    A picture whose mask is not there is an item with a problem.
    """
    patterns = [(part, re.compile(part.images, re.IGNORECASE)) for part in layout.parts]
    rows: list[tuple[str, Part, dict[str, str]]] = []
    for path in tree.pictures:
        stem = _stem(path)
        for part, pattern in patterns:
            match = pattern.fullmatch(stem)
            if match is not None:
                rows.append((path, part, {name: text or "" for name, text in match.groupdict().items()}))
                break
    used = {path for path, *_ in rows}
    items = []
    masks = 0
    starred: dict[str, list[str]] = {}
    for path, part, groups in rows:
        item, mask = _item(tree, path, part, groups, starred)
        masks += mask is not None
        used |= {mask} if mask is not None else set()
        items.append(item)
    notes: tuple[str, ...] = ()
    if not masks and layout.in_order is not None:
        items, by_order = _in_order(tree, items, layout.in_order)
        used |= set(by_order)
        masks = len(by_order)
        notes = ("No mask is named like its picture: pictures and masks are paired in the order of their names.",)
        notes = notes if by_order else ()
    if not masks:
        return Found(layout)
    ignored = sorted(readable(path) for path in (*tree.pictures, *tree.others) if path not in used)
    return Found(layout, with_keys(items), tuple(ignored), notes, masks)


def with_keys(items: Sequence[Item]) -> tuple[Item, ...]:
    """The items with a key each, made from the file's name without its ending, in the order of their keys.

    Where several have one name, the key is made from the whole path.
    """
    paths = [_stem(item.name) for item in items]
    names = [path.rpartition("/")[2] for path in paths]
    often = Counter(name.lower() for name in names)
    wanted = [
        path.strip("./").replace("/", "-") if often[name.lower()] > 1 else name
        for path, name in zip(paths, names, strict=True)
    ]
    keyed = [replace(item, key=key) for item, key in zip(items, unique_keys(wanted), strict=True)]
    return tuple(sorted(keyed, key=lambda item: item.key))


def _item(
    tree: Tree, path: str, part: Part, groups: dict[str, str], starred: dict[str, list[str]]
) -> tuple[Item, str | None]:
    """The item of a picture, and the path of its mask if there is one; `starred` as in `_find`."""
    item = Item(
        key="",
        name=readable(path),
        image=tree.root / path,
        group=part.group.format_map(groups),
        kind=part.kind or part.kinds.get(groups.get("kind", "").lower(), ""),
        root=tree.root,
    )
    if not part.masks:
        return item, None
    wanted = [template.format_map(groups) for template in part.masks]
    for template in part.masks:
        found = _find(tree, template, groups, path, starred)
        if len(found) == 1:
            sources = (_find(tree, template, groups, path, starred)[:1] for template in part.authentic)
            authentic = tuple(tree.root / source for one in sources for source in one)
            return replace(item, mask=tree.root / found[0], authentic=authentic), found[0]
        if found:
            words = f"{readable(' and '.join(found[:3]))} both may be the mask"
            return replace(item, mask=tree.root / found[0], problem=Problem(Reason.AMBIGUOUS, words)), None
    there = [path for path in wanted if path.rpartition("/")[0].lower() in tree.folders] or wanted
    words = f"there is no mask {readable(' or '.join(there))}"
    return replace(item, mask=tree.root / f"{there[0]}.png", problem=Problem(Reason.NOT_FOUND, words)), None


def _find(tree: Tree, template: str, groups: dict[str, str], image: str, starred: dict[str, list[str]]) -> list[str]:
    """Pictures that a template of a path means; never the picture itself.

    Args:
        starred: what was found for templates with a star, each of which looks through a whole folder.
    """
    wanted = template.format_map(groups).lower()
    if "*" not in template:
        stems = [wanted]
    else:
        stems = starred.get(wanted)
        if stems is None:
            folder, _, name = wanted.rpartition("/")
            pattern = re.compile(".*".join(re.escape(piece) for piece in name.split("*")), re.DOTALL)
            stems = [stem for stem in tree.folders.get(folder, ()) if pattern.fullmatch(stem.rpartition("/")[2])]
            starred[wanted] = stems
    return [path for stem in stems for path in tree.stems.get(stem, ()) if path != image]


def _in_order(tree: Tree, items: list[Item], folders: tuple[str, str]) -> tuple[list[Item], list[str]]:
    """Items of the first folder, each with the mask of the second at the same place, and those masks."""
    images, masks = (
        [path for path in tree.pictures if path.lower().startswith(folder.lower() + "/")] for folder in folders
    )
    if not masks or len(images) != len(masks):
        return items, []
    by_name = dict(zip(map(readable, images), masks, strict=True))
    paired = [
        replace(item, mask=tree.root / by_name[item.name], problem=None) if item.name in by_name else item
        for item in items
    ]
    return paired, masks


def _walk(root: Path, below: str) -> Iterator[tuple[str, bool]]:
    """Relative paths, and whether each is a file or a link to one."""
    try:
        with os.scandir(root / below) as found:
            entries = list(found)
    except OSError as error:
        raise SettingError(f"The folder {readable(root / below)} cannot be read: {error.strerror}.") from None
    for entry in entries:
        path = f"{below}/{entry.name}" if below else entry.name
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(root, path)
        else:
            yield path, not (entry.is_symlink() and (root / path).is_dir())


def _stem(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    return folder + slash + os.path.splitext(name)[0]


def _ending(path: str) -> str:
    return os.path.splitext(path)[1][1:].lower()
