"""What a repair says of itself, and how it keeps others out meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from webiml.datasets.faults import Finding
from webiml.store.atomic import output_error
from webiml.store.dataset import STATE
from webiml.store.lock import only_writer
from webiml.store.place import Place
from webiml.store.removal import refuse_unfinished


class Action(StrEnum):
    """What a repair does. Closed: readers may rely on it; free text goes into `detail`."""

    TAKEN_OUT = "taken_out"  # a row whose files are not what it says: the same command does it again
    WANTED = "wanted"  # a link whose picture is not what it was: the same command asks for it again
    SET_ASIDE = "set_aside"  # a file, or a member of a tar, that belongs to no row: it lies in .webiml/lost now
    SAVED = "saved"  # a tar that could not be read to its end: what was whole in it stays
    WRITTEN = "written"  # a table, a journal or what a writer goes on from, written anew


@dataclass(frozen=True, slots=True)
class Done:
    """One thing that a repair did: to which row or file, what, and words for a person."""

    key: str
    action: Action
    detail: str


@dataclass(frozen=True)
class Repaired:
    """What a repair did."""

    shape: str
    """dataset or store."""
    rows: int
    """Rows that it has now."""
    done: tuple[Done, ...]
    """What was done; nothing where all was well."""
    left: tuple[Finding, ...]
    """What is still wrong, and is not for a repair to mend."""


@contextmanager
def writing(place: Place) -> Iterator[None]:
    """Keep others from writing, where that can be done; what cannot be written is said in one sentence.

    Raises:
        SettingError: it is being written, or a removal is not done.
        OutputError: what the block raised as OSError.
    """
    refuse_unfinished(place)
    try:
        with ExitStack() as stack:
            if place.local is not None:
                stack.enter_context(only_writer(place.local, f"{STATE}/lock"))
            refuse_unfinished(place)
            yield
    except OSError as error:
        raise output_error(error, Path(error.filename or place.url)) from error
