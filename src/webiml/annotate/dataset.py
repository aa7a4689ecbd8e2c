"""Many pairs of files in, one dataset out: the annotator over every pair, and whatever goes wrong as a row."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from webiml import __version__
from webiml.annotate.pair_files import Factory, annotate_pair_files, default_annotator, died, start_worker
from webiml.annotate.provenance import provenance
from webiml.annotate.shards import AnnotateShards, begin_again, shards_of
from webiml.annotate.todo import Todo
from webiml.errors import SettingError
from webiml.runners.cores import usable_cores
from webiml.runners.local import Crashed, run_ordered
from webiml.runners.log import event
from webiml.runners.on_ray import run_on_ray
from webiml.runners.ray_cluster import refuse_without_ray
from webiml.settings import AnnotateRun, AnnotatorSettings
from webiml.store.dataset_writer import DatasetWriter
from webiml.store.place import Place
from webiml.store.removed import read_removed
from webiml.store.removed_rows import by_tombstones
from webiml.types import Pair, Reason, Row, Status, Stored


@dataclass
class Counts:
    """What became of the inputs of a run, those that were finished before it included."""

    kept: int = 0
    rejected: int = 0
    failed: int = 0
    resumed: int = 0
    """How many of them were finished before this run."""
    reasons: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    changed: bool = False
    """Whether the run wrote anything into the dataset."""

    @property
    def inputs(self) -> int:
        """Rows of all three kinds: as many as the inputs."""
        return self.kept + self.rejected + self.failed

    def add(self, row: Row) -> None:
        """Count one row."""
        name = Status(row.status).value
        setattr(self, name, getattr(self, name) + 1)
        if row.reason is not None:
            self.reasons[row.reason] += 1
        if row.kind is not None:
            self.kinds[row.kind] += 1

    def take_back(self, row: Row) -> None:
        """Count one row no more: its pair is done again."""
        name = Status(row.status).value
        setattr(self, name, getattr(self, name) - 1)
        self.reasons -= Counter([row.reason] if row.reason is not None else [])  # none is left at 0
        self.kinds -= Counter([row.kind] if row.kind is not None else [])


def annotate_dataset(
    pairs: Sequence[Pair],
    out: Path | Place,
    settings: AnnotatorSettings,
    run: AnnotateRun,
    on_row: Callable[[Row], None] | None = None,
    *,
    on_resume: Callable[[Counts], None] | None = None,
    annotator: Factory | None = None,
) -> Counts:
    """Annotate `pairs` into the dataset at `out`: one row for every pair, whatever it holds.

    A run that was stopped, killed or out of disk goes on with the same call, does no finished pair again and ends with
    the same bytes but for times. The result depends neither on `run.workers` nor on `run.runner`.

    Args:
        pairs: with unique keys; done in the order of their keys.
        on_row: called with every row when it is finished and safe on the disk, in the order of the keys. Of a cluster:
            with key, name, status, reason, detail and kind of every row as it is reported, in no order; once more
            where a worker died and its shard began again.
        on_resume: called once before work starts, with the counts of what was finished before.
        annotator: picklable; makes the annotator in each worker process. By default `Annotator(settings)`.
    Raises:
        SettingError: `out` holds something else, was made with other settings or from other files, or is being written
            by another run. Nothing has been touched. Or the cluster cannot be used.
        OutputError: `out` cannot be written, or not any more; what is finished stays.
    """
    if run.runner == "ray":
        refuse_without_ray()
    counts = Counts()
    decided_by, settings_hash = provenance(settings)
    with DatasetWriter.open(
        out,
        format=run.format,
        shard_pairs=run.shard_pairs,
        settings=decided_by,
        settings_hash=settings_hash,
        package_version=__version__,
    ) as dataset:
        again: set[str] = set()  # pairs whose pictures a store has got since
        for pair in pairs:
            if pair.key in dataset.done:
                entry = dataset.entry(pair.key)
                if entry.row.reason == Reason.NOT_FETCHED and pair.problem is None:
                    again.add(pair.key)
                    continue
                _refuse_other_input(pair, entry.row, entry.sizes, out)
                counts.add(entry.row)
                counts.resumed += 1
        if on_resume is not None:
            on_resume(counts)
        todo = Todo(pairs, dataset.done - again)
        annotate = _on_ray if run.runner == "ray" else _here
        for row, counts_now in annotate(todo, dataset, settings, run, annotator) if todo else ():
            if not counts_now:
                counts.take_back(row)
                continue
            counts.add(row)
            if on_row is not None:
                on_row(row)
        counts.changed = dataset.finish()
    return counts


def _here(
    todo: Todo, dataset: DatasetWriter, settings: AnnotatorSettings, run: AnnotateRun, annotator: Factory | None
) -> Iterator[tuple[Row, bool]]:
    """Annotate in processes of this machine; each row, and that it counts."""
    removed = by_tombstones(read_removed(dataset.place))
    start = partial(start_worker, settings, annotator or default_annotator, removed)
    with closing(run_ordered(annotate_pair_files, todo, run.workers or usable_cores(), start)) as results:
        added: deque[Row] = deque()  # rows that a kill could still take
        for pair, result in results:
            added.append(dataset.add(died(pair, result.detail) if isinstance(result, Crashed) else result))
            while len(added) > dataset.unsafe:
                yield added.popleft(), True
        dataset.checkpoint()
        yield from ((row, True) for row in added)


def _on_ray(
    todo: Todo, dataset: DatasetWriter, settings: AnnotatorSettings, run: AnnotateRun, annotator: Factory | None
) -> Iterator[tuple[Row, bool]]:
    """Annotate in workers of a Ray cluster; each row as it is reported, and False with one that counts no more."""
    removed = by_tombstones(read_removed(dataset.place))
    work = AnnotateShards.of(dataset, settings, run, annotator, removed)
    shards = shards_of(iter(todo), dataset.free_numbers(), run.shard_pairs)
    reported: dict[int, list[Row]] = {}  # of shards in work
    with closing(run_on_ray(work, shards, run, run.workers, begin_again)) as events:
        for happened in events:
            number = happened.shard.number
            if happened.result is not None:
                reported.setdefault(number, []).append(happened.result)
                yield happened.result, True
            elif happened.done:
                dataset.take_part(number)
                event("shard_done", shard=number, rows=len(reported.pop(number, ())))
            else:
                event("shard_again", shard=number, rows=happened.lost)
                for row in reported.pop(number, ()):
                    yield row, False


def _refuse_other_input(pair: Pair, row: Row, sizes: dict[str, int], out: Path | Place) -> None:
    """A finished key whose input is now another one must not pass as done."""
    if row.reason == Reason.REMOVED:  # nothing is left that could be compared
        return
    changed = row.name != pair.name
    for role, path in (("authentic", pair.authentic), ("manipulated", pair.manipulated)):
        stored = next((size for name, size in sizes.items() if name.partition(".")[0] == role), None)
        try:
            changed = changed or (stored is not None and path is not None and _size(path) != stored)
        except OSError:
            continue  # gone since: its row stays as it was made
    if changed:
        raise SettingError(f"{out} has a finished pair {pair.key} that was made from other files: give another --out.")


def _size(path: Path | Stored) -> int:
    return path.size if isinstance(path, Stored) else path.stat().st_size
