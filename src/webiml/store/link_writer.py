"""Writes a store: one run of `webiml collect` becomes one generation.

While a run goes on its journal holds its rows, and after a kill the next run goes on from it. On this machine a line is
in the journal as soon as a link is finished; of what was added since the last checkpoint only that counts whose bytes
still have their SHA-256. Elsewhere, where files do not grow, the journal is written in pieces, one a checkpoint.
"""

from __future__ import annotations

import array
import hashlib
import json
import os
import tempfile
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from webiml import __version__
from webiml.errors import BadImage, SettingError
from webiml.store.atomic import TEMPORARY, output_error, sweep, sync_folder
from webiml.store.link_journal import LinkJournal
from webiml.store.links import (
    MARKER,
    SCHEMA_VERSION,
    STATE,
    Known,
    from_link_record,
    generations,
    is_store,
    read_picture,
    to_link_record,
    write_generation,
)
from webiml.store.lock import only_writer
from webiml.store.place import Place, open_place
from webiml.store.removal import refuse_unfinished
from webiml.store.removed import Removed, read_removed
from webiml.types import LinkRow

CHECKPOINT_ROWS = 1000  # rows between two checkpoints
CHECKPOINT_SECONDS = 10.0  # at most, while rows are added

_PIECES = f"{STATE}/journal"
_HARMLESS = {STATE, ".DS_Store", "lost+found"}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is to be made safe: the first `rows` rows, of which these pictures are perhaps not on the disk yet."""

    place: Place
    rows: int
    pictures: list[str]

    def sync(self) -> None:
        """Make the pictures survive a power cut; may be called in another thread.

        Raises:
            OutputError: the disk refuses it.
        """
        if self.place.local is not None:
            _sync(self.place.local, self.pictures)


class LinkWriter:
    """Adds what became of links to a store, as one new generation. Made by `LinkWriter.open`.

    Attributes:
        known: how links stand in earlier generations. removed: tombstones.
        counts: rows of this generation by status and reason, those before a kill included.
    """

    def __init__(self, place: Place, generation: int, state: Path) -> None:
        self.place = place
        self.generation = generation
        self.known = Known(place)
        self.removed: Removed = read_removed(place)
        self.counts: Counter[tuple[str, str | None]] = Counter()
        self._root = place.url
        self._state = state
        self._journal = LinkJournal(state / "journal.jsonl")
        self._offsets = array.array("Q")  # where the line of each row starts, and
        self._positions = array.array("Q")  # its place in the source
        self._ids: set[int] = set()
        self._by_address: dict[int, int] = {}  # hash of an address -> where its row starts
        self._extra: set[str] = set()
        self._safe = 0  # rows that are on the disk whatever happens
        self._unsafe: list[str] = []  # pictures that are written and perhaps not there yet
        self._pieces = 0  # of the journal, elsewhere than on this machine,
        self._put = 0  # and how many of its bytes they hold

    @property
    def done(self) -> int:
        """Rows of this generation."""
        return len(self._offsets)

    @classmethod
    @contextmanager
    def open(cls, where: str | Path | Place) -> Iterator[LinkWriter]:
        """Begin a generation of the store there, or go on with the one that was stopped; for a `with` block.

        Elsewhere than on this machine nothing keeps a second writer out.

        Raises:
            SettingError: something else lies there, or another run is writing it. Nothing has been touched.
            OutputError: nothing can be written there.
        """
        place = open_place(where)
        refuse_foreign(place)
        with ExitStack() as stack:
            if place.local is not None:
                stack.enter_context(only_writer(place.local, f"{STATE}/lock"))
                state = place.local / STATE
                sweep(place.local)
            else:
                state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="webiml-")))
            refuse_unfinished(place)
            if not place.exists(MARKER):
                about = {"schema": SCHEMA_VERSION, "made_by": f"webiml {__version__}"}
                place.write(MARKER, json.dumps(about).encode() + b"\n")
            writer = cls(place, max(generations(place), default=-1) + 1, state)
            stack.callback(writer._journal.close)
            writer._recover()
            yield writer

    def has(self, link: str) -> bool:
        """Whether this generation has a row of the link already."""
        return int(link, 16) in self._ids

    def same_address(self, url: str) -> LinkRow | None:
        """The row of another link of this generation whose address was asked for, so that it is asked for once."""
        at = self._by_address.get(_hash64(url))
        return None if at is None else self._journal.row(at)

    def add(self, position: int, row: LinkRow, data: bytes | None = None) -> None:
        """Store a picture's bytes, if there are any, then count the link as finished.

        Args:
            position: of the link in its source, from 0.
            row: `path` says where the bytes lie, see `picture_name`. data: what its sha256 names.
        Raises:
            OutputError: the disk is full or refuses to be written; the row does not count.
        """
        if data is not None:
            assert row.path is not None  # a row with bytes says where they lie
            self._store(row.path, data)
        if not self._journal.end:
            self._journal.add({"generation": self.generation})
        start = self._journal.end
        self._journal.add({"at": position, "row": to_link_record(row)})
        self._take(position, row, start)

    def checkpoint(self) -> None:
        """Make all that was added safe, whatever happens to this machine.

        Raises:
            OutputError: it cannot be written.
        """
        begun = self.begin_checkpoint()
        begun.sync()
        self.end_checkpoint(begun)

    def begin_checkpoint(self) -> Checkpoint:
        """What a checkpoint has to make safe; rows may be added while that is done."""
        pictures, self._unsafe = self._unsafe, []
        return Checkpoint(self.place, self.done, pictures)

    def end_checkpoint(self, begun: Checkpoint) -> None:
        """Count what `begun` held as safe.

        Raises:
            OutputError: it cannot be written.
        """
        if begun.rows == self._safe:
            return
        self._journal.add({"safe": begun.rows})
        if self.place.local is not None:
            self._journal.sync()
        else:
            self.place.write(_piece(self._pieces), self._journal.since(self._put))
            self._pieces, self._put = self._pieces + 1, self._journal.end
        self._safe = begun.rows

    def finish(self) -> int | None:
        """Write the table of this generation; its number, or None where there was nothing to do.

        Raises:
            OutputError: it cannot be written; what is finished stays.
        """
        if not self.done:
            return None
        self.checkpoint()
        order = np.argsort(np.frombuffer(self._positions, np.uint64), kind="stable")
        rows = (self._journal.row(self._offsets[at]) for at in order)
        write_generation(self.place, self.generation, rows, self._extra)
        self._drop_journal()
        return self.generation

    def _store(self, name: str, data: bytes) -> None:
        if self.place.local is None:
            if self.place.size(name) != len(data):
                self.place.write(name, data)
            return
        path = os.path.join(self._root, name)  # no Path: this is done for every picture
        folder, file_name = os.path.split(path)
        temporary = os.path.join(folder, f".{file_name}{TEMPORARY}")
        try:
            try:
                if os.stat(path).st_size == len(data):
                    return
            except FileNotFoundError:
                os.makedirs(folder, exist_ok=True)
            with open(temporary, "wb", buffering=0) as file:
                rest = memoryview(data)
                while rest:
                    rest = rest[file.write(rest) or 0 :]
            os.replace(temporary, path)  # on the disk at the next checkpoint, with a thousand others
        except OSError as error:
            with suppress(OSError):
                os.unlink(temporary)
            raise output_error(error, Path(path)) from error
        self._unsafe.append(name)

    def _take(self, position: int, row: LinkRow, offset: int) -> None:
        self._ids.add(int(row.link, 16))
        self._offsets.append(offset)
        self._positions.append(position)
        if row.attempts:
            self._by_address.setdefault(_hash64(row.url), offset)
        self._extra.update(row.extra)
        self.counts[row.status, row.reason] += 1

    def _recover(self) -> None:
        """Take up what a killed run left of this generation; since its last checkpoint only what is still whole."""
        if self.place.local is None:
            self._fetch_pieces()
        if not self._journal.path.exists():
            return
        rows: deque[tuple[int, LinkRow, int]] = deque()  # since the last checkpoint
        start = end = 0
        with open(self._journal.path, "rb") as file:
            for line in file:
                start, end = end, end + len(line)
                try:
                    record = json.loads(line)
                    if not start and record["generation"] != self.generation:
                        self._drop_journal()  # its table is written
                        return
                    if "safe" in record:
                        while rows and self.done < record["safe"]:
                            self._take(*rows.popleft())
                    elif "row" in record:
                        rows.append((int(record["at"]), from_link_record(record["row"]), start))
                except (ValueError, KeyError, TypeError):  # cut short by a kill
                    end = start
                    break
        self._safe = self.done
        for position, row, offset in rows:
            if not self._is_whole(row):
                end = offset
                break
            self._take(position, row, offset)
        self._journal.end = end

    def _is_whole(self, row: LinkRow) -> bool:
        if row.path is None or row.sha256 is None:
            return True
        try:
            read_picture(self.place, row.path, row.sha256)
        except BadImage:
            return False
        self._unsafe.append(row.path)
        return True

    def _drop_journal(self) -> None:
        self._journal.close()
        self._journal.path.unlink(missing_ok=True)
        if self.place.local is not None:
            sync_folder(self._state)
            return
        for name in [*self.place.names(_PIECES)]:
            self.place.delete(name)

    def _fetch_pieces(self) -> None:
        pieces = [name for name in self.place.names(_PIECES)]
        self._pieces = len(pieces)
        if pieces:
            self._journal.path.write_bytes(b"".join(self.place.read(name) for name in pieces))
            self._put = self._journal.path.stat().st_size


def refuse_foreign(place: Place) -> None:
    """Raises SettingError when something lies there that is no store and is not empty."""
    if place.local is None:
        if not is_store(place) and next(place.names(), None) is not None:
            raise SettingError(f"{place} is not empty and is not a store of webiml: give another --out.")
        return
    folder = place.local
    if folder.exists() and not folder.is_dir():
        raise SettingError(f"{folder} is a file: give a folder to --out.")
    if folder.is_dir() and not is_store(place) and any(map(_is_foreign, folder.iterdir())):
        raise SettingError(f"{folder} is not empty and is not a store of webiml: give another --out.")


def _is_foreign(entry: Path) -> bool:
    return entry.name not in _HARMLESS and not entry.name.endswith(TEMPORARY)


def _piece(number: int) -> str:
    return f"{_PIECES}/{number:06d}.jsonl"


def _sync(store: Path, names: list[str]) -> None:
    """Make pictures, and their names, survive a power cut."""
    try:
        for name in names:
            with suppress(FileNotFoundError):  # taken out meanwhile
                handle = os.open(store / name, os.O_RDONLY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)
        folders = {name.rpartition("/")[0] for name in names}
        for folder in folders | {folder.rpartition("/")[0] for folder in folders} | {""}:
            sync_folder(store / folder)
    except OSError as error:
        raise output_error(error, store) from error


def _hash64(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")
