"""Writes a store: one run of `webiml collect` becomes one generation.

While a run goes on its journal holds its rows, and after a kill the next run goes on from it. On this machine a line is
in the journal as soon as a link is finished; of what was added since the last checkpoint only that counts whose bytes
still have their SHA-256. Elsewhere, where files do not grow, the journal is written in pieces, one a checkpoint.

What workers of a cluster finish comes as parts, see store/link_parts.py. Those that a killed run left count, too.
"""

from __future__ import annotations

import array
import json
import secrets
import tempfile
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np

from webiml import __version__
from webiml.errors import BadImage, OutputError, SettingError
from webiml.store.atomic import TEMPORARY, make_folder, sweep, sync_folder
from webiml.store.link_parts import PARTS, RUN, part_names, part_prefix, read_part, unseen
from webiml.store.link_rows import CHECKPOINT_ROWS, CHECKPOINT_SECONDS, Checkpoint, LinkRows
from webiml.store.links import (
    MARKER,
    SCHEMA_VERSION,
    STATE,
    Known,
    from_link_record,
    generations,
    is_store,
    read_picture,
    write_generation,
)
from webiml.store.lock import only_writer
from webiml.store.place import Place, open_place
from webiml.store.removal import refuse_unfinished
from webiml.types import LinkRow

__all__ = ["CHECKPOINT_ROWS", "CHECKPOINT_SECONDS", "LinkWriter", "refuse_foreign"]

_PIECES = f"{STATE}/journal"
_HARMLESS = {STATE, ".DS_Store", "lost+found"}


class LinkWriter(LinkRows):
    """Adds what became of links to a store, as one new generation. Made by `LinkWriter.open`.

    Attributes:
        known: how links stand in earlier generations. removed: tombstones.
        counts: rows of this generation by status and reason, those before a kill included.
    """

    def __init__(self, place: Place, generation: int, state: Path) -> None:
        super().__init__(place, generation, state)
        self.known = Known(place)
        self.counts: Counter[tuple[str, str | None]] = Counter()
        self._state = state
        self._positions = array.array("Q")  # place of each row in the source
        self._ids: set[int] = set()
        self._extra: set[str] = set()
        self._pieces = 0  # of the journal, elsewhere than on this machine

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
            writer.take_parts()
            yield writer

    def has(self, link: str) -> bool:
        """Whether this generation has a row of the link already."""
        return int(link, 16) in self._ids

    def add(self, position: int, row: LinkRow, data: bytes | None = None) -> bool:
        """As `LinkRows.add`."""
        return not self.has(row.link) and super().add(position, row, data)

    def begin_parts(self) -> str:
        """Let workers write parts; the token of this run, for `LinkPart.open`.

        Raises:
            OutputError: nothing can be written there.
        """
        token = secrets.token_hex(8)
        if self.place.local is not None:
            make_folder(self.place.local / PARTS)
            sweep(self.place.local / PARTS)
        self.place.write(RUN, token.encode())
        return token

    def take_part(self, name: str) -> list[LinkRow]:
        """Count the rows of a part as finished; those that were not before, in their order.

        Raises:
            SettingError: it is not there. OutputError: it is no part, or the rows cannot be written.
        """
        try:
            rows = read_part(self.place, name, self.generation)
            new = [row for position, row in rows if self.add(position, row)]
        except FileNotFoundError:
            raise unseen(self.place) from None
        except OSError as error:
            raise OutputError(f"{self.place}/{name} cannot be read ({error.strerror or error}).") from error
        self._taken.append(name)
        return new

    def take_parts(self, shard: int | None = None) -> list[LinkRow]:
        """As `take_part`, of every part that is there and was not taken yet, or of those of one shard."""
        prefix = PARTS if shard is None else part_prefix(self.generation, shard)
        names = [name for name in part_names(self.place, prefix) if name not in self._taken]
        return [row for name in names for row in self.take_part(name)]

    def end_checkpoint(self, begun: Checkpoint) -> None:
        """Count what `begun` held as safe.

        Raises:
            OutputError: it cannot be written.
        """
        if begun.rows != self._safe:
            self._journal.add({"safe": begun.rows})
            if self.place.local is not None:
                self._journal.sync()
            else:
                self.place.write(_piece(self._pieces), self._journal.between(self._put, self._journal.end))
                self._pieces, self._put = self._pieces + 1, self._journal.end
            self._safe = begun.rows
        for name in begun.parts:
            self.place.delete(name)

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
        self._drop_parts()
        self._drop_journal()
        return self.generation

    def _take(self, position: int, row: LinkRow, offset: int) -> None:
        super()._take(position, row, offset)
        self._ids.add(int(row.link, 16))
        self._positions.append(position)
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
        self._pieces = self._put = 0
        if self.place.local is not None:
            sync_folder(self._state)
            return
        for name in [*self.place.names(_PIECES)]:
            self.place.delete(name)

    def _drop_parts(self) -> None:
        """Let no worker write any more, and forget what came too late."""
        self.place.delete(RUN)
        for name in part_names(self.place):
            self.place.delete(name)
        if self.place.local is not None:
            sweep(self.place.local / PARTS)
            with suppress(OSError):  # it was never there, or somebody put something into it
                (self.place.local / PARTS).rmdir()

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
