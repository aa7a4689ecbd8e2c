"""Pictures out of a dataset, whichever its shape: table, journal, files, tars, decisions, and whatever shows them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Literal

from webiml.datasets.carry_reviews import drop_reviews
from webiml.datasets.lost import LOST
from webiml.datasets.removal_files import (
    Record,
    change_journal,
    change_table,
    delete,
    drop_folder,
    key_of_member,
    names_below,
    read_journal,
    read_whole,
    sweep_folders,
    thin_open_tar,
    thin_tar,
)
from webiml.errors import SettingError
from webiml.store.drawn_masks import FOLDER as DRAWN
from webiml.store.journal import shard_name
from webiml.store.parquet import FILE_NAME, read_records
from webiml.store.parts import part_numbers
from webiml.store.place import Place
from webiml.store.removal import SHARD, SHEETS, Plan
from webiml.store.removed_rows import (
    BOTH,
    Wanted,
    blank_pair,
    is_blank_pair,
    pictures_of_pair,
    takes_pair,
)
from webiml.store.reviews import DRAFTS, Reviews
from webiml.store.rows import is_safe_key

Redraw = Callable[[Place, Literal["", "plain", "pictures"], str], None]
"""(dataset, which page it had, name on the card that it had): makes them again of what is left."""

REPORT, README, CARD = "report.html", "README.md", "card"
TABLES = ("dropped.parquet", "in_doubt.parquet", "leaks.parquet")  # of dedup and leaks, beside SHEETS
_STATE = ".webiml"
_JOURNAL, _MARKER, _STAGED = f"{_STATE}/journal.jsonl", f"{_STATE}/finished", f"{_STATE}/staging/open.tar"
_FOLDERS = ("authentic", "manipulated", "masks", "probability", "alternative")


def pictures_in_dataset(place: Place, wanted: Wanted) -> set[str]:
    """SHA-256 of the pictures of a dataset that were asked for."""
    found: set[str] = set()
    for record in _records(place):
        found |= pictures_of_pair(record, wanted)
    return found


def plan_dataset(place: Place, plan: Plan, wanted: Wanted) -> Plan:
    """The plan with what it means for this dataset.

    Raises:
        SettingError: the table, the journal or people's decisions cannot be read, or workers of a run that was stopped
            have left rows.
    """
    if part_numbers(place):
        raise SettingError(
            f"{place} is not finished, and workers have left rows in it: run the command that writes it again first."
        )
    pictures = frozenset(plan.pictures)
    finished = _finished(place)
    every: set[str] = set()
    keys: set[str] = set()
    shards: set[str] = set()
    found: set[str] = set()
    for record in _records(place):
        key = record["key"]
        if not finished:
            every.add(key)
        if takes_pair(record, wanted, pictures) and not is_blank_pair(record):
            keys.add(key)
            found |= {record.get(f"{role}_sha256") or "" for role in BOTH} & pictures
            if SHARD.fullmatch(record.get("shard") or ""):
                shards.add(record["shard"])
    if keys:
        Reviews.read(place)
    strays: set[str] = set()
    if not finished:
        shards |= _open_shards(place, keys)
        for key, data in _pictures_without_row(place, every):
            if (digest := hashlib.sha256(data).hexdigest()) in pictures:
                strays.add(key)
                found.add(digest)
    return replace(
        plan,
        found=len(found),
        keys=tuple(sorted(keys)),
        strays=tuple(sorted(strays)),
        shards=tuple(sorted(shards)),
        finished=place.exists(_MARKER),
        report=_report(place) if keys else "",
        card=_card(place) if keys else "",
    )


def plan_lists(place: Place, plan: Plan, gone: frozenset[str]) -> Plan:
    """The plan with what dedup and leaks wrote beside a dataset: pairs that it may not have itself.

    Args:
        gone: keys of all pairs that go, of whichever place. The sheets go then: nobody knows whom they show.
    """
    if not gone:
        return plan
    named = {record["key"] for name in TABLES if place.exists(name) for record in read_records(place, name)}
    sheets = tuple(sorted(name for name in SHEETS if place.exists(name)))
    return replace(plan, sheets=sheets, listed=tuple(sorted(named & gone)))


def take_out_of_dataset(place: Place, plan: Plan, redraw: Redraw | None) -> None:
    """Do what the plan says, from whichever step on. The table first: who reads meanwhile finds no row without files.

    Raises:
        SettingError: a table or a tar cannot be read.
        OutputError: something cannot be written or deleted; the same call goes on.
    """
    drop_folder(place, LOST)  # what repairs set aside: nobody knows whom it shows
    listed = frozenset(plan.listed)
    for name in TABLES if listed else ():
        if place.exists(name):
            change_table(place, name, lambda record: _unnamed(record, listed))
    delete(place, plan.sheets)
    if plan.keys or plan.strays:
        _take_out(place, plan)
    if redraw is not None and (plan.report or plan.card):
        redraw(place, plan.report, plan.card)


def _take_out(place: Place, plan: Plan) -> None:
    keys = frozenset(plan.keys)
    gone = keys | frozenset(plan.strays)
    delete(place, [_MARKER])
    sweep_folders(place, ["", _STATE, *_FOLDERS, DRAWN])
    if place.exists(FILE_NAME):
        change_table(place, FILE_NAME, lambda record: _changed(record, keys))
    change_journal(place, _JOURNAL, lambda: _changed_lines(place, keys))
    for folder in _FOLDERS:
        delete(place, [name for name in names_below(place, folder) if _key_of_file(name) in gone])
    drop_reviews(place, keys)
    delete(place, _drafts_about(place, keys))
    thin_open_tar(place, _STAGED, gone)
    for shard in plan.shards:
        thin_tar(place, shard, keys)
    delete(place, [f"{_STATE}/hashes.parquet", *([REPORT] if keys else [])])
    if plan.card:
        delete(place, [README])
        drop_folder(place, CARD)
    if plan.finished:
        place.write(_MARKER, b"")


def _drafts_about(place: Place, keys: frozenset[str]) -> list[str]:
    """Files of what people were drawing and had not decided; one that says no key goes, too."""
    found = []
    for name in names_below(place, DRAFTS):
        with place.reader(name) as file:
            line = file.readline(1 << 16)
        with suppress(ValueError, KeyError, TypeError):
            if json.loads(line)["key"] not in keys:
                continue
        found.append(name)
    return found


def _finished(place: Place) -> bool:
    """Whether the table holds every row of the journal. A dataset without working state is what its table says."""
    return place.exists(FILE_NAME) and (place.exists(_MARKER) or not place.exists(f"{_STATE}/dataset.json"))


def _records(place: Place) -> Iterator[Record]:
    """Every row, of the table and, where that may not have them all, of the journal."""
    if place.exists(FILE_NAME):
        for record in read_records(place, FILE_NAME):
            yield _with_key(record, place)
    if not _finished(place):
        for _, line in read_journal(place, _JOURNAL):
            if isinstance(record := line.get("row"), dict):
                yield _with_key(record, place)


def _with_key(record: Record, place: Place) -> Record:
    if not is_safe_key(record.get("key")):
        raise SettingError(f"{place} has a row whose key cannot be one ({record.get('key')!r:.100}): mend that first.")
    return record


def _open_shards(place: Place, keys: set[str]) -> set[str]:
    """Tars that the rows of a journal do not name: those of packed rows, and the one that a kill left unlisted."""
    unpacked: list[str] = []
    shards: set[str] = set()
    following = 0
    for _, line in read_journal(place, _JOURNAL):
        if "shard" in line:
            if keys.intersection(unpacked[: line["pairs"]]):
                shards.add(shard_name(line["shard"]))
            del unpacked[: line["pairs"]]
            following = line["shard"] + 1
        elif line.get("sizes"):
            unpacked.append(line["row"]["key"])
    return shards | ({shard_name(following)} if place.exists(shard_name(following)) else set())


def _pictures_without_row(place: Place, keys: set[str]) -> Iterator[tuple[str, bytes]]:
    """Pictures that a killed writer stored before it counted their row: key and bytes."""
    for folder in ("authentic", "manipulated"):
        for name in names_below(place, folder):
            key = _key_of_file(name)
            if is_safe_key(key) and key not in keys:
                yield key, place.read(name)
    if place.exists(_STAGED):
        for name, data in read_whole(place, _STAGED):
            member = key_of_member(name)
            if member is not None and member[1] and member[0] not in keys:
                yield member[0], data


def _key_of_file(name: str) -> str:
    """The key of `<folder>/<key>.<ext>`."""
    return name.partition("/")[2].rpartition(".")[0]


def _changed(record: Record, keys: frozenset[str]) -> Record | None:
    return blank_pair(record) if record["key"] in keys and not is_blank_pair(record) else None


def _changed_lines(place: Place, keys: frozenset[str]) -> Iterator[Record | None]:
    """What takes the place of each line of the journal. A tar counts fewer pairs when some of them go."""
    unpacked: list[str] = []
    for _, line in read_journal(place, _JOURNAL):
        if "shard" in line:
            fewer = len(keys.intersection(unpacked[: line["pairs"]]))
            del unpacked[: line["pairs"]]
            yield {**line, "pairs": line["pairs"] - fewer} if fewer else None
            continue
        key = line["row"]["key"]
        if line["sizes"]:
            unpacked.append(key)
        row = _changed(line["row"], keys)
        yield None if row is None else {"row": _core(row), "sizes": {}}


def _core(record: Record) -> Record:
    """A row of a journal without the columns of the input's own table, whose names a table would keep."""
    return {name: value for name, value in record.items() if not name.startswith("input.")}


def _unnamed(record: Record, keys: frozenset[str]) -> Record | None:
    """A row of a table of dedup or leaks without the pair's own name."""
    return {**record, "name": record["key"]} if record["key"] in keys and record["name"] != record["key"] else None


def _card(place: Place) -> str:
    """The name on the card; empty where there is none, or where a person wrote a README of another kind."""
    import yaml

    try:
        front = place.read(README).decode().split("---\n")[1]
        name = yaml.safe_load(front)["pretty_name"]
    except (OSError, ValueError, LookupError, TypeError, yaml.YAMLError):
        return ""
    return name if isinstance(name, str) else ""


def _report(place: Place) -> Literal["", "plain", "pictures"]:
    if not place.exists(REPORT):
        return ""
    return "pictures" if b"<img" in place.read(REPORT) else "plain"
