"""Where a repair puts what fits nowhere: `.webiml/lost`, beside what it was taken from. Nothing there is ever read.

A file keeps its name below that folder, and one that is there already stays: the newcomer gets a number behind its
name, unless both are the same. `webiml dataset remove` deletes the whole folder, since nobody knows whom it shows.
"""

from __future__ import annotations

import os

from webiml.store.atomic import make_folder, output_error, sync_folder
from webiml.store.place import Place

LOST = ".webiml/lost"


def set_aside(place: Place, name: str) -> str:
    """Move a file there; where it lies then.

    Raises:
        OutputError: it cannot be moved. OSError: it cannot be read. ValueError: its name cannot be one below a place.
    """
    if place.local is None:
        where = keep(place, name, place.read(name))
        place.delete(name)
        return where
    where, old = f"{LOST}/{name}", place.local / name
    number = 0
    while os.path.lexists(place.local / where):
        number += 1
        where = f"{LOST}/{name}.{number}"
    new = place.local / where
    try:
        make_folder(new.parent)
        os.replace(old, new)
        sync_folder(new.parent)
        sync_folder(old.parent)
    except OSError as error:
        raise output_error(error, old) from error
    return where


def keep(place: Place, name: str, data: bytes) -> str:
    """Write these bytes there; where they lie then.

    Raises:
        OutputError: they cannot be written. ValueError: the name cannot be one below a place.
    """
    where, number = f"{LOST}/{name}", 0
    while place.exists(where) and place.read(where) != data:
        number += 1
        where = f"{LOST}/{name}.{number}"
    if not place.exists(where):
        place.write(where, data)
    return where
