"""The pairs of a run that are still to be done."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Sequence
from dataclasses import replace

from webiml.pairs.on_demand import OnDemand
from webiml.types import Pair, Problem, Reason

_CLASH = Problem(
    Reason.DUPLICATE_KEY,
    "differs only by upper and lower case from a pair that the dataset has: annotate it into another --out",
)


class Todo(OnDemand[Pair]):
    """The pairs that are not finished, sorted by key, each made when it is asked for: many take little memory.

    One whose key is a finished one but for upper and lower case fails: on some disks their files would be one.
    """

    def __init__(self, pairs: Sequence[Pair], finished: Collection[str]) -> None:
        keys = [pair.key for pair in pairs]
        order = sorted(range(len(keys)), key=keys.__getitem__)
        self._pairs = pairs
        self._places = array("Q", (place for place in order if keys[place] not in finished))
        self._folded = {key.casefold() for key in finished} if self._places else set()

    def __len__(self) -> int:
        return len(self._places)

    def make(self, index: int) -> Pair:
        """The pair that is number `index` of those left."""
        pair = self._pairs[self._places[index]]
        return replace(pair, problem=_CLASH) if pair.key.casefold() in self._folded else pair
