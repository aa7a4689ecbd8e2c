"""Counts over the rows of a dataset, in memory that does not grow with their number."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from webiml.types import Row, Status


@dataclass
class Tally:
    """How many rows ended in which way."""

    statuses: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)  # (status, reason)
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)  # (kind, status)

    def add(self, row: Row) -> None:
        """Count one row."""
        self.statuses[row.status] += 1
        if row.reason:
            self.reasons[row.status, row.reason] += 1
        if row.kind:
            self.kinds[row.kind, row.status] += 1

    @property
    def total(self) -> int:
        """Rows counted."""
        return self.statuses.total()

    @property
    def kept(self) -> int:
        """Rows whose mask can be trusted."""
        return self.statuses[Status.KEPT]

    @property
    def rejected(self) -> int:
        """Rows that were looked at and are not sure."""
        return self.statuses[Status.REJECTED]

    @property
    def failed(self) -> int:
        """Rows that could not be read or run."""
        return self.statuses[Status.FAILED]

    def reasons_of(self, status: Status) -> list[tuple[str, int]]:
        """Reasons of one status with their counts, the most frequent first, equal ones by name."""
        found = [(reason, count) for (of, reason), count in self.reasons.items() if of == status]
        return sorted(found, key=lambda item: (-item[1], item[0]))

    def kind_total(self, kind: str) -> int:
        """Rows of one kind, whatever became of them."""
        return sum(count for (of, _), count in self.kinds.items() if of == kind)
