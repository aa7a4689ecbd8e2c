"""What a run on a Ray cluster holds of each shard and of each worker, see runners/on_ray.py."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False)
class Task:
    """A shard, and what has become of it."""

    shard: Any
    number: int
    results: list[Any] = field(default_factory=list)
    turn: int = 0  # how often it has begun again
    sent: bool = False
    careful: bool = False  # done one item after the other, since a worker died with it
    tries: int = 1
    not_before: float = 0.0
    deaths: Counter[int] = field(default_factory=Counter)  # by how many results had come

    def begin_again(self) -> int:
        """Forget the results; how many they were."""
        lost, self.results = len(self.results), []
        self.turn, self.sent = self.turn + 1, False
        return lost


@dataclass(eq=False)
class Hand:
    """A worker as seen from here."""

    actor: Any
    calls: deque[Any]  # that have not come back, in order
    ready: bool = False
    task: Task | None = None
