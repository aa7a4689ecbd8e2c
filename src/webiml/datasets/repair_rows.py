"""Which rows of a dataset are whole: those of its table, else those of its journal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from webiml.datasets.carry import file_names
from webiml.datasets.journal_rows import JOURNAL, JournalRows
from webiml.datasets.repair_tars import members_of
from webiml.datasets.verify import RowCheck, looked_at, names_of
from webiml.errors import BadImage
from webiml.runners.local import Crashed
from webiml.store.dataset import FOLDERS, STATE, read_rows
from webiml.store.journal import Journal, row_line
from webiml.store.place import Place
from webiml.types import Row

BATCH = 1000  # rows that are put by at once


@dataclass
class Files:
    """What lies in a dataset: bytes of every file, of those in tars under `shard-000000.tar/<member>`."""

    sizes: dict[str, int]
    shards: list[str]
    shard_of: dict[str, str]
    """Key to the tar that has its record."""

    @classmethod
    def of(cls, place: Place) -> Files:
        """All of the dataset at `place`."""
        sizes = listed(place)
        found = cls({name: size for name, size in sizes.items() if "/" in name}, shards_of(sizes), {})
        for shard in found.shards:
            for member in members_of(place, shard)[0]:
                found.sizes[f"{shard}/{member.name}"] = member.size
                if member.name.endswith(".json"):
                    found.shard_of.setdefault(member.name.removesuffix(".json"), shard)
        return found

    def missing(self, row: Row) -> str | None:
        """The first file of a row that is not there, or is empty."""
        try:
            return next((name for name in sorted(names_of(row)) if not self.sizes.get(name)), None)
        except BadImage as error:
            return error.detail

    def sizes_of(self, row: Row) -> dict[str, int]:
        """Bytes of the files of a row that are there, by name as in `Finished.files`."""
        return {
            name: self.sizes[
                f"{row.shard}/{row.key}.{name}"
                if row.shard is not None
                else f"{FOLDERS[role]}/{row.key}.{name.partition('.')[2]}"
            ]
            for role, name in file_names(row).items()
        }


@dataclass
class Chosen:
    """The rows that are whole, and why the others are not."""

    rows: Journal
    wanted: set[str]
    """Files that they have."""
    lost: dict[str, str]
    """Key to what is wrong."""
    same_table: bool = True
    same_journal: bool = True


@contextmanager
def chosen_rows(
    place: Place,
    look: RowCheck,
    there: Files,
    journal: JournalRows,
    table: bool,
    workers: int,
    on_row: Callable[[], None] | None,
) -> Iterator[Chosen]:
    """Every row that is whole: that of the table, else that of the journal. They are held in a file, not in memory."""

    def whole(rows: Iterable[Row], from_table: bool) -> Iterator[bytes]:
        for row, found in looked_at(look, iter(rows), workers):
            words = found.detail if isinstance(found, Crashed) else next((one.detail for one in found), None)
            words = words or _absent(there.missing(row))
            if row.key in taken or words:
                chosen.lost.setdefault(row.key, words or "comes twice")
                chosen.same_table = False
            else:
                taken.add(row.key)
                sizes = there.sizes_of(row)
                entry = journal.entry(row.key) if row.key in journal.offsets else None
                same = entry is not None and (entry.row, entry.sizes) == (row, sizes)
                chosen.same_journal = chosen.same_journal and same
                chosen.same_table = chosen.same_table and from_table
                chosen.wanted |= names_of(row)
                yield row_line(row, sizes)
            if on_row is not None and from_table:
                on_row()

    taken: set[str] = set()
    with TemporaryDirectory(prefix="webiml-") as folder:
        chosen = Chosen(Journal(Path(folder) / "rows.jsonl"), set(), {}, same_table=table)
        try:
            if table:
                _put_by(chosen.rows, whole(read_rows(place), True))
            others = [key for key in sorted(journal.offsets) if key not in taken]
            if others:
                _put_by(chosen.rows, whole(_of_journal(journal, there, others, chosen.lost), False))
            chosen.lost = {key: words for key, words in chosen.lost.items() if key not in taken}
            chosen.same_journal = chosen.same_journal and not journal.offsets.keys() - taken
            yield chosen
        finally:
            chosen.rows.close()


def _put_by(rows: Journal, lines: Iterator[bytes]) -> None:
    while batch := list(islice(lines, BATCH)):
        rows.extend(batch)


def _of_journal(journal: JournalRows, there: Files, keys: list[str], lost: dict[str, str]) -> Iterator[Row]:
    """Rows of the journal. The tar of a pair is that which has its record: a damaged journal may count wrongly."""
    for key in keys:
        entry = journal.entry(key)
        if entry is None:
            lost[key] = f"its line in {JOURNAL} cannot be read"
        else:
            yield replace(entry.row, shard=there.shard_of.get(key) if entry.sizes else None)


def _absent(name: str | None) -> str | None:
    return None if name is None else f"{name} is not there, or empty"


def listed(place: Place) -> dict[str, int]:
    """All files with their bytes, but for the working state."""
    return {name: size for name, size in place.sizes() if not name.startswith(f"{STATE}/")}


def shards_of(sizes: Iterable[str]) -> list[str]:
    """The tars among these files."""
    return sorted(name for name in sizes if name.startswith("shard-") and name.endswith(".tar"))
