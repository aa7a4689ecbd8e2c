"""How far long work is, on stderr: a bar in a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

LINE_EVERY = 10.0  # seconds, when stderr is no terminal


class Progress:
    """Shows done, rate, remaining time and a few words of `what`; a context manager."""

    def __init__(self, what: str, total: int, done: int = 0, *, quiet: bool = False) -> None:
        """`total`: all there is to do, 0 where nobody knows; `done`: what an earlier run has done of it."""
        self._what, self._total, self._quiet = what, total, quiet
        self._bar = _bar(what, total) if sys.stderr is not None and sys.stderr.isatty() and not quiet else None
        self.resume(done)

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def resume(self, done: int) -> None:
        """Work starts now; `done` of the total was finished before, which says nothing of how fast it goes."""
        self._before = self._done = done
        self._started = self._said = time.monotonic()
        if self._bar:
            self._bar.update(self._bar.task_ids[0], total=self._total - done if self._total else None)

    def update(self, done: int, words: str = "") -> None:
        """`done` of the total is finished, counted with what an earlier run did."""
        self._done = done
        now = time.monotonic()
        rate = (done - self._before) / max(now - self._started, 1e-9)
        if self._bar:
            self._bar.update(self._bar.task_ids[0], completed=done - self._before, rate=f"{rate:.3g}/s", words=words)
        elif now - self._said >= LINE_EVERY:
            self._said = now
            left = max(0, round((self._total - done) / max(rate, 1e-9)))
            clock = f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02}"
            of = f"/{self._total:,}" if self._total else ""
            parts = (f"{self._what} {done:,}{of}", words, f"{rate:.3g}/s", f"about {clock} left" if self._total else "")
            self.say("   ".join(part for part in parts if part))

    def add(self, words: str = "") -> None:
        """One more is finished."""
        self.update(self._done + 1, words)

    def note(self, doing: str) -> None:
        """Say what is done now, where there is a bar."""
        if self._bar:
            self._bar.update(self._bar.task_ids[0], description=doing)

    def say(self, sentence: str) -> None:
        """One line on stderr, above the bar where there is one."""
        if self._quiet or sys.stderr is None:
            return
        if self._bar:
            self._bar.console.print(sentence, markup=False, highlight=False)
        else:
            with suppress(OSError):  # nobody reads it any more: the work itself goes on
                print(sentence, file=sys.stderr, flush=True)


def _bar(what: str, total: int) -> Bar:
    from rich.console import Console  # only here: most processes that import this have no terminal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[words]}"),
        console=Console(stderr=True),
        transient=True,
    )
    bar.add_task(what, total=total or None, rate="", words="")
    return bar
