"""Did a localizer learn from the pictures that it is to be scored on? By bytes, and by what they look like.

Training leaves a table of its pictures beside the weights, `<name>.data.parquet`. A benchmark's picture that is one of
them says nothing of pictures that are new; nor does a manipulated one whose authentic source is among them, which is
why the sources are looked at, too.

What this cannot see: a picture that was mirrored, turned, or cropped by more than a few per cent; and what a pretrained
backbone has seen before this training began, which no table here lists.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal

import numpy as np

from webiml.errors import BadImage, SettingError
from webiml.evaluate.benchmarks.items import Item, Member, Source, read_source
from webiml.images.decode import decode
from webiml.images.hashing import distances, telling_hash
from webiml.localize.hub import Place, find
from webiml.nets import weights as nets
from webiml.runners.cores import one_thread, usable_cores
from webiml.runners.local import Crashed, run_ordered

LIMIT = 8
"""Two hashes that differ in at most so many of 64 bits are of one picture.

Chosen by benchmarks/leak_threshold.py. Of 1,221 pictures, 8 finds all copies that were saved again as JPEG 50, made
half as large, or both; 99.3 % of those that lost 3 % of both sides evenly, and 82.9 % of those that lost them at one
corner. Of 734,848 pairs of different pictures it takes none for one picture; the nearest are 12 apart (two pairs, then
17 more at 14). None of 410 pictures of CASIA v1 lies within it of a picture that web-iml learned from. At 10 it would
find 94.8 % of the corners; but a false alarm stops an evaluation, and larger trainings have more neighbours.
"""
LEAKS_NAMED = 10  # in the sentence of an error
MAX_ROWS = 2_000_000  # of a table of training pictures, which may come from anyone

_LONGEST = 200  # characters of a key that are kept
_HASH = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True, eq=False)
class TrainingData:
    """The pictures that a localizer learned from.

    Attributes:
        keys, sha256: of each picture; the SHA-256 of its bytes, hex, empty where the table says none.
        phash: (n,) uint64, the perceptual hash of each; hashed: (n,) bool, whether the table says it.
    """

    keys: tuple[str, ...]
    sha256: tuple[str, ...]
    phash: np.ndarray
    hashed: np.ndarray

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True, slots=True)
class Leak:
    """A picture of the benchmark that is one of the training's.

    Attributes:
        key, name: of the item. picture: the item's own, or an authentic one that it was made from.
        training_key: the training's picture, the nearest where there are several.
        same_bytes: the two files are equal. distance: bits of 64 in which their hashes differ; 0 for equal files.
    """

    key: str
    name: str
    picture: Literal["image", "authentic"]
    training_key: str
    same_bytes: bool
    distance: int

    def as_record(self) -> dict[str, str | bool | int]:
        """Its fields by name, for JSON."""
        return asdict(self)


def training_table(weights: str, revision: str | None = None, download: bool = False) -> TrainingData | None:
    """The pictures that a localizer learned from, or None where no table lies beside it: training data unknown.

    Args: as those of `webiml.localize.hub.find`.
    Raises:
        SettingError: there is no such localizer, or the table beside it is damaged or not that of its card.
        WebimlError: the localizer's card is missing or damaged, or it cannot be downloaded.
    """
    place = find(weights, revision=revision or None, download=download)
    name = f"{place.stem}.data.parquet"
    if place.folder is not None:
        path = place.folder / name
        return _read_table(path, place) if path.is_file() else None
    shipped = files("webiml") / "weights" / name
    if not shipped.is_file():
        return None
    with as_file(shipped) as path:
        return _read_table(path, place)


def find_leaks(
    items: Sequence[Item],
    training: TrainingData,
    workers: int,
    max_pixels: int,
    on_item: Callable[[Item], None] | None = None,
) -> list[Leak]:
    """Pictures of a benchmark that the training has seen: equal bytes, or hashes at most LIMIT apart.

    Every item's picture and every authentic one that it was made from is looked at, each file once. What cannot be read
    is passed over here; whoever scores it says so. A nearly constant picture is compared by its bytes alone.

    Args:
        workers: processes; 0 takes one for each core. max_pixels: larger pictures are passed over.
        on_item: called with every item when its pictures have been looked at, in their order.
    Returns:
        In the order of the items; of an item its picture first.
    """
    by_bytes = {digest: index for index, digest in reversed(list(enumerate(training.sha256))) if digest}
    hashes, places = training.phash[training.hashed], np.flatnonzero(training.hashed)
    found: dict[Hashable, tuple[int, bool, int]] = {}  # of a picture: which of the training's, same bytes, distance
    leaks: list[Leak] = []
    workers = max(1, min(workers or usable_cores(), len(items)))
    look = partial(_look, max_pixels=max_pixels)
    with closing(run_ordered(look, _tasks(items), workers, one_thread)) as results:
        for task, seen in results:
            for source, one in zip(task.new, () if isinstance(seen, Crashed) else seen, strict=False):
                match = _match(one, by_bytes, hashes, places) if one else None
                if match is not None:
                    found[_identity(source)] = match
            leaks += _leaks_of(task.item, found, training)
            if on_item is not None:
                on_item(task.item)
    return leaks


def refuse_leaks(leaks: Sequence[Leak]) -> None:
    """Raises SettingError where there is a leak, naming the first pictures and what to do."""
    if not leaks:
        return
    named = [f"{_words(leak)} is {leak.training_key} of the training" for leak in leaks[:LEAKS_NAMED]]
    more = len(leaks) - len(named)
    count = f"{len(leaks):,} pictures" if len(leaks) > 1 else "A picture"
    raise SettingError(
        f"{count} of the benchmark taught the localizer, so its score would say nothing of new pictures: "
        f"{', '.join(named)}{f', and {more:,} more' if more else ''}. Take {'them' if len(leaks) > 1 else 'it'} out, "
        "or give --allow-leaks, which marks every table."
    )


# ---------------------------------------------------------------- the table


def _read_table(path: Path, place: Place) -> TrainingData:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from webiml.train.data_table import data_digest, read_data_table

    try:
        rows = pq.read_metadata(path).num_rows
    except (pa.ArrowException, OSError) as error:
        words = " ".join(str(error).split())[:200]
        raise SettingError(f"{path} cannot be read as a table of training pictures: {words}") from None
    if rows > MAX_ROWS:
        raise SettingError(f"{path} lists {rows:,} training pictures; more than {MAX_ROWS:,} are not read.")
    table = read_data_table(path)
    wanted = nets.card(place.stem, place.folder).get("data")
    if isinstance(wanted, str):
        try:
            same = data_digest(table) == wanted
        except TypeError:  # a hash is missing or no text
            same = False
        if not same:
            raise SettingError(f"{path} is not the table that the card of {place.name} names; export it again.")
    keys, sha256, signs = ([_text(value) for value in table[name].to_pylist()] for name in ("key", "sha256", "phash"))
    hashed = [bool(_HASH.fullmatch(text)) for text in signs]
    phash = [int(text, 16) if known else 0 for text, known in zip(signs, hashed, strict=True)]
    return TrainingData(tuple(keys), tuple(sha256), np.array(phash, np.uint64), np.array(hashed, bool))


def _text(value: object) -> str:
    return value[:_LONGEST] if isinstance(value, str) else ""


# ---------------------------------------------------------------- the pictures


@dataclass(frozen=True, slots=True)
class _Task:
    """An item, and those of its pictures that no earlier one has."""

    item: Item
    new: tuple[Source, ...]


def _tasks(items: Sequence[Item]) -> Iterator[_Task]:
    seen: set[Hashable] = set()
    for item in items:
        pictures = {} if item.problem else {_identity(source): source for source in (item.image, *item.authentic)}
        new = {identity: source for identity, source in pictures.items() if identity not in seen}
        seen.update(new)
        yield _Task(item, tuple(new.values()))


def _identity(source: Source) -> Hashable:
    return (source.dataset, source.row.key, source.role) if isinstance(source, Member) else source


def _look(task: _Task, max_pixels: int) -> list[tuple[str, int | None] | None]:
    """SHA-256 and telling hash of each new picture of an item; None where it cannot be read."""
    return [_seen(source, task.item.root, max_pixels) for source in task.new]


def _seen(source: Source, root: Path | None, max_pixels: int) -> tuple[str, int | None] | None:
    try:
        data = read_source(source, root)
    except BadImage:
        return None
    digest = hashlib.sha256(data).hexdigest()
    try:
        text = telling_hash(decode(data, max_pixels).rgb)
    except BadImage:
        return digest, None
    return digest, int(text, 16) if text else None


def _match(
    seen: tuple[str, int | None], by_bytes: dict[str, int], hashes: np.ndarray, places: np.ndarray
) -> tuple[int, bool, int] | None:
    digest, one = seen
    if digest in by_bytes:
        return by_bytes[digest], True, 0
    if one is None or not len(hashes):
        return None
    apart = distances(one, hashes)
    nearest = int(apart.argmin())
    return (int(places[nearest]), False, int(apart[nearest])) if apart[nearest] <= LIMIT else None


def _leaks_of(item: Item, found: dict[Hashable, tuple[int, bool, int]], training: TrainingData) -> Iterator[Leak]:
    for place, source in enumerate(() if item.problem else (item.image, *item.authentic)):
        match = found.get(_identity(source))
        if match is not None:
            index, same_bytes, distance = match
            picture = "authentic" if place else "image"
            yield Leak(item.key, item.name, picture, training.keys[index], same_bytes, distance)


def _words(leak: Leak) -> str:
    return leak.name if leak.picture == "image" else f"the authentic picture of {leak.name}"
