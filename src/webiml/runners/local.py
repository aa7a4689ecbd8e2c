"""Run a function over many items in processes of this machine: in order, bounded, and one crash costs one item."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import wait
from typing import Any, TypeVar

from webiml.runners.worker import READY, Crashed, Worker, cause

__all__ = ["Crashed", "run_ordered"]

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_FAILED_STARTS = 3  # workers that die before they are ready, until the run gives up
SECONDS_TO_END = 5  # for a worker that is not needed any more, before it is killed


def run_ordered(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
    initializer: Callable[[], object] | None = None,
) -> Generator[tuple[Item, Result | Crashed], None, None]:
    """Call `function` on every item in `workers` processes and yield (item, result) in the order of the items.

    Items are taken and results held back only as far as a window of a few items a worker, so memory does not grow with
    their number, and a caller who is slow slows the workers. A process that dies costs only the item it held: that one
    is run once more with nothing beside it, and is Crashed when it kills again. Closing the iterator, or any exception
    in the caller, ends the workers; so does the end of this process, however it ends.

    Args:
        function: picklable (top level of a module, or a callable object); called with one item.
        items: picklable each.
        workers: at least 1; also with 1 the work is done in another process.
        initializer: picklable; called once in each worker before its first item.
    Raises:
        Exception: whatever `initializer` raised.
        RuntimeError: the workers die before they are ready.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    return _Run(function, iter(items), workers, initializer).results()


class _Run:
    """State of one `run_ordered`: a task is (position, item)."""

    def __init__(
        self,
        function: Callable[[Any], Any],
        items: Iterator[Any],
        workers: int,
        initializer: Callable[[], object] | None,
    ) -> None:
        self.function, self.items, self.workers, self.initializer = function, enumerate(items), workers, initializer
        self.window = 2 * workers + 2  # tasks in work or waiting for an earlier one
        self.pool: list[_Worker] = []
        self.again: deque[tuple[int, Any]] = deque()  # tasks that a worker lost without being at fault
        self.suspects: deque[tuple[int, Any]] = deque()  # tasks whose worker died
        self.alone: int | None = None  # position of the suspect that runs with nothing beside it
        self.held: dict[int, tuple[Any, Any]] = {}  # results by position
        self.exhausted = False
        self.failed_starts = 0

    def results(self) -> Generator[tuple[Any, Any], None, None]:
        position = 0
        try:
            while True:
                self.feed()
                if position not in self.held and not self.busy():
                    break  # nothing in work after feeding: every item is done
                self.collect(block=position not in self.held)
                self.feed()
                if position in self.held:
                    yield self.held.pop(position)
                    position += 1
            for worker in self.pool:
                worker.dismiss(SECONDS_TO_END)
        finally:
            for worker in self.pool:
                worker.end()

    def busy(self) -> list[_Worker]:
        return [worker for worker in self.pool if worker.task is not None]

    def feed(self) -> None:
        """Hand out tasks while the window has room; a suspect waits until everything else has come back."""
        while True:
            busy = self.busy()
            if self.suspects:
                if busy:
                    return
                task = self.suspects.popleft()
                self.alone = task[0]
            elif self.alone is not None or len(busy) >= self.workers:
                return
            elif self.again:
                task = self.again.popleft()
            elif self.exhausted or len(busy) + len(self.held) >= self.window:
                return
            else:
                following = next(self.items, None)
                if following is None:
                    self.exhausted = True
                    return
                task = following
            self.hand(task)

    def hand(self, task: tuple[int, Any]) -> None:
        worker = next((worker for worker in self.pool if worker.task is None), None)
        if worker is None:
            worker = _Worker(self.function, self.initializer)
            self.pool.append(worker)
        worker.task = task
        with suppress(BrokenPipeError, ConnectionResetError):  # it is dead: `collect` will see that
            worker.connection.send(task[1])

    def collect(self, block: bool) -> None:
        """Take what the workers have sent; block until there is something, if asked to."""
        by_connection = {worker.connection: worker for worker in self.busy()}
        for connection in wait(list(by_connection), None if block else 0):
            worker = by_connection[connection]  # type: ignore[index]
            try:
                message = worker.connection.recv()
            except (EOFError, OSError):
                self.bury(worker)
                continue
            if not worker.ready:
                if message != READY:
                    raise message
                worker.ready = True
                self.failed_starts = 0
                continue
            position, item = worker.finish_task()
            self.held[position] = (item, message)
            if self.alone == position:
                self.alone = None

    def bury(self, worker: _Worker) -> None:
        """A worker has died: find out whose fault it was."""
        self.pool.remove(worker)
        position, item = worker.finish_task()
        worker.dismiss(SECONDS_TO_END)
        code = worker.end()
        if not worker.ready:
            self.failed_starts += 1
            if self.failed_starts >= MAX_FAILED_STARTS:
                raise RuntimeError(f"the worker processes cannot start: {cause(code)}")
            (self.suspects if self.alone == position else self.again).appendleft((position, item))
        elif self.alone == position:
            self.held[position] = (item, Crashed(cause(code)))
            self.alone = None
        else:
            self.suspects.append((position, item))


class _Worker(Worker):
    """A worker, and what it holds."""

    def __init__(self, function: Callable[[Any], Any], initializer: Callable[[], object] | None) -> None:
        super().__init__(function, initializer)
        self.ready = False
        self.task: tuple[int, Any] | None = None

    def finish_task(self) -> tuple[int, Any]:
        assert self.task is not None  # a worker that was not handed a task is not listened to
        task, self.task = self.task, None
        return task
