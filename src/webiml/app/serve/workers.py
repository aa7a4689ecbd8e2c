"""Processes that each do one request's work at a time; one that takes too long, dies or grows is replaced.

A thread of this process stands before each of them: it takes the next job, sends it, and waits. So nothing here belongs
to an event loop, and the pool serves whichever loop asks.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from webiml.errors import one_line
from webiml.runners.cores import usable_cores
from webiml.runners.log import event
from webiml.runners.worker import READY, Crashed, Worker, cause

START_SECONDS = 120.0  # for a process to load its networks
SECONDS_TO_END = 1.0  # for a process that is not needed any more, or dying, before it is killed
MOST_RESIDENT = 2_000_000_000  # bytes of memory that a process may still hold after its work

Result = Any
"""What the function of the workers returns, or Crashed where it raised."""


class WorkFailed(Exception):
    """The work of a request came to nothing: `reason` is one word, the message a sentence for who asked."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(reason, sentence)
        self.reason, self.sentence = reason, sentence


class Workers:
    """A pool of processes. Made without any; they start with `start` or the first job.

    Attributes:
        count: how many processes. closed: whether they were ended. make: starts one, not set up yet.
        kills: by reason, how many were ended before their time.
    """

    def __init__(
        self,
        function: Callable[[Any], object],
        initializer: Callable[[int], object],
        count: int,
        seconds: float,
        most_resident: int = MOST_RESIDENT,
    ) -> None:
        """See `webiml.runners.worker.Worker` for the functions.

        Args:
            function: does one job, in a process. initializer: called there before, with the threads that it may use.
            count: of processes; 0 takes one for each core. seconds: for one job.
            most_resident: bytes; a process that holds more after a job is replaced.
        """
        cores = usable_cores()
        self.count, self.seconds, self.most_resident = count or cores, seconds, most_resident
        self.kills = {"too_slow": 0, "died": 0, "memory": 0}
        self.make = partial(Worker, function, partial(initializer, max(1, cores // self.count)))
        self._jobs: SimpleQueue[tuple[Any, Future[Result]] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._seats = [_Seat(self) for _ in range(self.count)]
        self.closed = False

    @property
    def ready(self) -> int:
        """Processes that are set up and alive."""
        return sum(seat.is_ready for seat in self._seats)

    @property
    def running(self) -> int:
        """Jobs that are in work."""
        return sum(seat.is_busy for seat in self._seats)

    def processes(self) -> list[int]:
        """The ids of the processes that there are."""
        return [seat.worker.process.pid or 0 for seat in self._seats if seat.worker is not None]

    def start(self) -> None:
        """Start the processes, if they have not been started; does not wait for them."""
        with self._lock:
            if self._threads:
                return
            self.closed = False
            atexit.register(self.close)  # before multiprocessing ends the processes, or they would be replaced
            self._threads = [
                threading.Thread(target=seat.run, args=(self._jobs,), daemon=True, name="webiml-serve")
                for seat in self._seats
            ]
            for thread in self._threads:
                thread.start()

    def submit(self, job: Any) -> Future[Result]:
        """The result of a job, when it has been done; one that is cancelled before its turn is never begun.

        The future raises WorkFailed when the work took too long, or its process died or cannot start.
        """
        self.start()
        future: Future[Result] = Future()
        self._jobs.put((job, future))
        return future

    def close(self) -> None:
        """End the processes, whatever they do; what waits fails. The next job starts new ones."""
        with self._lock:
            self.closed = True
            atexit.unregister(self.close)
            for _ in self._threads:
                self._jobs.put(None)
            for seat in self._seats:
                seat.kill()
            for thread in self._threads:
                thread.join(timeout=5)
            self._threads = []


class _Seat:
    """One thread's place: its process, and the next one when that has gone."""

    def __init__(self, pool: Workers) -> None:
        self.pool = pool
        self.worker: Worker | None = None
        self.is_ready = self.is_busy = self._overdue = False

    def run(self, jobs: SimpleQueue[tuple[Any, Future[Result]] | None]) -> None:
        """Body of the thread."""
        with suppress(WorkFailed):  # the first job says it
            self._sit()
        while (following := jobs.get()) is not None:
            job, future = following
            if future.set_running_or_notify_cancel():
                self.is_busy = True
                try:
                    future.set_result(self._do(job))
                except WorkFailed as error:
                    future.set_exception(error)
                except Exception as error:  # a bug of ours must not cost the thread
                    future.set_exception(WorkFailed("internal_error", one_line(error)))
                finally:
                    self.is_busy = False
            del following, job, future  # pictures and maps are not kept while waiting
            if self.worker is not None and _resident(self.worker.process.pid) > self.pool.most_resident:
                self._leave("memory")
            with suppress(WorkFailed):
                self._sit()  # a process that has gone is replaced now, not when somebody waits
        self._leave("")

    def kill(self) -> None:
        """End the process at once, from another thread; this one finds out."""
        worker = self.worker
        if worker is not None:
            with suppress(OSError, ValueError):
                worker.process.kill()

    def _do(self, job: Any) -> Result:
        """Send the job and wait, no longer than it may take."""
        self._sit()
        worker, self._overdue = self.worker, False
        assert worker is not None
        alarm = threading.Timer(self.pool.seconds, self._stop_late, [worker])
        alarm.daemon = True
        alarm.start()
        try:
            worker.connection.send(job)
            result = worker.connection.recv()
        except (EOFError, OSError):
            raise self._gone() from None
        finally:
            alarm.cancel()
        if isinstance(result, Crashed):
            event("work_failed", reason="internal_error", detail=result.detail)
            raise WorkFailed("internal_error", "The work on this request failed here; it is not the picture's fault.")
        return result

    def _stop_late(self, worker: Worker) -> None:
        self._overdue = True
        worker.process.kill()

    def _gone(self) -> WorkFailed:
        """Bury the process that died at work."""
        why = self._leave("too_slow" if self._overdue else "died")
        if self._overdue:
            seconds = f"{self.pool.seconds:g} s"
            return WorkFailed("too_slow", f"The work took longer than {seconds} and was stopped; send less, or later.")
        return WorkFailed("worker_died", f"The work was cut short ({why}); send the request again.")

    def _sit(self) -> None:
        """Have a process that is alive and set up.

        Raises:
            WorkFailed: it cannot be had.
        """
        if self.worker is not None and self.worker.connection.poll():  # unasked, it says nothing but its end
            self._leave("died")
        if self.worker is not None:
            return
        if self.pool.closed:
            raise WorkFailed("closed", "The service is ending.")
        try:
            self.worker = worker = self.pool.make()
            if not worker.connection.poll(START_SECONDS):
                raise TimeoutError(f"not ready after {START_SECONDS:g} s")
            said = worker.connection.recv()
        except Exception as error:  # no process, no memory for one, or words that cannot be understood
            why = self._leave("") or one_line(error)
            raise self._cannot_start(why) from None
        if said != READY:
            self._leave("")
            raise self._cannot_start(str(said))
        self.is_ready = True

    def _cannot_start(self, why: str) -> WorkFailed:
        if not self.pool.closed:
            event("work_failed", reason="cannot_start", detail=why)
        return WorkFailed("cannot_start", "The processes that do the work cannot start; the service's log says why.")

    def _leave(self, reason: str) -> str:
        """End the process, and count why; how it ended."""
        worker, self.worker, self.is_ready = self.worker, None, False
        if worker is None:
            return ""
        worker.dismiss(SECONDS_TO_END)
        why = cause(worker.end())
        if reason and not self.pool.closed:
            self.pool.kills[reason] += 1
            event("worker_ended", reason=reason, detail=why)
        return why


def _resident(process: int | None) -> int:
    """Bytes of memory that a process holds; 0 where the system does not say."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
