"""The tars of a dataset that is repaired: what can be saved of a damaged one, and what goes out of a whole one."""

from __future__ import annotations

import tarfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from webiml.datasets.lost import keep, set_aside
from webiml.store.place import Place
from webiml.store.removal import SHARD
from webiml.store.shards import MAX_MEMBER_BYTES, write_tar


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a tar: its name, and where its bytes lie."""

    name: str
    offset: int
    size: int


def save_tar(place: Place, shard: str) -> list[Member] | None:
    """Write a damaged tar anew with the members that are wholly there; the damaged one is set aside.

    Returns:
        The members that were saved; None where the tar is whole and nothing was done.
    Raises:
        OutputError: it cannot be written. OSError: it cannot be read.
    """
    if members_of(place, shard)[1]:
        return None
    found = _salvaged(place, shard)
    if SHARD.fullmatch(shard) and found:
        keep(place, shard, place.read(shard))
        _write(place, shard, found)
    else:
        set_aside(place, shard)
        found = []
    return found


def thin_tar(place: Place, shard: str, wanted: Collection[str]) -> list[str]:
    """Write a tar anew with the wanted members alone, each once; the others are kept in the folder of what is lost.

    A tar of which nothing is wanted is deleted; one that is empty, as a removal leaves it, stays.

    Returns:
        Names of the members that went; none where nothing was done.
    Raises:
        OutputError: it cannot be written. OSError: it cannot be read.
    """
    every, _ = members_of(place, shard)
    last = {member.name: member for member in every if member.name in wanted}  # readers take the last of equal names
    going = [member for member in every if last.get(member.name) != member]
    if not going:
        return []
    with place.reader(shard) as file:
        for member in going:
            file.seek(member.offset)
            data = file.read(member.size)
            try:
                keep(place, f"{shard.removesuffix('.tar')}/{member.name}", data)
            except ValueError:  # a name that leads elsewhere
                keep(place, f"{shard.removesuffix('.tar')}/member-at-{member.offset}", data)
    if last:
        _write(place, shard, list(last.values()))
    else:
        place.delete(shard)
    return [member.name for member in going]


def members_of(place: Place, shard: str) -> tuple[list[Member], bool]:
    """The plain files of a tar in their order, and whether it could be read to its end."""
    found: list[Member] = []
    size = place.size(shard) or 0
    try:
        with place.reader(shard) as file, tarfile.open(fileobj=file, mode="r:") as tar:
            for one in tar:
                found += [Member(one.name, one.offset_data, one.size)] if one.isreg() else []
            end = tar.offset  # a header in the middle that is none ends the loop without a word
        with place.reader(shard) as file:
            file.seek(end)
            rest = file.read(tarfile.RECORDSIZE + 1)
    except (tarfile.TarError, ValueError, EOFError):
        return found, False
    inside = all(one.size <= MAX_MEMBER_BYTES and one.offset + one.size <= size for one in found)
    return found, inside and len(rest) <= tarfile.RECORDSIZE and not rest.strip(b"\0")


def _salvaged(place: Place, shard: str) -> list[Member]:
    """Members that are wholly there, also behind a header that is damaged.

    The search for the next header goes through bytes of pictures, which may hold whatever somebody put there: the first
    member of a name counts, and what it holds is compared with its row afterwards.
    """
    size = place.size(shard) or 0
    found: dict[str, Member] = {}
    try:
        with place.reader(shard) as file, tarfile.open(fileobj=file, mode="r:", ignore_zeros=True) as tar:
            for one in tar:
                inside = one.size <= MAX_MEMBER_BYTES and one.offset_data + one.size <= size
                if one.isreg() and inside and one.name not in found:
                    found[one.name] = Member(one.name, one.offset_data, one.size)
    except (tarfile.TarError, ValueError, EOFError):
        pass
    return list(found.values())


def _write(place: Place, shard: str, members: list[Member]) -> None:
    def contents() -> Iterator[tuple[str, bytes]]:
        for member in members:
            file.seek(member.offset)
            yield member.name, file.read(member.size)

    with place.reader(shard) as file, place.writer(shard) as anew:
        write_tar(anew, contents())
