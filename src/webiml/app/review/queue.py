"""Which cases a person sees, and in which order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from webiml.app.review.cases import Cases
from webiml.store.reviews import Reviews, State
from webiml.types import Reason, Status

FILTERS = ("status", "kind", "reason", "source")
SHOWN = ("todo", "done", "disputed", "all")
"""Of which the queue holds: what this reviewer has not decided, what he has, what two see differently, all."""


@dataclass(frozen=True)
class Wanted:
    """What a person asks for.

    Attributes:
        status, kind, reason, source: only cases with this value, as people have decided them; empty: any.
        text: only cases whose key or name holds this, in any case of letters.
        shown: one of SHOWN. reviewer: who asks.
    """

    reviewer: str
    order: str = "doubt"
    descending: bool = False
    status: str = ""
    kind: str = ""
    reason: str = ""
    source: str = ""
    text: str = ""
    shown: str = "todo"


class Queue:
    """The cases in any order; what it takes to order and filter them is made once, when it is first asked for."""

    def __init__(self, cases: Cases) -> None:
        self.cases = cases
        self._orders: dict[tuple[str, bool], np.ndarray] = {}

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The number of each case in the table, by its key."""
        return {key: number for number, key in enumerate(self.cases.table.columns["key"])}

    def keys(self, wanted: Wanted, reviews: Reviews) -> tuple[list[str], dict[str, int]]:
        """The keys that are wanted, in their order; and how many there are of each of SHOWN with these filters.

        Raises:
            KeyError: the cases cannot be ordered so.
        """
        if wanted.order not in self.cases.orders or wanted.shown not in SHOWN:
            raise KeyError(wanted.order)
        columns, count = self.cases.table.columns, len(self.cases.table)
        states = self.states(reviews)
        fits = np.ones(count, bool)
        for name in FILTERS:
            value = getattr(wanted, name)
            if value:
                fits &= _equal(self._current(name, states), value)
        if wanted.text:
            text = wanted.text.casefold()
            pairs = zip(columns["key"], columns["name"], strict=True)
            fits &= np.fromiter((text in k.casefold() or text in n.casefold() for k, n in pairs), bool, count)
        shown = self._shown(wanted.reviewer, reviews, states)
        counts = {name: int(np.count_nonzero(fits & which)) for name, which in shown.items()}
        order = self._order(wanted.order, wanted.descending)
        keys = columns["key"]
        return [keys[number] for number in order[(fits & shown[wanted.shown])[order]].tolist()], counts

    def states(self, reviews: Reviews) -> dict[int, State]:
        """What people made of the cases about which somebody decided, by number."""
        numbers = self.numbers
        decided = reviews.keys()
        return {numbers[key]: reviews.state(key, self.cases.machine(key)) for key in decided if key in numbers}

    def counts(self, reviews: Reviews) -> dict[str, dict[str, int]]:
        """How many cases there are of each value by which they can be filtered, the most frequent first."""
        states = self.states(reviews)
        found: dict[str, dict[str, int]] = {}
        for name in FILTERS:
            count = Counter(self._current(name, states))
            found[name] = {value: n for value, n in count.most_common() if value is not None}
        return found

    def _current(self, name: str, states: dict[int, State]) -> list[Any]:
        """A column as people have decided it."""
        values = self.cases.table.columns[name]
        if name in ("status", "reason") and states:
            values = list(values)
            for number, state in states.items():
                values[number] = getattr(state, name)
        return values

    def _shown(self, reviewer: str, reviews: Reviews, states: dict[int, State]) -> dict[str, np.ndarray]:
        count = len(self.cases.table)
        done, disputed = np.zeros(count, bool), np.zeros(count, bool)
        numbers, decided = self.numbers, reviews.keys()
        for key in decided:
            if key in numbers and any(decision.reviewer == reviewer for decision in reviews.standing(key)):
                done[numbers[key]] = True
        for number, state in states.items():
            disputed[number] = state.reason == Reason.DISPUTED
        return {
            "todo": ~done & ~self._failed,
            "done": done,
            "disputed": disputed,
            "all": np.ones(count, bool),
        }

    @cached_property
    def _failed(self) -> np.ndarray:
        return _equal(self.cases.table.columns["status"], Status.FAILED.value)

    def _order(self, name: str, descending: bool) -> np.ndarray:
        """The numbers of all cases by a column, those without a value last, equal ones by their place in the table."""
        if (name, descending) not in self._orders:
            values = self.cases.column(name)
            ranks = _ranks(values)
            self._orders[name, descending] = np.argsort(-ranks if descending else ranks, kind="stable")
        return self._orders[name, descending]


def _equal(values: list[Any], wanted: str) -> np.ndarray:
    return np.fromiter((value == wanted for value in values), bool, len(values))


def _ranks(values: list[Any]) -> np.ndarray:
    """float64 that order as the values do; NaN, which comes last either way, for None."""
    if any(isinstance(value, str) for value in values):
        places = {text: place for place, text in enumerate(sorted({v for v in values if v is not None}))}
        values = [None if value is None else places[value] for value in values]
    return np.array([np.nan if value is None else value for value in values], np.float64)
