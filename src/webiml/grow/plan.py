"""What a run would do and what it would cost, by the rates of earlier generations. Nothing is written."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from webiml.annotate.dataset import annotate_dataset
from webiml.annotate.pair_files import Factory
from webiml.collect.plan import is_wanted
from webiml.collect.plan import plan as plan_collect
from webiml.grow import generations
from webiml.grow.generations import Finished
from webiml.grow.pairs import New, find_new
from webiml.grow.record import deciding, differences, rates, read_record
from webiml.grow.refuse import listed_source, refuse_other_settings
from webiml.settings import AnnotateRun
from webiml.settings.grow import GrowSettings
from webiml.store.dataset_writer import finished_keys
from webiml.store.links import Known, is_store, link_id
from webiml.store.place import open_place
from webiml.types import Link, Pair, Row

TRIED = 8  # pairs of the store that are annotated, and thrown away, where no generation says how fast it goes


@dataclass(frozen=True)
class GrowPlan:
    """What a run would do.

    Attributes:
        unfinished: folder of a generation that was stopped, and would be finished first; empty where there is none.
        unfinished_pairs, unfinished_annotated: pairs of it, and those of them that are annotated.
        links, to_ask, hosts: of the source, see CollectPlan.
        pairs: that are in the store and would be annotated. at_most_more: that the links might bring.
        waiting: pairs of the store of which a picture is missing.
        seconds: by step; without what the links might bring, but for asking for them. A step without a rate has none.
        seconds_a_pair: of all steps but collect; None where no rate is known.
        bytes, bytes_a_pair: of the new generation, on the disk; None where no rate is known.
        rates: where they are from, in words; empty where none is known.
        changed: settings that differ from those of the newest generation, in words.
    """

    unfinished: str
    unfinished_pairs: int
    unfinished_annotated: int
    links: int
    to_ask: int
    hosts: dict[str, int]
    pairs: int
    at_most_more: int
    waiting: int
    seconds: dict[str, float]
    seconds_a_pair: float | None
    bytes: int | None
    bytes_a_pair: int | None
    rates: str
    changed: list[str]


def plan(settings: GrowSettings, *, annotator: Factory | None = None) -> GrowPlan:
    """Count what `grow` would do, and say what it would cost.

    Where no generation says how fast it goes, a few pairs of the store are annotated in a temporary folder.

    Raises:
        SettingError: what `grow` would raise before any work.
    """
    generations.refuse_other(settings.generations)
    listed = listed_source(settings)
    store = open_place(settings.store)
    done = generations.finished(settings.generations)
    work = generations.stopped(settings.generations)
    begun: dict[str, str] = {}
    if work is not None:
        refuse_other_settings(work, settings)
        begun = dict(generations.read_pairs(work.folder))
        done = Finished(done.links | begun.keys(), done.keys | set(begun.values()))
    new = find_new(store, done) if is_store(store) else New([], [], [])

    asked: set[str] = set()  # manipulated links, and
    groups: set[str] = set()  # groups of all links, that would be asked for
    known = Known(store)

    def seen() -> Iterator[Link]:
        for link in listed.links:
            if is_wanted(link, known, settings.collect_run)[0]:
                groups.add(link.group)
                if link.role == "manipulated":
                    asked.add(link_id(link))
            yield link

    collected = plan_collect(seen(), store, settings.collect, settings.collect_run)
    more = (asked - done.links) | {one.link for one in new.waiting if one.group in groups}

    newest = [read_record(one) for one in reversed(generations.every(settings.generations))]
    known_rates, words = rates(newest), f"generation {newest[0].number:06d}" if newest else ""
    a_pair = next((record.bytes / record.rows for record in newest if record.rows), None)
    if not newest and new.pairs:
        known_rates, a_pair = _tried(new.pairs[:TRIED], settings, annotator)
        words = f"{len(new.pairs[:TRIED])} pairs of the store, annotated now"
    seconds = {"collect": max(collected.seconds, known_rates.pop("collect", 0.0) * collected.to_ask)}
    seconds |= {name: rate * len(new.pairs) for name, rate in known_rates.items()}
    return GrowPlan(
        unfinished="" if work is None else str(work.folder),
        unfinished_pairs=len(begun),
        unfinished_annotated=len(finished_keys(work.annotated)) if work is not None and work.annotated.exists() else 0,
        links=collected.links,
        to_ask=collected.to_ask,
        hosts=collected.hosts,
        pairs=len(new.pairs),
        at_most_more=len(more),
        waiting=len(new.waiting),
        seconds={name: round(value, 1) for name, value in seconds.items()},
        seconds_a_pair=round(sum(known_rates.values()), 4) if known_rates else None,
        bytes=None if a_pair is None else round(a_pair * len(new.pairs)),
        bytes_a_pair=None if a_pair is None else round(a_pair),
        rates=words,
        changed=differences(newest[0].settings, deciding(settings)) if newest else [],
    )


def _tried(pairs: list[Pair], settings: GrowSettings, annotator: Factory | None) -> tuple[dict[str, float], float]:
    """Seconds and bytes of a pair, by annotating a few on this machine; the start of the workers is not counted."""
    run = settings.annotate_run
    here = AnnotateRun(format=run.format, workers=run.workers if run.runner == "local" else 0)
    times: list[float] = []

    def on_row(row: Row) -> None:
        times.append(time.monotonic())

    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="webiml-") as folder:
        out = Path(folder) / "tried"
        annotate_dataset(pairs, out, settings.annotate, here, on_row, annotator=annotator)
        size = sum(size for _, size in open_place(out).sizes())
    seconds = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else times[0] - started
    return {"annotate": seconds}, size / len(pairs)
