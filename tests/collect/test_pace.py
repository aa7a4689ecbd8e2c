import asyncio
import time
from itertools import pairwise

import pytest

from webiml.collect import pace as pace_module
from webiml.collect.pace import LONGEST_WAIT, HostClosed, Pace


class Work:
    """Counts what is under way, for each host and in all."""

    def __init__(self) -> None:
        self.now: dict[str, int] = {}
        self.most: dict[str, int] = {}
        self.most_of_all = 0
        self.starts: list[float] = []

    async def one(self, pace: Pace, host: str, seconds: float = 0.01, delay: float = 0.0) -> None:
        async with pace.turn(host, delay):
            self.starts.append(time.monotonic())
            self.now[host] = self.now.get(host, 0) + 1
            self.most[host] = max(self.most.get(host, 0), self.now[host])
            self.most_of_all = max(self.most_of_all, sum(self.now.values()))
            await asyncio.sleep(seconds)
            self.now[host] -= 1


def test_one_host_and_all_hosts_together_have_a_limit():
    async def run() -> Work:
        work, pace = Work(), Pace(2, 0, 5)
        await asyncio.gather(*(work.one(pace, f"host{i % 4}") for i in range(40)))
        return work

    work = asyncio.run(run())
    assert set(work.most.values()) == {2}
    assert work.most_of_all == 5


def test_requests_to_one_host_are_spread_by_the_rate():
    async def run() -> Work:
        work, pace = Work(), Pace(4, 50, 64)
        await asyncio.gather(*(work.one(pace, "host", 0) for _ in range(6)))
        return work

    starts = asyncio.run(run()).starts
    assert all(later - earlier > 0.019 for earlier, later in pairwise(starts))


def test_a_delay_of_the_host_counts_when_it_is_longer_than_the_rate():
    async def run() -> Work:
        work, pace = Work(), Pace(4, 1000, 64)
        await asyncio.gather(*(work.one(pace, "host", 0, delay=0.05) for _ in range(3)))
        return work

    starts = asyncio.run(run()).starts
    assert starts[2] - starts[0] > 0.098


def test_a_closed_host_waits_and_takes_no_place_from_others():
    async def run() -> tuple[list[str], float]:
        done: list[str] = []
        pace = Pace(4, 0, 1)  # one request at once in all
        pace.close_host("closed", 0.2)

        async def one(host: str) -> None:
            async with pace.turn(host):
                done.append(host)

        begun = time.monotonic()
        await asyncio.gather(*(one("closed") for _ in range(3)), *(one("open") for _ in range(3)))
        return done, time.monotonic() - begun

    done, seconds = asyncio.run(run())
    assert done == ["open"] * 3 + ["closed"] * 3
    assert 0.19 < seconds < 2


def test_who_waits_already_when_the_host_closes_waits_on():
    async def run() -> list[float]:
        pace, starts = Pace(1, 0, 64), []

        async def one() -> None:
            async with pace.turn("host"):
                starts.append(time.monotonic())
                pace.close_host("host", 0.1)

        await asyncio.gather(one(), one())
        return starts

    first, second = asyncio.run(run())
    assert second - first > 0.095


def test_a_host_that_closes_while_a_link_waits_for_a_place_is_not_asked():
    async def run() -> tuple[float, int]:
        pace, work = Pace(4, 0, 1), Work()
        begun = time.monotonic()
        other = asyncio.create_task(work.one(pace, "other", 0.05))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(work.one(pace, "host", 0))
        await asyncio.sleep(0.01)
        pace.close_host("host", 0.2)
        await asyncio.gather(other, waiting)
        return work.starts[1] - begun, work.most_of_all

    seconds, most = asyncio.run(run())
    assert seconds > 0.2
    assert most == 1


def test_a_host_that_wants_more_than_we_wait_is_not_asked():
    async def run() -> float:
        pace = Pace(1, 0, 64)
        pace.close_host("host", LONGEST_WAIT + 60)
        with pytest.raises(HostClosed) as closed:
            async with pace.turn("host"):
                pass
        return closed.value.seconds

    assert asyncio.run(run()) == pytest.approx(LONGEST_WAIT + 60, abs=5)


def test_a_turn_that_is_given_up_frees_its_place():
    async def run() -> None:
        pace, work = Pace(1, 0, 1), Work()
        first = asyncio.create_task(work.one(pace, "host", 60))
        second = asyncio.create_task(work.one(pace, "host", 60))
        await asyncio.sleep(0.01)
        first.cancel()
        second.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        await asyncio.wait_for(work.one(pace, "host"), 5)

    asyncio.run(run())


def test_the_state_of_idle_hosts_is_let_go(monkeypatch):
    monkeypatch.setattr(pace_module, "MAX_HOSTS", 100)

    async def run() -> Pace:
        pace = Pace(1, 0, 64)
        pace.close_host("closed", 60)
        async with pace.turn("busy"):
            for i in range(1000):
                async with pace.turn(f"host{i}"):
                    pass
        return pace

    hosts = asyncio.run(run())._hosts
    assert len(hosts) <= 101
    assert {"closed", "busy"} <= set(hosts)
