"""Make a finished dataset whole again, so that the command that wrote it does again what is lost, and nothing else.

What decides is what lies there now: a row counts whose files are what it says, of the table or, where that is wrong, of
the journal. From these rows the journal and the table are written anew where they are not the same already; files
that no such row has go into `.webiml/lost`. So a repair may be stopped at any step: the next one comes to the same end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, replace

from webiml.datasets.faults import Fault, Finding
from webiml.datasets.journal_rows import JOURNAL, journal_rows
from webiml.datasets.lost import set_aside
from webiml.datasets.removal_files import sweep_folders
from webiml.datasets.repair_rows import Files, chosen_rows, listed, shards_of
from webiml.datasets.repair_steps import Action, Done, Repaired, writing
from webiml.datasets.repair_tars import save_tar, thin_tar
from webiml.datasets.verify import RowCheck, verify_dataset
from webiml.errors import SettingError
from webiml.store.dataset import FOLDERS, INFO, STATE, DatasetInfo, dataset_info, read_info, read_rows
from webiml.store.drawn_masks import FOLDER as DRAWN
from webiml.store.journal import Journal, row_line, shard_line
from webiml.store.parquet import FILE_NAME, count_rows, write_annotations
from webiml.store.parts import part_numbers
from webiml.store.place import Place

FINISHED = f"{STATE}/finished"


def repair_dataset(
    place: Place, workers: int = 1, *, quick: bool = False, on_row: Callable[[], None] | None = None
) -> Repaired:
    """Make the dataset at `place` whole.

    Args: quick: believe of every file that is there what its row says. on_row: called after each row of the table.
    Raises:
        SettingError: it is no dataset, is not finished, is being written, or says nowhere how it was made.
        OutputError: something cannot be written; the same call goes on.
    """
    _refuse_not_finished(place)
    with writing(place), journal_rows(place) as journal:
        done: list[Done] = []
        sweep_folders(place, ["", STATE, *FOLDERS.values()])
        table = _is_readable(place)
        info = _info(place, table)
        for shard in shards_of(listed(place)):
            if (saved := save_tar(place, shard)) is not None:
                done.append(Done(shard, Action.SAVED, f"was damaged; {len(saved):,} files in it are whole"))
        there = Files.of(place)
        with chosen_rows(place, RowCheck(place, quick), there, journal, table, workers, on_row) as chosen:
            done += [Done(key, Action.TAKEN_OUT, words) for key, words in sorted(chosen.lost.items())]
            rows = len(chosen.rows.offsets)
            if not journal.whole or not chosen.same_journal:
                with place.writer(JOURNAL) as file:
                    file.writelines(_journal_lines(chosen.rows))
                done.append(Done(JOURNAL, Action.WRITTEN, f"{rows:,} rows"))
            if not chosen.same_table:
                if place.exists(FILE_NAME) and not table:
                    done.append(Done(FILE_NAME, Action.SET_ASIDE, f"could not be read: {set_aside(place, FILE_NAME)}"))
                every = (chosen.rows.entry(key).row for key in sorted(chosen.rows.offsets))
                write_annotations(place, FILE_NAME, every, chosen.rows.extra_names, _metadata(info))
                done.append(Done(FILE_NAME, Action.WRITTEN, f"{rows:,} rows"))
            done += _clear(place, there, chosen.wanted)
        if not place.exists(FINISHED):
            place.write(FINISHED, b"")
        if not place.exists(INFO) or _info_there(place) is None:  # the last: until it is there, nothing else can write
            place.write(INFO, json.dumps(asdict(info), indent=1).encode() + b"\n")
            done.append(Done(INFO, Action.WRITTEN, f"as {FILE_NAME} says"))
        left: list[Finding] = []
        for one in verify_dataset(place, quick=True).findings:
            if one.fault is Fault.STRAY and one.key.startswith(f"{DRAWN}/"):
                with suppress(ValueError):  # a name that cannot be one below a place
                    done.append(Done(one.key, Action.SET_ASIDE, set_aside(place, one.key)))
                    continue
            left.append(one)
        return Repaired("dataset", rows, tuple(done), tuple(left))


def _journal_lines(rows: Journal) -> Iterator[bytes]:
    """A journal of these rows: those of no tar, then those of each tar with its line."""
    packed: dict[str, list[str]] = {}
    for key in sorted(rows.offsets):
        entry = rows.entry(key)
        if entry.row.shard is not None:
            packed.setdefault(entry.row.shard, []).append(key)
        else:
            yield row_line(entry.row, entry.sizes)
    for shard in sorted(packed):
        for key in packed[shard]:
            entry = rows.entry(key)
            yield row_line(replace(entry.row, shard=None), entry.sizes)
        yield shard_line(int(shard.removeprefix("shard-").removesuffix(".tar")), len(packed[shard]))


def _clear(place: Place, there: Files, wanted: set[str]) -> Iterator[Done]:
    """Set aside what no row has."""
    for name in sorted(there.sizes):
        if name.partition("/")[0] in FOLDERS.values() and name not in wanted:
            with suppress(ValueError):  # a name that no store could hold: it is found again below
                yield Done(name, Action.SET_ASIDE, set_aside(place, name))
    for shard in there.shards:
        members = {name.partition("/")[2] for name in wanted if name.startswith(f"{shard}/")}
        if going := thin_tar(place, shard, members):
            yield Done(shard, Action.SET_ASIDE, f"{len(going):,} files of it that no row has")


def _refuse_not_finished(place: Place) -> None:
    table, info, finished = place.exists(FILE_NAME), place.exists(INFO), place.exists(FINISHED)
    if not (table or info):
        raise SettingError(f"{place} is not a dataset of webiml: it has neither {FILE_NAME} nor {INFO}.")
    if (info and not finished) or (part_numbers(place) and not finished):
        raise SettingError(f"{place} is not finished: run the command that writes it again, then repair what is left.")


def _is_readable(place: Place) -> bool:
    if not place.exists(FILE_NAME):
        return False
    try:
        return sum(1 for _ in read_rows(place)) == count_rows(place, FILE_NAME)
    except SettingError:
        return False


def _info(place: Place, table: bool) -> DatasetInfo:
    there = _info_there(place)
    if there is not None:
        return there
    if not table:
        raise SettingError(f"{place} cannot be repaired: neither {FILE_NAME} nor {INFO} says how it was made.")
    return dataset_info(place)


def _info_there(place: Place) -> DatasetInfo | None:
    try:
        return read_info(place)
    except SettingError:
        return None


def _metadata(info: DatasetInfo) -> dict[str, str]:
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in asdict(info).items()}
