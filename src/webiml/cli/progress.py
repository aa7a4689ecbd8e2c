"""How far a run is, with what became of its inputs so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webiml.annotate.dataset import Counts
from webiml.runners.log import event
from webiml.runners.progress import Progress
from webiml.types import Row, Status

if TYPE_CHECKING:
    from webiml.collect.run import CollectCounts


class AnnotateProgress(Progress):
    """Progress over the inputs of a run, those that an earlier run has finished among them."""

    def __init__(self, inputs: int, quiet: bool) -> None:
        super().__init__("annotate", inputs, quiet=quiet)
        self._inputs, self._counts = inputs, Counts()

    def start(self, counts: Counts) -> None:
        """Work starts; `counts` holds what was finished before and will grow with the run."""
        self._counts = counts
        if counts.resumed:
            event("run_resumed", done=counts.resumed, total=self._inputs)
            self.say(f"{counts.resumed:,} of {self._inputs:,} pairs are already finished")
        self.resume(counts.resumed)

    def count(self, row: Row) -> None:
        """One more row is finished, and counted."""
        if row.status == Status.FAILED:
            event("row_failed", key=row.key, reason=row.reason, detail=row.detail)
        statuses = {name: getattr(self._counts, name) for name in ("kept", "rejected", "failed")}
        self.update(self._counts.inputs, _words(statuses), **statuses)


class CollectProgress(Progress):
    """Progress over the links of a source."""

    def __init__(self, links: int | None, quiet: bool) -> None:
        super().__init__("collect", links or 0, quiet=quiet)

    def count(self, counts: CollectCounts) -> None:
        """One more link is finished, or need not be asked for."""
        statuses = {name: counts.statuses[name] for name in ("fetched", "refused", "failed")}
        self.update(counts.rows + counts.skipped, _words(statuses), **statuses)


def _words(statuses: dict[str, int]) -> str:
    return "   ".join(f"{name} {count:,}" for name, count in statuses.items())
