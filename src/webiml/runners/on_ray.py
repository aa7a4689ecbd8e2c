"""Do the same work over many shards in workers of a Ray cluster: bounded, and a worker that dies costs one shard.

A worker is an actor: one process, which loads its models once and does one shard after the other. It is asked for what
it has finished twice a second, by calls that come back at once, so what reaches this process is small and as much as
it can take. (Ray's streaming generators would be shorter, but ray:// does not know them.)
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from webiml import __version__
from webiml.errors import OutputError, SettingError, WebimlError
from webiml.runners.local import MAX_FAILED_STARTS
from webiml.runners.log import event
from webiml.runners.ray_cluster import PASSED_ON, connected
from webiml.runners.ray_faults import cause, short, unfit
from webiml.runners.ray_metrics import count
from webiml.runners.ray_tasks import Hand, Task
from webiml.runners.ray_worker import Raised, Worker
from webiml.settings.runner import RunnerSettings

Shard = TypeVar("Shard")
Result = TypeVar("Result")
ShardIn = TypeVar("ShardIn", contravariant=True)
ResultOut = TypeVar("ResultOut", covariant=True)

REPORT_EVERY = 0.5  # seconds, of each worker
CALLS_AHEAD = 2  # so that a worker does not wait for this process
MAX_TRIES = 3  # of a shard whose output cannot be written
PAUSES = (2.0, 10.0)  # seconds before the second try and the third
MAX_DEATHS = 5  # of workers after the same number of results of one shard, until the run ends
SECONDS_TO_START = 600  # without a single worker, until the run ends
SECONDS_TO_END = 3  # for workers that are at work when the run ends


class Work(Protocol[ShardIn, ResultOut]):
    """What the workers do; picklable."""

    def start(self) -> None:
        """Called once in each worker before its first shard: loads models."""
        ...

    def __call__(self, shard: ShardIn) -> Iterator[ResultOut]:
        """One small result for each item of the shard, in order; its output is safe when the iterator is at its end.

        Doing a shard twice must be the same as doing it once.
        """
        ...


@dataclass(frozen=True, slots=True)
class Event(Generic[Shard, Result]):
    """What happened to a shard: an item of it is finished (`result`), all of it is (`done`), or it begins again."""

    shard: Shard
    result: Result | None = None
    done: bool = False
    lost: int = 0
    """Results that do not count, since the shard begins again."""


def run_on_ray(
    work: Work[Shard, Result],
    shards: Iterable[Shard],
    settings: RunnerSettings,
    workers: int,
    again: Callable[[Shard, list[Result], str], Shard],
) -> Generator[Event[Shard, Result], None, None]:
    """Do `work` on every shard in workers of a cluster and yield what happens, as it happens.

    Shards are taken as workers are ready for them, so a caller who is slow slows the workers. A worker that dies costs
    its shard's time. Closing the iterator, or any exception in the caller, ends the workers; so does the end of this
    process, however it ends.

    Args:
        work: as `Work` says.
        shards: picklable each.
        workers: how many; 0 for as many as the cluster has room for.
        again: asked here when a worker has died: (its shard, results that came, why), to the shard to begin again.
            From its second time on a shard is done one item after the other, so the item that killed is surely the one
            after the results.
    Raises:
        SettingError: the cluster cannot be reached or has no room, or webiml is another one there.
        Exception: whatever the work raised; OutputError and OSError only when they came three times.
        WebimlError: the workers die whatever they do, or none comes.
    """
    with connected(settings, workers) as size, closing(_Run(work, iter(shards), settings, size, again)) as run:
        yield from run.events()


class _Run:
    """State of one `run_on_ray`."""

    def __init__(
        self, work: Any, shards: Iterator[Any], settings: RunnerSettings, size: int, again: Callable[..., Any]
    ) -> None:
        import ray

        self.ray, self.work, self.shards, self.size, self.again = ray, work, shards, size, again
        self.body = ray.remote(Worker).options(
            num_cpus=settings.worker_cpus, num_gpus=settings.worker_gpus, max_restarts=0, max_task_retries=0
        )
        self.environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        self.hands: list[Hand] = []
        self.waiting: deque[Task] = deque()  # shards that have been taken and are in no worker
        self.taken = 0
        self.exhausted = False
        self.failed_starts = 0
        self.alone_since = time.monotonic()  # since when no worker has been ready

    def events(self) -> Generator[Event[Any, Any], None, None]:
        while True:
            self.feed()
            if self.exhausted and not self.waiting and all(hand.task is None for hand in self.hands):
                return
            by_call = {hand.calls[0]: hand for hand in self.hands if hand.calls}
            for call in self.wait(list(by_call)):
                yield from self.receive(by_call[call])
            self.refuse_endless_wait()

    def wait(self, calls: list[Any]) -> list[Any]:
        """Those of the calls that have come back, after a second at most."""
        if not calls:
            time.sleep(0.1)  # a shard waits for its next try
            return []
        if not self.ray.wait(calls, timeout=1)[0]:
            return []
        return self.ray.wait(calls, num_returns=len(calls), timeout=0)[0]

    def feed(self) -> None:
        """Hand a shard to each worker that is ready for one, and start as many workers as there are shards for."""
        for hand in self.hands:
            if hand.ready and hand.task is None and (task := self.next_task()) is not None:
                hand.task = task
                self.call(hand)
        while len(self.hands) < self.size:
            if len(self.waiting) <= sum(not hand.ready for hand in self.hands) and not self.take():
                return
            actor: Any = self.body.remote(self.work, self.environment)
            self.hands.append(Hand(actor, deque([actor.start.remote()])))

    def next_task(self) -> Task | None:
        if not self.waiting:
            self.take()
        now = time.monotonic()
        task = next((task for task in self.waiting if task.not_before <= now), None)
        if task is not None:
            self.waiting.remove(task)
        return task

    def take(self) -> bool:
        """Take one more shard, if there is one."""
        if not self.exhausted:
            for shard in self.shards:
                self.waiting.append(Task(shard, self.taken))
                self.taken += 1
                return True
        self.exhausted = True
        return False

    def call(self, hand: Hand) -> None:
        """Ask a worker for what it has finished: ahead of time, unless it matters what it does when it dies."""
        task = hand.task
        assert task is not None
        while len(hand.calls) < (1 if task.careful else CALLS_AHEAD):
            shard = None if task.sent else task.shard
            at_most = 1 if task.careful else None
            hand.calls.append(hand.actor.advance.remote((task.number, task.turn), shard, at_most, REPORT_EVERY))
            task.sent = True

    def receive(self, hand: Hand) -> Generator[Event[Any, Any], None, None]:
        """Take what came back from the oldest call to a worker."""
        try:
            report = self.ray.get(hand.calls.popleft())
        except self.ray.exceptions.RayTaskError as error:  # nothing of the work: that is in the report
            raise unfit(error) from None
        except self.ray.exceptions.RayError as error:
            yield from self.bury(hand, error)
            return
        if not hand.ready:
            self.welcome(hand, report)
            return
        task = hand.task
        if task is None or report.turn != (task.number, task.turn):  # called ahead, and the shard was done before
            if task is not None:
                self.call(hand)  # one that is done carefully has waited for this
            return
        task.results += report.results
        if report.raised is None and not report.done:
            self.call(hand)
        for result in report.results:
            yield Event(task.shard, result)
        if report.raised is not None:
            yield from self.try_later(hand, task, report.raised.error)
        elif report.done:
            hand.task = None
            self.feed()  # before the caller takes the time that it needs
            yield Event(task.shard, done=True)

    def welcome(self, hand: Hand, answer: str | Raised) -> None:
        """A worker is ready, or its start raised."""
        if isinstance(answer, Raised):
            raise answer.error
        if answer != __version__:
            raise SettingError(
                f"A machine of the Ray cluster has webiml {answer} and this one {__version__}: "
                "install the same version on all of them."
            )
        hand.ready = True
        self.failed_starts = 0

    def try_later(self, hand: Hand, task: Task, error: Exception) -> Generator[Event[Any, Any], None, None]:
        """The work raised: what may pass is tried again after a pause."""
        if not isinstance(error, OutputError | OSError) or task.tries >= MAX_TRIES:
            raise error
        task.not_before = time.monotonic() + PAUSES[task.tries - 1]
        task.tries += 1
        hand.task = None
        self.waiting.append(task)
        yield Event(task.shard, lost=task.begin_again())

    def bury(self, hand: Hand, error: Exception) -> Generator[Event[Any, Any], None, None]:
        """A worker has died: its shard begins again."""
        self.hands.remove(hand)
        with suppress(Exception):  # where only its machine could not be reached
            self.ray.kill(hand.actor, no_restart=True)
        if not hand.ready:
            self.refuse_failed_start(error)
            return
        why, task = cause(error), hand.task
        event("worker_died", why=why, busy=task is not None)
        count("webiml_worker_deaths")
        if task is None:
            return
        task.deaths[len(task.results)] += 1
        if task.deaths[len(task.results)] > MAX_DEATHS:
            raise WebimlError(
                f"Workers of the Ray cluster died {MAX_DEATHS + 1} times at the same place of one shard, the last time "
                f"since {why}: look at Ray's logs there and at the memory; the same command resumes."
            )
        shard, task.shard = task.shard, self.again(task.shard, task.results, why)
        task.careful = True
        self.waiting.appendleft(task)
        yield Event(shard, lost=task.begin_again())

    def refuse_failed_start(self, error: Exception) -> None:
        if "ModuleNotFoundError" in str(error) or "ImportError" in str(error):
            raise unfit(error)
        self.failed_starts += 1
        if self.failed_starts >= MAX_FAILED_STARTS and not any(hand.ready for hand in self.hands):
            raise WebimlError(
                f"The workers of the Ray cluster cannot start ({short(error)}): look at Ray's logs there; "
                "the same command resumes."
            )

    def refuse_endless_wait(self) -> None:
        if any(hand.ready for hand in self.hands):
            self.alone_since = time.monotonic()
        elif time.monotonic() - self.alone_since > SECONDS_TO_START:
            raise WebimlError(
                f"No worker started within {SECONDS_TO_START // 60} minutes: something else holds the Ray cluster "
                "(`ray status` shows what); the same command resumes."
            )

    def close(self) -> None:
        """End the workers: those at work are asked to clear up behind them, and not for long."""
        with suppress(Exception):
            leaving = [hand.actor.leave.remote() for hand in self.hands if hand.task is not None]
            if leaving:
                self.ray.wait(leaving, num_returns=len(leaving), timeout=SECONDS_TO_END)
        for hand in self.hands:
            with suppress(Exception):
                self.ray.kill(hand.actor, no_restart=True)
