"""The steps that a removal is made of. Each replaces or deletes whole files, and does nothing where it was done."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from typing import Any

from webiml.errors import SettingError
from webiml.store.atomic import output_error, sweep, sync_folder
from webiml.store.parquet import read_metadata, read_records, write_records_to
from webiml.store.place import Place
from webiml.store.shards import write_tar

Record = dict[str, Any]

_MEMBER = re.compile(r"(.+)\.(?:(authentic|manipulated)\.[a-z0-9]{1,5}|(?:mask|probability|alternative)\.png|json)")


def change_table(place: Place, name: str, change: Callable[[Record], Record | None]) -> None:
    """Write a Parquet table anew with some records changed; columns, order and metadata stay.

    Args:
        change: the record that takes the place of one; None where it stays as it is.
    Raises:
        SettingError: the table cannot be read. OutputError: it cannot be written; the former one stays.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if all(change(record) is None for record in read_records(place, name)):
        return
    with place.reader(name) as opened:
        schema = pq.read_schema(opened)
    for at, column in enumerate(schema):
        if pa.types.is_list(column.type):  # a file says "element" where a writer says "item": other bytes
            schema = schema.set(at, column.with_type(pa.list_(column.type.value_type)))
    with place.writer(name) as file:
        records = (change(record) or record for record in read_records(place, name))
        write_records_to(file, records, schema, read_metadata(place, name))


def read_journal(place: Place, name: str) -> Iterator[tuple[bytes, Record]]:
    """The whole lines of a journal, each with its record. What follows a line that is none does not count."""
    try:
        file = place.reader(name)
    except (FileNotFoundError, NotADirectoryError):
        return
    with file:
        for line in file:
            try:
                record = json.loads(line) if line.endswith(b"\n") else None
            except ValueError:
                record = None
            if not isinstance(record, dict):
                return
            yield line, record


def change_journal(place: Place, name: str, changed: Callable[[], Iterator[Record | None]]) -> None:
    """Write a journal anew with some records changed; other lines stay as they are, byte for byte.

    Args:
        changed: begins to say, line by line, the record that takes its place; None where it stays.
    Raises:
        OutputError: it cannot be written; the former one stays.
    """
    if all(record is None for record in changed()):
        return
    with place.writer(name) as file:
        for (line, _), record in zip(read_journal(place, name), changed(), strict=True):
            file.write(line if record is None else json.dumps(record, separators=(",", ":")).encode() + b"\n")


def key_of_member(name: str) -> tuple[str, str] | None:
    """Key and role (empty: neither picture) of the pair whose file in a tar has this name; None when it is no such."""
    match = _MEMBER.fullmatch(name)
    return None if match is None else (match[1], match[2] or "")


def thin_tar(place: Place, shard: str, keys: Collection[str]) -> None:
    """Write a tar anew without the files of some pairs; the other members stay. An empty tar stays a tar.

    A gap in the numbers would stop those who count them, so no tar is deleted.

    Raises:
        SettingError: it cannot be read. OutputError: it cannot be written; the former one stays.
    """

    def goes(member: tarfile.TarInfo) -> bool:
        found = key_of_member(member.name)
        return found is not None and found[0] in keys

    def staying(tar: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
        for member in tar:
            content = tar.extractfile(member) if member.isreg() and not goes(member) else None
            if content is not None:
                yield member.name, content.read()

    try:
        with place.reader(shard) as file, tarfile.open(fileobj=file, mode="r:") as tar:
            if not any(goes(member) for member in tar):
                return
        with (
            place.reader(shard) as file,
            tarfile.open(fileobj=file, mode="r:") as tar,
            place.writer(shard) as anew,
        ):
            write_tar(anew, staying(tar))
    except FileNotFoundError:
        return
    except (tarfile.TarError, EOFError) as error:
        raise SettingError(
            f"{place}/{shard} is damaged ({error}), so nothing can be taken out of it: delete or mend it, and run the "
            "command again."
        ) from error


def thin_open_tar(place: Place, name: str, keys: Collection[str]) -> None:
    """Write a tar in the making anew without the files of some pairs, and without what a kill cut short.

    Raises:
        OutputError: it cannot be written; the former one stays.
    """
    if place.exists(name):
        with place.writer(name) as anew:
            write_tar(
                anew,
                (
                    (member, data)
                    for member, data in read_whole(place, name)
                    if (found := key_of_member(member)) is None or found[0] not in keys
                ),
            )


def read_whole(place: Place, tar: str) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every file of a tar that are whole; the end of one in the making may be cut short."""
    with (
        place.reader(tar) as opened,
        suppress(tarfile.TarError, EOFError),
        tarfile.open(fileobj=opened, mode="r:") as members,
    ):
        for member in members:
            content = members.extractfile(member) if member.isreg() else None
            data = b"" if content is None else content.read()
            if content is not None and len(data) == member.size:
                yield member.name, data


def names_below(place: Place, folder: str) -> list[str]:
    """Names of the files of a folder and below it; none where it is not there."""
    return list(place.names(folder))


def delete(place: Place, names: Iterable[str]) -> int:
    """Delete files for good, also should the power fail; how many there were to delete.

    Raises:
        OutputError: one cannot be deleted.
    """
    folders, count = set(), 0
    for name in names:
        place.delete(name)
        folders.add(name.rpartition("/")[0])
        count += 1
    if place.local is not None:
        for folder in sorted(folders):
            path = place.local / folder
            try:
                sync_folder(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise output_error(error, path) from error
    return count


def drop_folder(place: Place, folder: str) -> None:
    """Delete a folder of our own with all that is in it."""
    delete(place, names_below(place, folder))
    if place.local is not None:
        sweep(place.local / folder)
        with suppress(OSError):  # a person put something there that is no file, or it was never there
            (place.local / folder).rmdir()


def sweep_folders(place: Place, folders: Iterable[str]) -> None:
    """Remove what killed writers left half written in these folders: it may be of a picture that goes."""
    if place.local is None:
        return
    for folder in folders:
        path = place.local / folder
        try:
            sweep(path)
        except OSError as error:
            raise output_error(error, path) from error
