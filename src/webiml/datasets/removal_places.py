"""Where pictures may be taken out of: the stores, datasets and exports in and below the folders that a person names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from webiml.datasets.removal_export import BEGUN
from webiml.datasets.removal_export import MARKER as EXPORT
from webiml.errors import SettingError
from webiml.store.links import MARKER as STORE
from webiml.store.parquet import FILE_NAME as TABLE
from webiml.store.place import Place, open_place
from webiml.store.removal import Shape

DEPTH = 4  # folders below a given one that are looked into

_GROWING = ".webiml/next"  # in the folder of what `webiml grow` makes: a generation that is not finished
_UNFINISHED = ".webiml/dataset.json"
_OWN = {  # folders of a store or a dataset, which hold nothing but its files
    *("authentic", "manipulated", "masks", "probability", "alternative", "reviews", "card", "links", "pictures"),
}


@dataclass(frozen=True, slots=True)
class Found:
    """A place that pictures may be taken out of."""

    place: Place
    shape: Shape


def find_places(where: Iterable[str | Path]) -> list[Found]:
    """The stores, datasets and exports that these are, or that lie below them; each once, in a fixed order.

    Raises:
        SettingError: one of them is none and holds none.
    """
    found: dict[str, Found] = {}
    for one in where:
        place = open_place(one)
        below = [*(_below(place.local.resolve(), 0) if place.local is not None else _elsewhere(place))]
        if not below:
            raise SettingError(f"{one} is no store, dataset or export of webiml and holds none: give one that is.")
        found.update((each.place.url, each) for each in below)
    return [found[url] for url in sorted(found)]


def _shape(place: Place) -> Shape | None:
    if place.exists(STORE):
        return "store"
    if place.exists(EXPORT):
        return "export"
    if place.exists(BEGUN):
        raise SettingError(
            f"{place} is an export that was stopped, so it cannot be said what is in it: run its command again, or "
            "delete it, before anything is taken out."
        )
    return "dataset" if place.exists(TABLE) or place.exists(_UNFINISHED) else None


def _below(folder: Path, depth: int) -> Iterator[Found]:
    """The places that a folder of this machine is or holds; links are not followed, hidden folders not looked into."""
    place = Place(str(folder))
    shape = _shape(place)
    if shape is not None:
        yield Found(place, shape)
    if depth == DEPTH or shape == "export":
        return
    try:
        with os.scandir(folder) as entries:
            folders = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return
    if shape is None:
        yield from _below(folder / _GROWING, depth + 1)
    for name in folders:
        if not name.startswith(".") and not (shape is not None and name in _OWN):
            yield from _below(folder / name, depth + 1)


def _elsewhere(place: Place) -> Iterator[Found]:
    """The places that a folder of an object store is or holds."""
    shape = _shape(place)
    if shape is not None:
        yield Found(place, shape)
        return
    markers = {STORE, EXPORT, TABLE}
    tops = {top for name in place.names() for top, _, last in [name.rpartition("/")] if last in markers}
    for top in sorted(tops):
        below = place.below(top) if top and top.count("/") < DEPTH else None
        shape = None if below is None else _shape(below)
        if below is not None and shape is not None:
            yield Found(below, shape)
