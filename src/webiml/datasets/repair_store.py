"""Make a store whole again, so that the next run of `webiml collect` asks for what is lost, and for nothing else.

Tables that cannot be read and pictures that are not what their name says go into `.webiml/lost`. A row whose picture is
not there becomes `failed`, `lost`, in the table that has it: its link is asked for again by the next run. As in
datasets/repair.py what lies there decides, so a repair that was stopped comes to the same end when it is begun again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

from webiml import __version__
from webiml.datasets.lost import LOST, set_aside
from webiml.datasets.removal_files import Record, change_table, names_below, sweep_folders
from webiml.datasets.repair_steps import Action, Done, Repaired, writing
from webiml.datasets.verify_store import GOES_ON, PICTURE, PictureCheck, verify_store
from webiml.errors import SettingError
from webiml.runners.local import Crashed, run_ordered
from webiml.store.links import MARKER, SCHEMA_VERSION, STATE, generations, is_store, read_generation, table_name
from webiml.store.place import Place
from webiml.types import LinkReason, LinkStatus

_OF_BYTES = ("sha256", "bytes", "path", "height", "width", "content_type", "etag", "last_modified")


def looks_like_store(place: Place) -> bool:
    """Whether a store lies there, also one that has lost its `store.json`."""
    return is_store(place) or bool(generations(place))


def repair_store(
    place: Place, workers: int = 1, *, quick: bool = False, on_picture: Callable[[], None] | None = None
) -> Repaired:
    """Make the store at `place` whole.

    Args: quick: believe of every picture that is there what its name says. on_picture: called after each.
    Raises:
        SettingError: it is being written, or a run of it was stopped.
        OutputError: something cannot be written; the same call goes on.
    """
    if any(name.startswith(GOES_ON) for name in place.names(STATE)):
        raise SettingError(f"A run into {place} was stopped: run webiml collect again first, then repair what is left.")
    with writing(place):
        pictures = names_below(place, "pictures")
        sweep_folders(place, ["", STATE, "links", *sorted({name.rpartition("/")[0] for name in pictures})])
        done = [*_bad_tables(place)]
        if not quick:
            done += _bad_pictures(place, [name for name in pictures if PICTURE.fullmatch(name)], workers, on_picture)
        there = frozenset(names_below(place, "pictures"))
        wanted: set[str] = set()
        rows = 0
        for number in generations(place):
            lost: list[str] = []
            for row in read_generation(place, number):
                rows += 1
                if row.path in there:
                    wanted.add(row.path)
                elif row.path is not None:
                    lost.append(row.link)
            if lost:
                change_table(place, table_name(number), lambda record: _without_picture(record, there))
            words = "its picture is not there, or was damaged: it is asked for again"
            done += [Done(f"{table_name(number)}, link {link}", Action.WANTED, words) for link in lost]
        done += _strays(place, wanted)
        if not is_store(place):
            about = {"schema": SCHEMA_VERSION, "made_by": f"webiml {__version__}"}
            place.write(MARKER, json.dumps(about).encode() + b"\n")
            done.append(Done(MARKER, Action.WRITTEN, "was not there"))
        return Repaired("store", rows, tuple(done), verify_store(place, quick=True).findings)


def _bad_tables(place: Place) -> Iterator[Done]:
    for number in generations(place):
        name = table_name(number)
        try:
            for _ in read_generation(place, number):
                pass
        except SettingError:
            yield Done(name, Action.SET_ASIDE, f"cannot be read, and lies in {set_aside(place, name)}")


def _bad_pictures(
    place: Place, pictures: list[str], workers: int, on_picture: Callable[[], None] | None
) -> Iterator[Done]:
    with closing(run_ordered(PictureCheck(place), pictures, workers)) as results:
        for name, found in results:
            if found is not None:
                words = found.detail if isinstance(found, Crashed) else found[1]
                yield Done(name, Action.SET_ASIDE, f"{words}; it lies in {set_aside(place, name)}")
            if on_picture is not None:
                on_picture()


def _without_picture(record: Record, there: frozenset[str]) -> Record | None:
    """The row of a link whose picture was lost; None where it is there, or never was."""
    if record["path"] is None or record["path"] in there:
        return None
    detail = f"{record['path']} was lost"
    lost = {"status": LinkStatus.FAILED.value, "reason": LinkReason.LOST.value, "detail": detail}
    return {**record, **dict.fromkeys(_OF_BYTES), **lost}


def _strays(place: Place, wanted: set[str]) -> Iterator[Done]:
    """Set aside what no row has. While a table lies there, its pictures stay: the next run says whose they are."""
    keep = next(place.names(f"{LOST}/links"), None) is not None
    tables = {table_name(number) for number in generations(place)}
    for folder in ("links", "pictures"):
        for name in names_below(place, folder):
            if name not in wanted and name not in tables and not (keep and PICTURE.fullmatch(name)):
                with suppress(ValueError):  # a name that no store could hold: it is found again below
                    yield Done(name, Action.SET_ASIDE, f"no row has it, and it lies in {set_aside(place, name)}")
