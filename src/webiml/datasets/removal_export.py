"""Pairs out of an export: each format knows how to take them out of its own files."""

from __future__ import annotations

import json
from dataclasses import replace

from webiml.errors import SettingError
from webiml.store.parquet import read_records
from webiml.store.place import Place
from webiml.store.removal import Plan
from webiml.store.removed_rows import BOTH, Wanted, pictures_of_pair, takes_pair
from webiml.store.rows import is_safe_key

MARKER, ROWS, BEGUN = "export.json", "rows.parquet", ".webiml/exporting.json"


def pictures_in_export(place: Place, wanted: Wanted) -> set[str]:
    """SHA-256 of the pictures of an export that were asked for.

    Raises:
        SettingError: its table cannot be read.
    """
    found: set[str] = set()
    for record in read_records(place, ROWS):
        found |= pictures_of_pair(record, wanted)
    return found


def plan_export(place: Place, plan: Plan, wanted: Wanted) -> Plan:
    """The plan with what it means for this export.

    Raises:
        SettingError: its table cannot be read, or its format is not known.
    """
    export_format(place)
    pictures = frozenset(plan.pictures)
    keys: set[str] = set()
    found: set[str] = set()
    for record in read_records(place, ROWS):
        if takes_pair(record, wanted, pictures):
            if not is_safe_key(record.get("key")):
                raise SettingError(f"{place} has a row whose key cannot be one ({record.get('key')!r:.100}).")
            keys.add(record["key"])
            found |= {record.get(f"{role}_sha256") or "" for role in BOTH} & pictures
    return replace(plan, found=len(found), keys=tuple(sorted(keys)))


def take_out_of_export(place: Place, plan: Plan) -> None:
    """Do what the plan says, from whichever step on.

    Raises:
        SettingError: the format is not known. OutputError: something cannot be written; the same call goes on.
    """
    if plan.keys:
        from webiml.datasets.export.write import FORMATS

        FORMATS[export_format(place)].remove_pairs(place, set(plan.keys))


def export_format(place: Place) -> str:
    """Which format an export has.

    Raises:
        SettingError: it does not say, or this version does not know it.
    """
    from webiml.datasets.export.write import FORMATS  # all formats, which most removals do not meet

    try:
        name = json.loads(place.read(MARKER))["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise SettingError(f"{place}/{MARKER} cannot be read ({error}): nothing can be taken out there.") from error
    if name not in FORMATS:
        raise SettingError(f"{place} is an export in a format that is not known here ({name!r:.50}).")
    return name
