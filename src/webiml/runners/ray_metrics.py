"""Numbers for Prometheus, where a Ray cluster gathers them; elsewhere they go nowhere.

Ray puts `ray_` before each name and `_total` behind each counter: `ray_webiml_pairs_total`. Its machines need
ray[default] for that, which brings the agent that Prometheus asks.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ray.util.metrics import Counter, Histogram

COUNTERS = {
    "webiml_pairs": ("Pairs that are finished, by what became of them", ("status", "reason")),
    "webiml_shards": ("Shards that are finished", ()),
    "webiml_worker_deaths": ("Workers that died at work", ()),
}
HISTOGRAMS = {"webiml_pair_seconds": "Seconds that a pair took"}
BOUNDARIES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300]  # seconds


def count(name: str, by: float = 1, **tags: str) -> None:
    """Add to a counter of COUNTERS. In a process of a Ray cluster; nothing is raised."""
    with suppress(Exception):
        _counter(name).inc(by, tags=tags)


def observe(name: str, seconds: float) -> None:
    """Add to a histogram of HISTOGRAMS. In a process of a Ray cluster; nothing is raised."""
    with suppress(Exception):
        _histogram(name).observe(seconds)


@cache
def _counter(name: str) -> Counter:
    from ray.util.metrics import Counter

    about, tags = COUNTERS[name]
    return Counter(name, about, tag_keys=tags)


@cache
def _histogram(name: str) -> Histogram:
    from ray.util.metrics import Histogram

    return Histogram(name, HISTOGRAMS[name], boundaries=BOUNDARIES)
