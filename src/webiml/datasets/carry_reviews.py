"""People's decisions on the way from datasets into a new one, and out of one with the rows that are taken out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace

from webiml.errors import BadImage
from webiml.store.drawn_masks import FOLDER, drawn_mask_name, read_drawn_mask
from webiml.store.place import Place
from webiml.store.reviews import REVIEWS, Decision, Reviews, only_decider, reviewed
from webiml.types import Row, Status


class CarriedReviews:
    """The decisions of datasets whose rows go into a new one.

    `take` is told which row became which, `write` puts the decisions there. A row that fails in the new dataset, as one
    that was taken out at somebody's request, takes nothing along.
    """

    def __init__(self, sources: Iterable[Reviews]) -> None:
        self._sources = {reviews.place.url: reviews for reviews in sources}
        self._decided = {url: {one.key for one in reviews.all} for url, reviews in self._sources.items()}
        self._keys: dict[str, dict[str, str]] = {url: {} for url in self._sources}  # old key to new key

    def take(self, place: Place, key: str, row: Row) -> None:
        """The row `key` of the dataset at `place` became `row`."""
        if key in self._decided[place.url] and row.status != Status.FAILED:
            self._keys[place.url][key] = row.key

    def write(self, out: Place) -> Reviews:
        """Put the decisions about rows that were taken into the dataset `out`, with the masks that were drawn.

        What people decided there since stays, so a second call changes nothing. A mask that is damaged or not there
        does not come along; `webiml dataset verify` names it.

        Returns:
            All decisions of `out`.
        Raises:
            SettingError: the decisions of `out` are damaged. OutputError: it cannot be written.
        """
        came = [
            [replace(one, key=keys[one.key]) for one in self._sources[url].all if one.key in keys]
            for url, keys in self._keys.items()
        ]
        if not any(came):
            return Reviews.read(out)
        with _locked(out):
            there = Reviews.read(out)
            every = in_one_order([there.all, *came])
            for url, keys in self._keys.items():
                masks = {one.mask for one in self._sources[url].all if one.key in keys and one.mask is not None}
                _copy_masks(self._sources[url].place, out, masks)
            if every != there.all:
                _write(out, every)
        return Reviews.read(out)


def in_one_order(several: Sequence[Sequence[Decision]]) -> list[Decision]:
    """Decisions of several files as one list, each once, in an order that does not depend on that of the files.

    What stood behind another decision in one file does so in the list; where no file says, the time decides.
    """
    left = [list(reversed(one)) for one in several]
    places = Counter(_identity(one) for decisions in several for one in {_identity(d): d for d in decisions}.values())
    done: set[tuple[str, str]] = set()
    every: list[Decision] = []
    while heads := [decisions[-1] for decisions in left if decisions]:
        first = Counter(map(_identity, heads))
        free = [one for one in heads if first[_identity(one)] == places[_identity(one)]]
        # None is free only where two files contradict one another, as after an edit by hand
        chosen = min(free or heads, key=lambda one: (one.time, _identity(one)))
        every.append(chosen)
        done.add(_identity(chosen))
        for decisions in left:
            while decisions and _identity(decisions[-1]) in done:
                decisions.pop()
    return every


def more_kept(reviews: Reviews, rows: Iterable[Row]) -> int:
    """How many more of the rows are kept with what people decided than by the machine alone; less, where negative."""
    return sum((reviewed(row, reviews).status == Status.KEPT) - (row.status == Status.KEPT) for row in rows)


def drop_reviews(place: Place, keys: Collection[str]) -> None:
    """Take the decisions about these rows out, and masks that no other decision names; the same call finishes it.

    Masks go first, so that none is left behind when this is stopped.

    Raises:
        SettingError: a line is no decision. OutputError: something cannot be written or deleted.
    """
    if not place.exists(REVIEWS):
        return
    with _locked(place):
        every = Reviews.read(place).all
        staying = [one for one in every if one.key not in keys]
        if len(staying) == len(every):
            return
        named = {drawn_mask_name(one.mask) for one in staying if one.mask is not None}
        for name in list(place.names(FOLDER)):
            if name not in named:
                place.delete(name)
        _write(place, staying)


def _write(place: Place, decisions: Iterable[Decision]) -> None:
    lines = (json.dumps(asdict(one), separators=(",", ":")).encode() + b"\n" for one in decisions)
    with place.writer(REVIEWS) as file:
        file.writelines(lines)


def _copy_masks(source: Place, out: Place, masks: Iterable[str]) -> None:
    for sha256 in sorted(masks):
        if not out.exists(drawn_mask_name(sha256)):
            try:
                data = read_drawn_mask(source, sha256)
            except BadImage:
                continue
            out.write(drawn_mask_name(sha256), data)


def _identity(one: Decision) -> tuple[str, str]:
    """A decision may stand in one file about two rows: those of two datasets that were merged."""
    return one.id, one.key


def _locked(place: Place) -> AbstractContextManager[None]:
    """Nobody else decides meanwhile, where that can be had."""
    return nullcontext() if place.local is None else only_decider(place.local)
