"""Which pairs of a store are new.

A pair is known by its manipulated link: group, role and name, which do not change when the source grows. Its key is
given once, in the generation that does it, and never to another pair; so a new link may have an old name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from webiml.annotate.stored_pairs import list_stored
from webiml.grow.generations import Finished
from webiml.pairs.keys import unique_keys
from webiml.store.links import link_id, read_links
from webiml.store.place import Place
from webiml.types import Link, Pair, Reason


@dataclass(frozen=True, slots=True)
class Waiting:
    """A pair that cannot be done yet: a picture of it has not come."""

    link: str
    group: str


@dataclass(frozen=True, slots=True)
class New:
    """What no generation has done.

    Attributes:
        pairs: with their keys, sorted by them. links: their identities. waiting: pairs of which a picture is missing.
    """

    pairs: list[Pair]
    links: list[str]
    waiting: list[Waiting]


def find_new(place: Place, done: Finished) -> New:
    """The pairs of a store that no generation has done, each with a key that no other pair has. No picture is opened.

    Raises:
        SettingError: it is no store, or a table of it cannot be read.
    """
    fresh: list[tuple[str, Pair]] = []
    waiting: list[Waiting] = []
    for link, pair in _identified(place, may_be_empty=bool(done.links)):
        if link in done.links or (pair.problem is not None and pair.problem.reason == Reason.REMOVED):
            continue
        if pair.problem is not None:
            waiting.append(Waiting(link, pair.extra.get("group", "")))
        else:
            fresh.append((link, pair))
    fresh.sort(key=lambda one: one[0])  # keys depend on neither the order of the source nor how it came
    keys = unique_keys([pair.name for _, pair in fresh], done.keys)
    keyed = [(link, replace(pair, key=key)) for key, (link, pair) in zip(keys, fresh, strict=True)]
    keyed.sort(key=lambda one: one[1].key)
    return New([pair for _, pair in keyed], [link for link, _ in keyed], waiting)


def find_again(place: Place, keys: dict[str, str]) -> list[Pair]:
    """The pairs that a generation was begun with, by identity and key; also those that have a problem since.

    Raises:
        SettingError: it is no store, or a table of it cannot be read.
    """
    pairs = (replace(pair, key=keys[link]) for link, pair in _identified(place, may_be_empty=True) if link in keys)
    return sorted(pairs, key=lambda pair: pair.key)


def _identified(place: Place, *, may_be_empty: bool) -> Iterator[tuple[str, Pair]]:
    """Every pair with its identity. A store without one is a mistake, but not where all may have been taken out."""
    if may_be_empty and not any(row.role == "manipulated" and row.name for row in read_links(place)):
        return
    seen: set[str] = set()
    for pair in list_stored(place).pairs:
        name = link_id(Link(pair.name, pair.extra.get("group", ""), "manipulated"))
        turn, link = 0, name
        while link in seen:  # names of odd bytes, which a table spells alike
            turn += 1
            link = hashlib.sha256(f"{name}\0{turn}".encode()).hexdigest()[:16]
        seen.add(link)
        yield link, pair
