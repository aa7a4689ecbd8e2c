"""Figures that somebody has published, as rows beside those that were measured: `--published FILE.csv`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from webiml.errors import SettingError
from webiml.images.read import readable
from webiml.pairs.table import Line, read_lines

NEEDED = ("name", "benchmark", "protocol", "f1")
FIGURES = ("f1", "iou", "auc", "f1_best", "image_auc")


@dataclass(frozen=True, slots=True)
class Published:
    """One row: what somebody says of a localizer on a benchmark; None where they do not say."""

    name: str
    benchmark: str
    protocol: str
    f1: float | None = None
    iou: float | None = None
    auc: float | None = None
    f1_best: float | None = None
    image_auc: float | None = None
    n: int | None = None
    source: str = ""


def read_published(table: Path) -> list[Published]:
    """The rows of a CSV or TSV table with the columns of NEEDED; iou, auc, f1_best, image_auc, n, source may be there.

    Raises:
        SettingError: it cannot be read, or a row is not such a one.
    """
    if table.suffix.lower() not in (".csv", ".tsv"):
        raise SettingError(f"--published {readable(table)} must be a .csv or .tsv table.")
    return [_row(table, line) for line in read_lines(table, NEEDED)]


def same_benchmark(one: str, other: str) -> bool:
    """Whether two names are of one benchmark: `CASIA v1` and `casia-v1` are, `CASIA v1+` is another."""
    return _plain(one) == _plain(other)


def _row(table: Path, line: Line) -> Published:
    texts = {column: text.strip() for column, text in line.cells.items()}
    where = f"--published {readable(table)}, {line.where}"
    empty = [column for column in ("name", "benchmark", "protocol") if not texts.get(column)]
    if line.fault or empty:
        raise SettingError(f"{where}: {line.fault or f'{empty[0]} is empty'}.")
    figures = {name: _share(texts.get(name, ""), f"{where}: {name}") for name in FIGURES}
    n = texts.get("n", "")
    if n and not (n.isascii() and n.isdigit() and len(n) < 10):
        raise SettingError(f"{where}: n must be a number of pictures, got {n[:50]!r}.")
    names = (texts["name"], texts["benchmark"], texts["protocol"])
    return Published(*names, **figures, n=int(n) if n else None, source=texts.get("source", ""))


def _share(text: str, what: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise SettingError(f"{what} must lie between 0 and 1, got {text[:50]!r}.")
    return value


def _plain(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum() or c == "+")
