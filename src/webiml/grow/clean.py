"""A generation without what must not come in: pairs that stand twice, or in an earlier generation, or in a benchmark.

Both searches look at the same annotated pairs, so that the pictures are copied once. The tables of what was dropped are
those of `webiml dataset dedup` and `leaks`, but with keys for names, and there are no sheets: no row is left of these
pairs by which a removal could find that they must go from there, too.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from webiml.datasets import dedup, leaks
from webiml.datasets.carry import pass_on, tombstones
from webiml.datasets.dropped import Found, Steps, counts, write_table
from webiml.datasets.looks_table import CACHE, LooksTable
from webiml.datasets.without import write_without
from webiml.grow.generations import drop
from webiml.grow.record import Step
from webiml.settings.grow import GrowSettings
from webiml.store.dataset import read_rows
from webiml.store.lock import only_writer
from webiml.store.place import Place, open_place


def clean(
    annotated: Path, earlier: Sequence[Path], whole: Path, name: str, settings: GrowSettings, begin: Steps
) -> dict[str, Step]:
    """Write the dataset `whole`: that at `annotated` without what was found; the inputs stay, but for kept hashes.

    Half of it that a stopped run has left is made anew: what was taken out since must not stay in it.

    Args:
        earlier: generations that are finished. name: of the one that `whole` becomes, for the tables.
        begin: called at the beginning of each step of the work.
    Returns:
        What each step found, and how long it took.
    Raises:
        SettingError: a removal is not done, or a benchmark cannot be read. OutputError: it cannot be written.
    """
    drop(whole)
    run, max_pixels = settings.annotate_run, round(settings.annotate.max_megapixels * 1e6)
    workers = run.workers if run.runner == "local" else 0
    place, older = Place(str(annotated)), [Place(str(one)) for one in earlier]
    pass_on(tombstones([open_place(settings.store), *older]), annotated)

    started = time.monotonic()
    twice = dedup.find_duplicates(place, older, settings.dedup.distance, workers, max_pixels, begin)
    found, searched = twice.keys, {"dedup": {"distance": settings.dedup.distance}}
    steps = {"dedup": Step(twice.pairs, _since(started), counts(twice.dropped))}
    leaky: leaks.Leaks | None = None
    if settings.against:
        started = time.monotonic()
        leaky = leaks.find_leaks(place, settings.against, settings.leaks.distance, workers, max_pixels, begin)
        leaky = replace(leaky, found=[one for one in leaky.found if one.key not in found])
        searched |= leaks.settings_of(settings.leaks.distance, settings.against)
        steps["leaks"] = Step(leaky.pairs, _since(started), {"pairs": len(leaky.keys)})
        found |= leaky.keys

    started = time.monotonic()
    tick = begin("write", twice.pairs - len(found))
    write_without(place, whole, found, searched, lambda row: tick())
    names = {str(one): one.name for one in earlier} | {str(annotated): name}
    write_table(whole / dedup.TABLE, _named(twice.dropped, names))
    write_table(whole / dedup.DOUBT, _named(twice.in_doubt, names))
    if leaky is not None:
        write_table(whole / leaks.TABLE, _named(leaky.found, {one: Path(one).name for one in settings.against}))
    _keep_hashes(annotated, earlier, whole)
    steps["write"] = Step(twice.pairs - len(found), _since(started))
    return steps


def _named(found: Sequence[Found], names: dict[str, str]) -> list[Found]:
    """The findings with keys for names, and without folders of this machine."""
    return [replace(one, name=one.key, other=names[one.other]) for one in found]


def _keep_hashes(annotated: Path, earlier: Sequence[Path], whole: Path) -> None:
    """Leave with each generation the hashes of its own pictures, and of benchmarks: no picture is hashed again."""
    known = LooksTable(annotated / CACHE)
    kept = set()
    for one in earlier:
        table = LooksTable(one / CACHE)
        if not len(table):  # a removal deletes the file
            with only_writer(one, ".webiml/lock"):
                _add(table, known, _pictures(one))
                table.save()
        kept |= table.known()
    dropped = _pictures(annotated) - _pictures(whole)
    table = LooksTable(whole / CACHE)
    _add(table, known, known.known() - kept - dropped)
    table.save()


def _add(table: LooksTable, known: LooksTable, wanted: set[str] | frozenset[str]) -> None:
    for sha256 in sorted(wanted):
        if sha256 in known:
            table.add(sha256, known[sha256])


def _pictures(dataset: Path) -> set[str]:
    rows = read_rows(dataset)
    return {sha256 for row in rows for sha256 in (row.authentic_sha256, row.manipulated_sha256) if sha256}


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)
