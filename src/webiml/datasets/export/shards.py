"""WebDataset: tars in which the files of a pair lie together.

    shard-000000.tar ...     <key>.authentic.<ext> <key>.manipulated.<ext> <key>.mask.png <key>.json

Source: files that share the part of their name before the first dot are one sample (webdataset/webdataset
webdataset/tariterators.py, base_plus_ext).
A tar of which every pair was taken out is deleted, so the numbers may have gaps.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from itertools import chain, islice

from webiml.datasets.export.cut import drop_rows, going
from webiml.datasets.export.index import json_record
from webiml.datasets.export.pair import Laid, PairFiles, Plan
from webiml.errors import SettingError
from webiml.store.dataset import Role
from webiml.store.place import Place
from webiml.store.shards import write_tar

ROLES: tuple[Role, ...] = ("authentic", "manipulated", "mask")
_MEMBER = re.compile(r"(.+?)\.(?:(?:authentic|manipulated)\.[a-z0-9]{1,5}|mask\.png|json)")


def lay(pair: PairFiles) -> Laid:
    """The members of a pair."""
    key = pair.row.key
    members = {f"{key}.{role}{pair.endings.get(role, '.png')}": data for role, data in pair.files.items()}
    members[f"{key}.json"] = json.dumps(json_record(pair.row), ensure_ascii=False).encode("utf-8", "backslashreplace")
    return Laid(pair.row, members=members)


def write(out: Place, pairs: Iterator[Laid], plan: Plan) -> Iterator[tuple[Laid, list[str]]]:
    """Write the tars; what is yielded are the pairs with the name of the tar that holds them."""
    for number, first in enumerate(pairs):
        name = f"shard-{number:06d}.tar"
        together = chain([first], islice(pairs, plan.shard_pairs - 1))
        if out.exists(name):  # whole, and of these pairs: a run that was stopped wrote it
            yield from ((laid, [name]) for laid in together)
        else:
            done: list[Laid] = []
            with out.writer(name) as file:
                write_tar(file, _members(together, done))
            yield from ((laid, [name]) for laid in done)


def remove_pairs(place: Place, keys: set[str]) -> None:
    """Take pairs out of the tars; after any stop the same call finishes it.

    Raises:
        SettingError: a tar is damaged.
        OutputError: it cannot be written.
    """
    gone = going(place, keys)
    for name in sorted(gone.archives):
        with place.reader(name) as old:
            try:
                with tarfile.open(fileobj=old, mode="r:") as tar, place.writer(name) as new:
                    write_tar(new, _staying(tar, keys))
            except tarfile.TarError as error:
                raise SettingError(f"{place}/{name} is damaged ({error}): export the dataset again.") from error
    for name in gone.files:
        place.delete(name)
    drop_rows(place, keys)


def _members(pairs: Iterator[Laid], done: list[Laid]) -> Iterator[tuple[str, bytes]]:
    for laid in pairs:
        yield from laid.members.items()
        done.append(Laid(laid.row))  # without its bytes: a tar may be larger than the memory


def _staying(tar: tarfile.TarFile, keys: set[str]) -> Iterator[tuple[str, bytes]]:
    for member in tar:
        match = _MEMBER.fullmatch(member.name)
        file = tar.extractfile(member) if member.isreg() else None
        if file is not None and (match is None or match[1] not in keys):
            yield member.name, file.read()
