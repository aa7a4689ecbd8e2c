"""One writer at a time in a folder: the kernel's lock, which ends with the process however it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from webiml.errors import OutputError, SettingError, WebimlError
from webiml.store.atomic import make_folder, output_error


@contextmanager
def only_writer(out: Path, lock: str) -> Iterator[None]:
    """Keep other processes from writing `out` while the block runs; a kill leaves no lock behind.

    Args:
        out: the folder, as the message names it.
        lock: the file in `out` that is locked; the folders that lead to it are made.
    Raises:
        SettingError: another process writes it.
        OutputError: it cannot be made or locked.
    """
    busy = SettingError(f"Another run is writing {out}: wait for it to end, or give another --out.")
    with locked(out, lock, busy):
        yield


@contextmanager
def locked(out: Path, lock: str, busy: WebimlError, seconds: float = 0) -> Iterator[None]:
    """As `only_writer`; waits `seconds` for others, and then raises `busy`."""
    file = out / lock
    make_folder(file.parent)
    # A lock file that outlives a crash would be a soft one
    held = FileLock(file, timeout=seconds, fallback_to_soft=False)
    try:
        held.acquire()
    except Timeout:
        raise busy from None
    except NotImplementedError as error:
        raise OutputError(f"{out} lies on a file system without locks: give another --out.") from error
    except OSError as error:
        raise output_error(error, file) from error
    try:
        yield
    finally:
        held.release()
