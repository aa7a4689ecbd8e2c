"""A small dataset made by hand, and how two datasets are compared."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import webiml.store.dataset_files
from webiml.store.dataset_writer import DatasetWriter
from webiml.store.place import Place
from webiml.types import Finished, Row

SETTINGS: dict[str, Any] = {"method": "prior", "min_qes": 0.5}


def open_writer(path: Path | Place, **changes: Any) -> Any:
    """A writer with the settings of these tests, `changes` apart."""
    values = {"format": "folder", "shard_pairs": 2, "settings": SETTINGS, "settings_hash": "0" * 16}
    return DatasetWriter.open(path, **{**values, "package_version": "1.2.3", **changes})


ROLES = ("authentic.jpg", "manipulated.png", "mask.png", "probability.png")


def make_finished(key: str, status: str = "kept", roles: Sequence[str] = ROLES, **fields: Any) -> Finished:
    """A row with files that tell which pair and role they belong to; a failed row has none."""
    row = Row(key=key, name=f"name of {key}", status=status, **fields)
    if status == "failed":
        return Finished(row)
    return Finished(row, {role: f"{key} {role}".encode() for role in roles})


def write_dataset(path: Path | Place, keys: str, roles: Sequence[str] = ROLES, **changes: Any) -> None:
    """A finished dataset with one row a letter; a capital letter fails."""
    with open_writer(path, **changes) as writer:
        for key in keys:
            if key not in writer.done:
                writer.add(make_finished(key, "failed" if key.isupper() else "kept", roles))
        writer.finish()


def contents(path: Path) -> dict[str, bytes]:
    """Every file of a dataset but the writer's own state, by its relative name."""
    files = (file for file in sorted(path.rglob("*")) if file.is_file() and ".webiml" not in file.parts)
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


def stop_clock(second: int) -> None:
    """Let every row be finished at this second, so that whole tables can be compared byte for byte."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Clock:
            return cls(2026, 1, 2, 3, 4, second, tzinfo=tz)

    webiml.store.dataset_files.datetime = Clock  # type: ignore[misc]
