"""Writes a dataset: one process at a time, row by row, or shard by shard as workers finish them.

    .webiml/dataset.json     what the dataset is made with; a writer with other settings is refused
    .webiml/journal.jsonl    a line for every finished row
    .webiml/parts/           rows of shards that are done and not in the journal yet, see store/parts.py
    .webiml/lock, staging/   on this machine: the lock, and the tar in the making
    .webiml/finished         there while annotations.parquet holds every row

A row is finished when its line is in the journal or in a part, and the line is written when the row's files are safe:
whatever stops the writer, the next one goes on after the last finished row, to the same bytes. What is added within a
moment is made safe together, since that takes longer than all else.

Elsewhere than on this machine files do not grow, so the journal lies in a temporary folder here, goes there in parts,
and as a whole when the dataset is finished. Nothing keeps a second writer out there.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections import ChainMap
from collections.abc import Iterator, KeysView
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

from webiml.errors import OutputError, SettingError
from webiml.store.atomic import make_folder, output_error, sweep, sync_files, sync_folder, write_soon
from webiml.store.dataset import FOLDERS, INFO, STATE, DatasetInfo, read_info
from webiml.store.dataset_files import shard_members, stored_row, where_of
from webiml.store.journal import Entry, Journal, shard_name
from webiml.store.lock import only_writer
from webiml.store.open_tar import OpenTar
from webiml.store.parquet import FILE_NAME, write_annotations
from webiml.store.parts import PARTS, RUN, part_name, part_numbers
from webiml.store.place import Place, open_place
from webiml.store.removal import refuse_unfinished
from webiml.store.rows import SCHEMA_VERSION, from_record, is_safe_key
from webiml.store.shards import write_tar
from webiml.types import Finished, Row

ROWS_A_PART = 1000  # of a dataset of plain files elsewhere than on this machine, and
SECONDS_A_PART = 30.0  # at most: what came after the last part is lost with this process
ROWS_AT_ONCE = 100  # are made safe together, and
SECONDS_AT_ONCE = 0.25  # at most, so that slow work is safe row by row

_JOURNAL, _FINISHED = f"{STATE}/journal.jsonl", f"{STATE}/finished"
_HARMLESS = {STATE, ".DS_Store", "lost+found"}  # what a folder may hold and still count as empty


class DatasetWriter:
    """Adds finished rows to a dataset and writes its table. Made by `DatasetWriter.open`.

    Attributes:
        done: the keys that are finished, before this run or in it.
    """

    def __init__(self, place: Place, info: DatasetInfo, state: Path) -> None:
        self.place = place
        self.info = info
        self._state = state
        self._staging = state / "staging"
        self._journal = Journal(state / "journal.jsonl")
        self._pending: dict[str, Entry] = {}  # rows that were added and are not safe yet
        self._unsafe: list[str] = []  # files of them that are perhaps not on the disk
        self._safe_at = 0.0
        self._open = OpenTar(self._staging / "open.tar", set(self._journal.unpacked))
        self._waiting: dict[str, tuple[int, int]] = {}  # key to part and line, of parts whose turn has not come
        self._parts: set[int] = set()  # numbers of the parts that wait
        every = len(self._journal.offsets) // info.shard_pairs
        self._next = self._journal.shard_count if info.format == "shards" else every  # the part whose turn it is
        self._read: tuple[int, list[bytes]] = (-1, [])  # the part that was looked into last
        self._sent, self._unsent, self._sent_at = self._journal.size, 0, time.monotonic()  # bytes, rows, moment
        self.done: KeysView[str] = ChainMap[str, Any](self._pending, self._waiting, self._journal.offsets).keys()

    @classmethod
    @contextmanager
    def open(
        cls,
        path: Path | Place,
        *,
        format: Literal["folder", "shards"],
        shard_pairs: int,
        settings: dict[str, Any],
        settings_hash: str,
        package_version: str,
    ) -> Iterator[DatasetWriter]:
        """Begin a dataset at `path`, or go on with the one that is there; for a `with` block.

        On this machine no other process can write to it meanwhile. A kill leaves no lock behind.

        Raises:
            SettingError: `path` holds something else, a dataset that was made with other settings, or one that
                another run is writing. Nothing has been touched.
            OutputError: nothing can be written there.
        """
        place = open_place(path)
        info = DatasetInfo(SCHEMA_VERSION, format, shard_pairs, settings, settings_hash, package_version)
        try:
            _refuse_foreign(place)
            with ExitStack() as stack:
                if place.local is not None:
                    stack.enter_context(only_writer(place.local, f"{STATE}/lock"))
                    state = place.local / STATE
                else:
                    state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="webiml-")))
                refuse_unfinished(place)
                there = _begin(place, info)
                if place.local is None:
                    _fetch_journal(place, state)
                writer = cls(place, there, state)
                stack.callback(writer._close)
                writer._mend()
                try:
                    yield writer
                except BaseException:
                    with suppress(OutputError, OSError):  # what stops us counts, not what comes of it
                        writer.checkpoint()
                    raise
                writer.checkpoint()
        except OSError as error:
            if place.local is not None:
                raise output_error(error, place.local) from error
            raise OutputError(
                f"{place} cannot be written ({error.strerror or error}); what is finished stays."
            ) from None

    def entry(self, key: str) -> Entry:
        """The finished row of `key` and the sizes of its files, by name as in `Finished.files`.

        Raises:
            KeyError: nothing of that key is finished.
        """
        if key in self._pending:
            return self._pending[key]
        if key not in self._waiting:
            return self._journal.entry(key)
        number, line = self._waiting[key]
        if self._read[0] != number:
            self._read = (number, self._part_lines(number))
        record = json.loads(self._read[1][line])
        last = json.loads(self._read[1][-1])
        if "shard" in last and record["sizes"]:
            record["row"]["shard"] = shard_name(last["shard"])
        return Entry(from_record(record["row"]), record["sizes"])

    def add(self, finished: Finished, *, carried: bool = False) -> Row:
        """Store the files of one input, then count its row as finished.

        Args:
            finished: its row needs key, name, status and what was found; where the files lie, the time, the version
                and the hash of the settings are filled in here.
            carried: the row was finished in another dataset and says itself when, by what version and settings.
        Returns:
            The row as it was stored; it is safe, whatever happens, after the next `checkpoint`.
        Raises:
            OutputError: the disk is full or refuses to be written; the row does not count.
        """
        key = finished.row.key
        there = key in self._pending or (key in self.done and key not in self._journal.bare)
        if not is_safe_key(key) or there:
            raise ValueError(f"the key {key!r:.200} is not safe as a file name, or its row is finished already")
        self._pack_full()  # before the row, not after: once its line is written it is finished, and nothing may fail
        self._marker_off()
        row = stored_row(finished, self.info, carried)
        files = [(where_of(self.info.format, key, name), data) for name, data in finished.files.items()]
        if self.info.format == "shards":
            self._open.add(files)
        else:
            for where, data in files:
                self._write(where, data)
        self._pending[key] = Entry(row, {name: len(data) for name, data in finished.files.items()})
        if len(self._pending) >= ROWS_AT_ONCE or time.monotonic() - self._safe_at > SECONDS_AT_ONCE:
            self.checkpoint()
        return row

    @property
    def unsafe(self) -> int:
        """Rows that were added last and would be lost, were this process killed now."""
        return len(self._pending)

    def checkpoint(self) -> None:
        """Make all that was added safe, whatever happens to this process or this machine.

        Raises:
            OutputError: the disk is full or refuses to be written.
        """
        if not self._pending:
            return
        self._open.sync()
        if self.place.local is not None:
            sync_files(self.place.local, self._unsafe)
        self._unsafe.clear()
        entries = list(self._pending.values())
        self._pending.clear()  # before: stopped in the middle, what is written counts and is not written again
        self._journal.add_rows(entries)
        self._unsent += len(entries)
        self._safe_at = time.monotonic()
        if self.info.format == "folder" and self._is_time():
            self._send(next(self.free_numbers()))

    def begin_parts(self) -> str:
        """Make ready for workers that finish whole shards, see `store.parts.Part`; the token of this run for them.

        Raises:
            OutputError: it cannot be written.
        """
        self.checkpoint()
        if self.info.format == "shards" and self._journal.unpacked:  # of a run that went row by row
            self._pack()
        self._marker_off()
        token = os.urandom(16).hex()
        self.place.write(RUN, token.encode())
        return token

    def free_numbers(self) -> Iterator[int]:
        """Numbers for shards that are to be done, ascending, without end: each that nobody has done."""
        number = self._next
        while True:
            if number not in self._parts:
                yield number
            number += 1

    def take_part(self, number: int) -> None:
        """Count the rows of a shard that a worker has done as finished; they are in `done` when their turn has come.

        Raises:
            OutputError: the journal cannot be written, or the part is none.
        """
        self._parts.add(number)
        while self._next in self._parts:
            self._absorb(self._next)

    def finish(self) -> bool:
        """Pack what is left and write `annotations.parquet`, unless it already holds every row.

        Returns:
            Whether anything was written.
        Raises:
            OutputError: the disk is full or refuses to be written; what is finished stays.
        """
        self.checkpoint()
        if self.info.format == "shards" and self._journal.unpacked and self._parts:
            self._pack()  # a part's line counts what is unpacked as its own
        for number in sorted(self._parts):
            self._absorb(number)
        self.place.delete(RUN)
        if self.place.exists(_FINISHED) and self.place.exists(FILE_NAME):
            return False
        self._pack_full()
        if self.info.format == "shards" and self._journal.unpacked:
            self._pack()
        rows = (self._journal.entry(key).row for key in sorted(self._journal.offsets))
        write_annotations(self.place, FILE_NAME, rows, self._journal.extra_names, _to_metadata(self.info))
        if self.place.local is None:
            with self.place.writer(_JOURNAL) as file, open(self._journal.path, "rb") as journal:
                shutil.copyfileobj(journal, file)
        self.place.write(_FINISHED, b"")
        if self.place.local is None:
            for number in part_numbers(self.place):
                self.place.delete(part_name(number))
        return True

    def _absorb(self, number: int) -> None:
        """Take a part into the journal; a kill before the part is deleted does no harm."""
        self._marker_off()
        self._journal.extend(self._part_lines(number))
        self._parts.discard(number)
        self._next = max(self._next, number + 1)
        for key in [key for key, (part, _) in self._waiting.items() if part == number]:
            del self._waiting[key]
        if self.place.local is not None:
            self.place.delete(part_name(number))
        else:
            self._sent = self._journal.size

    def _part_lines(self, number: int) -> list[bytes]:
        return self.place.read(part_name(number)).splitlines(keepends=True)

    def _marker_off(self) -> None:
        if self.place.exists(_FINISHED):
            self.place.delete(_FINISHED)
            if self.place.local is not None:
                sync_folder(self._state)

    def _mend(self) -> None:
        """Bring order into what a killed writer left."""
        if self.place.local is not None:
            root = self.place.local
            for folder in (root, self._state, root / PARTS, *(root / name for name in FOLDERS.values())):
                sweep(folder)
        for number in part_numbers(self.place):
            if number <= self._next:  # those before it are in the journal, and were not deleted
                self._absorb(number)
            else:
                self._parts.add(number)
        for number in sorted(self._parts):
            for line, record in enumerate(map(json.loads, self._part_lines(number))):
                if "row" in record and record["row"]["key"] not in self._journal.offsets:
                    self._waiting[record["row"]["key"]] = (number, line)
        if self.info.format == "folder":
            if self.place.local is not None:
                for name in FOLDERS.values():
                    if name != "alternative":
                        make_folder(self.place.local / name)
            return
        make_folder(self._staging)
        for file in self._staging.iterdir():  # our own folder
            if file != self._open.path:
                file.unlink()
        if self.place.local is None and self._journal.unpacked:
            raise SettingError(f"{self.place} is the copy of an unfinished dataset: finish it where it was begun.")

    def _write(self, where: str, data: bytes) -> None:
        """Put a file there; on this machine it is on the disk after the next checkpoint, with many others."""
        if self.place.local is None:
            self.place.write(where, data)
            return
        make_folder((self.place.local / where).parent)  # few pairs have an alternative: its folder comes with the first
        write_soon(self.place.local / where, data)
        self._unsafe.append(where)

    def _close(self) -> None:
        self._journal.close()
        self._open.close()

    def _pack_full(self) -> None:
        if self.info.format == "shards" and self._journal.since + len(self._pending) >= self.info.shard_pairs:
            self.checkpoint()
            self._pack()

    def _pack(self) -> None:
        """Put the unpacked rows into the next tar. A tar without its line in the journal is made anew."""
        self._marker_off()
        keys, number = sorted(self._journal.unpacked), self._next
        if keys:
            entries = map(self._journal.entry, keys)
            with self.place.writer(shard_name(number)) as file:
                write_tar(file, shard_members(entries, shard_name(number), self._open.read))
        self._journal.add_shard(number)
        self._send(number)
        self._open.clear()

    def _is_time(self) -> bool:
        if self.place.local is not None:
            return False
        return self._unsent >= ROWS_A_PART or time.monotonic() - self._sent_at > SECONDS_A_PART

    def _send(self, number: int) -> None:
        """Elsewhere than on this machine, put what is new in the journal there; then the parts whose turn it is."""
        if self.place.local is None:
            self.place.write(part_name(number), self._journal.tail(self._sent))
            self._sent, self._unsent, self._sent_at = self._journal.size, 0, time.monotonic()
        self._next = max(self._next, number + 1)
        while self._next in self._parts:
            self._absorb(self._next)


def finished_keys(path: Path | Place) -> frozenset[str]:
    """The keys that a run into `path` would not do again; empty where there is no dataset. Writes nothing there.

    Raises:
        OSError: it cannot be read.
    """
    place = open_place(path)
    with tempfile.TemporaryDirectory(prefix="webiml-") as folder:
        if place.local is None:
            _fetch_journal(place, Path(folder))
        keys = set(Journal((Path(folder) if place.local is None else place.local / STATE) / "journal.jsonl").offsets)
    for number in part_numbers(place):
        for line in place.read(part_name(number)).splitlines():
            record = json.loads(line)
            keys |= {record["row"]["key"]} if "row" in record else set()
    return frozenset(keys)


def refuse_unfit(
    path: Path | Place,
    *,
    format: Literal["folder", "shards"],
    shard_pairs: int,
    settings: dict[str, Any],
    settings_hash: str,
) -> None:
    """Refuse what `DatasetWriter.open` would refuse, but for want of permission or space. Writes nothing.

    Raises:
        SettingError: `path` holds something else, or a dataset that was made with other settings.
    """
    place = open_place(path)
    _refuse_foreign(place)
    there = read_info(place)
    if there is not None:
        _refuse_other_settings(
            place, there, DatasetInfo(SCHEMA_VERSION, format, shard_pairs, settings, settings_hash, "")
        )


def _refuse_foreign(place: Place) -> None:
    if place.local is None:
        if not place.exists(INFO) and (name := next(place.names(), None)) is not None:
            raise SettingError(
                f"{place} is not empty ({name:.100}) and is not a dataset of webiml: give another --out."
            )
        return
    path = place.local
    if path.exists() and not path.is_dir():
        raise SettingError(f"{path} is a file: give a folder to --out.")
    if not path.is_dir() or (path / INFO).exists():
        return
    if (path / FILE_NAME).exists():
        raise SettingError(
            f"{path} holds a dataset without its working state ({STATE}), so nothing can be added: give another --out."
        )
    if any(entry.name not in _HARMLESS for entry in path.iterdir()):
        raise SettingError(f"{path} is not empty and is not a dataset of webiml: give another --out.")


def _begin(place: Place, info: DatasetInfo) -> DatasetInfo:
    """Check `info` against the dataset that is there, or begin one."""
    there = read_info(place)
    if there is None:
        place.write(INFO, json.dumps(asdict(info), indent=1).encode() + b"\n")
        return info
    _refuse_other_settings(place, there, info)
    probe = f"{STATE}/probe"
    place.write(probe, bytes(4096))
    place.delete(probe)
    return replace(there, package_version=info.package_version)


def _fetch_journal(place: Place, state: Path) -> None:
    with suppress(FileNotFoundError), place.reader(_JOURNAL) as there, open(state / "journal.jsonl", "wb") as journal:
        shutil.copyfileobj(there, journal, 1 << 20)


def _refuse_other_settings(place: Place, there: DatasetInfo, now: DatasetInfo) -> None:
    differs = [f"{name} is {old} there and {new} now" for name, old, new in _differences(there, now)]
    if differs:
        raise SettingError(
            f"{place} was made with other settings ({'; '.join(differs)}): use the same settings, or give another "
            "--out."
        )


def _differences(there: DatasetInfo, now: DatasetInfo) -> Iterator[tuple[str, object, object]]:
    old, new = dict(there.settings), dict(now.settings)
    old |= {"dataset schema": there.schema, "format": there.format}
    new |= {"dataset schema": now.schema, "format": now.format}
    if there.format == now.format == "shards":
        old["shard_pairs"], new["shard_pairs"] = there.shard_pairs, now.shard_pairs
    for name in sorted(old.keys() | new.keys()):
        if old.get(name, "not set") != new.get(name, "not set"):
            yield name, old.get(name, "not set"), new.get(name, "not set")
    if old == new and there.settings_hash != now.settings_hash:
        yield "settings_hash", there.settings_hash, now.settings_hash


def _to_metadata(info: DatasetInfo) -> dict[str, str]:
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in asdict(info).items()}
