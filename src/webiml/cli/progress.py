"""How far a run is, on stderr: a bar in a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich import progress as rich_progress
from rich.console import Console

from webiml.cli.terminal import complain
from webiml.report.tally import Tally
from webiml.types import Row

LINE_EVERY = 10.0  # seconds, when stderr is no terminal


class Progress:
    """Shows done, rate, remaining time and running counts; `tally` counts the rows that were finished by this run."""

    def __init__(self, inputs: int, quiet: bool) -> None:
        """`inputs`: all that were listed, those that an earlier run has finished among them."""
        self.tally = Tally()
        self._inputs = inputs
        self._quiet = quiet
        self._started = self._said = time.monotonic()
        self._bar: rich_progress.Progress | None = None
        if sys.stderr.isatty() and not quiet:
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

    def skip(self, finished: int) -> None:
        """Say how many inputs an earlier run has finished."""
        self._inputs -= finished
        if self._bar:
            self._bar.update(self._task, total=self._inputs)

    def add(self, row: Row) -> None:
        """One more row is finished."""
        self.tally.add(row)
        now = time.monotonic()
        rate = self.tally.total / max(now - self._started, 1e-9)
        if self._bar:
            self._bar.update(self._task, completed=self.tally.total, rate=f"{rate:.1f}/s", counts=self._counts())
        elif not self._quiet and now - self._said >= LINE_EVERY:
            self._said = now
            left = max(0, round((self._inputs - self.tally.total) / rate))
            complain(
                f"annotate {self.tally.total:,}/{self._inputs:,}   {self._counts()}   {rate:.1f}/s   "
                f"about {left // 3600}:{left // 60 % 60:02}:{left % 60:02} left"
            )

    def note(self, doing: str) -> None:
        """Say what is done now, where there is a bar."""
        if self._bar:
            self._bar.update(self._task, description=doing)

    def _counts(self) -> str:
        return f"kept {self.tally.kept:,}   rejected {self.tally.rejected:,}   failed {self.tally.failed:,}"
