"""Which files a dataset has and which it should have, a hundred million of them if need be: nine bytes each."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator

import numpy as np

from webiml.errors import SettingError
from webiml.store.dataset import FOLDERS
from webiml.store.place import Place

OWN_FOLDERS = frozenset(FOLDERS.values())
"""Folders that hold nothing but the files of rows."""


class Names:
    """A set of names: 64 bits of each, which tell a billion names apart, and whether it was met."""

    def __init__(self, hashes: array[int]) -> None:
        """`hashes`: of `hash`, in this process."""
        self._hashes = array("q", np.unique(np.array(hashes, np.int64)).tobytes())
        self._met = bytearray(len(self._hashes))

    def __contains__(self, name: object) -> bool:
        return self._at(name) is not None

    def meet(self, name: str) -> bool:
        """Whether the name is one of them, and is met for the first time."""
        at = self._at(name)
        if at is None or self._met[at]:
            return False
        self._met[at] = 1
        return True

    @property
    def all_met(self) -> bool:
        """Whether none is left."""
        return 0 not in self._met

    def _at(self, name: object) -> int | None:
        wanted = hash(name)
        at = bisect_left(self._hashes, wanted)
        return at if at < len(self._hashes) and self._hashes[at] == wanted else None


class Listed:
    """The files of rows that lie in a dataset, and which of them a row has asked for.

    Attributes:
        shards: names of the tars, sorted.
    """

    def __init__(self, place: Place) -> None:
        """Raises SettingError when the place cannot be listed."""
        self.place = place
        self.shards: list[str] = []
        self._empty: set[str] = set()
        hashes = array("q")
        for name, size in self._files():
            if name.startswith("shard-") and name.endswith(".tar"):
                self.shards.append(name)
            elif _is_of_a_row(name):
                hashes.append(hash(name))
                if not size:
                    self._empty.add(name)
        self._names = Names(hashes)

    def ask(self, name: str) -> str:
        """What is wrong with a file that a row must have, in words; empty when nothing is."""
        if not self._names.meet(name):
            return "not there"
        return "empty" if name in self._empty else ""

    def strays(self) -> Iterator[str]:
        """Those that no row has asked for, sorted. Only hashes are held, so the place is listed once more."""
        if not self._names.all_met:
            yield from (name for name, _ in self._files() if _is_of_a_row(name) and self._names.meet(name))

    def _files(self) -> Iterator[tuple[str, int]]:
        try:
            yield from self.place.sizes()
        except OSError as error:
            raise SettingError(f"{self.place} cannot be listed: {error.strerror or error}.") from None


def _is_of_a_row(name: str) -> bool:
    folder, _, below = name.partition("/")
    return bool(below) and folder in OWN_FOLDERS
