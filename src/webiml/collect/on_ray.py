"""Asking for links in the workers of a Ray cluster; the rows are those that this machine alone would make.

This process reads the source, does what needs no network itself, and gives the rest to workers, shard by shard. They
store the pictures and put their rows into parts (store/link_parts.py), which this process takes as they come.
"""

from __future__ import annotations

import asyncio
import queue
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import webiml.collect.fetch  # noqa: F401 (says which extra is missing)
from webiml.collect.asking import Wanted, ask, ask_all
from webiml.collect.fetched import Fetched
from webiml.collect.link_row import settled
from webiml.collect.shards import SHARD_LINKS, LinkShard, Spool
from webiml.runners.log import event
from webiml.runners.on_ray import Event, run_on_ray
from webiml.settings import CollectRun, CollectSettings
from webiml.store.link_parts import LinkPart
from webiml.store.link_rows import CHECKPOINT_ROWS, CHECKPOINT_SECONDS
from webiml.store.link_writer import LinkWriter
from webiml.store.links import link_id
from webiml.store.place import Place
from webiml.store.removed_rows import by_tombstones, link_without
from webiml.types import LinkReason, LinkRow, LinkStatus

if TYPE_CHECKING:
    from webiml.collect.run import CollectCounts, OnLink

MAX_DEATHS = 3  # of workers with one shard, one after the other without a finished link, until its links fail
TELL_SECONDS = 0.5  # between two reports of a worker that finishes links,
QUIET_SECONDS = 2.0  # and of one that does not

Word = tuple[str, str | None]
"""Status and reason of a row."""
_Queue = queue.SimpleQueue[tuple[LinkRow, int] | str | BaseException | None]
"""Rows with the bytes of their pictures, and names of parts; at the end what was raised, or None."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a worker has finished since it told the last time.

    Attributes:
        words: rows by status and reason. bytes: of new pictures. parts: names of those that were written.
    """

    words: dict[Word, int] = field(default_factory=dict)
    bytes: int = 0
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AskLinks:
    """The work of a worker: asks for the links of a shard and writes parts.

    Attributes:
        run: the token of `LinkWriter.begin_parts`.
    """

    place: Place
    generation: int
    run: str
    settings: CollectSettings

    def start(self) -> None:
        """Nothing: to import this module is what takes time, and says which extra is missing."""

    def __call__(self, shard: LinkShard) -> Iterator[Told]:
        """Ask for every link. Rows are told of as they come; at the end each of them is in a part.

        Raises:
            SettingError: the store is not seen from here. OutputError: it cannot be written.
        """
        told: _Queue = queue.SimpleQueue()
        with LinkPart.open(self.place, shard.number, self.generation, self.run, told.put) as part:
            asking = _Asking(shard, part, self.settings, told)
            asking.thread.start()
            try:
                yield from _reports(told)
            finally:
                asking.stop()


class _Asking:
    """Asks in a thread of its own, so that servers do not wait for whoever takes the reports."""

    def __init__(self, shard: LinkShard, part: LinkPart, settings: CollectSettings, told: _Queue) -> None:
        self.shard, self.part, self.settings, self.told = shard, part, settings, told
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.loop: asyncio.AbstractEventLoop | None = None
        self.task: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """End the thread, whatever it does."""
        with suppress(RuntimeError):  # its loop has ended
            if self.loop is not None and self.task is not None:
                self.loop.call_soon_threadsafe(self.task.cancel)
        self.thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._all())
            self.part.checkpoint()
            self.told.put(None)
        except BaseException as error:
            self.told.put(error)

    async def _all(self) -> None:
        self.loop, self.task = asyncio.get_running_loop(), asyncio.current_task()
        await ask_all(self.shard.read(), self.part, self.settings, lambda row, size: self.told.put((row, size)))


def _reports(told: _Queue) -> Iterator[Told]:
    """What is put into the queue, up to None, some of it at a time."""
    while True:
        words: Counter[Word] = Counter()
        size, parts, until = 0, [], time.monotonic() + QUIET_SECONDS
        while (left := until - time.monotonic()) > 0:
            try:
                one = told.get(timeout=left)
            except queue.Empty:
                break
            if one is None:
                yield Told(dict(words), size, tuple(parts))
                return
            if isinstance(one, BaseException):
                raise one
            if not words and not parts:
                until = min(until, time.monotonic() + TELL_SECONDS)
            if isinstance(one, str):
                parts.append(one)
            else:
                words[one[0].status, one[0].reason] += 1
                size += one[1]
        yield Told(dict(words), size, tuple(parts))


def ask_on_ray(
    links: Iterable[Wanted],
    writer: LinkWriter,
    settings: CollectSettings,
    run: CollectRun,
    counts: CollectCounts,
    on_link: OnLink,
) -> None:
    """Ask for every link in the workers of a cluster and add its row to `writer`.

    Args:
        counts: gets what becomes of the links, as it happens. on_link: called then.
    Raises:
        SettingError: the cluster cannot be used, or does not see the store. OutputError: a row cannot be written.
    """
    driver = _Driver(writer, settings, counts, on_link)
    with tempfile.TemporaryDirectory(prefix="webiml-") as folder, Spool(Path(folder)) as spool:
        ask(driver.here(links, spool), writer, settings, driver.on_row)
        if not len(spool):
            return
        busy = max(1, settings.connections // settings.host_connections)  # so many hosts need all connections
        work = AskLinks(writer.place, writer.generation, writer.begin_parts(), settings)
        try:
            with closing(run_on_ray(work, spool.shards(SHARD_LINKS, busy), run, run.workers, driver.again)) as events:
                for happened in events:
                    driver.note(happened)
        finally:
            writer.checkpoint()


class _Driver:
    """State of one `ask_on_ray`: takes what workers tell."""

    def __init__(self, writer: LinkWriter, settings: CollectSettings, counts: CollectCounts, on_link: OnLink) -> None:
        self.writer, self.settings, self.counts, self.on_link = writer, settings, counts, on_link
        self.removed = by_tombstones(writer.removed)
        self.ahead: dict[int, Counter[Word]] = {}  # by shard: rows that were told of and are in no part yet
        self.safe_at = time.monotonic()

    def here(self, links: Iterable[Wanted], spool: Spool) -> Iterator[Wanted]:
        """The links that need no network; the others go into the spool."""
        for wanted in links:
            if self._needs_network(wanted):
                spool.add(wanted)
            else:
                yield wanted

    def on_row(self, row: LinkRow, size: int) -> None:
        """A row was added here."""
        self.counts.bytes += size
        self.counts.count(row.status, row.reason)
        self.on_link(self.counts)

    def note(self, happened: Event[LinkShard, Told]) -> None:
        """Something happened to a shard."""
        number = happened.shard.number
        if happened.result is not None:
            self._hear(number, happened.result)
        if happened.lost or happened.done:
            self._forget(number)
        if happened.done:
            event("shard_done", shard=number, links=happened.shard.links)
        self.on_link(self.counts)
        if self.writer.unsafe_rows >= CHECKPOINT_ROWS or time.monotonic() - self.safe_at > CHECKPOINT_SECONDS:
            self.writer.checkpoint()
            self.safe_at = time.monotonic()

    def again(self, shard: LinkShard, told: list[Told], why: str) -> LinkShard:
        """The links of a shard whose worker died that are not finished; they fail when that was so too often."""
        self._took(shard.number, self.writer.take_parts(shard.number))
        self._forget(shard.number)
        left = shard.only(self._is_left)
        deaths = shard.deaths + 1 if left.links == shard.links else 1
        event("shard_again", shard=shard.number, links=left.links, deaths=deaths, why=why)
        if deaths >= MAX_DEATHS:
            for wanted in left.read():
                self._give_up(wanted, why)
        else:  # where another link of the shard had the same address
            ask((one for one in left.read() if not self._needs_network(one)), self.writer, self.settings, self.on_row)
        left = left.only(self._is_left)
        return LinkShard(shard.number, left.links, left.packed, deaths)

    def _is_left(self, wanted: Wanted) -> bool:
        return not self.writer.has(link_id(wanted.link))

    def _needs_network(self, wanted: Wanted) -> bool:
        link = wanted.link
        return not link.problem and link.path is None and self.writer.same_address(link.url) is None

    def _give_up(self, wanted: Wanted, why: str) -> None:
        words = f"{MAX_DEATHS} workers died with it and others, the last one since {why}"
        row, _ = settled(wanted.link, Fetched(LinkStatus.FAILED, LinkReason.WORKER_DIED, words), wanted.before)
        row = link_without(row, self.removed)
        self.writer.add(wanted.position, row)
        self.on_row(row, 0)

    def _hear(self, shard: int, told: Told) -> None:
        ahead = self.ahead.setdefault(shard, Counter())
        for word, rows in told.words.items():
            ahead[word] += rows
            self.counts.count(*word, rows)
        self.counts.bytes += told.bytes
        for name in told.parts:
            self._took(shard, self.writer.take_part(name))

    def _took(self, shard: int, rows: list[LinkRow]) -> None:
        """These rows are finished for good; they count already, or will when the shard ends."""
        ahead = self.ahead.setdefault(shard, Counter())
        for row in rows:
            ahead[row.status, row.reason] -= 1

    def _forget(self, shard: int) -> None:
        """What was told of a shard and came in no part does not count."""
        for word, rows in self.ahead.pop(shard, Counter()).items():
            self.counts.count(*word, -rows)
