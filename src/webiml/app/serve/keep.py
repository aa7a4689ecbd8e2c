"""Pictures and what was answered, in a folder of the operator's: only where `--keep` names one.

    requests.jsonl           one line a request whose pictures came in: when, which files, what was answered
    files/<sha256><ending>   pictures as they came, and maps; each named by its own bytes, so equal ones lie there once

Several processes may write the same folder.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from webiml.errors import OutputError, SettingError
from webiml.images.sniff import sniff
from webiml.store.atomic import make_folder, output_error, write_bytes
from webiml.store.lines import Lines

LINES, FILES, LOCK = "requests.jsonl", "files", ".lock"
LOCK_SECONDS = 10.0  # that a line may wait for those of others


def open_folder(folder: Path) -> None:
    """Make the folder ready, before anything is answered.

    Raises:
        SettingError: it holds something else. OutputError: it cannot be made or written.
    """
    make_folder(folder)
    try:
        others = {entry.name for entry in os.scandir(folder)} - {LINES, FILES, LOCK, ".DS_Store", "lost+found"}
    except OSError as error:
        raise output_error(error, folder) from error
    if others and not (folder / LINES).exists():
        raise SettingError(f"--keep {folder} is not empty and was not made by webiml serve: give another folder.")
    make_folder(folder / FILES)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"Cannot write {folder}. Make it writable or give another folder to --keep.")


def keep(
    folder: Path, route: str, pictures: Mapping[str, bytes], maps: Mapping[str, bytes], answer: Mapping[str, Any]
) -> None:
    """Write the files of one request, and then its line.

    Args:
        pictures: as they came, by field. maps: PNG files by the map's name. answer: plain values.
    Raises:
        OutputError: they cannot be written; then there is no line.
    """
    record = {
        "time": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "route": route,
        "pictures": {name: _write(folder, data, _ending(data)) for name, data in pictures.items()},
        "maps": {name: _write(folder, data, ".png") for name, data in maps.items()},
        "answer": dict(answer),
    }
    try:
        with (
            FileLock(folder / LOCK, timeout=LOCK_SECONDS, fallback_to_soft=False),
            Lines(folder / LINES) as lines,
        ):
            lines.add(record)
    except Timeout:
        raise OutputError(f"{folder} is being written by somebody else for {LOCK_SECONDS:g} s.") from None
    except OSError as error:
        raise output_error(error, folder) from error


def _write(folder: Path, data: bytes, ending: str) -> str:
    """Where the bytes lie from now on, relative to the folder."""
    name = f"{FILES}/{hashlib.sha256(data).hexdigest()}{ending}"
    if not (folder / name).exists():
        write_bytes(folder / name, data)
    return name


def _ending(data: bytes) -> str:
    found = sniff(data)
    return found.extension if found is not None else ".bin"
