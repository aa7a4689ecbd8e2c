"""WebDataset tars: the files of one pair share the part of their name before the first dot of the role."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterable
from functools import lru_cache
from typing import BinaryIO

from webiml.errors import BadImage
from webiml.store.place import Place
from webiml.types import Reason

MAX_MEMBER_BYTES = 1 << 30  # no picture that webiml stores is larger; a header that claims more is refused

_SHARD = re.compile(r"shard-\d{6,9}\.tar")


def write_tar(file: BinaryIO, members: Iterable[tuple[str, bytes]]) -> None:
    """Write a tar whose bytes depend on the names and contents only: no times, owners or machine's names.

    POSIX format: plain ustar, with an extended header where a name is longer than ustar's 100 characters.
    """
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)  # mtime, uid and gid are 0, mode is 0644, no names
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def read_tar_member(place: Place, shard: str, name: str) -> bytes:
    """The bytes of member `name` of `place/shard`. Names and sizes are not trusted.

    Raises:
        BadImage: no such shard or member, or the tar is damaged.
    """
    if not _SHARD.fullmatch(shard):
        raise BadImage(Reason.OUTSIDE_FOLDER, f"{shard!r:.100} is not the name of a shard")
    try:
        version = _version(place, shard)
        if version is None:
            raise BadImage(Reason.NOT_FOUND, f"{shard} is not there")
        found = _members(place, shard, version).get(name)
        if found is None:
            raise BadImage(Reason.NOT_FOUND, f"{shard} has no member {name!r:.200}")
        offset, size = found
        if size > MAX_MEMBER_BYTES or offset + size > version[0]:
            raise BadImage(Reason.TOO_MANY_BYTES, f"{shard} claims {size} bytes for {name!r:.200}")
        with place.reader(shard) as file:
            file.seek(offset)
            return file.read(size)
    except FileNotFoundError:
        raise BadImage(Reason.NOT_FOUND, f"{shard} is not there") from None
    except (OSError, tarfile.TarError, ValueError, EOFError) as error:
        raise BadImage(Reason.UNREADABLE, f"{shard}: {error}") from error


def _version(place: Place, shard: str) -> tuple[int, int] | None:
    """Size of a tar, and its time where there is one: a rewritten tar is another one; None when there is none."""
    if place.local is None:
        size = place.size(shard)
        return None if size is None else (size, 0)
    state = (place.local / shard).stat()
    return state.st_size, state.st_mtime_ns


@lru_cache(maxsize=8)  # some megabytes each, of tars of a thousand pairs
def _members(place: Place, shard: str, version: tuple[int, int]) -> dict[str, tuple[int, int]]:
    """Offset and size of every plain file of the tar."""
    with place.reader(shard) as file, tarfile.open(fileobj=file, mode="r:") as tar:
        return {member.name: (member.offset_data, member.size) for member in tar if member.isreg()}
