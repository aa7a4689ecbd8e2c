"""One GET: one turn, bounded in time and bytes. Whatever goes wrong is an answer, never an exception."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from webiml.collect.addresses import PrivateAddress
from webiml.collect.opt_out import opt_out
from webiml.collect.pace import LONGEST_WAIT, HostClosed, Pace
from webiml.settings import CollectSettings
from webiml.types import LinkReason

REDIRECTS = frozenset({301, 302, 303, 307, 308})
LARGE = (
    8 * 2**20
)  # bytes; so many bodies may grow beyond it at once, or all of --connections might hold --max-megabytes
LARGE_AT_ONCE = 4
_GONE, _FORBIDDEN = frozenset({404, 410}), frozenset({401, 402, 403, 451})
_NO_HEADERS: CIMultiDictProxy[str] = CIMultiDictProxy(CIMultiDict())


@dataclass(frozen=True, slots=True)
class Patience:
    """Times that nobody needs to set, but a test.

    Attributes:
        rate_after_seconds, rate_seconds: the least rate must hold over any `rate_seconds` after the first
            `rate_after_seconds`.
        back_off_seconds: wait before a link is asked for again; each further one waits twice as long.
    """

    rate_after_seconds: float = 5.0
    rate_seconds: float = 10.0
    back_off_seconds: float = 1.0


@dataclass(slots=True)
class Answer:
    """What one GET brought.

    Attributes:
        status: of HTTP; 0 when there was no answer.
        data: the body of a 200 that was wanted. sha256: of it.
        reason, detail: why there is no body, for 304 and redirects too empty.
        may_pass: whether asking again can help.
        retry_after: seconds that the server asked to wait.
        asked: False when no request was made.
    """

    status: int = 0
    headers: CIMultiDictProxy[str] = field(default_factory=lambda: _NO_HEADERS)
    data: bytes | None = None
    sha256: str = ""
    reason: LinkReason | None = None
    detail: str = ""
    may_pass: bool = False
    retry_after: float | None = None
    asked: bool = True


class Getter:
    """GETs over one session, each in its turn."""

    def __init__(
        self, session: aiohttp.ClientSession, pace: Pace, settings: CollectSettings, patience: Patience
    ) -> None:
        self._session = session
        self._pace = pace
        self._settings = settings
        self._patience = patience
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)

    async def get(
        self,
        url: URL,
        *,
        headers: Mapping[str, str] | None = None,
        delay: float = 0.0,
        picture: bool = True,
        first_bytes: int = 0,
    ) -> Answer:
        """Ask once, without following a redirect.

        Args:
            delay: least seconds between two requests to the host.
            picture: do not read what its headers opt out.
            first_bytes: read only so many bytes of the body, without complaint; 0: all, up to the limit.
        """
        host = url.raw_host or ""
        try:
            async with self._pace.turn(host, delay):
                try:
                    async with asyncio.timeout(self._settings.total_seconds) as limit:
                        answer = await self._ask(url, headers, picture, first_bytes, limit)
                except Exception as error:
                    answer = _failed(error, self._settings)
                if answer.status in (429, 503):
                    answer.retry_after = retry_after(answer.headers.get("Retry-After"))
                    if answer.retry_after is not None:
                        self._pace.close_host(host, answer.retry_after)
                        answer.may_pass = answer.retry_after <= LONGEST_WAIT
                return answer
        except HostClosed as closed:
            words = f"the host asked to be left alone for {closed.seconds:,.0f} s more"
            return Answer(reason=LinkReason.RATE_LIMITED, detail=words, asked=False)

    async def _ask(
        self,
        url: URL,
        headers: Mapping[str, str] | None,
        picture: bool,
        first_bytes: int,
        limit: asyncio.Timeout,
    ) -> Answer:
        async with self._session.get(url, headers=headers, allow_redirects=False) as response:
            answer = Answer(response.status, response.headers)
            if picture and response.status in (200, 304):
                words = opt_out(
                    response.headers.getall("X-Robots-Tag", ()), response.headers.getall("TDM-Reservation", ())
                )
                if words:
                    response.close()
                    answer.reason, answer.detail = LinkReason.OPTED_OUT, words
                    return answer
            if response.status == 200:
                await self._read(response, answer, first_bytes, limit)
            elif response.status != 304 and response.status not in REDIRECTS:
                answer.reason, answer.may_pass = _of_status(response.status)
                answer.detail = f"HTTP {response.status}"
            return answer

    async def _read(
        self, response: aiohttp.ClientResponse, answer: Answer, first_bytes: int, limit: asyncio.Timeout
    ) -> None:
        least_rate, patience = self._settings.least_rate, self._patience
        most = first_bytes or round(self._settings.max_megabytes * 1_000_000)
        announced = response.content_length
        if announced is not None and announced > most and not first_bytes:
            response.close()
            answer.reason = LinkReason.TOO_BIG
            answer.detail = f"{announced:,} bytes announced, the limit is {most:,}"
            return
        clock = asyncio.get_running_loop().time
        check_at, marked, marked_at = clock() + patience.rate_after_seconds, -1, 0.0
        chunks: list[bytes] = []
        size = 0
        digest = hashlib.sha256()
        async with AsyncExitStack() as held:
            while chunk := await response.content.readany():
                if size <= LARGE < size + len(chunk):
                    waited = clock()
                    await held.enter_async_context(self._large)
                    waited = clock() - waited
                    check_at, marked_at = check_at + waited, marked_at + waited
                    limit.reschedule((limit.when() or clock()) + waited)
                chunks.append(chunk)
                digest.update(chunk)
                size += len(chunk)
                if size > most:
                    response.close()
                    if first_bytes:
                        break
                    answer.reason, answer.detail = LinkReason.TOO_BIG, f"more than {most:,} bytes"
                    return
                # Looked at when bytes come: where none do, the time between two pieces is over first
                if (now := clock()) >= check_at:
                    if marked >= 0 and size - marked < least_rate * (now - marked_at):
                        response.close()
                        rate = (size - marked) / (now - marked_at)
                        answer.reason = LinkReason.TOO_SLOW
                        answer.detail = f"{rate:,.0f} bytes a second, at least {least_rate:,.0f} are asked"
                        return
                    check_at, marked, marked_at = now + patience.rate_seconds, size, now
            answer.data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
            answer.sha256 = digest.hexdigest()


def retry_after(value: str | None) -> float | None:
    """Seconds from now that a Retry-After header asks for, whether it is a number or a date; None for neither."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max((at - datetime.now(UTC)).total_seconds(), 0.0)


def _of_status(status: int) -> tuple[LinkReason, bool]:
    if status in _GONE:
        return LinkReason.GONE, False
    if status in _FORBIDDEN:
        return LinkReason.FORBIDDEN, False
    if status == 429:
        return LinkReason.RATE_LIMITED, True
    if status >= 500:
        return LinkReason.SERVER_ERROR, True
    return LinkReason.HTTP_ERROR, False


def _failed(error: Exception, settings: CollectSettings) -> Answer:
    """What an exception of the session says about the link."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    words = clean(getattr(cause, "strerror", None) or str(cause) or type(cause).__name__)
    match error:
        case _ if isinstance(cause, PrivateAddress):
            return Answer(reason=LinkReason.PRIVATE_ADDRESS, detail=words, asked=False)
        case aiohttp.ClientConnectorDNSError():
            passing = getattr(cause, "errno", None) == socket.EAI_AGAIN
            return Answer(reason=LinkReason.NO_SUCH_HOST, detail=words, may_pass=passing)
        case aiohttp.ConnectionTimeoutError():
            words = f"no connection in {settings.connect_seconds:g} s"
            return Answer(reason=LinkReason.TIMEOUT, detail=words, may_pass=True)
        case aiohttp.ServerTimeoutError():
            return Answer(
                reason=LinkReason.TIMEOUT, detail=f"nothing came for {settings.read_seconds:g} s", may_pass=True
            )
        case TimeoutError():
            return Answer(reason=LinkReason.TOO_SLOW, detail=f"not done in {settings.total_seconds:g} s")
        case aiohttp.ClientPayloadError():
            return Answer(reason=LinkReason.CUT_SHORT, detail=words, may_pass=True)
        case aiohttp.ClientSSLError() | aiohttp.ClientResponseError():  # a bad certificate, or no HTTP
            return Answer(reason=LinkReason.NO_CONNECTION, detail=words)
        case aiohttp.InvalidURL():
            return Answer(reason=LinkReason.BAD_ADDRESS, detail=words, asked=False)
        case aiohttp.ClientError() | OSError():
            return Answer(reason=LinkReason.NO_CONNECTION, detail=words, may_pass=True)
    raise error


def clean(words: str, most: int = 200) -> str:
    """One line of printable text of at most `most` characters, whatever a server sent."""
    return " ".join("".join(c if c.isprintable() else " " for c in words).split())[:most]
