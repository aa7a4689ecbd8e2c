"""Links in, rows out: asks for many links at once, on this machine or in a worker of a cluster."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, NamedTuple

from webiml.collect.fetched import Fetched, inspect
from webiml.collect.link_row import row_as, row_of, settled
from webiml.errors import BadImage
from webiml.images.read import read_bytes
from webiml.settings import CollectSettings
from webiml.store.link_rows import CHECKPOINT_ROWS, CHECKPOINT_SECONDS, LinkRows
from webiml.store.removed_rows import by_tombstones, link_without
from webiml.types import Link, LinkReason, LinkRow, LinkStatus

if TYPE_CHECKING:
    from webiml.collect.fetch import Fetcher

WINDOW = 1024  # links that are asked for, or wait for their host, at once; bounds memory


class Wanted(NamedTuple):
    """A link that is asked for: its position in the source, and its row of an earlier run with the same address."""

    position: int
    link: Link
    before: LinkRow | None


OnRow = Callable[[LinkRow, int], None]
"""Called with each row that is finished, and the bytes of its picture where they are new."""


def ask(links: Iterable[Wanted], rows: LinkRows, settings: CollectSettings, on_row: OnRow) -> None:
    """Ask for every link and add its row to `rows`, safe when this returns. Links are taken as others are finished.

    Raises:
        OutputError: a row cannot be written. Whatever `links` and `on_row` raise.
    """
    try:
        asyncio.run(ask_all(links, rows, settings, on_row))
    finally:
        rows.checkpoint()


async def ask_all(links: Iterable[Wanted], rows: LinkRows, settings: CollectSettings, on_row: OnRow) -> None:
    """As `ask`, but for the last checkpoint."""
    try:
        await _Asking(rows, settings, on_row).all(links)
    except BaseExceptionGroup as group:  # of a TaskGroup: the first says what happened
        raise _first(group) from None


class _Asking:
    """State of one `ask`."""

    def __init__(self, rows: LinkRows, settings: CollectSettings, on_row: OnRow) -> None:
        self.rows, self.settings, self.on_row = rows, settings, on_row
        self.removed = by_tombstones(rows.removed)
        self.asked: dict[str, asyncio.Event] = {}  # addresses that are asked for now
        self.window = asyncio.Semaphore(WINDOW)
        self.fetcher: Fetcher | None = None
        self.one_fetcher = asyncio.Lock()
        self.safe_at = time.monotonic()
        self.checkpoint: asyncio.Task[None] | None = None

    async def all(self, links: Iterable[Wanted]) -> None:
        async with AsyncExitStack() as self.stack, asyncio.TaskGroup() as tasks:
            for wanted in links:
                await self.window.acquire()
                if wanted.link.url and not wanted.link.problem:
                    tasks.create_task(self._one(wanted))
                else:
                    await self._one(wanted)
                if self._checkpoint_due():
                    self.checkpoint = tasks.create_task(self._checkpoint())

    async def _one(self, wanted: Wanted) -> None:
        try:
            row, data = await self._tried(wanted.link, wanted.before)
            left = link_without(row, self.removed)  # by its bytes, or where its redirects ended
            row, data = (row, data) if left is row else (left, None)
            if self.rows.add(wanted.position, row, data):  # not when the source names a link twice
                self.on_row(row, len(data or b""))
        finally:
            self.window.release()

    async def _tried(self, link: Link, before: LinkRow | None) -> tuple[LinkRow, bytes | None]:
        """What became of one link, and its bytes where they are new."""
        if self.removed.values:
            unasked = row_of(link, Fetched(LinkStatus.REFUSED, LinkReason.REMOVED))
            if (left := link_without(unasked, self.removed)) is not unasked:
                return left, None
        if link.problem:
            return row_of(link, Fetched(LinkStatus.FAILED, LinkReason.BAD_ROW, link.problem)), None
        if link.path is not None:
            fetched = _read(link, round(self.settings.max_megapixels * 1e6))
        else:
            while link.url in self.asked:  # by another link: its answer will do
                await self.asked[link.url].wait()
            same = self.rows.same_address(link.url)
            if same is not None:
                return row_as(link, same), None
            fetched = await self._asked(link, before)
        return settled(link, fetched, before)

    async def _asked(self, link: Link, before: LinkRow | None) -> Fetched:
        conditions: dict[str, str] = {}
        if before is not None and before.path is not None:
            conditions = {"etag": before.etag or "", "last_modified": before.last_modified or ""}
        done = self.asked[link.url] = asyncio.Event()
        try:
            fetcher = await self._fetcher()
            return await fetcher.fetch(link.url, expected_sha256=link.sha256, **conditions)
        finally:
            del self.asked[link.url]
            asyncio.get_running_loop().call_soon(done.set)  # when the row is written

    async def _fetcher(self) -> Fetcher:
        """What asks; made for the first link that has an address, since files of this machine need no extra."""
        async with self.one_fetcher:
            if self.fetcher is None:
                from webiml.collect.fetch import Fetcher

                self.fetcher = await self.stack.enter_async_context(Fetcher(self.settings))
            return self.fetcher

    def _checkpoint_due(self) -> bool:
        if self.checkpoint is not None and not self.checkpoint.done():
            return False
        rows = self.rows.unsafe_rows
        return rows >= CHECKPOINT_ROWS or (rows > 0 and time.monotonic() - self.safe_at > CHECKPOINT_SECONDS)

    async def _checkpoint(self) -> None:
        begun = self.rows.begin_checkpoint()
        await asyncio.to_thread(begun.sync)
        self.rows.end_checkpoint(begun)
        self.safe_at = time.monotonic()


def _read(link: Link, max_pixels: int) -> Fetched:
    """A file of a folder, as if it had been fetched."""
    assert link.path is not None
    try:
        data = read_bytes(link.path, None)
    except BadImage as error:
        return Fetched(LinkStatus.FAILED, LinkReason.NOT_FOUND, f"{error.reason.value}: {error.detail}")
    return inspect(data, hashlib.sha256(data).hexdigest(), max_pixels, link.sha256)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
