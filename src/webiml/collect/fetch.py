"""One link over the net, politely and safely: an address in, a picture's bytes or the reason why there are none out."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Self
from urllib.parse import quote

from webiml import __version__
from webiml.errors import SettingError, one_line

try:
    import aiohttp
    import protego  # noqa: F401 (robots.py)
except ImportError as missing:
    raise SettingError(
        f"Collecting needs {missing.name}, which is not installed: pip install 'webiml[collect]'"
    ) from None

from yarl import URL

from webiml.collect.addresses import (
    Allow,
    BadAddress,
    PrivateAddress,
    allow_all,
    allow_public,
    check_literal,
    parse_address,
    redirect_target,
)
from webiml.collect.connect import Lookup, checked_connector
from webiml.collect.fetched import Fetched, inspect
from webiml.collect.get import REDIRECTS, Answer, Getter, Patience, clean
from webiml.collect.pace import Pace
from webiml.collect.robots import FIRST_BYTES, Robots
from webiml.settings import CollectSettings
from webiml.types import LinkReason, LinkStatus

__all__ = ["Fetched", "Fetcher", "Patience", "inspect"]

LONGEST_BACK_OFF = 60.0  # seconds
_REFUSED = frozenset(
    {LinkReason.ROBOTS, LinkReason.OPTED_OUT, LinkReason.PRIVATE_ADDRESS, LinkReason.BAD_ADDRESS, LinkReason.REMOVED}
)


@dataclass(slots=True)
class _Way:
    """Where a link has led so far."""

    url: URL
    redirects: int = 0
    attempts: int = 0


class Fetcher:
    """Fetches links over one session; `async with Fetcher(settings) as fetcher: await fetcher.fetch(url)`.

    Args:
        settings: limits and manners.
        allow: which addresses may be asked, given the address and the port; by default those that are public, or all
            with settings.allow_private.
        lookup: resolves names; what socket.getaddrinfo is.
        patience: how long the fetcher waits.
    """

    def __init__(
        self,
        settings: CollectSettings,
        *,
        allow: Allow | None = None,
        lookup: Lookup = socket.getaddrinfo,
        patience: Patience | None = None,
    ) -> None:
        self._settings = settings
        self._allow = allow or (allow_all if settings.allow_private else allow_public)
        self._lookup = lookup
        self._patience = patience or Patience()

    async def __aenter__(self) -> Self:
        settings = self._settings
        connector, self._resolver = checked_connector(self._allow, self._lookup)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,  # a proxy would make the connection, and our check of the address would be of the proxy's
            auto_decompress=False,  # a small file may unpack to a huge one
            read_bufsize=2**18,
            headers={
                "User-Agent": user_agent(settings.contact),
                "Accept": "image/*,*/*;q=0.5",
                "Accept-Encoding": "identity",
            },
            timeout=aiohttp.ClientTimeout(
                total=None,  # get.py limits
                connect=settings.connect_seconds,
                sock_connect=settings.connect_seconds,
                sock_read=settings.read_seconds,
            ),
        )
        self._pace = Pace(settings.host_connections, settings.host_rate, settings.connections)
        self._getter = Getter(self._session, self._pace, settings, self._patience)
        self._robots = Robots(self._get_rules)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._robots.close()
        await self._session.close()
        await self._resolver.close()

    async def fetch(self, url: str, *, expected_sha256: str = "", etag: str = "", last_modified: str = "") -> Fetched:
        """The picture at an address, or why there is none; only cancelling it raises.

        Args:
            expected_sha256: what its bytes must have, hex; empty: anything.
            etag, last_modified: what its server said the last time; the status may then be unchanged, without bytes.
        """
        headers = {}
        if is_plain(etag):
            headers["If-None-Match"] = etag
        if is_plain(last_modified):
            headers["If-Modified-Since"] = last_modified
        try:
            way = _Way(parse_address(url))
        except BadAddress as error:
            return Fetched(LinkStatus.REFUSED, LinkReason.BAD_ADDRESS, clean(str(error)))
        try:
            answer = await self._again(partial(self._follow, way, way.url, headers), way)
            return self._fetched(answer, way, expected_sha256, bool(headers))
        except Exception as error:  # whatever nobody foresaw concerns this link, not the others
            words = clean(one_line(error), 300)
            return Fetched(LinkStatus.FAILED, LinkReason.INTERNAL_ERROR, words, attempts=way.attempts)

    async def _again(self, ask: Callable[[], Awaitable[Answer]], way: _Way) -> Answer:
        """Ask, and ask again as long as that can help."""
        settings = self._settings
        tries = 0
        while True:
            answer = await ask()
            tries += 1
            if not answer.may_pass or tries > settings.retries:
                return answer
            seconds = min(self._patience.back_off_seconds * 2 ** (tries - 1), LONGEST_BACK_OFF) * random.uniform(0.5, 1)
            if answer.status == 429 or answer.retry_after is not None:  # said of the host, not of this link alone
                self._pace.close_host(way.url.raw_host or "", max(seconds, answer.retry_after or 0.0))
            else:
                await asyncio.sleep(seconds)

    async def _follow(self, way: _Way, url: URL, headers: dict[str, str], rules: bool = True) -> Answer:
        """Ask for `url` and go where its redirects lead; every hop is checked like the first.

        Args:
            way: gets where it led. rules: ask the robots.txt of every site; False: the file is a robots.txt itself.
        """
        way.url, way.redirects = url, 0
        seen = {url}
        while True:
            try:
                check_literal(way.url, self._allow)
            except PrivateAddress as error:
                return Answer(reason=LinkReason.PRIVATE_ADDRESS, detail=clean(error.strerror or ""))
            delay = 0.0
            if rules:
                site = await self._robots.rules(way.url)
                refusal = site.refusal(way.url)
                if refusal is not None:
                    return Answer(reason=refusal[0], detail=clean(refusal[1], 300))
                delay = site.delay
            answer = await self._getter.get(
                way.url, headers=headers, delay=delay, picture=rules, first_bytes=0 if rules else FIRST_BYTES
            )
            if answer.asked and not way.redirects:
                way.attempts += 1
            if answer.status not in REDIRECTS or answer.reason is not None:
                return answer
            location = answer.headers.get("Location")
            if not location:
                return _too_many(answer, "a redirect that leads nowhere")
            if way.redirects == self._settings.max_redirects:
                return _too_many(answer, f"more than {way.redirects} redirects")
            try:
                target = redirect_target(way.url, location)
            except BadAddress as error:
                return Answer(answer.status, reason=LinkReason.BAD_ADDRESS, detail=f"redirected: {clean(str(error))}")
            if target in seen:
                return _too_many(answer, "redirects in a circle")
            seen.add(target)
            way.url = target
            way.redirects += 1

    async def _get_rules(self, url: URL) -> tuple[URL, Answer]:
        way = _Way(url)
        answer = await self._again(partial(self._follow, way, url, {}, rules=False), way)
        return way.url, answer

    def _fetched(self, answer: Answer, way: _Way, expected: str, conditional: bool) -> Fetched:
        """The row of an answer; bytes are looked at only here."""
        if answer.reason is not None:
            status = LinkStatus.REFUSED if answer.reason in _REFUSED else LinkStatus.FAILED
            fetched = Fetched(status, answer.reason, answer.detail)
        elif answer.data is not None:
            max_pixels = round(self._settings.max_megapixels * 1_000_000)
            fetched = inspect(answer.data, answer.sha256, max_pixels, expected)
            packed = answer.headers.get("Content-Encoding")
            if fetched.reason is not None and packed:
                fetched = replace(fetched, detail=f"{fetched.detail}; packed as {packed}, which was not asked for")
        elif conditional:
            fetched = Fetched(LinkStatus.UNCHANGED)
        else:
            fetched = Fetched(LinkStatus.FAILED, LinkReason.HTTP_ERROR, "HTTP 304, which was not asked for")
        content_type, etag, modified = (answer.headers.get(name) for name in ("Content-Type", "ETag", "Last-Modified"))
        return replace(
            fetched,
            detail=clean(fetched.detail, 300),
            final_url=str(way.url) if way.redirects else None,
            http_status=answer.status or None,
            redirects=way.redirects,
            attempts=way.attempts,
            content_type=clean(content_type, 100) if content_type else None,
            etag=etag if is_plain(etag) else None,
            last_modified=modified if is_plain(modified) else None,
        )


def user_agent(contact: str) -> str:
    """How we introduce ourselves; a contact that is not ASCII is percent-encoded, as a header needs."""
    words = quote(contact.strip(), safe=" " + "".join(map(chr, range(0x21, 0x7F))))
    return f"webiml/{__version__} (+{words})" if words else f"webiml/{__version__}"


def is_plain(value: str | None) -> bool:
    """Whether a header's value can be kept and sent back as it is."""
    return value is not None and 0 < len(value) <= 1024 and value.isascii() and value.isprintable()


def _too_many(answer: Answer, words: str) -> Answer:
    return Answer(answer.status, reason=LinkReason.TOO_MANY_REDIRECTS, detail=words)
