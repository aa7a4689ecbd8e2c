"""Items from the lists of other code: MVSS-Net, TruFor and CAT-Net (text), IMDL-BenCo (JSON), splits of a folder.

    image mask label      MVSS-Net data/*.txt: mask is None and label 0 where the picture is authentic
    image,mask            TruFor test_docker/data_test/*_fake.txt; a list *_real.txt beside it holds the authentic ones
    image,mask,jpeg       CAT-Net Splicing/data/*.txt: mask is None in lists of authentic pictures
    [["image", "mask"], ["image", "Negative"]]      IMDL-BenCo JsonDataset: Negative where the picture is authentic
    ...|probe|mask|...|Y|...                        NIST16's own reference: N where the picture is authentic

Paths are relative to the folder of the list (of NIST16: to the folder of the set), or absolute.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from webiml.errors import SettingError
from webiml.evaluate.benchmarks.folders import with_keys
from webiml.evaluate.benchmarks.items import Item, MaskRule
from webiml.images.read import readable
from webiml.types import Problem, Reason

ENDINGS = (".txt", ".json")
MAX_BYTES = 64 << 20  # the longest list that is known has 5 MB
NIST = "reference/manipulation/NC2016-manipulation-ref.csv"
"""Where NIST16 says which mask belongs to which picture (usnistgov/MediScore data/test_suite/detectionScorerTests)."""
NIST_RULE = MaskRule(above=254, inverted=True)
"""All that is not white counts as manipulated (usnistgov/MediScore lib/masks.py)."""
_NIST_COLUMNS = ("ProbeFileName", "ProbeMaskFileName", "IsTarget", "BaseFileName")
_NIST_KINDS = {"Removal": "removal", "Splice": "splice", "CopyClone": "copy-move"}

_LABELLED = re.compile(r"(\S+)\s+(\S+)\s+(-?\d+)")
_AUTHENTIC = re.compile(r"(?:^|[-_ ])(?:real|auth|authentic|normal|pristine)(?:$|[-_ .])", re.IGNORECASE)


def read_list(path: Path) -> tuple[tuple[Item, ...], str]:
    """The items of a list in the order of their keys, and its sort in a few words. No picture is opened.

    A line that cannot be understood, or names no mask where the picture is not said to be authentic, becomes an item
    with its problem.

    Raises:
        SettingError: the list cannot be read, names nothing, or nothing that it names is there.
    """
    if path.suffix.lower() == ".json":
        items, words = list(_from_json(path)), "a JSON list of IMDL-BenCo"
    else:
        items, words = list(_from_text(path)), "a list of pictures and masks"
        partner = path.with_name(re.sub(r"_fake(?=\.txt$)", "_real", path.name))
        if partner != path and partner.is_file():
            items += _from_text(partner)
            words += f", with {readable(partner.name)} beside it"
    if not items:
        raise SettingError(f"{readable(path)} names no picture; each line needs an image, its mask and a label.")
    if not any(isinstance(item.image, Path) and os.path.exists(item.image) for item in items):
        raise SettingError(
            f"None of the {len(items):,} pictures in {readable(path)} is there, such as {items[0].name}: put the list "
            f"into the folder that its paths start from."
        )
    return with_keys(items), words


def read_names(path: Path) -> list[str]:
    """The names in a list of bare names, as the test.txt of RealTextManipulation; none when it holds anything else.

    Raises:
        SettingError: the list cannot be read.
    """
    names = [line.strip() for line in _text(path).splitlines() if line.strip()]
    return [] if any(re.search(r"[\s,/\\.]", name) for name in names) else names


def pick(path: Path, names: Sequence[str], items: Sequence[Item]) -> tuple[Item, ...]:
    """The items that the list at `path` names; a name that none has becomes an item with its problem."""
    by_stem = {Path(item.name).stem: item for item in items}
    picked = []
    for name in dict.fromkeys(names):
        problem = Problem(Reason.MISSING_MANIPULATED, f"{readable(path.name)} names it, and there is no such picture")
        missing = Item("", readable(name), path.parent / name, mask=path, problem=problem)
        picked.append(by_stem.get(name, missing))
    return with_keys(picked)


def read_nist(root: Path) -> tuple[tuple[Item, ...], tuple[str, ...]]:
    """The items of NIST16 in the order of their keys, and the other pictures in its folder `probe`.

    A mask that is not where the reference says is looked for in the other folders beside (reference/remove/mask).

    Raises:
        SettingError: its reference cannot be read.
    """
    table = root / NIST
    try:
        rows = list(csv.DictReader(_text(table).splitlines(), delimiter="|"))
    except csv.Error as error:
        raise SettingError(f"{readable(table)} cannot be read: {error}.") from None
    missing = [name for name in _NIST_COLUMNS if not rows or name not in rows[0]]
    if missing:
        raise SettingError(f"{readable(table)} has no rows, or no column {missing[0]}.")
    elsewhere = {path.name: path for path in sorted((root / "reference").glob("*/mask/*"))}
    items = []
    for number, row in enumerate(rows, 1):
        image, mask, target, base = (row[name] or "" for name in _NIST_COLUMNS)
        item = Item("", readable(image), root / image, group=base, root=root)
        if not image:
            problem = Problem(Reason.BAD_ROW, f"row {number} names no picture")
            item = replace(item, name=f"row {number}", mask=table, problem=problem)
        elif target != "N":
            place = root / mask if mask and (root / mask).is_file() else elsewhere.get(Path(mask).name, root / mask)
            kinds = [kind for name, kind in _NIST_KINDS.items() if row.get(f"IsManipulationType{name}") == "Y"]
            source = (root / base,) if base and (root / base).is_file() else ()
            item = replace(item, mask=place, kind=" and ".join(kinds), authentic=source)
            if not mask:
                problem = Problem(Reason.NOT_FOUND, f"row {number} names no mask")
                item = replace(item, mask=table, problem=problem)
        items.append(item)
    named = {item.name for item in items}
    ignored = [readable(path.relative_to(root).as_posix()) for path in sorted((root / "probe").glob("*"))]
    return with_keys(items), tuple(name for name in ignored if name not in named)


def _from_text(path: Path) -> Iterator[Item]:
    authentic_list = _AUTHENTIC.search(path.stem) is not None
    for number, line in enumerate(_text(path).splitlines(), 1):
        line = line.strip()
        if not line:
            continue
        labelled = _LABELLED.fullmatch(line)
        if labelled is not None:
            image, mask, authentic = labelled[1], labelled[2], int(labelled[3]) == 0
        else:
            image, comma, rest = line.partition(",")
            mask, authentic = rest.partition(",")[0] if comma else "None", False
            authentic = authentic_list and mask == "None"
        yield _item(path, image, "" if mask == "None" else mask, authentic, f"line {number}")


def _from_json(path: Path) -> Iterator[Item]:
    try:
        records = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise SettingError(f"{readable(path)} is not readable JSON: {' '.join(str(error).split())[:200]}.") from None
    if not isinstance(records, list):
        raise SettingError(f'{readable(path)} must hold a list such as [["Tp/6.jpg", "Gt/6.jpg"]].')
    for number, record in enumerate(records, 1):
        good = isinstance(record, list) and len(record) == 2 and all(isinstance(text, str) for text in record)
        if not good or not record[0].strip() or "\0" in record[0] + record[1]:
            problem = Problem(Reason.BAD_ROW, f"entry {number} is not a pair of paths")
            yield Item("", f"entry {number}", path, mask=path, problem=problem)
            continue
        authentic = record[1] == "Negative"
        yield _item(path, record[0], "" if authentic else record[1], authentic, f"entry {number}")


def _item(path: Path, image: str, mask: str, authentic: bool, where: str) -> Item:
    item = Item("", readable(image), path.parent / image)
    if authentic:
        return item
    if mask:
        return replace(item, mask=path.parent / mask)
    problem = Problem(Reason.NOT_FOUND, f"{where} of {readable(path.name)} names no mask")
    return replace(item, mask=path, problem=problem)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SettingError(f"{readable(path)} cannot be read: {error.strerror}.") from None
    if len(data) > MAX_BYTES or b"\0" in data:
        raise SettingError(f"{readable(path)} is no list of pictures: it is too large, or no text.")
    return data.decode("utf-8-sig", "surrogateescape")
