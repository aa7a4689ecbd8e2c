"""How far long work is, on stderr: a bar in a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich import progress as rich_progress
from rich.console import Console

LINE_EVERY = 10.0  # seconds, when stderr is no terminal


class Progress:
    """Shows done, rate, remaining time and a few words of `what`; a context manager."""

    def __init__(self, what: str, total: int, done: int = 0, *, quiet: bool = False) -> None:
        """`total`: all there is to do; `done`: what an earlier run has done of it."""
        self._what, self._total, self._before, self._done, self._quiet = what, total, done, done, quiet
        self._started = self._said = time.monotonic()
        self._bar: rich_progress.Progress | None = None
        if sys.stderr is not None and sys.stderr.isatty() and not quiet:
            self._bar = rich_progress.Progress(
                rich_progress.TextColumn("{task.description}"),
                rich_progress.BarColumn(bar_width=24),
                rich_progress.MofNCompleteColumn(),
                rich_progress.TextColumn("{task.fields[rate]}"),
                rich_progress.TimeRemainingColumn(),
                rich_progress.TextColumn("{task.fields[words]}"),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task(what, total=total - done, rate="", words="")

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def update(self, done: int, words: str = "") -> None:
        """`done` of the total is finished, counted with what an earlier run did."""
        self._done = done
        now = time.monotonic()
        rate = (done - self._before) / max(now - self._started, 1e-9)
        if self._bar:
            self._bar.update(self._task, completed=done - self._before, rate=f"{rate:.3g}/s", words=words)
        elif now - self._said >= LINE_EVERY:
            self._said = now
            left = max(0, round((self._total - done) / max(rate, 1e-9)))
            clock = f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02}"
            self.say(f"{self._what} {done:,}/{self._total:,}   {words}   {rate:.3g}/s   about {clock} left")

    def say(self, sentence: str) -> None:
        """One line on stderr, above the bar where there is one."""
        if self._quiet or sys.stderr is None:
            return
        if self._bar:
            self._bar.console.print(sentence, markup=False, highlight=False)
        else:
            print(sentence, file=sys.stderr, flush=True)
