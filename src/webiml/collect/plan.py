"""Which links a run asks for, and what it would cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from webiml.settings import CollectRun, CollectSettings
from webiml.store.links import Known, link_id
from webiml.store.place import Place
from webiml.types import Link, LinkReason, LinkRow, LinkStatus


@dataclass(frozen=True, slots=True)
class CollectPlan:
    """What a run would do; nothing was asked for and nothing written.

    Attributes:
        links: named by the source. to_ask: those that would be asked for. skipped: finished by an earlier run.
        problems: rows of the source that cannot be understood. hosts: links that would be asked for, by host.
        seconds: that the run takes at least, by --host-rate and the host with most links.
    """

    links: int
    to_ask: int
    skipped: int
    problems: int
    hosts: dict[str, int]
    seconds: float


def is_wanted(link: Link, known: Known, run: CollectRun) -> tuple[bool, LinkRow | None]:
    """Whether a run asks for a link, and its row of an earlier run where that had the same address.

    A link is asked for that no earlier run has, whose address is another one now, or whose picture was lost; with
    --retry those alone that ended for such a reason, with --refresh those, too, whose picture was fetched. What was
    taken out is never wanted.
    """
    identity = link_id(link)
    state, before = known.state(identity), known.row(identity)
    if state is not None and state[1] == LinkReason.REMOVED:
        return False, None
    moved = before is None or before.url != link.url or before.reason == LinkReason.LOST
    if run.reasons:
        wanted = state is not None and state[1] in run.reasons
    elif run.refresh:
        wanted = moved or (state is not None and state[0] in (LinkStatus.FETCHED, LinkStatus.UNCHANGED))
    else:
        wanted = moved
    return wanted, None if moved else before


def plan(links: Iterable[Link], place: Place, settings: CollectSettings, run: CollectRun) -> CollectPlan:
    """Count what `collect` would do. A run that was stopped is not looked at: what it finished counts as to be asked.

    Raises:
        SettingError: the source or the store cannot be read.
    """
    known = Known(place)
    count: Counter[str] = Counter()
    hosts: Counter[str] = Counter()
    for link in links:
        count["links"] += 1
        if link.problem:
            count["problems"] += 1
        elif not is_wanted(link, known, run)[0]:
            count["skipped"] += 1
        else:
            count["to_ask"] += 1
            if link.url:
                hosts[_host(link.url)] += 1
    busiest = max(hosts.values(), default=0)
    seconds = busiest / settings.host_rate if settings.host_rate else 0.0
    return CollectPlan(
        count["links"], count["to_ask"], count["skipped"], count["problems"], dict(hosts), round(seconds, 1)
    )


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
