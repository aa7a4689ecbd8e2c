"""What every picture looks like, in hashes: as it is, mirrored, and in windows that a crop of it may have left.

A picture that is nearly constant has no hash that tells anything of it; then its bytes alone are compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from webiml.errors import BadImage
from webiml.images.decode import decode
from webiml.images.hashing import telling_hashes
from webiml.images.read import read_bytes
from webiml.runners.cores import one_thread, usable_cores
from webiml.runners.local import Crashed, run_ordered
from webiml.store.dataset import Role, read_member
from webiml.store.place import Place
from webiml.types import Row

if TYPE_CHECKING:
    from webiml.datasets.looks_table import LooksTable

REDUCED = 128  # pixels, the long side of the picture that its windows are cut from

SHARES = (0.94, 0.86, 0.78, 0.70)  # of a side that a window keeps
STEP = 0.05  # of a side, between two windows of one size


def _windows() -> list[tuple[float, float, float, float]]:
    places = {share: np.linspace(0, 1 - share, 1 + int(np.ceil((1 - share) / STEP - 1e-9))) for share in SHARES}
    both = [(y, x, share, share) for share in SHARES for y in places[share] for x in places[share]]
    high = [(y, 0.0, share, 1.0) for share in SHARES for y in places[share]]
    wide = [(0.0, x, 1.0, share) for share in SHARES for x in places[share]]
    return [(float(y), float(x), h, w) for y, x, h, w in (*both, *high, *wide)]


WINDOWS = tuple(_windows())
"""Top, left, height and width of every window, shares of the picture's sides. Chosen by benchmarks/crop_windows.py."""


@dataclass(frozen=True, slots=True)
class Source:
    """One picture of a dataset, or a file below a folder.

    Attributes:
        name: for a person: key and role, or the path below the folder.
        place: the dataset; or the folder that the file's real path must lie in. row, role: of a dataset. file: else.
        sha256: what the row says, hex; empty for a file.
    """

    name: str
    place: Place
    row: Row | None = field(default=None, compare=False)  # a row cannot be hashed; place and name tell enough
    role: Role = "manipulated"
    file: Path | None = None
    sha256: str = ""

    def read(self) -> bytes:
        """The file's bytes.

        Raises:
            BadImage: it cannot be read.
        """
        if self.row is not None:
            return read_member(self.place, self.row, self.role)
        assert self.file is not None
        return read_bytes(self.file, self.place.local)


def source_of(place: Place, row: Row, role: Literal["authentic", "manipulated"]) -> Source:
    """A picture of a dataset's pair."""
    sha256 = row.authentic_sha256 if role == "authentic" else row.manipulated_sha256
    return Source(f"{row.key} ({role})", place, row, role, sha256=sha256 or "")


@dataclass(frozen=True, slots=True)
class Looks:
    """The hashes of one picture; 0 where there is none that tells anything.

    Attributes:
        whole, mirrored: of the picture and of its mirror image. windows: (len(WINDOWS),) uint64.
    """

    whole: int
    mirrored: int
    windows: np.ndarray


NOTHING = Looks(0, 0, np.zeros(len(WINDOWS), np.uint64))
"""The hashes of a picture of which none tells anything."""


def looks_of(rgb: np.ndarray) -> Looks:
    """The hashes of (H, W, 3) uint8."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    scale = REDUCED / max(grey.shape)
    if scale < 1:
        size = [max(32, round(side * scale)) for side in grey.shape[::-1]]
        reduced = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    else:
        reduced = grey
    height, width = reduced.shape
    cut = (
        reduced[round(y * height) : round((y + h) * height), round(x * width) : round((x + w) * width)]
        for y, x, h, w in WINDOWS
    )
    hashes = telling_hashes((grey, grey[:, ::-1], *cut))
    return Looks(int(hashes[0]), int(hashes[1]), hashes[2:])


def slim(row: Row) -> Row:
    """What of a row is needed to find its files and to weigh it against others: many are held at once."""
    unneeded = ("detail", "kind_probabilities", "transform", "alternative_transform", "annotated_at", "weights")
    reviews = ("reviewed_by", "reviewed_at", "machine_status", "machine_reason")
    return replace(row, **dict.fromkeys((*unneeded, *reviews, "settings_hash", "package_version")), extra={})


def hash_pictures(
    sources: Iterable[Source],
    table: LooksTable,
    workers: int,
    max_pixels: int,
    on_picture: Callable[[], None] | None = None,
) -> Iterator[tuple[Source, str | None]]:
    """Put the hashes of all `sources` into `table`; yields each with the SHA-256 of its bytes, None where unreadable.

    A picture whose row names a SHA-256 that the table has is not opened. One whose bytes can be read but not decoded
    has a SHA-256 and no hash that tells anything.

    Args:
        workers: processes; 0 takes one for each core. max_pixels: larger pictures are not decoded.
        on_picture: called when a picture is done.
    """
    sources = list(sources)
    todo = [source for source in sources if source.sha256 not in table]
    opened = hash_unknown(todo, len(todo), table, workers, max_pixels, on_picture, table.known())
    found = {id(source): sha256 for source, sha256 in opened}
    for source in sources:
        yield source, found.get(id(source), source.sha256)


def hash_unknown(
    sources: Iterable[Source],
    count: int,
    table: LooksTable,
    workers: int,
    max_pixels: int,
    on_picture: Callable[[], None] | None = None,
    known: frozenset[str] = frozenset(),
) -> Iterator[tuple[Source, str | None]]:
    """As `hash_pictures`, of `count` sources that are all opened; they are taken as they are needed.

    Args: known: SHA-256 of pictures that need no hashes, should a file turn out to be one.
    """
    try:
        if count:
            processes = max(1, min(workers or usable_cores(), count))
            start = partial(_start_worker, known, max_pixels)
            with closing(run_ordered(_look, sources, processes, start)) as results:
                for source, seen in results:
                    sha256, looks = (None, None) if isinstance(seen, Crashed) else seen
                    if sha256 is not None and looks is not None:
                        table.add(sha256, looks)
                    if on_picture is not None:
                        on_picture()
                    yield source, sha256
    finally:
        table.save()


_known: frozenset[str]  # of a worker
_max_pixels: int


def _start_worker(known: frozenset[str], max_pixels: int) -> None:
    global _known, _max_pixels
    one_thread()
    _known, _max_pixels = known, max_pixels


def _look(source: Source) -> tuple[str | None, Looks | None]:
    try:
        data = source.read()
    except BadImage:
        return None, None
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 in _known:
        return sha256, None
    try:
        return sha256, looks_of(decode(data, _max_pixels).rgb)
    except BadImage:
        return sha256, NOTHING
