"""Pictures of a dataset that look alike although their bytes differ: saved again, made smaller, mirrored."""

from __future__ import annotations

from collections.abc import Callable

from webiml.datasets.alike import find_near
from webiml.datasets.groups import Alike
from webiml.datasets.hashes import hash_pictures, slim, source_of
from webiml.datasets.looks_table import CACHE, LooksTable
from webiml.datasets.verify import MAX_PIXELS
from webiml.store.dataset import read_rows
from webiml.store.place import Place

DISTANCE = 6  # bits of 64, as `webiml dataset dedup` takes by default


def alike_pictures(
    place: Place, workers: int, distance: int = DISTANCE, on_picture: Callable[[], None] | None = None
) -> Alike:
    """All pairs of pictures of a dataset whose hashes are near, or near when one is mirrored.

    The hashes are kept in the dataset's working state, where `webiml dataset dedup` finds them, too.

    Args: workers: processes; 0 takes one for each core. on_picture: called when a picture is hashed.
    """
    table = LooksTable(place.local / CACHE if place.local is not None else None)
    once = {
        source.sha256: source
        for row in read_rows(place)
        if row.authentic_path and row.manipulated_path
        for source in (source_of(place, slim(row), "authentic"), source_of(place, slim(row), "manipulated"))
    }
    known = [sha256 for _, sha256 in hash_pictures(once.values(), table, workers, MAX_PIXELS, on_picture) if sha256]
    whole, mirrored, _ = table.columns(known)
    found = find_near(whole, None, mirrored, distance)
    return Alike(known, found.i, found.j)
