"""Who may ask now: so many requests at once and a second of one host, so many at once of all.

A host that asks to be left alone is left alone by every link. A link that waits for its host takes no place from those
of other hosts.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

LONGEST_WAIT = 600.0  # seconds; a host that wants more is not asked again in that time, and its links fail
MAX_HOSTS = 10_000  # whose state is kept


class HostClosed(Exception):
    """The host asked to be left alone for longer than we wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(slots=True, eq=False)
class _Host:
    slots: asyncio.Semaphore
    users: int = 0
    next_at: float = 0.0  # the rate allows the next request from then on
    closed_until: float = 0.0  # it asked for this


class Pace:
    """The turns of all links.

    Args:
        host_connections: requests that one host has to answer at once.
        host_rate: requests a second to one host; 0: no limit.
        connections: requests at once to all hosts together.
    """

    def __init__(self, host_connections: int, host_rate: float, connections: int) -> None:
        self._host_connections = host_connections
        self._interval = 1 / host_rate if host_rate else 0.0
        self._all = asyncio.Semaphore(connections)
        self._hosts: OrderedDict[str, _Host] = OrderedDict()  # the one that was asked longest ago first

    @asynccontextmanager
    async def turn(self, host: str, delay: float = 0.0) -> AsyncIterator[None]:
        """Wait until `host` may be asked; the request is made inside.

        Args:
            delay: least seconds between two requests, as the host's robots.txt says.
        Raises:
            HostClosed: it asked to be left alone for longer than LONGEST_WAIT.
        """
        clock = asyncio.get_running_loop().time
        state = self._state(host, clock())
        state.users += 1
        try:
            async with state.slots:
                while True:
                    await self._until_open(state)
                    await self._all.acquire()
                    if _wait(state, clock()) <= 0:
                        break
                    self._all.release()  # meanwhile another link was sent away, or had the turn
                try:
                    state.next_at = clock() + max(self._interval, delay)
                    yield
                finally:
                    self._all.release()
        finally:
            state.users -= 1

    def close_host(self, host: str, seconds: float) -> None:
        """Leave `host` alone for `seconds`."""
        now = asyncio.get_running_loop().time()
        state = self._state(host, now)
        state.closed_until = max(state.closed_until, now + seconds)

    async def _until_open(self, state: _Host) -> None:
        clock = asyncio.get_running_loop().time
        while (seconds := _wait(state, clock())) > 0:
            if state.closed_until - clock() > LONGEST_WAIT:
                raise HostClosed(state.closed_until - clock())
            await asyncio.sleep(seconds)

    def _state(self, host: str, now: float) -> _Host:
        state = self._hosts.get(host)
        if state is not None:
            self._hosts.move_to_end(host)
            return state
        for _ in range(len(self._hosts) - MAX_HOSTS + 1):
            oldest, idle = self._hosts.popitem(last=False)
            if idle.users or _wait(idle, now) > 0:
                self._hosts[oldest] = idle  # still needed; it moves to the end
        state = self._hosts[host] = _Host(asyncio.Semaphore(self._host_connections))
        return state


def _wait(state: _Host, now: float) -> float:
    """Seconds until the host may be asked."""
    return max(state.next_at, state.closed_until) - now
