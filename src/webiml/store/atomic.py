"""Write a file whole or not at all: beside its place, to the disk, then renamed into place."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from webiml.errors import OutputError

TEMPORARY = ".webiml-tmp"  # ends the names of files that are being written; a kill may leave one

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_LOCKED = {errno.EROFS, errno.EACCES, errno.EPERM}
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF}


def write_bytes(path: Path, data: bytes) -> None:
    """Put `data` at `path`; whoever looks sees the old file or the new one, also after a kill or a power cut.

    Raises:
        OutputError: it cannot be written; nothing is left beside `path`.
    """
    with replacing(path) as file:
        file.write(data)


def write_soon(path: Path, data: bytes) -> None:
    """As `write_bytes`, but only `sync_files` makes it survive a power cut: many files together take less time.

    Raises:
        OutputError: it cannot be written; nothing is left beside `path`.
    """
    temporary = f"{path.parent}/.{path.name}{TEMPORARY}"
    try:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        with open(temporary, "xb", buffering=0) as file:  # x: never through a link that somebody left there
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) or 0 :]
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(temporary)
        raise output_error(error, path) from error


def sync_files(root: Path, names: Iterable[str]) -> None:
    """Make files below `root`, and all names that lead to them, survive a power cut; one that is gone is no fault.

    Raises:
        OutputError: the disk refuses it.
    """
    folders: set[str] = set()
    try:
        for name in names:
            with suppress(FileNotFoundError):
                handle = os.open(root / name, os.O_RDONLY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)
            folders.add(name.rpartition("/")[0])
        for folder in {above for one in folders for above in (PurePosixPath(one), *PurePosixPath(one).parents)}:
            sync_folder(root / folder)
    except OSError as error:
        raise output_error(error, root) from error


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A binary file to write, which takes the place of `path` when the block ends well and vanishes when it does not.

    Raises:
        OutputError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}{TEMPORARY}")
    try:
        temporary.unlink(missing_ok=True)
        with open(temporary, "xb") as file:  # x: never through a link that somebody left there
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise output_error(error, path) from error
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a power cut, where the file system can."""
    if os.name == "nt":  # a folder cannot be opened there
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make `folder` and what leads to it, where missing.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            sync_folder(folder.parent)
    except OSError as error:
        raise output_error(error, folder) from error


def sweep(folder: Path) -> None:
    """Remove what a killed writer left in `folder` (names that end with TEMPORARY, nothing else)."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") and entry.name.endswith(TEMPORARY):
                Path(entry.path).unlink(missing_ok=True)


def output_error(error: OSError, path: Path) -> OutputError:
    """`error` as one sentence for a person: which path, why, and what to do."""
    why = (error.strerror or str(error)).rstrip(".").lower()
    if error.errno in _FULL:
        todo = "Free space and run the same command again"
    elif error.errno in _LOCKED:
        todo = "Make it writable or give another --out, and run the command again"
    else:
        todo = "Mend this or give another --out, and run the command again"
    return OutputError(f"Cannot write {path} ({why}). {todo}; what is finished stays.")
