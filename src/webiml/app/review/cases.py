"""What the review page shows: a table of cases, and the pictures of each.

A dataset, the results of `webiml localize` and an evaluation are three sets of cases behind one interface. The table
is read once, when the page starts; everything else is read for the one case that a person looks at.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np

    from webiml.store.reviews import State

What = Literal["dataset", "localizations", "evaluation"]
Role = Literal["authentic", "manipulated", "probability", "confidence", "truth"]

TEXT = ("key", "name", "status", "reason", "kind", "source")
"""Columns that every table has: text or None. All others are numbers or None."""


@dataclass(frozen=True)
class CaseTable:
    """What is known of all cases, column by column.

    Attributes:
        columns: values by column, all of one length: those of TEXT (`key` and `name` without None), and numbers
            (float, int or None) such as `qes`, `score` and `doubt`.
    """

    columns: dict[str, list[Any]]

    def __len__(self) -> int:
        return len(self.columns["key"])


class Cases(Protocol):
    """A set of cases to look at. A key that it does not have raises KeyError everywhere."""

    @property
    def what(self) -> What:
        """Which of the three."""
        ...

    @property
    def title(self) -> str:
        """What a person calls it, such as the folder's name."""
        ...

    @property
    def folder(self) -> Path:
        """Where the decisions are written."""
        ...

    @property
    def table(self) -> CaseTable:
        """All cases."""
        ...

    @property
    def orders(self) -> tuple[str, ...]:
        """Columns that the queue can be ordered by, "doubt" first: small is doubtful, None comes last."""
        ...

    def column(self, name: str) -> list[Any]:
        """The values of a column of `orders`, one for each case: text, numbers or None."""
        ...

    @property
    def roles(self) -> tuple[Role, ...]:
        """Which pictures a case may have."""
        ...

    @property
    def min_qes(self) -> float | None:
        """Where QES decided, for a dataset; None for the others."""
        ...

    def machine(self, key: str) -> State:
        """What the machine says of the case."""
        ...

    def facts(self, key: str) -> dict[str, Any]:
        """What is shown about the case, ready for JSON: name, status, reason, detail, kind, qes, score, source,
        license, author, addresses, and `transform`, three rows of three numbers that map authentic points to
        manipulated ones; what is not known is missing or None.
        """
        ...

    def roles_of(self, key: str) -> tuple[Role, ...]:
        """Those of `roles` that this case should have, without looking at its files."""
        ...

    def level(self, key: str) -> int:
        """Where the machine's mask begins in the 8-bit probability, 1..255; 128 in a dataset."""
        ...

    def size(self, key: str) -> tuple[int, int] | None:
        """Height and width of the manipulated picture, which its maps have too; None where it cannot be shown."""
        ...

    def picture(self, key: str, role: Role) -> np.ndarray:
        """(H, W, 3) uint8 of a picture, or (H, W) uint8 levels of probability, confidence or truth.

        Raises:
            BadImage: it has no such picture, or it cannot be read.
        """
        ...
