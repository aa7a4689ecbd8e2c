"""What a card says in numbers, counted row by row; a few bytes a row are held."""

from __future__ import annotations

import array
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from webiml.types import Kind, Row, Status

SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Of the pairs, below which a quantile lies."""
QES_BINS = 20  # over [0, 1]
SAMPLES = 12  # pairs on the sheet

# Those of a picture or a table that the Hub knows (huggingface/hub-docs docs/hub/repositories-licenses.md)
_KNOWN_LICENCES = frozenset(
    """
    apache-2.0 mit cc cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0
    cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0
    cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0 cdla-permissive-2.0 odc-by odbl pddl unlicense wtfpl
    """.split()  # noqa: SIM905 (a list of words to read)
)
_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))


@dataclass
class CardCounts:
    """Counts over the rows of a dataset; licences, sources, sizes, areas and QES are those of some pairs alone.

    Attributes:
        described: statuses of these pairs.
    """

    described: tuple[str, ...] = (Status.KEPT.value,)
    statuses: Counter[str] = field(default_factory=Counter)
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)  # (kind, status)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)  # (status, reason)
    licences: Counter[tuple[str, str]] = field(default_factory=Counter)  # (side, licence)
    sources: Counter[str] = field(default_factory=Counter)
    weights: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    sides: array.array[int] = field(default_factory=lambda: array.array("I"))  # longer one, pixels
    areas: array.array[float] = field(default_factory=lambda: array.array("f"))
    qes: array.array[float] = field(default_factory=lambda: array.array("f"))
    authors: set[int] = field(default_factory=set)
    with_address: int = 0
    decided: int = 0  # rows about which people decided
    drawn: int = 0  # kept rows whose mask a person drew
    _authentic: set[int] = field(default_factory=set)  # pictures that were counted already
    _drawn: list[tuple[str, float, str]] = field(default_factory=list)  # kind, area, key

    def add(self, row: Row) -> None:
        """Count one row, as people have reviewed it."""
        self.statuses[row.status] += 1
        self.decided += row.reviewed_by is not None
        self.drawn += row.drawn_mask is not None
        if row.kind:
            self.kinds[row.kind, row.status] += 1
        if row.reason:
            self.reasons[row.status, row.reason] += 1
        if row.status in self.described:
            self._describe(row)

    @property
    def rows(self) -> int:
        """Rows counted."""
        return self.statuses.total()

    @property
    def kept(self) -> int:
        """Rows that were kept."""
        return self.statuses[Status.KEPT.value]

    @property
    def pairs(self) -> int:
        """Rows that are described."""
        return sum(self.statuses[status] for status in self.described)

    @property
    def authentic(self) -> int:
        """Different authentic pictures of the pairs that are described."""
        return len(self._authentic)

    def samples(self) -> list[str]:
        """Keys of at most SAMPLES pairs, spread over kinds and, of each, over areas of the mask."""
        kinds = [kind.value for kind in Kind if any(one[0] == kind.value for one in self._drawn)]
        chosen: list[str] = []
        for place, kind in enumerate(kinds):
            pairs = sorted(one for one in self._drawn if one[0] == kind)
            count = min(len(pairs), SAMPLES // len(kinds) + (place < SAMPLES % len(kinds)))
            chosen += [pairs[(2 * n + 1) * len(pairs) // (2 * count)][2] for n in range(count)]
        return chosen

    def _describe(self, row: Row) -> None:
        self.licences["manipulated", row.license or ""] += 1
        if row.source:
            self.sources[row.source] += 1
        self.weights[row.weights or ""] += 1
        self.versions[row.package_version or ""] += 1
        self.with_address += bool(row.authentic_url and row.manipulated_url)
        self.authors.update(hash(name) for name in (row.author, row.extra.get("authentic_author")) if name)
        picture = int((row.authentic_sha256 or "0")[:15], 16)
        if picture not in self._authentic:
            self._authentic.add(picture)
            self.licences["authentic", row.extra.get("authentic_license") or row.license or ""] += 1
        if row.height and row.width:
            self.sides.append(max(row.height, row.width))
        if row.mask_area is not None:
            self.areas.append(row.mask_area)
            self._drawn.append((row.kind or "", row.mask_area, row.key))
        if row.qes is not None:
            self.qes.append(row.qes)


def quantiles(values: Sequence[float]) -> list[float]:
    """The values at SHARES; empty when there are none."""
    return [float(value) for value in np.quantile(np.asarray(values, float), SHARES)] if len(values) else []


def qes_bins(values: Sequence[float]) -> np.ndarray:
    """How many values lie in each of QES_BINS equal parts of [0, 1], (QES_BINS,) int."""
    return np.histogram(np.clip(np.asarray(values, float), 0, 1), np.linspace(0, 1, QES_BINS + 1))[0]


def size_category(pairs: int) -> str:
    """The Hub's word for a number of examples (huggingface/huggingface_hub src/huggingface_hub/repocard_data.py)."""
    return next((word for below, word in _SIZES if pairs < below), "10M<n<100M")


def licence_fields(counts: CardCounts) -> dict[str, Any]:
    """The front matter's fields on licences: those of all kept pictures, where the Hub knows every one of them."""
    found = {_licence_id(text) for _, text in counts.licences}
    if not found or found == {"unknown"}:
        return {"license": "unknown"}
    if found <= _KNOWN_LICENCES:
        return {"license": sorted(found) if len(found) > 1 else found.pop()}
    return {"license": "other", "license_name": "see-each-picture"}


def _licence_id(text: str) -> str:
    """The Hub's identifier for a licence, as far as it can be told; "" for one that the Hub does not know."""
    if not text.strip():
        return "unknown"
    word = re.sub(r"[\s_]+", "-", text.strip().lower()).removesuffix("-international")
    word = {"cc0": "cc0-1.0", "cc-0": "cc0-1.0", "cc0-1.0-universal": "cc0-1.0"}.get(word, word)
    return word if word in _KNOWN_LICENCES else ""
