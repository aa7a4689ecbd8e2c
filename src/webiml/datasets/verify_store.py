"""Whether a store is whole: every picture is what its name says, every row's picture is there, and nothing else."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

from webiml.datasets.faults import Fault, Finding, Verified
from webiml.errors import MAX_DETAIL, SettingError
from webiml.runners.local import Crashed, run_ordered
from webiml.store.links import generations, picture_name, read_generation, table_name
from webiml.store.place import Place
from webiml.store.removed import read_removed
from webiml.types import LinkReason, LinkRow, LinkStatus

PICTURE = re.compile(r"pictures/[0-9a-f]{2}/([0-9a-f]{64})(\.[a-z0-9]{1,5})")
_FOLDERS = ("pictures/", "links/")
GOES_ON = (".webiml/journal", ".webiml/parts/")  # what a run has that is not finished


def verify_store(
    place: Place, workers: int = 1, *, quick: bool = False, on_picture: Callable[[], None] | None = None
) -> Verified:
    """Look at every table and every picture of a store.

    Args: quick: only whether the pictures are there and have their bytes; none is read. on_picture: called after each.
    Raises:
        SettingError: it cannot be listed.
    """
    try:
        listed = {name: size for name, size in place.sizes() if name.startswith(_FOLDERS)}
    except OSError as error:
        raise SettingError(f"{place} cannot be listed: {error.strerror or error}.") from None
    findings: list[Finding] = []
    wanted: set[str] = set()
    rows = 0
    removed = read_removed(place)
    every = generations(place)
    for number in every:
        try:
            for row in read_generation(place, number):
                rows += 1
                where = f"{table_name(number)}, link {row.link}"
                findings += [Finding(where, fault, words) for fault, words in _wrong_row(row, listed)]
                if removed.match(sha256=row.sha256, url=row.url, author=row.author, source=row.source):
                    findings.append(Finding(where, Fault.REMOVED, "was taken out at somebody's request, and is there"))
                wanted |= {row.path} if row.path else set()
        except SettingError as error:
            findings.append(Finding(table_name(number), Fault.TABLE, str(error)[:MAX_DETAIL]))
    tables = {table_name(number) for number in every}
    pictures = sorted(name for name in listed if PICTURE.fullmatch(name))
    goes_on = any(name.startswith(GOES_ON) for name in place.names(".webiml"))
    findings += [
        Finding(name, Fault.STRAY, f"no row has {name}")
        for name in sorted(listed.keys() - wanted - tables)
        if not (goes_on and PICTURE.fullmatch(name))  # a run that was stopped has pictures, but no table yet
    ]
    if not quick:
        with closing(run_ordered(PictureCheck(place), pictures, workers)) as results:
            for name, found in results:
                if found is not None:
                    fault, words = (
                        (Fault.UNREADABLE, found.detail[:MAX_DETAIL]) if isinstance(found, Crashed) else found
                    )
                    findings.append(Finding(name, fault, words))
                if on_picture is not None:
                    on_picture()
    return Verified("store", rows, len(wanted), tuple(findings))


def _wrong_row(row: LinkRow, listed: dict[str, int]) -> Iterator[tuple[Fault, str]]:
    if row.status not in set(LinkStatus):
        yield Fault.WORD, f"there is no status {row.status!r:.80}"
    if row.reason is not None and row.reason not in set(LinkReason):
        yield Fault.WORD, f"there is no reason {row.reason!r:.80}"
    brought = row.status in (LinkStatus.FETCHED, LinkStatus.UNCHANGED)
    if (row.reason is None) != brought:
        yield Fault.WORD, "a reason goes with every link that brought no picture, and with no other"
    if brought and not (row.path and row.sha256):
        yield Fault.WORD, "a link that was fetched has a picture"
    if row.path is None:
        return
    match = PICTURE.fullmatch(row.path)
    if match is None or match[1] != row.sha256 or row.path != picture_name(match[1], match[2]):
        yield Fault.WORD, f"{row.path!r:.200} is not where a picture of its SHA-256 lies"
    elif row.path not in listed:
        yield Fault.MISSING, f"{row.path} is not there"
    elif listed[row.path] != row.bytes:
        yield Fault.OTHER_BYTES, f"{row.path} has {listed[row.path]:,} bytes, its row says {row.bytes}"


@dataclass(frozen=True)
class PictureCheck:
    """Reads one picture, in a worker process; what is wrong with it, or None."""

    place: Place

    def __call__(self, name: str) -> tuple[Fault, str] | None:
        """What is wrong with the picture of this name."""
        digest = hashlib.sha256()
        try:
            with self.place.reader(name) as file:
                while piece := file.read(1 << 20):
                    digest.update(piece)
        except OSError as error:
            return Fault.UNREADABLE, f"{name}: {error.strerror or error}"
        if name.rpartition("/")[2].partition(".")[0] != digest.hexdigest():
            return Fault.OTHER_BYTES, f"{name} holds other bytes than its name says"
        return None
