"""What a site allows: its robots.txt and its tdmrep.json, read once and kept for a day."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from protego import Protego
from yarl import URL

from webiml.collect.get import Answer
from webiml.collect.opt_out import AGENT, Reservation, is_reserved, read_tdmrep
from webiml.collect.pace import LONGEST_WAIT
from webiml.types import LinkReason

# Source of what follows: RFC 9309, sections 2.3.1 (answers other than 200), 2.4 (a day) and 2.5 (500 KiB)
FIRST_BYTES = 500 * 1024
KEPT_SECONDS = 24 * 3600.0
FAILURE_KEPT_SECONDS = 600.0  # ours: a site that is down for a moment is asked again
MAX_SITES = 10_000
MAX_KEPT_BYTES = 16 * 2**20  # of the files whose rules are kept; the rules take about ten times as much
_OF_THE_SITE = frozenset(  # what is wrong with the site's own address is told as such, not as a matter of robots.txt
    {
        LinkReason.NO_SUCH_HOST,
        LinkReason.NO_CONNECTION,
        LinkReason.TIMEOUT,
        LinkReason.PRIVATE_ADDRESS,
        LinkReason.RATE_LIMITED,
    }
)

Get = Callable[[URL], Awaitable[tuple[URL, Answer]]]  # the first FIRST_BYTES of a file, redirects followed


@dataclass(frozen=True, slots=True)
class Rules:
    """What one site (scheme, host and port) allows.

    Attributes:
        robots: None where everything is allowed.
        reservations: of its tdmrep.json.
        delay: least seconds between two requests.
        closed: why nothing may be fetched at all.
    """

    robots: Protego | None = None
    reservations: tuple[Reservation, ...] = ()
    delay: float = 0.0
    closed: tuple[LinkReason, str] | None = None
    size: int = 0
    until: float = 0.0  # on the loop's clock

    def refusal(self, url: URL) -> tuple[LinkReason, str] | None:
        """Why this address may not be fetched; None when it may."""
        if self.closed is not None:
            return self.closed
        if self.robots is not None and not self.robots.can_fetch(str(url), AGENT):
            return LinkReason.ROBOTS, f"robots.txt of {url.authority} does not allow it"
        if self.reservations and is_reserved(self.reservations, url.raw_path_qs):
            return LinkReason.OPTED_OUT, f"tdmrep.json of {url.authority} reserves it"
        return None


class Robots:
    """The rules of the sites that were asked, the last MAX_SITES of them."""

    def __init__(self, get: Get) -> None:
        self._get = get
        self._kept: OrderedDict[str, Rules] = OrderedDict()
        self._kept_bytes = 0
        self._coming: dict[str, asyncio.Task[Rules]] = {}

    async def rules(self, url: URL) -> Rules:
        """What the site of `url` allows, asked for once however many links wait for it."""
        site = f"{url.scheme}://{url.raw_host}:{url.port}"
        kept = self._kept.get(site)
        if kept is not None and kept.until > asyncio.get_running_loop().time():
            self._kept.move_to_end(site)
            return kept
        coming = self._coming.get(site)
        if coming is None:
            coming = self._coming[site] = asyncio.create_task(self._fetch(site, url))
            coming.add_done_callback(lambda _: self._coming.pop(site, None))
        return await asyncio.shield(coming)  # one link that is given up must not take the rules from the others

    async def close(self) -> None:
        """Stop what is being asked for."""
        tasks = list(self._coming.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _fetch(self, site: str, url: URL) -> Rules:
        rules = await read_rules(url.origin(), self._get)
        old = self._kept.pop(site, None)
        self._kept_bytes -= 0 if old is None else old.size
        self._kept[site] = rules
        self._kept_bytes += rules.size
        while len(self._kept) > MAX_SITES or (self._kept_bytes > MAX_KEPT_BYTES and len(self._kept) > 1):
            self._kept_bytes -= self._kept.popitem(last=False)[1].size
        return rules


async def read_rules(site: URL, get: Get) -> Rules:
    """Ask a site for its robots.txt and, where that allows it, for its tdmrep.json.

    A robots.txt that is not there (a status of 400 to 499) or lies behind too many redirects allows everything; one
    that cannot be had (500 and more, no answer) allows nothing.
    Departs: from RFC 9309, by which 429 allows everything, too; it says "not now", so nothing is fetched.
        From TDMRep, by which the header of a picture may lift what the file reserves: we do not ask for what is
        reserved, so we never see that header.
    """
    clock = asyncio.get_running_loop().time
    where = site.with_path("/robots.txt")
    final, answer = await get(where)
    robots, delay, size = None, 0.0, 0
    if answer.data is not None:
        text = answer.data[:FIRST_BYTES].decode("utf-8-sig", "replace")
        size = len(text)
        robots = Protego.parse(text) if text.strip() else None
        delay = (robots and robots.crawl_delay(AGENT)) or 0.0
        if delay > LONGEST_WAIT:
            words = f"robots.txt of {site.authority} asks for {delay:,.0f} s between two requests"
            return Rules(closed=(LinkReason.ROBOTS, words), until=clock() + KEPT_SECONDS)
    elif not _is_missing(answer):
        reason = LinkReason.ROBOTS
        if answer.reason is not None and answer.reason in _OF_THE_SITE and final.origin() == site:
            reason = answer.reason
        words = f"robots.txt of {site.authority} cannot be had, so nothing is fetched from there: {answer.detail}"
        return Rules(closed=(reason, words), until=clock() + FAILURE_KEPT_SECONDS)

    where = site.with_path("/.well-known/tdmrep.json")
    reservations: tuple[Reservation, ...] = ()
    if robots is None or robots.can_fetch(str(where), AGENT):
        _, answer = await get(where)
        if answer.data is not None and len(answer.data) <= FIRST_BYTES:
            reservations = read_tdmrep(answer.data)
            size += len(answer.data) if reservations else 0
    return Rules(robots, reservations, delay, None, size, clock() + KEPT_SECONDS)


def _is_missing(answer: Answer) -> bool:
    return (400 <= answer.status < 500 and answer.status != 429) or answer.reason is LinkReason.TOO_MANY_REDIRECTS
