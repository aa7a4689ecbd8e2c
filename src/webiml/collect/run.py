"""A source of links in, one generation of a store out: every link that was tried ends as a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from webiml.collect.asking import Wanted, ask
from webiml.collect.plan import is_wanted
from webiml.runners.ray_cluster import refuse_without_ray
from webiml.settings import CollectRun, CollectSettings
from webiml.store.link_writer import LinkWriter
from webiml.store.links import link_id
from webiml.store.place import Place
from webiml.types import Link, LinkRow


@dataclass
class CollectCounts:
    """What became of the links of a source in one run."""

    links: int = 0
    """Links that the source named."""
    skipped: int = 0
    """Links that an earlier run had finished, and that were not to be asked for again."""
    resumed: int = 0
    """Links that were finished in this generation before a kill or an interruption."""
    statuses: Counter[str] = field(default_factory=Counter)
    """Rows of this generation by status."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Rows of this generation by reason."""
    bytes: int = 0
    """Bytes of pictures that this run fetched."""
    generation: int | None = None
    """Number of the table that was written; None where there was nothing to do."""

    @property
    def rows(self) -> int:
        """Rows of this generation."""
        return sum(self.statuses.values())

    def count(self, status: str, reason: str | None, number: int = 1) -> None:
        """`number` more rows; fewer where it is below 0."""
        for counter, word in ((self.statuses, status), (self.reasons, reason)):
            if word is not None:
                counter[word] += number
                if not counter[word]:
                    del counter[word]


OnLink = Callable[[CollectCounts], None]
"""Called whenever links are finished or skipped."""


def collect(
    links: Iterable[Link],
    place: Place,
    settings: CollectSettings,
    run: CollectRun,
    on_link: OnLink | None = None,
) -> CollectCounts:
    """Ask for the pictures of `links` and write what became of each into the store at `place`, as a new generation.

    What an earlier run has finished is not asked for again, unless `run` says so. After any stop the same call goes on:
    what was finished is not asked for twice.

    Args:
        on_link: called whenever a link is finished or skipped; on a cluster, whenever some are.
    Raises:
        SettingError: something else lies there, or another run is writing it; the source, or with the runner ray the
            cluster, cannot be used.
        OutputError: the store cannot be written, or not any more; what is finished stays.
    """
    counts = CollectCounts()
    call = on_link or (lambda counts: None)

    def on_row(row: LinkRow, size: int) -> None:
        counts.bytes += size
        counts.count(row.status, row.reason)
        call(counts)

    if run.runner == "ray":
        refuse_without_ray()
    with LinkWriter.open(place) as writer:
        for (status, reason), number in writer.counts.items():
            counts.count(status, reason, number)
        wanted = _wanted(links, writer, run, counts, call)
        if run.runner == "ray":
            from webiml.collect.on_ray import ask_on_ray

            ask_on_ray(wanted, writer, settings, run, counts, call)
        else:
            ask(wanted, writer, settings, on_row)
        counts.generation = writer.finish()
    return counts


def _wanted(
    links: Iterable[Link], writer: LinkWriter, run: CollectRun, counts: CollectCounts, on_link: OnLink
) -> Iterator[Wanted]:
    """The links that this run asks for; the others are counted."""
    for position, link in enumerate(links):
        counts.links += 1
        if writer.has(link_id(link)):
            counts.resumed += 1
        else:
            wanted, before = is_wanted(link, writer.known, run)
            if wanted:
                yield Wanted(position, link, before)
                continue
            counts.skipped += 1
        on_link(counts)
