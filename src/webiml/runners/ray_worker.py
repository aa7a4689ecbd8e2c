"""What lives in a process of a Ray cluster: does a shard as far as it is asked to, see runners/on_ray.py."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from webiml import __version__

Turn = tuple[int, int]
"""Number of a shard, and how often it has begun again."""


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception of the work, as one that surely can be sent."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Report:
    """What has come of a shard since the last report."""

    turn: Turn
    results: tuple[Any, ...] = ()
    done: bool = False
    raised: Raised | None = None


class Worker:
    """An actor: holds the work, and the shard that it is in."""

    def __init__(self, work: Any, environment: Mapping[str, str]) -> None:
        """`environment`: variables for this process, before the work starts."""
        os.environ.update(environment)
        self._work = work
        self._turn: Turn = (-1, 0)
        self._results: Iterator[Any] | None = None

    def start(self) -> str | Raised:
        """Load what the work needs; the version of webiml here."""
        try:
            self._work.start()
        except Exception as error:
            return _raised(error)
        return __version__

    def advance(self, turn: Turn, shard: Any, at_most: int | None, seconds: float) -> Report:
        """Work for so many seconds, or until there are `at_most` results; at least until there is one.

        Args:
            turn: which shard it is. shard: only with the first call of a turn.
        """
        until = time.monotonic() + seconds
        results: list[Any] = []
        try:
            if turn != self._turn:
                self._turn, self._results = turn, self._work(shard)
            if self._results is not None:
                for result in self._results:
                    results.append(result)
                    if len(results) == at_most or time.monotonic() > until:
                        return Report(turn, tuple(results))
            self._results = None
        except Exception as error:
            self._results = None
            return Report(turn, tuple(results), raised=_raised(error))
        return Report(turn, tuple(results), done=True)

    def leave(self) -> None:
        """Let go of the shard, so that nothing of it is left on this machine."""
        if self._results is not None:
            getattr(self._results, "close", lambda: None)()
            self._results = None


def _raised(error: Exception) -> Raised:
    try:
        if type(pickle.loads(pickle.dumps(error))) is type(error):  # our own bytes
            return Raised(error)
    except Exception:
        pass
    return Raised(RuntimeError(f"{type(error).__name__}: {error}"))
