"""A dataset on disk, behind one interface with two shapes: plain files in folders, or WebDataset tars.

    annotations.parquet      one row for every input
    authentic/ manipulated/ masks/ probability/ alternative/      folder: <key>.<ext>
    shard-000000.tar ...     shards: <key>.authentic.<ext> <key>.manipulated.<ext> <key>.mask.png <key>.probability.png
                             <key>.alternative.png <key>.json
    .webiml/                 what a writer needs to go on: dataset.json, journal.jsonl, lock, staging/, finished

One process writes. A row is finished when its line is in the journal, and the line is written when the row's files are
safe on the disk: whatever stops the writer, the next one goes on after the last finished row, to the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from webiml.errors import BadImage, SettingError
from webiml.images.read import MAX_BYTES, read_bytes
from webiml.store.atomic import make_folder, output_error, replacing, sweep, sync_folder, write_bytes
from webiml.store.journal import Entry, Journal, shard_name
from webiml.store.lock import only_writer
from webiml.store.parquet import FILE_NAME, read_annotations, read_metadata, write_annotations
from webiml.store.place import Place, open_place
from webiml.store.removal import refuse_unfinished
from webiml.store.rows import SCHEMA_VERSION, clean_text, is_safe_key, to_record
from webiml.store.shards import read_tar_member, write_tar
from webiml.types import Finished, Reason, Row

Role = Literal["authentic", "manipulated", "mask", "probability", "alternative"]
"""`alternative`: what the other segmenter drew, only where no kind was sure and both were asked."""

_STATE = ".webiml"
_FOLDERS = {
    "authentic": "authentic",
    "manipulated": "manipulated",
    "mask": "masks",
    "probability": "probability",
    "alternative": "alternative",
}
_HARMLESS = {_STATE, ".DS_Store", "lost+found"}  # what a folder may hold and still count as empty
_FILE = re.compile(r"(authentic|manipulated)(\.[a-z0-9]{1,5})|(mask|probability|alternative)(\.png)")


@dataclass(frozen=True)
class DatasetInfo:
    """What a dataset says of itself; a writer with other values is refused."""

    schema: int
    format: str
    """folder or shards."""
    shard_pairs: int
    """Pairs a tar holds, with the format shards."""
    settings: dict[str, Any]
    """The settings that decide results, by name."""
    settings_hash: str
    package_version: str
    """Version of webiml that wrote the dataset last; each row names the version that made it."""


class DatasetWriter:
    """Adds finished rows to a dataset and writes its table. Made by `DatasetWriter.open`.

    Attributes:
        done: the keys that are finished, before this run or in it.
    """

    def __init__(self, path: Path, info: DatasetInfo) -> None:
        self.path = path
        self.info = info
        self._state = path / _STATE
        self._staging = self._state / "staging"
        self._marker = self._state / "finished"  # there while annotations.parquet holds every row of the journal
        self._journal = Journal(self._state / "journal.jsonl")
        self.done = self._journal.offsets.keys()

    @classmethod
    @contextmanager
    def open(
        cls,
        path: Path,
        *,
        format: Literal["folder", "shards"],
        shard_pairs: int,
        settings: dict[str, Any],
        settings_hash: str,
        package_version: str,
    ) -> Iterator[DatasetWriter]:
        """Begin a dataset at `path`, or go on with the one that is there; for a `with` block.

        No other process can write to it meanwhile. A kill leaves no lock behind.

        Raises:
            SettingError: `path` holds something else, a dataset that was made with other settings, or one that
                another run is writing. Nothing has been touched.
            OutputError: nothing can be written there.
        """
        info = DatasetInfo(SCHEMA_VERSION, format, shard_pairs, settings, settings_hash, package_version)
        try:
            _refuse_foreign(path)
            with only_writer(path, f"{_STATE}/lock"):
                refuse_unfinished(open_place(path))
                there = _begin(path, info)
                writer = cls(path, there)
                try:
                    writer._mend()
                    yield writer
                finally:
                    writer._journal.close()
        except OSError as error:
            raise output_error(error, path) from error

    def entry(self, key: str) -> Entry:
        """The finished row of `key` and the sizes of its files, by name as in `Finished.files`.

        Raises:
            KeyError: nothing of that key is finished.
        """
        return self._journal.entry(key)

    def add(self, finished: Finished, *, carried: bool = False) -> Row:
        """Store the files of one input, then count its row as finished.

        Args:
            finished: its row needs key, name, status and what was found; where the files lie, the time, the version
                and the hash of the settings are filled in here.
            carried: the row was finished in another dataset and says itself when, by what version and settings.
        Returns:
            The row as it was stored.
        Raises:
            OutputError: the disk is full or refuses to be written; the row does not count.
        """
        key = finished.row.key
        if not is_safe_key(key) or (key in self.done and key not in self._journal.bare):
            raise ValueError(f"the key {key!r:.200} is not safe as a file name, or its row is finished already")
        self._pack_full()  # before the row, not after: once its line is written it is finished, and nothing may fail
        self._marker_off()
        paths: dict[str, str] = {}
        for name, data in finished.files.items():
            where = self._place(key, name)
            target = (self._staging if self.info.format == "shards" else self.path) / where
            make_folder(target.parent)  # few pairs have an alternative, so its folder comes with the first
            write_bytes(target, data)
            paths[name.partition(".")[0]] = where
        row = clean_text(
            replace(
                finished.row,
                authentic_path=paths.get("authentic"),
                manipulated_path=paths.get("manipulated"),
                shard=None,
            )
        )
        if not carried:
            row = replace(
                row,
                annotated_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                settings_hash=self.info.settings_hash,
                package_version=self.info.package_version,
            )
        self._journal.add_row(row, {name: len(data) for name, data in finished.files.items()})
        return row

    def finish(self) -> bool:
        """Pack what is left and write `annotations.parquet`, unless it already holds every row.

        Returns:
            Whether anything was written.
        Raises:
            OutputError: the disk is full or refuses to be written; what is finished stays.
        """
        table = self.path / FILE_NAME
        if self._marker.exists() and table.exists():
            return False
        self._pack_full()
        if self.info.format == "shards" and self._journal.unpacked:
            self._pack(len(self._journal.unpacked))
        rows = (self._journal.entry(key).row for key in sorted(self.done))
        write_annotations(table, rows, self._journal.extra_names, _to_metadata(self.info))
        write_bytes(self._marker, b"")
        return True

    def _place(self, key: str, name: str) -> str:
        """Where the file `name` of a pair lies: relative to the dataset, or its name in a tar."""
        match = _FILE.fullmatch(name)
        if match is None:
            raise ValueError(f"{name!r:.100} is not a file of a pair")
        role, extension = match[1] or match[3], match[2] or match[4]
        return f"{key}.{role}{extension}" if self.info.format == "shards" else f"{_FOLDERS[role]}/{key}{extension}"

    def _marker_off(self) -> None:
        if self._marker.exists():
            self._marker.unlink()
            sync_folder(self._state)

    def _mend(self) -> None:
        """Bring order into what a killed writer left."""
        for folder in (self.path, self._state, *(self.path / name for name in _FOLDERS.values())):
            sweep(folder)
        if self.info.format == "folder":
            for name in _FOLDERS.values():
                if name != "alternative":
                    make_folder(self.path / name)
            return
        make_folder(self._staging)
        wanted = {self._place(key, name) for key in self._journal.unpacked for name in self._journal.entry(key).sizes}
        for file in self._staging.iterdir():  # our own folder: what no unpacked row needs was packed, or never counted
            if file.name not in wanted:
                file.unlink()

    def _pack_full(self) -> None:
        while self.info.format == "shards" and len(self._journal.unpacked) >= self.info.shard_pairs:
            self._pack(self.info.shard_pairs)

    def _pack(self, pairs: int) -> None:
        """Put the first `pairs` unpacked rows into the next tar. A tar without its line in the journal is made anew."""
        self._marker_off()
        keys = sorted(self._journal.unpacked[:pairs])
        shard = shard_name(self._journal.shard_count)
        names = [self._place(key, name) for key in keys for name in self._journal.entry(key).sizes]
        with replacing(self.path / shard) as file:
            write_tar(file, self._members(keys, shard))
        self._journal.add_shard(pairs)
        for name in names:
            with suppress(FileNotFoundError):
                (self._staging / name).unlink()

    def _members(self, keys: list[str], shard: str) -> Iterator[tuple[str, bytes]]:
        for key in keys:
            entry = self._journal.entry(key)
            for name in sorted(entry.sizes, key=lambda name: list(_FOLDERS).index(name.partition(".")[0])):
                where = self._place(key, name)
                yield where, (self._staging / where).read_bytes()
            record = to_record(replace(entry.row, shard=shard))
            del record["annotated_at"]  # the one value that differs between two equal runs stays in the table
            yield f"{key}.json", json.dumps(record, ensure_ascii=False).encode()


def is_dataset(path: Path | Place) -> bool:
    """Whether a finished dataset lies there."""
    return open_place(path).exists(FILE_NAME)


def read_rows(path: Path | Place) -> Iterator[Row]:
    """The rows of a finished dataset, sorted by key; memory does not grow with their number.

    Raises:
        SettingError: `path` is not a dataset, or it is not finished.
    """
    return read_annotations(open_place(path), FILE_NAME)


def read_member(path: Path | Place, row: Row, role: Role) -> bytes:
    """One file of a pair, from either shape of dataset. What the row says is not trusted: no path leads out of `path`.

    Raises:
        BadImage: the pair has no such file, or it cannot be read.
    """
    given = {"authentic": row.authentic_path, "manipulated": row.manipulated_path}
    if role in given:
        where = given[role]
        if where is None:
            raise BadImage(Reason.NOT_FOUND, f"{row.key} was stored without its {role} picture")
    else:
        where = f"{row.key}.{role}.png" if row.shard else f"{_FOLDERS[role]}/{row.key}.png"
    place = open_place(path)
    if row.shard is not None:
        return read_tar_member(place, row.shard, where)
    relative = PurePosixPath(where)
    if relative.is_absolute() or ".." in relative.parts or "\\" in where or ":" in where or "\0" in where:
        raise BadImage(Reason.OUTSIDE_FOLDER, f"{where!r:.200} leads out of the dataset")
    if place.local is not None:
        return read_bytes(place.local.joinpath(*relative.parts), None)
    try:
        if (place.size(where) or 0) > MAX_BYTES:
            raise BadImage(Reason.TOO_MANY_BYTES, f"{where}: more than {MAX_BYTES:,} bytes")
        return place.read(where)
    except FileNotFoundError:
        raise BadImage(Reason.NOT_FOUND, f"{where}: no such file") from None
    except OSError as error:
        raise BadImage(Reason.UNREADABLE, str(error)) from None


def dataset_info(path: Path | Place) -> DatasetInfo:
    """What the dataset says of itself, finished or not.

    Raises:
        SettingError: `path` is not a dataset.
    """
    place = open_place(path)
    if place.exists(FILE_NAME):
        return _from_metadata(place)
    info = None if place.local is None else _read_info(place.local)
    if info is None:
        raise SettingError(f"{path} is not a dataset of webiml: it has neither {FILE_NAME} nor {_STATE}.")
    return info


def settings_digest(settings: Mapping[str, Any]) -> str:
    """The first 16 hex digits of the SHA-256 of settings as sorted JSON, which every row repeats."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def refuse_unfit(
    path: Path, *, format: Literal["folder", "shards"], shard_pairs: int, settings: dict[str, Any], settings_hash: str
) -> None:
    """Refuse what `DatasetWriter.open` would refuse, but for want of permission or space. Writes nothing.

    Raises:
        SettingError: `path` holds something else, or a dataset that was made with other settings.
    """
    _refuse_foreign(path)
    there = _read_info(path)
    if there is not None:
        _refuse_other_settings(
            path, there, DatasetInfo(SCHEMA_VERSION, format, shard_pairs, settings, settings_hash, "")
        )


def finished_keys(path: Path) -> frozenset[str]:
    """The keys that a run into `path` would not do again; empty where there is no dataset. Writes nothing."""
    return frozenset(Journal(path / _STATE / "journal.jsonl").offsets)


def _refuse_foreign(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise SettingError(f"{path} is a file: give a folder to --out.")
    if not path.is_dir() or (path / _STATE / "dataset.json").exists():
        return
    if (path / FILE_NAME).exists():
        raise SettingError(
            f"{path} holds a dataset without its working state ({_STATE}), so nothing can be added: give another --out."
        )
    if any(entry.name not in _HARMLESS for entry in path.iterdir()):
        raise SettingError(f"{path} is not empty and is not a dataset of webiml: give another --out.")


def _begin(path: Path, info: DatasetInfo) -> DatasetInfo:
    """Check `info` against the dataset that is there, or begin one."""
    there = _read_info(path)
    if there is None:
        write_bytes(path / _STATE / "dataset.json", json.dumps(asdict(info), indent=1).encode() + b"\n")
        return info
    _refuse_other_settings(path, there, info)
    probe = path / _STATE / "probe"
    write_bytes(probe, bytes(4096))
    probe.unlink()
    return replace(there, package_version=info.package_version)


def _refuse_other_settings(path: Path, there: DatasetInfo, now: DatasetInfo) -> None:
    differs = [f"{name} is {old} there and {new} now" for name, old, new in _differences(there, now)]
    if differs:
        raise SettingError(
            f"{path} was made with other settings ({'; '.join(differs)}): use the same settings, or give another --out."
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


def _read_info(path: Path) -> DatasetInfo | None:
    file = path / _STATE / "dataset.json"
    try:
        record = json.loads(file.read_bytes())
        if not isinstance(record["settings"], dict):
            raise TypeError("settings are not a table")
        return DatasetInfo(**record)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise SettingError(f"{file} cannot be read ({error}): give another --out.") from error


def _to_metadata(info: DatasetInfo) -> dict[str, str]:
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in asdict(info).items()}


def _from_metadata(place: Place) -> DatasetInfo:
    record: dict[str, Any] = read_metadata(place, FILE_NAME)
    try:
        for name in ("schema", "shard_pairs", "settings"):
            record[name] = json.loads(record[name])
        if not isinstance(record["settings"], dict):
            raise TypeError("settings are not a table")
        return DatasetInfo(**record)
    except (ValueError, KeyError, TypeError) as error:
        raise SettingError(f"{place}/{FILE_NAME} was not written by webiml: {error}") from error
