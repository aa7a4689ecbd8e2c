"""Many pairs in little memory: a line of text each, made into a Pair when it is asked for."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from webiml.images.read import readable
from webiml.pairs.keys import unique_keys
from webiml.pairs.on_demand import OnDemand
from webiml.types import Pair, Problem, Reason, Stored


class PackedPairs(OnDemand[Pair]):
    """Pairs in the order in which they came, or sorted by key: some 200 bytes each, where a Pair takes a kilobyte.

    As they come, `key` is the input's own name.
    """

    def __init__(self, pairs: Iterable[Pair] = ()) -> None:
        self._text = bytearray()
        self._starts = array("Q", [0])
        self._roots: dict[str, Path] = {}  # few: most often all pairs have one
        self._keys: list[str] | None = None  # sorted, once they are known
        self._order: Sequence[int] = ()  # which line each key has
        for pair in pairs:
            self.append(pair)

    def append(self, pair: Pair) -> None:
        """Take one more pair; its `key` is forgotten, it gets one by `sorted_by_key`."""
        root = "" if pair.root is None else str(pair.root)
        if pair.root is not None:
            self._roots.setdefault(root, pair.root)
        problem = pair.problem and [pair.problem.reason.value, pair.problem.detail]
        record = [pair.name, root, _packed(pair.authentic), _packed(pair.manipulated), problem]
        record += [pair.source, pair.license, pair.author, pair.authentic_url, pair.manipulated_url, pair.extra]
        while len(record) > 1 and not record[-1]:  # most pairs have none of these
            record.pop()
        self._text += json.dumps(record, separators=(",", ":")).encode()
        self._starts.append(len(self._text))

    def sorted_by_key(self) -> PackedPairs:
        """The same pairs with safe, unique keys (pairs/keys.py) and readable names, sorted by key."""
        keys = unique_keys([self._record(line)[0] for line in range(len(self))])
        found = PackedPairs()
        found._text, found._starts, found._roots = self._text, self._starts, self._roots
        found._order = array("Q", sorted(range(len(keys)), key=keys.__getitem__))
        found._keys = [keys[line] for line in found._order]
        return found

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __iter__(self) -> Iterator[Pair]:
        return map(self.make, range(len(self)))

    def make(self, index: int) -> Pair:
        """The pair at `index`."""
        name, *more = self._record(index if self._keys is None else self._order[index])
        root, authentic, manipulated, problem, *about = [*more, *[None] * (4 - len(more))]
        return Pair(
            name if self._keys is None else self._keys[index],
            name if self._keys is None else readable(name),
            _unpacked(authentic),
            _unpacked(manipulated),
            Problem(Reason(problem[0]), problem[1]) if problem else None,
            self._roots[root] if root else None,
            *about,
        )

    def _record(self, line: int) -> list[Any]:
        return json.loads(self._text[self._starts[line] : self._starts[line + 1]])


def _packed(side: Path | Stored | None) -> object:
    return [side.store, side.name, side.sha256, side.size] if isinstance(side, Stored) else side and str(side)


def _unpacked(side: Any) -> Path | Stored | None:
    return Stored(*side) if isinstance(side, list) else side and Path(side)
