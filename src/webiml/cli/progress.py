"""How far a run is, on stderr: a bar in a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich import progress as rich_progress
from rich.console import Console

from webiml.annotate.dataset import Counts
from webiml.cli.terminal import complain
from webiml.types import Row

LINE_EVERY = 10.0  # seconds, when stderr is no terminal


class Progress:
    """Shows done, rate, remaining time and running counts of a run; a context manager."""

    def __init__(self, inputs: int, quiet: bool) -> None:
        """`inputs`: all that were listed, those that an earlier run has finished among them."""
        self._counts = Counts()
        self._inputs = inputs
        self._quiet = quiet
        self._started = self._said = time.monotonic()
        self._bar: rich_progress.Progress | None = None
        if sys.stderr is not None and sys.stderr.isatty() and not quiet:
            self._bar = rich_progress.Progress(
                rich_progress.TextColumn("{task.description}"),
                rich_progress.BarColumn(bar_width=24),
                rich_progress.MofNCompleteColumn(),
                rich_progress.TextColumn("{task.fields[rate]}"),
                rich_progress.TimeRemainingColumn(),
                rich_progress.TextColumn("{task.fields[counts]}"),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task("annotate", total=inputs, rate="", counts="")

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def resume(self, counts: Counts) -> None:
        """Work starts; `counts` holds what was finished before and will grow with the run."""
        self._counts = counts
        if counts.resumed and not self._quiet:
            complain(f"{counts.resumed:,} of {self._inputs:,} pairs are already finished")
        if self._bar:
            self._bar.update(self._task, total=self._inputs - counts.resumed)

    def add(self, row: Row) -> None:
        """One more row is finished, and counted."""
        now = time.monotonic()
        done, inputs = self._counts.inputs - self._counts.resumed, self._inputs - self._counts.resumed
        rate = done / max(now - self._started, 1e-9)
        if self._bar:
            self._bar.update(self._task, completed=done, rate=f"{rate:.1f}/s", counts=self._running())
        elif not self._quiet and now - self._said >= LINE_EVERY:
            self._said = now
            left = max(0, round((inputs - done) / rate))
            complain(
                f"annotate {done:,}/{inputs:,}   {self._running()}   {rate:.1f}/s   "
                f"about {left // 3600}:{left // 60 % 60:02}:{left % 60:02} left"
            )

    def note(self, doing: str) -> None:
        """Say what is done now, where there is a bar."""
        if self._bar:
            self._bar.update(self._task, description=doing)

    def _running(self) -> str:
        counts = self._counts
        return f"kept {counts.kept:,}   rejected {counts.rejected:,}   failed {counts.failed:,}"
