"""Take pictures out of stores, datasets and exports for good: `remove(places, asked)`.

The one thing that changes what is finished. It looks through all places first, for what was asked for and then for the
same bytes under any other name, writes a plan into each place, and does nothing else before every plan is there. Each
plan is then carried out in steps that may be repeated, and deleted last. After a stop the same call, or any later one
that names the place, goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from webiml.datasets.removal_dataset import Redraw, pictures_in_dataset, plan_dataset, plan_lists, take_out_of_dataset
from webiml.datasets.removal_export import pictures_in_export, plan_export, take_out_of_export
from webiml.datasets.removal_places import Found, find_places
from webiml.datasets.removal_store import pictures_in_store, plan_store, take_out_of_store
from webiml.errors import SettingError
from webiml.store.atomic import output_error
from webiml.store.lock import only_writer
from webiml.store.removal import FILE_NAME as PLAN
from webiml.store.removal import Plan, read_plan, write_plan
from webiml.store.removed import By, Tombstone, add_removed, hidden
from webiml.store.removed_rows import Asked, Wanted, wanted

NAMED = 20  # keys and links of a place that are named

_STATE = ".webiml"
_LOOK = {"store": pictures_in_store, "dataset": pictures_in_dataset, "export": pictures_in_export}
_PLAN = {"store": plan_store, "dataset": plan_dataset, "export": plan_export}


@dataclass(frozen=True, slots=True)
class TakenOut:
    """What goes, or went, out of one place."""

    place: str
    """Its folder or address."""
    shape: str
    """store, dataset or export."""
    rows: int
    """Rows of pairs, of a store rows of links in all its tables."""
    pictures: int
    """Different pictures that were there and go."""
    keys: list[str]
    """The first 20 keys of pairs, of a store identifiers of links."""
    shards: list[str]
    """Tars of a dataset that are written anew."""
    report: bool
    """Whether the dataset's page shows fewer pairs now; it is made again."""
    card: bool
    """Whether the dataset's card, README.md and card/, is made again."""
    sheets: list[str]
    """Pictures of what dedup and leaks found, which go: they may show what went."""
    resumed: bool
    """Whether this ends a removal that was stopped earlier."""


@dataclass(frozen=True, slots=True)
class Removal:
    """What was taken out of all places, or would be."""

    dry_run: bool
    places: list[TakenOut]
    """In the order in which they are done; a place twice, where an earlier removal was finished first."""
    matched: bool
    """Whether anything was found."""
    tombstones: int
    """Things that every place refuses from now on: what was asked for, and each picture."""


def remove(
    where: Sequence[str | Path],
    asked: Asked,
    *,
    note: str = "",
    dry_run: bool = False,
    confirm: Callable[[Removal], bool] | None = None,
    redraw: Redraw | None = None,
    on_place: Callable[[str], None] | None = None,
) -> Removal:
    """Take every picture that was asked for out of all places, and keep it from coming back.

    A pair goes as a whole when one of its pictures does; its other picture stays in other pairs, and in a store.

    Args:
        where: stores, datasets, exports, or folders above them.
        asked: what is to go; with nothing in it only removals that were stopped are finished.
        note: goes into every tombstone.
        dry_run: only look.
        confirm: is shown what would go before anything is written; what it does not agree to is not done.
        redraw: makes a dataset's page and card again; without it they are deleted.
        on_place: called with the name of each place when it is done.
    Returns:
        What was taken out; nothing where `confirm` did not agree.
    Raises:
        SettingError: a place is none, is being written, or holds what cannot be read. Nothing has been touched.
        OutputError: something cannot be written or deleted; the same call goes on.
    """
    want = wanted(asked)
    found = find_places(where)
    with ExitStack() as stack:
        if not dry_run:
            for one in found:
                if one.place.local is not None:
                    stack.enter_context(only_writer(one.place.local, f"{_STATE}/lock"))
        try:
            return _remove(found, want, note, dry_run, confirm, redraw, on_place)
        except OSError as error:
            raise output_error(error, Path(error.filename or str(where[0]))) from error


def _remove(
    found: list[Found],
    want: Wanted,
    note: str,
    dry_run: bool,
    confirm: Callable[[Removal], bool] | None,
    redraw: Redraw | None,
    on_place: Callable[[str], None] | None,
) -> Removal:
    stopped = [(one, plan) for one in found if (plan := read_plan(one.place)) is not None]
    begun = [(one, plan) for one, plan in stopped if plan.begun]
    want = _with_prepared(want, [plan for _, plan in stopped if not plan.begun], found)
    asks = bool(want.values or want.keys)
    if not (asks or begun):
        raise SettingError("Say what is to be taken out: --sha256, --author, --url, --source or --key.")
    pictures = _pictures(found, want, [plan for _, plan in begun]) if asks else frozenset()
    for one, plan in begun if not dry_run else ():
        _carry_out(one, plan, redraw)
        if on_place is not None:
            on_place(one.place.url)
    plans = _plans(found, want, pictures, note) if asks else []
    result = _result(begun, plans, dry_run)
    if dry_run:
        return result
    if confirm is not None and asks and not confirm(result):
        return _result(begun, [], dry_run)
    for begin in (False, True):  # not one step of any before all are written
        for one, plan in plans:
            if plan.matched:
                write_plan(one.place, replace(plan, begun=begin))
    for one, plan in plans:
        _carry_out(one, plan, redraw)
        if on_place is not None:
            on_place(one.place.url)
    return result


def _with_prepared(want: Wanted, prepared: list[Plan], found: list[Found]) -> Wanted:
    """What was asked for, now and by removals that were stopped before they began; those begin anew with this one.

    Raises:
        SettingError: one of them was for more places than are given now: what it found there cannot be known.
    """
    values, keys, pictures = set(want.values), set(want.keys), set(want.pictures)
    given = {one.place.url for one in found}
    for plan in prepared:
        if not given.issuperset(plan.places):
            raise SettingError(
                f"A removal from {', '.join(plan.places)} was stopped before it began everywhere: give all of these "
                f"places, or delete {PLAN} in them to give it up."
            )
        values.update((one.by, one.value) for one in plan.tombstones)
        keys.update(plan.asked_keys)
        pictures.update(plan.pictures)
    return Wanted(frozenset(values), frozenset(keys), frozenset(pictures))


def _pictures(found: list[Found], want: Wanted, begun: list[Plan]) -> frozenset[str]:
    """SHA-256 of every picture that goes, gathered from all places.

    A place of which the rows have gone already, by a removal that was stopped, tells it by its plan.
    """
    pictures = set(want.pictures)
    for one in found:
        pictures |= _LOOK[one.shape](one.place, want)
    for plan in begun:
        if want.values & {(one.by, one.value) for one in plan.tombstones}:
            pictures.update(plan.pictures)
    return frozenset(pictures)


def _plans(found: list[Found], want: Wanted, pictures: frozenset[str], note: str) -> list[tuple[Found, Plan]]:
    """What goes out of every place: whatever was asked for, and whatever has one of these pictures."""
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    values: set[tuple[By, str]] = {*want.values}
    values.update(("sha256", hidden("sha256", picture)) for picture in pictures)
    common: dict[str, Any] = {
        "places": tuple(one.place.url for one in found),
        "begun": False,
        "tombstones": tuple(Tombstone(by, value, at, note) for by, value in sorted(values)),
        "asked_keys": tuple(sorted(want.keys)),
        "pictures": tuple(sorted(pictures)),
    }
    plans = [(one, _PLAN[one.shape](one.place, Plan(shape=one.shape, **common), want)) for one in found]
    gone = frozenset(key for _, plan in plans for key in plan.keys)
    return [(one, plan_lists(one.place, plan, gone) if one.shape == "dataset" else plan) for one, plan in plans]


def _carry_out(one: Found, plan: Plan, redraw: Redraw | None) -> None:
    """Tombstones first, so that nothing comes back between two steps; the plan goes last."""
    add_removed(one.place, plan.tombstones)
    if one.shape == "store":
        take_out_of_store(one.place, plan)
    elif one.shape == "dataset":
        take_out_of_dataset(one.place, plan, redraw)
    else:
        take_out_of_export(one.place, plan)
    one.place.delete(PLAN)


def _result(begun: list[tuple[Found, Plan]], plans: list[tuple[Found, Plan]], dry_run: bool) -> Removal:
    places = [
        TakenOut(
            place=one.place.url,
            shape=one.shape,
            rows=plan.rows if one.shape == "store" else len(plan.keys),
            pictures=plan.found,
            keys=list((plan.links if one.shape == "store" else plan.keys)[:NAMED]),
            shards=list(plan.shards) if plan.keys else [],
            report=bool(plan.report),
            card=bool(plan.card),
            sheets=list(plan.sheets),
            resumed=resumed,
        )
        for resumed, several in ((True, begun), (False, plans))
        for one, plan in several
    ]
    tombstones = {(one.by, one.value) for _, plan in [*begun, *plans] for one in plan.tombstones}
    return Removal(dry_run, places, any(plan.matched for _, plan in [*begun, *plans]), len(tombstones))
