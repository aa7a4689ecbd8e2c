"""How far long work is, on stderr: a bar in a terminal, a line every ten seconds elsewhere, or events for a program."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from webiml.runners.log import event, is_on, to_nowhere

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

LINE_EVERY = 10.0  # seconds, of lines where stderr is no terminal, and of events


class Progress:
    """Shows done, rate, remaining time and a few words of `what`; a context manager."""

    def __init__(self, what: str, total: int, done: int = 0, *, quiet: bool = False) -> None:
        """`total`: all there is to do, 0 where nobody knows; `done`: what an earlier run has done of it."""
        self._what, self._total, self._quiet = what, total, quiet
        for_person = sys.stderr is not None and sys.stderr.isatty() and not quiet and not is_on()
        self._bar = _bar(what, total) if for_person else None
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
        if self._unsaid:
            self._tell()

    def resume(self, done: int) -> None:
        """Work starts now; `done` of the total was finished before, which says nothing of how fast it goes."""
        self._before = self._done = done
        self._started = self._said = time.monotonic()
        self._words, self._fields, self._unsaid = "", {}, False
        if self._bar:
            self._bar.update(self._bar.task_ids[0], total=self._total - done if self._total else None)

    def update(self, done: int, words: str = "", **fields: object) -> None:
        """`done` of the total is finished, counted with what an earlier run did.

        Args: words: what became of it, for a person. fields: the same for a program, of its events.
        """
        self._done, self._words, self._fields, self._unsaid = done, words, fields, True
        now = time.monotonic()
        if self._bar:
            rate = f"{self._rate(now):.3g}/s"
            self._bar.update(self._bar.task_ids[0], completed=done - self._before, rate=rate, words=words)
        if now - self._said < LINE_EVERY:
            return
        self._said = now
        self._tell()
        if not self._bar and not is_on():
            rate, left = self._rate(now), self._seconds_left(now)
            clock = "" if left is None else f"about {left // 3600}:{left // 60 % 60:02}:{left % 60:02} left"
            of = f"/{self._total:,}" if self._total else ""
            parts = (f"{self._what} {done:,}{of}", words, f"{rate:.3g}/s", clock)
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
        if is_on():
            event("note", message=sentence)
        elif self._bar:
            self._bar.console.print(sentence, markup=False, highlight=False)
        else:
            try:
                print(sentence, file=sys.stderr, flush=True)
            except OSError:  # nobody reads it any more: the work itself goes on
                to_nowhere(sys.stderr)

    def _tell(self) -> None:
        """How far it is, as an event."""
        self._unsaid = False
        if not self._quiet:
            now = time.monotonic()
            words = {"words": self._words} if self._words and not self._fields else {}
            event(
                "progress",
                what=self._what,
                done=self._done,
                total=self._total or None,
                rate=round(self._rate(now), 4),
                seconds_left=self._seconds_left(now),
                **words,
                **self._fields,
            )

    def _rate(self, now: float) -> float:
        """A second, of what this run has done."""
        return (self._done - self._before) / max(now - self._started, 1e-9)

    def _seconds_left(self, now: float) -> int | None:
        """None where nobody knows how much there is, or how fast it goes."""
        rate = self._rate(now)
        return max(0, round((self._total - self._done) / rate)) if self._total and rate > 0 else None


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
