"""A source of links in, one generation of a store out: every link that was tried ends as a row."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from webiml.collect.fetched import Fetched, inspect
from webiml.collect.plan import is_wanted
from webiml.errors import BadImage
from webiml.images.read import read_bytes, readable
from webiml.settings import CollectRun, CollectSettings
from webiml.store.link_writer import CHECKPOINT_ROWS, CHECKPOINT_SECONDS, LinkWriter
from webiml.store.links import link_id, picture_name
from webiml.store.place import Place
from webiml.store.removed_rows import by_tombstones, link_without
from webiml.types import Link, LinkReason, LinkRow, LinkStatus

if TYPE_CHECKING:
    from webiml.collect.fetch import Fetcher

WINDOW = 1024  # links that are asked for, or wait for their host, at once; bounds memory


@dataclass
class CollectCounts:
    """What became of the links of a source in one run."""

    links: int = 0
    """Links that the source named."""
    skipped: int = 0
    """Links that an earlier run had finished, and that were not to be asked for again."""
    resumed: int = 0
    """Links that were finished in this generation before a kill or an interruption."""
    statuses: Counter[str] = field(default_factory=Counter)
    """Rows of this generation by status."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Rows of this generation by reason."""
    bytes: int = 0
    """Bytes of pictures that this run fetched."""
    generation: int | None = None
    """Number of the table that was written; None where there was nothing to do."""

    @property
    def rows(self) -> int:
        """Rows of this generation."""
        return sum(self.statuses.values())


def collect(
    links: Iterable[Link],
    place: Place,
    settings: CollectSettings,
    run: CollectRun,
    on_link: Callable[[CollectCounts], None] | None = None,
) -> CollectCounts:
    """Ask for the pictures of `links` and write what became of each into the store at `place`, as a new generation.

    What an earlier run has finished is not asked for again, unless `run` says so. After any stop the same call goes on:
    what was finished is not asked for twice.

    Args:
        on_link: called whenever a link is finished or skipped.
    Raises:
        SettingError: something else lies there, or another run is writing it, or the source cannot be read.
        OutputError: the store cannot be written, or not any more; what is finished stays.
    """
    with LinkWriter.open(place) as writer:
        one_run = _Run(writer, settings, run, on_link or (lambda counts: None))
        try:
            asyncio.run(one_run.links(links))
        except BaseExceptionGroup as group:  # of a TaskGroup: the first says what happened
            raise _first(group) from None
        finally:
            writer.checkpoint()
        one_run.counts.generation = writer.finish()
    return one_run.counts


class _Run:
    """One run: takes links from the source as fast as they are finished."""

    def __init__(
        self,
        writer: LinkWriter,
        settings: CollectSettings,
        run: CollectRun,
        on_link: Callable[[CollectCounts], None],
    ) -> None:
        self.writer, self.settings, self.run, self.on_link = writer, settings, run, on_link
        self.removed = by_tombstones(writer.removed)
        self.counts = CollectCounts()
        for (status, reason), number in writer.counts.items():
            self._count(status, reason, number)
        self.asked: dict[str, asyncio.Event] = {}  # addresses that are asked for now
        self.window = asyncio.Semaphore(WINDOW)
        self.fetcher: Fetcher | None = None
        self.one_fetcher = asyncio.Lock()
        self.safe_at, self.safe_rows = time.monotonic(), writer.done
        self.checkpoint: asyncio.Task[None] | None = None

    async def links(self, links: Iterable[Link]) -> None:
        async with AsyncExitStack() as self.stack, asyncio.TaskGroup() as tasks:
            for position, link in enumerate(links):
                self.counts.links += 1
                if self.writer.has(link_id(link)):
                    self.counts.resumed += 1
                    self.on_link(self.counts)
                    continue
                wanted, before = is_wanted(link, self.writer.known, self.run)
                if not wanted:
                    self.counts.skipped += 1
                    self.on_link(self.counts)
                    continue
                await self.window.acquire()
                if link.url and not link.problem:
                    tasks.create_task(self._one(position, link, before))
                else:
                    await self._one(position, link, before)
                if self._checkpoint_due():
                    self.checkpoint = tasks.create_task(self._checkpoint())

    async def _one(self, position: int, link: Link, before: LinkRow | None) -> None:
        try:
            row, data = await self._tried(link, before)
            left = link_without(row, self.removed)  # by its bytes, or where its redirects ended
            row, data = (row, data) if left is row else (left, None)
            self.writer.add(position, row, data)
            self.counts.bytes += len(data or b"")
            self._count(row.status, row.reason)
            self.on_link(self.counts)
        finally:
            self.window.release()

    async def _tried(self, link: Link, before: LinkRow | None) -> tuple[LinkRow, bytes | None]:
        """What became of one link, and its bytes where they are new."""
        if self.removed.values:
            unasked = _row(link, Fetched(LinkStatus.REFUSED, LinkReason.REMOVED))
            if (left := link_without(unasked, self.removed)) is not unasked:
                return left, None
        if link.problem:
            return _row(link, Fetched(LinkStatus.FAILED, LinkReason.BAD_ROW, link.problem)), None
        if link.path is not None:
            fetched = _read(link, round(self.settings.max_megapixels * 1e6))
        else:
            while link.url in self.asked:  # by another link: its answer will do
                await self.asked[link.url].wait()
            same = self.writer.same_address(link.url)
            if same is not None:
                return _as(link, same), None
            fetched = await self._asked(link, before)
        if before is not None and before.path is not None:
            same_bytes = fetched.status is LinkStatus.FETCHED and fetched.sha256 == before.sha256
            if fetched.status is LinkStatus.UNCHANGED or same_bytes:
                return _unchanged(link, fetched, before), None
            if fetched.status is LinkStatus.FAILED:  # the bytes of before stay, with what was found out now
                kept = {name: getattr(before, name) for name in _OF_BYTES}
                return replace(_row(link, fetched), **kept), None
        return _row(link, fetched), fetched.data

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
        rows = self.writer.done - self.safe_rows
        return rows >= CHECKPOINT_ROWS or (rows > 0 and time.monotonic() - self.safe_at > CHECKPOINT_SECONDS)

    async def _checkpoint(self) -> None:
        begun = self.writer.begin_checkpoint()
        await asyncio.to_thread(begun.sync)
        self.writer.end_checkpoint(begun)
        self.safe_at, self.safe_rows = time.monotonic(), begun.rows

    def _count(self, status: str, reason: str | None, number: int = 1) -> None:
        self.counts.statuses[status] += number
        if reason is not None:
            self.counts.reasons[reason] += number


_OF_BYTES = ("sha256", "bytes", "path", "height", "width", "content_type", "etag", "last_modified")


def _row(link: Link, fetched: Fetched) -> LinkRow:
    kept = fetched.data is not None and fetched.sha256 is not None
    return LinkRow(
        link=link_id(link),
        name=readable(link.name),
        group=readable(link.group),
        role=link.role,
        url=readable(link.url),
        status=fetched.status.value,
        reason=None if fetched.reason is None else fetched.reason.value,
        detail=readable(fetched.detail) or None,
        final_url=readable(fetched.final_url or "") or None,
        http_status=fetched.http_status,
        redirects=fetched.redirects,
        attempts=fetched.attempts,
        sha256=fetched.sha256,
        bytes=len(fetched.data) if fetched.data is not None else None,
        path=picture_name(fetched.sha256, fetched.extension or "") if kept and fetched.sha256 else None,
        height=fetched.height,
        width=fetched.width,
        content_type=readable(fetched.content_type or "") or None,
        etag=readable(fetched.etag or "") or None,
        last_modified=readable(fetched.last_modified or "") or None,
        fetched_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        expected_sha256=link.sha256 or None,
        source=readable(link.source) or None,
        license=readable(link.license) or None,
        author=readable(link.author) or None,
        page=readable(link.page) or None,
        extra={readable(name): readable(value) for name, value in link.extra.items()},
    )


def _as(link: Link, same: LinkRow) -> LinkRow:
    """The row of a link whose address another link of this generation has."""
    nothing = _row(link, Fetched(LinkStatus(same.status), None if same.reason is None else LinkReason(same.reason), ""))
    asked = {name: getattr(same, name) for name in (*_OF_BYTES, "detail", "final_url", "http_status", "redirects")}
    row = replace(nothing, **asked, attempts=0)
    if link.sha256 and same.sha256 and link.sha256 != same.sha256:
        words = f"the bytes have {same.sha256}"
        mismatch = {"status": LinkStatus.FAILED.value, "reason": LinkReason.HASH_MISMATCH.value, "detail": words}
        return replace(row, **mismatch, path=None)
    return row


def _unchanged(link: Link, fetched: Fetched, before: LinkRow) -> LinkRow:
    row = replace(_row(link, fetched), status=LinkStatus.UNCHANGED.value, reason=None)
    kept = {name: getattr(before, name) for name in _OF_BYTES if name not in ("etag", "last_modified")}
    newer = {"etag": row.etag or before.etag, "last_modified": row.last_modified or before.last_modified}
    return replace(row, **kept, **newer)


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
