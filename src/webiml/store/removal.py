"""The plan of a removal: what is being taken out of a store, a dataset or an export, kept in it until that is done.

A removal is the only thing that changes what is finished, so it must be able to go on after any stop. Each place has a
plan of its own, `.webiml/removal.json`: a place may be moved, or finished alone, without knowing of the others. All
plans are written before anything is deleted anywhere; only then each is marked as begun. So a plan that has begun
stands by itself, and one that has not tells that nothing has been deleted yet.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from webiml.errors import SettingError
from webiml.store.place import Place
from webiml.store.removed import By, Tombstone
from webiml.store.rows import is_safe_key

FILE_NAME = ".webiml/removal.json"
Shape = Literal["store", "dataset", "export"]

SHEETS = frozenset({"dropped.jpg", "leaks.jpg"})
SHARD = re.compile(r"shard-\d{6,9}\.tar")

_SCHEMA = 1
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LINK = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes out of one place. No name, author or address is in it, only keys and hashes.

    Attributes:
        shape: of the place. places: all that the removal was started for. begun: whether every place has its plan.
        tombstones: what is left in the place: one for each thing that was asked for, one for each picture.
        asked_keys: keys that were asked for; the only thing asked for without a tombstone.
        pictures: SHA-256 of every picture that goes, wherever it lies. found: how many of them this place had.
        keys: pairs that go. strays: keys of files without a row whose bytes go. shards: tars that may hold them.
        links: links of which a row goes. rows: how many rows of links go.
        sheets: pages of pictures that dedup and leaks drew. listed: keys that their tables may name.
        finished: whether the dataset had the mark of a finished one. report: whether it had a page, and with pictures.
        card: name of the dataset on its card; empty where it had none.
    """

    shape: Shape
    places: tuple[str, ...]
    begun: bool
    tombstones: tuple[Tombstone, ...]
    asked_keys: tuple[str, ...]
    pictures: tuple[str, ...]
    found: int = 0
    keys: tuple[str, ...] = ()
    strays: tuple[str, ...] = ()
    shards: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    rows: int = 0
    sheets: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    finished: bool = False
    report: Literal["", "plain", "pictures"] = ""
    card: str = ""

    @property
    def matched(self) -> bool:
        """Whether the place held anything that goes."""
        return bool(self.found or self.keys or self.strays or self.links or self.sheets or self.listed)


def read_plan(place: Place) -> Plan | None:
    """The plan of a removal that is not done; None where there is none.

    Raises:
        SettingError: it cannot be read, or was not written by webiml. OSError: the place cannot be read.
    """
    try:
        data = place.read(FILE_NAME)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return _checked(json.loads(data))
    except (ValueError, KeyError, TypeError) as error:
        raise SettingError(
            f"{place}/{FILE_NAME} was not written by this version of webiml ({error}): the removal that it tells of "
            "must be finished by the version that began it."
        ) from None


def write_plan(place: Place, plan: Plan) -> None:
    """Put the plan where `read_plan` finds it.

    Raises:
        OutputError: it cannot be written.
    """
    place.write(FILE_NAME, json.dumps({"schema": _SCHEMA, **asdict(plan)}).encode() + b"\n")


def refuse_unfinished(place: Place) -> None:
    """Refuse to write where a removal is not done: what it takes out could be written anew.

    Raises:
        SettingError: one is not done.
    """
    if place.exists(FILE_NAME):
        raise SettingError(
            f"Pictures are being taken out of {place}, and that was stopped: run webiml dataset remove {place} first."
        )


def _checked(record: dict[str, Any]) -> Plan:
    """The plan, if nothing in it could lead anywhere but to the files of the place."""
    if record.pop("schema") != _SCHEMA:
        raise ValueError("another schema")
    tombstones = tuple(Tombstone(**one) for one in record.pop("tombstones"))
    lists = {name: tuple(value) for name, value in record.items() if isinstance(value, list)}
    plan = Plan(tombstones=tombstones, **{**record, **lists})
    fits = (
        plan.shape in get_args(Shape)
        and all(one.by in get_args(By) and _SHA256.fullmatch(one.value) for one in tombstones)
        and all(isinstance(text, str) for text in (*plan.places, *plan.asked_keys))
        and all(_SHA256.fullmatch(one) for one in plan.pictures)
        and all(is_safe_key(key) for key in (*plan.keys, *plan.strays, *plan.listed))
        and SHEETS.issuperset(plan.sheets)
        and all(SHARD.fullmatch(name) for name in plan.shards)
        and all(_LINK.fullmatch(link) for link in plan.links)
    )
    if not fits:
        raise ValueError("a value that no plan has")
    return plan
