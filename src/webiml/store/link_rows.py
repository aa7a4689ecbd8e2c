"""Pictures and rows of a run of `webiml collect` on their way into a store: what its writer and its workers share."""

from __future__ import annotations

import array
import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from webiml.store.atomic import TEMPORARY, output_error, sync_files
from webiml.store.link_journal import LinkJournal
from webiml.store.links import to_link_record
from webiml.store.place import Place
from webiml.store.removed import Removed, read_removed
from webiml.types import LinkRow

CHECKPOINT_ROWS = 1000  # rows between two checkpoints
CHECKPOINT_SECONDS = 10.0  # at most, while rows are added


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is to be made safe: the first `rows` rows, of which these pictures are perhaps not on the disk yet.

    Attributes:
        end: of their lines in the journal, bytes. parts: of workers, whose rows are among them.
    """

    place: Place
    rows: int
    end: int
    pictures: list[str]
    parts: list[str]

    def sync(self) -> None:
        """Make the pictures survive a power cut; may be called in another thread.

        Raises:
            OutputError: the disk refuses it.
        """
        if self.place.local is not None:
            sync_files(self.place.local, self.pictures)


class LinkRows:
    """Stores pictures, and holds rows in a journal of this machine until a checkpoint makes them safe.

    Attributes:
        removed: tombstones of the store.
    """

    def __init__(self, place: Place, generation: int, folder: Path) -> None:
        """`folder`: of this machine, for the journal."""
        self.place = place
        self.generation = generation
        self.removed: Removed = read_removed(place)
        self._root = place.url
        self._journal = LinkJournal(folder / "journal.jsonl")
        self._offsets = array.array("Q")  # where the line of each row starts
        self._by_address: dict[int, int] = {}  # hash of an address -> where its row starts
        self._safe = 0  # rows that are on the disk whatever happens
        self._unsafe: list[str] = []  # pictures that are written and perhaps not there yet
        self._taken: list[str] = []  # parts of workers whose rows are added
        self._put = 0  # bytes of the journal that lie in the store, where that is written in pieces

    @property
    def done(self) -> int:
        """Rows that were added."""
        return len(self._offsets)

    @property
    def unsafe_rows(self) -> int:
        """Rows since the last checkpoint."""
        return self.done - self._safe

    def same_address(self, url: str) -> LinkRow | None:
        """The row of another link of this generation whose address was asked for, so that it is asked for once."""
        at = self._by_address.get(_hash64(url))
        return None if at is None else self._journal.row(at)

    def add(self, position: int, row: LinkRow, data: bytes | None = None) -> bool:
        """Store a picture's bytes, if there are any, then count the link as finished.

        Args:
            position: of the link in its source, from 0.
            row: `path` says where the bytes lie, see `picture_name`. data: what its sha256 names.
        Returns:
            Whether it was not finished before; else its first row stays.
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
        return True

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
        parts, self._taken = self._taken, []
        return Checkpoint(self.place, self.done, self._journal.end, pictures, parts)

    def end_checkpoint(self, begun: Checkpoint) -> None:
        """Count what `begun` held as safe.

        Raises:
            OutputError: it cannot be written.
        """
        raise NotImplementedError

    def _store(self, name: str, data: bytes) -> None:
        if self.place.local is None:
            if self.place.size(name) != len(data):
                self.place.write(name, data)
            return
        path = os.path.join(self._root, name)  # no Path: this is done for every picture
        temporary = self._temporary(path)
        try:
            try:
                if os.stat(path).st_size == len(data):
                    self._found(name)
                    return
            except FileNotFoundError:
                os.makedirs(os.path.dirname(path), exist_ok=True)
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

    def _temporary(self, path: str) -> str:
        """Where a picture is written before it gets its name."""
        folder, file_name = os.path.split(path)
        return os.path.join(folder, f".{file_name}{TEMPORARY}")

    def _found(self, name: str) -> None:
        """A picture was there already: this writer has made it safe, or will."""

    def _take(self, position: int, row: LinkRow, offset: int) -> None:
        self._offsets.append(offset)
        if row.attempts:
            self._by_address.setdefault(_hash64(row.url), offset)


def _hash64(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")
