"""What is in a store, counted from its tables; no picture is opened."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np

from webiml.datasets.stats import most, percentiles
from webiml.store.links import generations, read_generation, read_links
from webiml.store.place import Place
from webiml.store.removed import read_removed
from webiml.types import LinkStatus


@dataclass(frozen=True, slots=True)
class StoreStats:
    """A store in numbers. Of every link its newest row counts."""

    place: str
    """The store."""
    links: int
    """Links, whatever became of them."""
    statuses: dict[str, int]
    """Links of each status."""
    reasons: dict[str, int]
    """Reason to links, the most frequent first."""
    roles: dict[str, int]
    """Links that name an authentic and a manipulated picture."""
    groups: int
    """Groups of links that belong to one authentic picture."""
    pictures: int
    """Different pictures, by SHA-256."""
    bytes: int
    """Bytes of these pictures."""
    megapixels: dict[str, float]
    """Percentiles of their size, as in DatasetStats."""
    host_count: int
    """How many hosts the links name."""
    hosts: dict[str, int]
    """Host to links, the 20 with the most."""
    failing_hosts: dict[str, int]
    """Host to links that brought no picture, the 20 with the most."""
    sources: dict[str, int]
    """Source to links, the 20 most frequent; empty text stands for none."""
    licenses: dict[str, int]
    """Licence to links, the 20 most frequent; empty text stands for none."""
    author_count: int
    """How many authors there are."""
    generations: list[int]
    """Rows of each run, the oldest first."""
    tombstones: int
    """Things that were taken out at somebody's request."""


def store_stats(place: Place) -> StoreStats:
    """Count what is in a store.

    Raises:
        SettingError: it is no store, or cannot be read.
    """
    words: dict[str, Counter[str]] = {name: Counter() for name in ("status", "reason", "role", "source", "license")}
    hosts: Counter[str] = Counter()
    failing: Counter[str] = Counter()
    groups: set[int] = set()
    authors: set[int] = set()
    pictures: dict[int, tuple[int, float]] = {}
    links = 0
    for row in read_links(place):
        links += 1
        for name, counted in words.items():
            counted[getattr(row, name) or ""] += 1
        groups.add(hash(row.group))
        if row.author:
            authors.add(hash(row.author))
        host = _host(row.url)
        if host:
            hosts[host] += 1
            failing[host] += row.status not in (LinkStatus.FETCHED, LinkStatus.UNCHANGED)
        if row.sha256 and row.path:
            pictures[int(row.sha256[:16], 16)] = (row.bytes or 0, (row.height or 0) * (row.width or 0) / 1e6)
    return StoreStats(
        place=str(place),
        links=links,
        statuses={status.value: words["status"][status.value] for status in LinkStatus},
        reasons=most({reason: rows for reason, rows in words["reason"].items() if reason}, None),
        roles={role: words["role"][role] for role in ("authentic", "manipulated")},
        groups=len(groups),
        pictures=len(pictures),
        bytes=sum(size for size, _ in pictures.values()),
        megapixels=percentiles([np.array([pixels for _, pixels in pictures.values()])]),
        host_count=len(hosts),
        hosts=most(hosts),
        failing_hosts=most({host: count for host, count in failing.items() if count}),
        sources=most(words["source"]),
        licenses=most(words["license"]),
        author_count=len(authors),
        generations=[sum(1 for _ in read_generation(place, number)) for number in generations(place)],
        tombstones=len(read_removed(place).tombstones),
    )


def _host(url: str) -> str:
    with suppress(ValueError):
        return (urlsplit(url).hostname or "").lower()
    return ""
