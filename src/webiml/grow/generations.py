"""Where generations lie.

generations/000000/ ...         a dataset each, with what is new since those before it, never changed
  pairs.parquet                 every pair that is finished with it: which link, which key; also what was dropped
  grown.json                    counts, seconds and settings, see record.py
generations/.webiml/next/       the one that is being made
  state.json                    its number and settings, and which steps are done
  pairs.parquet                 the pairs that it is made of, fixed at its beginning
  annotated/                    the dataset of all of them
  whole/                        that without what was dropped; renamed into place when nothing is missing
generations/.webiml/old/        what is left of a finished one, on its way out
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from webiml.errors import OutputError, SettingError
from webiml.grow.record import Step
from webiml.store.atomic import make_folder, output_error, sync_folder, write_bytes
from webiml.store.dataset import is_dataset
from webiml.store.links import is_store
from webiml.store.lock import only_writer
from webiml.store.parquet import read_records, write_records
from webiml.store.place import Place
from webiml.store.removal import refuse_unfinished

PAIRS = "pairs.parquet"
NEXT = ".webiml/next"

_OLD, _LOCK, _STATE = ".webiml/old", ".webiml/lock", "state.json"
_NAME = re.compile(r"\d{6,9}")
_SCHEMA = 1


@dataclass(frozen=True)
class Finished:
    """The pairs that are done, in whichever generation.

    Attributes:
        links: identities of their manipulated links. keys: that are taken.
    """

    links: frozenset[str]
    keys: frozenset[str]


@dataclass
class Work:
    """A generation that is being made.

    Attributes:
        folder: where. number: that it will have. settings: see record.deciding. steps: that are done.
    """

    folder: Path
    number: int
    settings: dict[str, Any]
    steps: dict[str, Step] = field(default_factory=dict)

    @property
    def annotated(self) -> Path:
        """The dataset of all its pairs."""
        return self.folder / "annotated"

    @property
    def whole(self) -> Path:
        """The dataset that becomes the generation."""
        return self.folder / "whole"

    def save(self) -> None:
        """Make what is done safe.

        Raises:
            OutputError: it cannot be written.
        """
        state = {"schema": _SCHEMA, "number": self.number, "settings": self.settings}
        state["steps"] = {name: asdict(step) for name, step in self.steps.items()}
        write_bytes(self.folder / _STATE, json.dumps(state, indent=1).encode() + b"\n")


@contextmanager
def only_grower(folder: Path) -> Iterator[None]:
    """Keep other runs from growing what lies in this folder while the block runs; a kill leaves no lock behind.

    Raises:
        SettingError: another run is at it, or the folder is something else.
        OutputError: it cannot be made or locked.
    """
    refuse_other(folder)
    with ExitStack() as stack:
        try:
            stack.enter_context(only_writer(folder, _LOCK))
        except SettingError:
            raise SettingError(
                f"Another run is growing {folder}, so this one has done nothing; the next will do what is left."
            ) from None
        yield


def refuse_other(folder: Path) -> None:
    """Raises SettingError when this is no folder, or one that is a dataset or a store itself."""
    if folder.exists() and not folder.is_dir():
        raise SettingError(f"generations: {folder} is a file; name a folder.")
    if is_dataset(folder) or is_store(folder) or (folder / ".webiml" / "dataset.json").exists():
        raise SettingError(f"generations: {folder} is a dataset or a store itself; name a folder of its own.")


def generation(folder: Path, number: int) -> Path:
    """The folder of a generation."""
    return folder / f"{number:06d}"


def numbers(folder: Path) -> list[int]:
    """Numbers of the generations that are there, the oldest first."""
    if not folder.is_dir():
        return []
    return sorted(int(entry.name) for entry in folder.iterdir() if _NAME.fullmatch(entry.name) and entry.is_dir())


def every(folder: Path) -> list[Path]:
    """The generations that are there, the oldest first."""
    return [generation(folder, number) for number in numbers(folder)]


def finished(folder: Path) -> Finished:
    """The pairs of all generations.

    Raises:
        SettingError: one does not say which pairs it is made of.
    """
    links: list[str] = []
    keys: list[str] = []
    for one in every(folder):
        for link, key in read_pairs(one):
            links.append(link)
            keys.append(key)
    return Finished(frozenset(links), frozenset(keys))


def read_pairs(folder: Path) -> Iterator[tuple[str, str]]:
    """Identity and key of each pair that a generation is made of.

    Raises:
        SettingError: it does not say so.
    """
    try:
        for record in read_records(Place(str(folder)), PAIRS):
            yield record["link"], record["key"]
    except (SettingError, KeyError):
        raise SettingError(
            f"{folder / PAIRS} cannot be read, so nobody knows which pairs are done: put it back, or move {folder} "
            "elsewhere, and its pairs are done again."
        ) from None


def begin(folder: Path, pairs: Sequence[tuple[str, str]], settings: dict[str, Any], collected: Step) -> Work:
    """Begin the next generation, of these pairs: identity and key of each.

    Raises:
        OutputError: it cannot be written.
    """
    import pyarrow as pa

    work = Work(folder / NEXT, max(numbers(folder), default=-1) + 1, settings, {"collect": collected})
    make_folder(work.folder)
    records = ({"link": link, "key": key} for link, key in pairs)
    schema = pa.schema([pa.field(name, pa.string(), nullable=False) for name in ("link", "key")])
    write_records(work.folder / PAIRS, records, schema, {})
    work.save()  # last: without it the folder is nothing
    return work


def stopped(folder: Path) -> Work | None:
    """The generation that an earlier run has begun and not finished; None where there is none. Writes nothing.

    Raises:
        SettingError: what lies there was not written by webiml.
    """
    work = folder / NEXT
    try:
        state = json.loads((work / _STATE).read_bytes())
        if state["schema"] != _SCHEMA or not isinstance(state["settings"], dict):
            raise ValueError("another schema")
        steps = {str(name): Step(**one) for name, one in state["steps"].items()}
        found = Work(work, int(state["number"]), state["settings"], steps)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingError(
            f"{work / _STATE} was not written by this version of webiml ({error}): delete {work}, and its pairs are "
            "done again."
        ) from None
    return None if generation(folder, found.number).exists() else found


def clear(folder: Path) -> None:
    """Take away what a finished generation, or one that was stopped before it began, has left.

    Raises:
        OutputError: it cannot be taken away.
    """
    work, old = folder / NEXT, folder / _OLD
    if stopped(folder) is None and work.exists():
        drop(old)
        _rename(work, old)
    drop(old)


def publish(folder: Path, work: Work) -> Path:
    """Make a generation visible, whole; where it lies now.

    Raises:
        SettingError: pictures are being taken out of it.
        OutputError: it cannot be moved.
    """
    target = generation(folder, work.number)
    with only_writer(work.whole, ".webiml/lock"):  # against a removal, which knows it by its old name
        refuse_unfinished(Place(str(work.whole)))
        _rename(work.whole, target)
    clear(folder)
    return target


def drop(folder: Path) -> None:
    """Delete a folder of our own with all that is in it; one that is not there is no fault.

    Raises:
        OutputError: it cannot be deleted.
    """
    try:
        if folder.is_dir():
            shutil.rmtree(folder)
            sync_folder(folder.parent)
    except OSError as error:
        raise output_error(error, folder) from error


def _rename(old: Path, new: Path) -> None:
    try:
        os.rename(old, new)
        for parent in {old.parent, new.parent}:
            if parent.is_dir():
                sync_folder(parent)
    except OSError as error:
        raise OutputError(
            f"{old} cannot be renamed to {new} ({error.strerror}): see what lies there, and run the same command again."
        ) from error
