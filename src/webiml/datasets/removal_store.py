"""Pictures out of a store: the tables of all its runs, the journal of one that goes on, and the bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from webiml.datasets.lost import LOST
from webiml.datasets.removal_files import (
    Record,
    change_journal,
    change_table,
    delete,
    drop_folder,
    names_below,
    read_journal,
    sweep_folders,
)
from webiml.store.link_parts import PARTS
from webiml.store.links import STATE, generations, table_name
from webiml.store.parquet import read_records
from webiml.store.place import Place
from webiml.store.removal import Plan
from webiml.store.removed_rows import Wanted, blank_link, pictures_of_link, takes_link

_JOURNALS = (f"{STATE}/journal", f"{PARTS}/")


def pictures_in_store(place: Place, wanted: Wanted) -> set[str]:
    """SHA-256 of the pictures of a store that were asked for."""
    found: set[str] = set()
    for record in _records(place):
        found |= pictures_of_link(record, wanted)
    return found


def plan_store(place: Place, plan: Plan, wanted: Wanted) -> Plan:
    """The plan with what it means for this store.

    Raises:
        SettingError: a table cannot be read.
    """
    pictures = frozenset(plan.pictures)
    links = frozenset(record["link"] for record in _records(place) if takes_link(record, wanted, pictures))
    rows = sum(takes_link(record, wanted, pictures, links) for record in _records(place))
    there = {name for folder in _folders(plan) for name in names_below(place, folder)}
    found = sum(_sha256_of(name) in pictures for name in there)
    return replace(plan, found=found, links=tuple(sorted(links)), rows=rows)


def take_out_of_store(place: Place, plan: Plan) -> None:
    """Do what the plan says, from whichever step on. Tables first: who reads meanwhile finds no row without a picture.

    Raises:
        SettingError: a table cannot be read.
        OutputError: something cannot be written or deleted; the same call goes on.
    """
    pictures, links = frozenset(plan.pictures), frozenset(plan.links)
    wanted = Wanted(frozenset((one.by, one.value) for one in plan.tombstones), frozenset())

    def changed(record: Record) -> Record | None:
        return blank_link(record) if takes_link(record, wanted, pictures, links) else None

    def changed_lines(name: str) -> Iterator[Record | None]:
        for _, line in read_journal(place, name):
            row = changed(line["row"]) if isinstance(line.get("row"), dict) else None
            yield None if row is None else {**line, "row": {name: v for name, v in row.items() if v is not None}}

    drop_folder(place, LOST)  # what repairs set aside: nobody knows whom it shows
    sweep_folders(place, ["", STATE, PARTS, "links"])
    for generation in generations(place):
        change_table(place, table_name(generation), changed)
    for name in _journals(place):
        change_journal(place, name, lambda name=name: changed_lines(name))
    for folder in _folders(plan):
        delete(place, [name for name in names_below(place, folder) if _sha256_of(name) in pictures])
        sweep_folders(place, [folder])


def _records(place: Place) -> Iterator[Record]:
    """Every row of every run, that which goes on included."""
    for generation in generations(place):
        yield from read_records(place, table_name(generation))
    for name in _journals(place):
        for _, line in read_journal(place, name):
            if isinstance(row := line.get("row"), dict) and "link" in row:
                yield row


def _journals(place: Place) -> list[str]:
    """Files of the journal: one on this machine, a row of pieces elsewhere; and the parts of workers, of such lines."""
    return [name for name in place.names(STATE) if name.startswith(_JOURNALS) and name.endswith(".jsonl")]


def _folders(plan: Plan) -> list[str]:
    """Where the bytes lie: `pictures/ab` for each SHA-256 that begins with ab."""
    return sorted({f"pictures/{sha256[:2]}" for sha256 in plan.pictures})


def _sha256_of(name: str) -> str:
    return name.rpartition("/")[2].partition(".")[0]
