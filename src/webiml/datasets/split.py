"""A dataset in parts, such as train, val and test, with everything that belongs together in one of them."""

from __future__ import annotations

import array
import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, cast

import numpy as np

from webiml import __version__
from webiml.datasets.carry import carried, is_done, pass_on, refuse_inside, tombstones, without_removed
from webiml.datasets.carry_reviews import CarriedReviews
from webiml.datasets.groups import Alike, assign, connected, draw, edges_between, shared, token
from webiml.errors import SettingError
from webiml.settings import read_shares
from webiml.store.atomic import write_bytes
from webiml.store.dataset import dataset_info, read_rows
from webiml.store.dataset_writer import DatasetWriter
from webiml.store.place import Place
from webiml.store.removed import Removed
from webiml.store.reviews import Reviews, read_reviewed
from webiml.types import Status

RECORD = "split.json"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


@dataclass
class Part:
    """One part of a dataset."""

    name: str
    wanted: float
    """The share of the rows that it should have."""
    rows: int = 0
    kept: int = 0
    """Rows with a mask to trust, as people have reviewed them."""
    groups: int = 0
    """Groups of pairs that belong together."""
    share: float = 0.0
    """The share of the rows that it has."""


@dataclass(frozen=True)
class Plan:
    """How a dataset is divided.

    Attributes:
        parts: in the order they were given. of_row: (n,) uint8, the number of the part of each row, in their order.
        largest: rows of the largest group. removed: what must not come along.
    """

    place: Place
    seed: int
    parts: tuple[Part, ...]
    of_row: np.ndarray
    largest: int
    removed: Removed

    @property
    def off(self) -> float:
        """How far the shares are from those wanted: the largest difference."""
        return max(abs(part.share - part.wanted) for part in self.parts)


@dataclass
class Divided:
    """What a run did."""

    rows: int = 0
    resumed: int = 0
    """Rows that an earlier run of the same command had written."""
    damaged: int = 0
    """Rows that fail now, since a file of theirs is not there or is damaged."""
    parts: dict[str, int] = field(default_factory=dict)


def read_parts(text: str) -> dict[str, float]:
    """Names and shares such as `train=0.8,val=0.1,test=0.1`; the shares add up to 1.

    Raises:
        SettingError: it cannot be read, or a name is none for a folder.
    """
    names = tuple(part.partition("=")[0].strip() for part in text.split(",") if part.strip())
    for name in names:
        if not _NAME.fullmatch(name):
            raise SettingError(f"--parts: {name!r:.100} is no name for a folder; give letters, digits, - and _.")
    if len({name.casefold() for name in names}) < len(names):
        raise SettingError("--parts names a part twice: give each once, such as train=0.8,val=0.1,test=0.1.")
    return read_shares(text, "--parts", "name", names, "train=0.8,val=0.1,test=0.1")


def plan_split(place: Place, shares: Mapping[str, float], seed: int = 0, alike: Alike | None = None) -> Plan:
    """Divide the rows of a dataset; nothing is written. Of memory some 100 bytes a row are held.

    Rows that share a picture, the address of the authentic picture or a group are in one part, and so are those that
    hang together through others.

    Args:
        shares: of every part, adding up to 1.
        alike: pictures that look alike, whose rows stay together, too.
    Raises:
        SettingError: it is no dataset.
    """
    removed = tombstones([place])
    tokens: array.array[int] = array.array("Q")
    counts: array.array[int] = array.array("B")
    keys: list[str] = []
    kept: array.array[int] = array.array("B")
    for row in read_reviewed(place):
        row = without_removed(row, removed)
        mine = [token(*one) for one in shared(row)]
        tokens.extend(mine)
        counts.append(len(mine))
        keys.append(row.key)
        kept.append(row.status == Status.KEPT)
    owner = np.repeat(np.arange(len(keys)), np.array(counts, np.int64))
    group = connected(len(keys), edges_between(np.array(tokens, np.uint64), owner, alike))
    first, number, sizes = np.unique(group, return_inverse=True, return_counts=True)
    draws = [draw(seed, keys[row]) for row in first]  # rows are sorted by key: the first is the smallest
    of_group = assign(sizes, draws, list(shares.values()))
    of_row = of_group[number].astype(np.uint8)
    parts = []
    for index, (name, share) in enumerate(shares.items()):
        mine = of_row == index
        rows = int(mine.sum())
        parts.append(
            Part(
                name,
                share,
                rows,
                int((mine & np.array(kept, bool)).sum()),
                int((of_group == index).sum()),
                rows / max(1, len(keys)),
            )
        )
    return Plan(place, seed, tuple(parts), of_row, int(sizes.max(initial=0)), removed)


def split_dataset(plan: Plan, out: Path, on_row: Callable[[Divided], None] | None = None) -> Divided:
    """Write every part as a dataset below `out`, rows, bytes and decisions as they are, and `split.json` beside them.

    A run that was stopped goes on with the same call.

    Raises:
        SettingError: a part's folder holds something else. OutputError: it cannot be written.
    """
    info = dataset_info(plan.place)
    folders = [out / part.name for part in plan.parts]
    for folder in folders:
        refuse_inside(folder, [plan.place])
    removed = [tombstones([plan.place, Place(str(folder))]) for folder in folders]
    counts = Divided(parts={part.name: 0 for part in plan.parts})
    decided = Reviews.read(plan.place)
    reviews = [CarriedReviews([decided]) for _ in folders]
    with ExitStack() as stack:
        writers = [
            stack.enter_context(
                DatasetWriter.open(
                    folder,
                    format=cast(Literal["folder", "shards"], info.format),
                    shard_pairs=info.shard_pairs,
                    settings=info.settings,
                    settings_hash=info.settings_hash,
                    package_version=__version__,
                )
            )
            for folder in folders
        ]
        _refuse_other_parts(plan, writers)
        for folder, taken in zip(folders, removed, strict=True):
            pass_on(taken, folder)
        for row, index in zip(read_rows(plan.place), plan.of_row, strict=True):
            row, writer = without_removed(row, removed[index]), writers[index]
            if is_done(writer, row):
                counts.resumed += 1
                after = writer.entry(row.key).row
            else:
                after = writer.add(carried(plan.place, row), carried=True)
            reviews[index].take(plan.place, row.key, after)
            counts.rows += 1
            counts.parts[plan.parts[index].name] += 1
            counts.damaged += after.status == Status.FAILED and row.status != Status.FAILED
            if on_row is not None:
                on_row(counts)
        for writer, folder, carried_along in zip(writers, folders, reviews, strict=True):
            carried_along.write(Place(str(folder)))
            writer.finish()
    record = {"seed": plan.seed, "off": plan.off, "parts": [asdict(part) for part in plan.parts]}
    write_bytes(out / RECORD, json.dumps(record, indent=1).encode() + b"\n")
    return counts


def _refuse_other_parts(plan: Plan, writers: Sequence[DatasetWriter]) -> None:
    """What an earlier run put into a part must still belong there."""
    here: list[set[str]] = [set() for _ in writers]
    if any(writer.done for writer in writers):
        for row, index in zip(read_rows(plan.place), plan.of_row, strict=True):
            here[index].add(row.key)
    for writer, keys in zip(writers, here, strict=True):
        if not keys.issuperset(writer.done):
            raise SettingError(
                f"{writer.place} has pairs that do not belong there: it was made with another --seed or --parts, or of "
                "another dataset. Give another --out."
            )
