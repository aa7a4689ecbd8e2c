"""What a user names becomes a benchmark: a folder in a known layout, a table, a list, or one of our own datasets."""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import replace
from pathlib import Path

from webiml.errors import SettingError
from webiml.evaluate.benchmarks import databases, lists
from webiml.evaluate.benchmarks.folders import Found, Known, Tree, look_through, read_layout
from webiml.evaluate.benchmarks.items import Benchmark, Expected, Item, MaskRule, Member
from webiml.evaluate.benchmarks.layouts import BENCHMARKS, FOLDERS
from webiml.evaluate.benchmarks.tables import read_table
from webiml.images.read import readable
from webiml.pairs.keys import unique_keys
from webiml.pairs.table import ENDINGS as TABLES
from webiml.store.dataset import read_rows
from webiml.store.parquet import FILE_NAME
from webiml.types import Status

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .+_-]*")
_MAX_DEPTH = 3  # folders that hold nothing but one folder, as archives make them


def read_benchmark(spec: str) -> Benchmark:
    """The benchmark at a path, its items in the order of their keys. No picture is opened.

    Args:
        spec: PATH, and the layout is recognised from what is there; or NAME=PATH, with one of `known_names()`, which
            brings the counts and the notes of that benchmark. PATH is a folder, a table (CSV, TSV, Parquet), a list
            (.txt, .json), or one of our own datasets.
    Raises:
        SettingError: there is no such name or path, nothing that is known fits, or it holds no picture.
    """
    known, path = _named(spec)
    whole = os.path.abspath(path)
    return replace(_read(path, known), spec=f"{known.name}={whole}" if known else whole)


def _read(path: Path, known: Known | None) -> Benchmark:
    if path.is_dir():
        return _folder(path, known)
    if path.suffix.lower() in TABLES:
        items, ignored = read_table(path)
        benchmark = Benchmark(_title(path), _title(path), path.parent, items, "a table", ignored=ignored)
        return _dress(known, benchmark) if known else benchmark
    if path.suffix.lower() in lists.ENDINGS:
        return _list(path, known)
    raise SettingError(
        f"{readable(path)} is neither a folder nor a table ({', '.join(TABLES)}) nor a list "
        f"({', '.join(lists.ENDINGS)})."
    )


def known_names() -> tuple[str, ...]:
    """What NAME may be in NAME=PATH, sorted."""
    return tuple(sorted(known.name for known in BENCHMARKS))


def _dress(known: Known, benchmark: Benchmark) -> Benchmark:
    """The benchmark with the name, the counts and the notes of a published one."""
    notes = tuple(dict.fromkeys((*known.notes, *benchmark.notes)))
    return replace(benchmark, name=known.name, title=known.title, expected=known.expected, notes=notes)


def _named(spec: str) -> tuple[Known | None, Path]:
    """The benchmark that a spec names, if it does, and its path, which exists."""
    by_name = {known.name: known for known in BENCHMARKS}
    name, equals, rest = spec.partition("=")
    known = by_name.get(name.strip().lower()) if equals else None
    text = rest if known else spec
    path = Path(text)
    try:
        if text and path.exists():
            return known, path
    except (OSError, ValueError) as error:
        raise SettingError(
            f"{readable(path)} cannot be looked at: {getattr(error, 'strerror', None) or error}."
        ) from None
    if equals and known is None and _NAME.fullmatch(name) and "/" not in name:
        close = difflib.get_close_matches(name.lower(), by_name, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(close)}?" if close else f"Known: {', '.join(sorted(by_name))}."
        raise SettingError(f"There is no benchmark {name!r}. {hint}")
    raise SettingError(f"{readable(text) or 'The path'} does not exist; check the path.")


def _folder(path: Path, known: Known | None) -> Benchmark:
    if (path / FILE_NAME).is_file():
        own = _own_dataset(path)
        return _dress(known, own) if known else own
    if (path / databases.FILE).is_file():
        return _database(path, known)
    if (path / lists.NIST).is_file():
        nist = known or next(one for one in BENCHMARKS if one.name == "nist16")
        items, ignored = lists.read_nist(path)
        return _dress(nist, Benchmark("", "", path, items, lists.NIST, rule=lists.NIST_RULE, ignored=ignored))
    tree = top = look_through(path)
    for _ in range(_MAX_DEPTH):
        found = _best(tree, known)
        if found is not None:
            name, title, layout = found
            return _benchmark(name, title, layout, tree.root)
        inner = {picture.partition("/")[0] for picture in tree.pictures if "/" in picture}
        if len(inner) != 1 or any("/" not in picture for picture in tree.pictures):
            break
        tree = look_through(tree.root / inner.pop())  # an archive that was unpacked into a folder of its own
    raise SettingError(_nothing_fits(path, top, known))


def _best(tree: Tree, known: Known | None) -> tuple[Known | None, str, Found] | None:
    """The layout that finds most masks, then most pictures; of equal ones the first, and ours are in order."""
    wanted = [known] if known else list(BENCHMARKS)
    candidates = [(one, read_layout(tree, layout)) for one in wanted for layout in one.layouts]
    candidates += [(known, read_layout(tree, layout)) for layout in FOLDERS]
    fitting = [(one, found) for one, found in candidates if found.masks]
    if not fitting:
        return None
    one, found = max(fitting, key=lambda pair: (pair[1].masks, len(pair[1].items)))
    return one, _title(tree.root), found


def _benchmark(known: Known | None, title: str, found: Found, root: Path) -> Benchmark:
    layout = found.layout
    return Benchmark(
        name=known.name if known else title,
        title=known.title if known else title,
        root=root,
        items=found.items,
        layout=layout.words,
        verified=bool(layout.source),
        expected=known.expected if known else Expected(),
        rule=layout.rule,
        ignored=found.ignored,
        notes=(*(known.notes if known else ()), *found.notes),
    )


def _list(path: Path, known: Known | None) -> Benchmark:
    names = lists.read_names(path) if path.suffix.lower() == ".txt" else []
    best = _best(look_through(path.parent), known) if names else None
    if best is not None:
        one, title, found = best
        whole = _benchmark(one, title, found, path.parent)
        return replace(
            whole,
            name=f"{whole.name}-{path.stem}",
            title=f"{whole.title}, {path.stem}",
            items=lists.pick(path, names, found.items),
            expected=Expected(),  # the count is that of the whole
            ignored=(),
        )
    items, words = lists.read_list(path)
    benchmark = Benchmark(_title(path), _title(path), path.parent, items, words)
    return _dress(known, benchmark) if known else benchmark


def _own_dataset(path: Path) -> Benchmark:
    """Kept rows as manipulated pictures, and their authentic pictures, each of them once."""
    items: list[Item] = []
    authentic: dict[str, Item] = {}
    for row in read_rows(path):
        if row.status != Status.KEPT.value:
            continue
        source = Member(path, row, "authentic")
        group = row.extra.get("component") or row.authentic_sha256 or ""
        kind = row.kind or ""
        items.append(
            Item(
                row.key,
                row.name,
                Member(path, row, "manipulated"),
                Member(path, row, "mask"),
                group,
                kind,
                (source,) if row.authentic_path else (),
            )
        )
        if row.authentic_path:
            name = f"{row.name} (authentic)"
            item = Item(f"{row.key}-authentic", name, source, group=group)
            authentic.setdefault(row.authentic_sha256 or row.key, item)
    if not items:
        raise SettingError(f"{readable(path)} holds no pair that was kept: there is nothing to score.")
    everything = [*items, *authentic.values()]
    keys = unique_keys([item.key for item in everything])
    keyed = [replace(item, key=key) for item, key in zip(everything, keys, strict=True)]
    return Benchmark(
        name=_title(path),
        title=_title(path),
        root=path,
        items=tuple(sorted(keyed, key=lambda item: item.key)),
        layout="a dataset of webiml",
        notes=("Its masks were made by webiml annotate, not by hand.",),
    )


def _database(path: Path, known: Known | None) -> Benchmark:
    """Every picture of an LMDB database; DocTamper, unless another name was given."""
    keys = [f"{number:09}" for number in range(databases.count_pictures(path))]
    items = tuple(
        Item(key, f"image-{key}", databases.Entry(path, f"image-{key}"), databases.Entry(path, f"label-{key}"))
        for key in keys
    )
    rule = MaskRule(above=0)
    found = Benchmark(_title(path), _title(path), path, items, "an LMDB database, as DocTamper is published", rule=rule)
    return _dress(known or next(one for one in BENCHMARKS if one.name == "doctamper"), found)


def _nothing_fits(path: Path, tree: Tree, known: Known | None) -> str:
    """Why a folder is no benchmark, and what to do."""
    if not tree.pictures:
        link = next((name for name in tree.others if (tree.root / name).is_dir()), None)
        links = f" (links to folders are not followed, such as {readable(link)})" if link else ""
        return f"There is no picture in {readable(path)}{links}; check the path."
    tables = [name for name in tree.others if name.lower().endswith((*TABLES, *lists.ENDINGS)) and "/" not in name]
    hint = f" It holds {readable(', '.join(tables[:3]))}: give one, if it lists the pictures." if tables else ""
    layouts = [layout.words for layout in (*(known.layouts if known else ()), *FOLDERS)]
    what = f"{known.title} lies" if known else f"a benchmark lies ({', '.join(known_names())})"
    return (
        f"{readable(path)}: no mask was found where {what}, nor in {'; '.join(dict.fromkeys(layouts))}.{hint} "
        "Or write a table with the columns key, manipulated and mask."
    )


def _title(path: Path) -> str:
    """A name for what has none: the folder's, and the file's without its ending."""
    full = path.resolve()
    return readable(full.name if path.is_dir() else f"{full.parent.name}-{full.stem}")
