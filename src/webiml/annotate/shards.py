"""Slices of the pairs for workers of a Ray cluster, and what a worker does with one."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from webiml.annotate.batches import annotate_many
from webiml.annotate.pair_files import Factory, default_annotator, start_worker
from webiml.errors import SettingError
from webiml.nets import weights
from webiml.runners.ray_metrics import count, observe
from webiml.settings import AnnotateRun, AnnotatorSettings
from webiml.store.dataset import DatasetInfo
from webiml.store.dataset_writer import DatasetWriter
from webiml.store.parts import Part
from webiml.store.place import Place
from webiml.store.removed_rows import Wanted
from webiml.types import Pair, Problem, Reason, Row


@dataclass(frozen=True, slots=True)
class PairShard:
    """Pairs that one worker does, in the order of their keys.

    Attributes:
        number: of the shard in the dataset.
        witness: a file that this machine sees, and so must the worker; None where all come from a store.
        deaths: how many workers have died with it.
        suspect: key of the pair that the last of them was at; empty when nobody knows.
    """

    number: int
    pairs: tuple[Pair, ...]
    witness: Path | None
    deaths: int = 0
    suspect: str = ""


def shards_of(pairs: Iterator[Pair], numbers: Iterator[int], shard_pairs: int) -> Iterator[PairShard]:
    """Slices of `shard_pairs` pairs, with numbers that are not taken."""
    while some := tuple(islice(pairs, shard_pairs)):
        sides = (side for pair in some for side in (pair.authentic, pair.manipulated))
        witness = next((side for side in sides if isinstance(side, Path) and _is_there(side)), None)
        yield PairShard(next(numbers), some, witness)


def begin_again(shard: PairShard, finished: list[Row], why: str) -> PairShard:
    """The shard of a worker that died: a pair that was at hand at two deaths, as far as is known, fails.

    At the first death of a shard nobody knows which it was, since finished pairs are reported some at a time.
    """
    if shard.deaths == 0 or len(finished) >= len(shard.pairs):
        return replace(shard, deaths=shard.deaths + 1)
    at_hand = shard.pairs[len(finished)]
    if at_hand.key != shard.suspect:
        return replace(shard, deaths=shard.deaths + 1, suspect=at_hand.key)
    failed = replace(at_hand, problem=Problem(Reason.WORKER_DIED, f"{why}, twice at this pair"))
    pairs = tuple(failed if pair is at_hand else pair for pair in shard.pairs)
    return replace(shard, pairs=pairs, deaths=shard.deaths + 1, suspect="")


@dataclass(frozen=True)
class AnnotateShards:
    """What a worker does: as the local runner with each pair, then the shard's tar and rows. See `runners.on_ray.Work`.

    Attributes:
        run: the token of this run, see `store.parts.Part`.
        folder: where this process is; paths may be relative to it.
        batch: pairs at once, until a worker has died.
        gpu: whether the networks run on the GPU that the worker was given.
    """

    place: Place
    info: DatasetInfo
    run: str
    settings: AnnotatorSettings
    annotator: Factory
    removed: Wanted
    folder: Path
    batch: int
    gpu: bool

    @classmethod
    def of(
        cls,
        dataset: DatasetWriter,
        settings: AnnotatorSettings,
        run: AnnotateRun,
        annotator: Factory | None,
        removed: Wanted,
    ) -> AnnotateShards:
        """The work for a dataset that is open here and is written by parts from now on."""
        place = dataset.place if dataset.place.local is None else Place(str(dataset.place.local.absolute()))
        return cls(
            place=place,
            info=dataset.info,
            run=dataset.begin_parts(),
            settings=settings,
            annotator=annotator or default_annotator,
            removed=removed,
            folder=Path.cwd(),
            batch=run.batch,
            gpu=run.worker_gpus > 0 and annotator is None and settings.method == "learned",
        )

    def start(self) -> None:
        """Load the networks."""
        with suppress(OSError):  # it need not be there where all pictures come from a store; else see `witness`
            os.chdir(self.folder)
        if self.gpu:
            weights.use_gpu()
        start_worker(self.settings, self.annotator, self.removed)

    def __call__(self, shard: PairShard) -> Iterator[Row]:
        """Annotate the pairs of a shard; of each row what a summary needs."""
        if shard.witness is not None and not _is_there(shard.witness):
            raise SettingError(
                f"A machine of the cluster does not see {shard.witness.absolute()}: the pairs must lie in a folder "
                "that all machines share under one path, or in a store such as s3://bucket/store."
            )
        outcomes: Counter[tuple[str, str]] = Counter()
        with Part.open(self.place, shard.number, self.info, self.run) as part:
            began = time.monotonic()
            for finished in annotate_many(shard.pairs, self.batch if shard.deaths == 0 else 1):
                row = part.add(finished)
                outcomes[row.status, row.reason or ""] += 1
                observe("webiml_pair_seconds", time.monotonic() - began)
                yield Row(row.key, row.name, row.status, reason=row.reason, detail=row.detail, kind=row.kind)
                began = time.monotonic()
            part.finish()
        for (status, reason), pairs in outcomes.items():
            count("webiml_pairs", pairs, status=status, reason=reason)
        count("webiml_shards")


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False
