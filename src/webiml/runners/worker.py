"""One process that works: items in, results out, and its end whatever it does."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any

READY = "ready"
"""What a worker sends once, when it has been set up."""


@dataclass(frozen=True, slots=True)
class Crashed:
    """In place of a result: the function raised, or killed its process (in `run_ordered` twice, then while alone)."""

    detail: str


class Worker:
    """One process and the line to it.

    It sends READY, or what its initializer raised, and then a result for every item that it is sent: what `function`
    makes of it, or Crashed. It ends with its line, with this process, and when it is told to.

    Args:
        function: picklable (top level of a module, or a callable object); called with one item.
        initializer: picklable; called once, before the first item.
    """

    def __init__(self, function: Callable[[Any], Any], initializer: Callable[[], object] | None) -> None:
        context = multiprocessing.get_context("spawn")  # fork would copy threads' locks of cv2 and arrow
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, function, initializer), daemon=True)
        with _interrupts_held():
            self.process.start()
        theirs.close()  # so that its death is the end of the line

    def dismiss(self, seconds: float) -> None:
        """Let the process end by itself: it does when its line ends, or it is dying already."""
        self.connection.close()
        self.process.join(timeout=seconds)

    def end(self) -> int:
        """End the process whatever it does; its exit code, negative for a signal."""
        self.connection.close()
        self.process.kill()  # no harm to a process that has ended; workers hold nothing that could be lost
        self.process.join()
        return self.process.exitcode or 0


def cause(code: int) -> str:
    """An exit code in words, negative for a signal."""
    if code >= 0:
        return f"its process ended with exit code {code}"
    with suppress(ValueError):
        name = signal.Signals(-code).name
        return f"its process was killed by {name}" + (", as when memory runs out" if name == "SIGKILL" else "")
    return f"its process was killed by signal {-code}"


def _work(connection: Connection, function: Callable[[Any], Any], initializer: Callable[[], object] | None) -> None:
    """Body of a worker process: receive an item, send its result, until the line ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent alone decides
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    try:
        if initializer is not None:
            initializer()
    except Exception as error:
        try:
            connection.send(error)
        except Exception:  # one that cannot be pickled
            connection.send(RuntimeError(f"{type(error).__name__}: {error}"))
        return
    connection.send(READY)
    while True:
        try:
            item = connection.recv()
        except (EOFError, ConnectionResetError):
            return
        try:
            result = function(item)
        except Exception as error:
            result = Crashed(f"{type(error).__name__}: {error}")
        try:
            connection.send(result)
        except (BrokenPipeError, ConnectionResetError):
            return
        except Exception as error:  # a result that cannot be pickled, or too large for the memory that is left
            connection.send(Crashed(f"{type(error).__name__}: {error}"))
        del item, result  # a large result is not kept while waiting


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back while a process starts, for it and for us: it begins life deaf to it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Started with the first process, it would let Ctrl-C through again just before the process begins
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
