"""Change rows of a dataset's table behind its back, and compare datasets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq

from webiml.store.dataset import read_rows
from webiml.store.parquet import FILE_NAME, write_annotations
from webiml.store.place import Place
from webiml.types import Row


def edit_rows(dataset: Path, change: Callable[[Row], Row | None]) -> None:
    """Write the table anew with what `change` makes of every row; None leaves it out."""
    metadata = pq.read_schema(dataset / FILE_NAME).metadata
    rows = [new for row in list(read_rows(dataset)) if (new := change(row)) is not None]
    kept = {name.decode().removeprefix("webiml."): text.decode() for name, text in metadata.items() if b"webi" in name}
    write_annotations(Place(str(dataset)), FILE_NAME, rows, {name for row in rows for name in row.extra}, kept)


def contents(dataset: Path) -> dict[str, object]:
    """All that a dataset holds but times and the writer's own state."""
    files = (file for file in sorted(dataset.rglob("*")) if file.is_file() and ".webiml" not in file.parts)
    found: dict[str, object] = {str(file.relative_to(dataset)): file.read_bytes() for file in files}
    table = pq.read_table(dataset / FILE_NAME)
    found[FILE_NAME] = table.drop_columns(["annotated_at"]).to_pylist()
    found["metadata"] = {name: text for name, text in (table.schema.metadata or {}).items() if b"webiml" in name}
    return found
