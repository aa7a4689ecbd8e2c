"""From links to one more generation: `grow(settings)`.

    finish what was stopped -> collect -> is anything new? -> annotate -> clean -> describe -> one rename

Every step that is done is noted, and what a step has written goes on where it stopped, so whatever ends a run, the next
one ends with the same bytes but for times.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from webiml import __version__
from webiml.annotate.dataset import Counts, annotate_dataset
from webiml.annotate.pair_files import Factory
from webiml.collect.run import CollectCounts
from webiml.collect.run import collect as collect_links
from webiml.collect.sources.read import Source
from webiml.datasets.card import write_card
from webiml.datasets.carry import tombstones
from webiml.grow import generations
from webiml.grow.clean import clean
from webiml.grow.generations import Work
from webiml.grow.pairs import find_again, find_new
from webiml.grow.record import FILE_NAME, Record, Step, deciding, differences, read_record, write_record
from webiml.grow.refuse import listed_source, refuse_other_settings
from webiml.report.html import write_report
from webiml.report.words import REASON_MEANING
from webiml.runners.log import event
from webiml.runners.where import machine
from webiml.settings.grow import GrowSettings
from webiml.store.place import Place, open_place
from webiml.store.removal import refuse_unfinished
from webiml.store.removed import read_removed
from webiml.store.reviews import read_reviewed
from webiml.types import Row, Status


class Tick(Protocol):
    """What is called when links or pairs of a step are done."""

    def __call__(self, words: str = "", done: int | None = None) -> None:
        """`done` of them are, or one more; `words` say what became of all."""


class Begin(Protocol):
    """What is called at the beginning of each step."""

    def __call__(self, what: str, total: int, done: int = 0) -> Tick:
        """Of `total` links or pairs (0: nobody knows) `done` were done before."""
        ...


@dataclass(frozen=True)
class Generation:
    """A generation that a run has finished.

    Attributes:
        folder: where it lies. resumed: whether an earlier run had begun it. record: how it was made.
        changed: settings that differ from those of the generation before it, in words.
    """

    folder: Path
    resumed: bool
    record: Record
    changed: list[str]


@dataclass(frozen=True)
class Grown:
    """What a run has done.

    Attributes:
        generations: that it has finished, the oldest first; none where nothing was new.
        source: what the source is. collected: what became of its links. waiting: pairs that a picture is missing of.
    """

    generations: list[Generation]
    source: str
    collected: CollectCounts
    waiting: int


def grow(settings: GrowSettings, begin: Begin | None = None, *, annotator: Factory | None = None) -> Grown:
    """Make one more generation of whatever is new; nothing is written where nothing is.

    A generation that an earlier run has begun is finished first.

    Args:
        begin: called at the beginning of each step. annotator: picklable; what annotates, as for `annotate_dataset`.
    Raises:
        SettingError: something that the settings name cannot be used, or another run is at it.
        OutputError: something cannot be written; the same call goes on.
    """
    begin, listed = begin or _silent, listed_source(settings)
    with generations.only_grower(settings.generations):
        done: list[Generation] = []
        generations.clear(settings.generations)
        work = generations.stopped(settings.generations)
        if work is not None:
            refuse_other_settings(work, settings)
            done.append(_finish(work, settings, begin, annotator, resumed=True))
        started = time.monotonic()
        collected = _collect(listed, settings, begin)
        asked = collected.rows - collected.resumed
        step = Step(asked, _since(started), {**collected.statuses, "bytes": collected.bytes})
        new = find_new(open_place(settings.store), generations.finished(settings.generations))
        if new.pairs:
            pairs = [(link, pair.key) for link, pair in zip(new.links, new.pairs, strict=True)]
            work = generations.begin(settings.generations, pairs, deciding(settings), step)
            done.append(_finish(work, settings, begin, annotator, resumed=False))
    return Grown(done, listed.kind, collected, len(new.waiting))


def _collect(listed: Source, settings: GrowSettings, begin: Begin) -> CollectCounts:
    tick = begin("collect", listed.total or 0)

    def on_link(counts: CollectCounts) -> None:
        words = _words({name: counts.statuses[name] for name in ("fetched", "refused", "failed")})
        tick(words, counts.rows + counts.skipped)

    return collect_links(listed.links, open_place(settings.store), settings.collect, settings.collect_run, on_link)


def _finish(
    work: Work, settings: GrowSettings, begin: Begin, annotator: Factory | None, *, resumed: bool
) -> Generation:
    """Do what is left to do of a generation, and make it visible."""
    earlier = generations.every(settings.generations)
    known = tombstones([open_place(settings.store), *(Place(str(one)) for one in earlier)])
    if "annotate" not in work.steps:
        work.steps["annotate"] = _annotate(work, settings, begin, annotator)
        work.save()
    if "write" in work.steps and not known.values <= read_removed(Place(str(work.whole))).values:
        del work.steps["write"]  # something was taken out since
    if "write" not in work.steps:
        name = generations.generation(settings.generations, work.number).name
        work.steps |= clean(work.annotated, earlier, work.whole, name, settings, begin)
        work.save()
    record = _describe(work, settings, begin)
    before = read_record(earlier[-1]).settings if earlier else record.settings
    changed = differences(before, record.settings)
    folder = generations.publish(settings.generations, work)
    event("generation_done", folder=str(folder), pairs=record.pairs, rows=record.rows, bytes=record.bytes)
    return Generation(folder, resumed, record, changed)


def _annotate(work: Work, settings: GrowSettings, begin: Begin, annotator: Factory | None) -> Step:
    pairs = find_again(open_place(settings.store), dict(generations.read_pairs(work.folder)))
    counts, started, tick = Counts(), time.monotonic(), begin("annotate", len(pairs))

    def on_resume(before: Counts) -> None:
        nonlocal counts, tick
        counts = before
        if before.resumed:
            event("run_resumed", done=before.resumed, total=len(pairs))
            tick = begin("annotate", len(pairs), before.resumed)

    def on_row(row: Row) -> None:
        if row.status == Status.FAILED:
            event("row_failed", key=row.key, reason=row.reason, detail=row.detail)
        tick(_words({name: getattr(counts, name) for name in ("kept", "rejected", "failed")}))

    counts = annotate_dataset(
        pairs,
        work.annotated,
        settings.annotate,
        settings.annotate_run,
        on_row,
        on_resume=on_resume,
        annotator=annotator,
    )
    statuses = {name: getattr(counts, name) for name in ("kept", "rejected", "failed")}
    return Step(counts.inputs - counts.resumed, _since(started), statuses)


def _describe(work: Work, settings: GrowSettings, begin: Begin) -> Record:
    """Write the page, the card, and which pairs this is made of."""
    refuse_unfinished(Place(str(work.whole)))
    begin("describe", 0)
    started, place = time.monotonic(), Place(str(work.whole))
    statuses: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for row in read_reviewed(place):
        statuses[row.status] += 1
        if row.reason is not None:
            reasons[row.reason] += 1
    write_report(work.whole, settings.annotate_run.pictures)
    name = f"{settings.card.name or settings.generations.resolve().name}, generation {work.number}"
    write_card(place, place, "README.md", name, REASON_MEANING)
    place.write(generations.PAIRS, (work.folder / generations.PAIRS).read_bytes())
    rows, steps = statuses.total(), {**work.steps, "describe": Step(statuses.total(), _since(started))}
    record = Record(
        number=work.number,
        pairs=sum(1 for _ in generations.read_pairs(work.folder)),
        rows=rows,
        bytes=sum(size for name, size in place.sizes() if name != FILE_NAME),
        statuses=dict(statuses),
        reasons=dict(reasons),
        steps=steps,
        settings=work.settings,
        machine=machine(),
        version=__version__,
    )
    write_record(work.whole, record)
    return record


def _silent(what: str, total: int, done: int = 0) -> Tick:
    return lambda words="", done=None: None


def _words(statuses: dict[str, int]) -> str:
    return "   ".join(f"{name} {count:,}" for name, count in statuses.items())


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)
