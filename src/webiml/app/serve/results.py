"""The maps that links in answers lead to: in memory, for some minutes, within a bound; the oldest go first."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock


@dataclass(frozen=True, slots=True)
class _Held:
    until: float
    maps: Mapping[str, bytes]
    bytes: int


class Results:
    """PNG files by an id that nobody can guess, and the map's name.

    Attributes:
        bytes: what they take together.
    """

    def __init__(self, most_bytes: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_bytes, self._seconds, self._clock = most_bytes, seconds, clock
        self._held: OrderedDict[str, _Held] = OrderedDict()  # the oldest first
        self._lock = Lock()
        self.bytes = 0

    def put(self, maps: Mapping[str, bytes]) -> str | None:
        """The id under which the maps are had from now on; None where they alone would take more than there is."""
        size = sum(map(len, maps.values()))
        if size > self._most_bytes:
            return None
        name = secrets.token_urlsafe(24)
        with self._lock:
            self._sweep(self._most_bytes - size)
            self._held[name] = _Held(self._clock() + self._seconds, dict(maps), size)
            self.bytes += size
        return name

    def get(self, name: str, picture: str) -> bytes | None:
        """One PNG file; None where there is none, or none any more."""
        with self._lock:
            self._sweep(self._most_bytes)
            held = self._held.get(name)
            return None if held is None else held.maps.get(picture)

    def _sweep(self, most_bytes: int) -> None:
        """Let go of what is too old, and of the oldest until the rest takes at most `most_bytes`."""
        now = self._clock()
        while self._held:
            name, oldest = next(iter(self._held.items()))
            if oldest.until > now and self.bytes <= most_bytes:
                return
            del self._held[name]
            self.bytes -= oldest.bytes
