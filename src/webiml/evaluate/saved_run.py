"""The result of an evaluation, read back. It may come from anybody: what is used is checked, nothing is believed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from webiml.errors import BadImage, SettingError
from webiml.evaluate.protocols import PROTOCOLS, Protocol
from webiml.evaluate.result import SCHEMA_VERSION
from webiml.evaluate.rows import ImageRow, Result, image_schema, read_rows
from webiml.images.read import read_bytes, readable
from webiml.metrics.histograms import LEVELS

RESULT, ROWS = "result.json", "per_image.parquet"
MAX_RESULT_BYTES = 1 << 26
MAX_ROWS = 5_000_000
MAX_KINDS = 20  # of degradations
MAX_LEVEL = 1e6  # of a degradation; beyond it nothing can be drawn
SHARES = ("score", "largest", "marked", "f1", "iou", "auc", "f1_best")
"""Columns that a comparison looks at; each number lies in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Of one kind of degradation its levels, and the F1 of the pixels at each, None where there is none."""

    levels: tuple[float | str, ...]
    f1: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class SavedRun:
    """What a comparison needs of a result.

    Attributes:
        name: of its folder. what: whose maps were scored. leaks: pictures that overlap with the training data; None
            where nobody knows. rows: all that were not skipped. left_out: those that were.
        curve: pixel F1 by threshold, as in result.json.
    """

    name: str
    folder: Path
    protocol: Protocol
    what: str
    date: str
    fingerprint: str
    n: int
    skipped: int
    failed: int
    leaks: int | None
    rows: tuple[ImageRow, ...] = ()
    curve: tuple[float, ...] = ()
    f1: float | None = None
    robustness: Mapping[str, Levels] = field(default_factory=dict)
    left_out: tuple[ImageRow, ...] = ()


def read_run(folder: Path) -> SavedRun:
    """The result in a folder.

    Raises:
        SettingError: it is none of `webiml evaluate`, is damaged, or another version wrote it.
    """
    path = folder / RESULT
    found = _read_json(path, folder)
    known = _Fields(path, found)
    schema = known.of("schema", int)
    if schema != SCHEMA_VERSION:
        raise SettingError(
            f"{readable(path)} has schema {schema}, this webiml reads {SCHEMA_VERSION}: evaluate again by one version."
        )
    protocol = known.of("protocol", str)
    if protocol not in PROTOCOLS:
        raise SettingError(f"{readable(path)} names a protocol that webiml does not know: {protocol[:50]!r}.")
    fingerprint = known.of("fingerprint", str)
    rows = _rows(folder / ROWS, fingerprint)
    words = "Maps in " if known.of("what.kind", str) == "predictions" else ""
    return SavedRun(
        name=readable(folder.resolve().name) or "run",
        folder=folder,
        protocol=PROTOCOLS[protocol],
        what=words + known.of("what.name", str),
        date=known.of("made.date", str),
        fingerprint=fingerprint,
        n=known.of("n", int),
        skipped=known.of("skipped", int),
        failed=known.of("failed", int),
        leaks=known.of("training_data.leaks", int) if known.of("training_data.known", bool) else None,
        rows=tuple(row for row in rows if row.result != Result.SKIPPED),
        curve=_curve(known),
        f1=known.share("pixel.f1"),
        robustness=_robustness(known),
        left_out=tuple(row for row in rows if row.result == Result.SKIPPED),
    )


@dataclass(frozen=True, slots=True)
class _Fields:
    """The fields of a JSON object, by a path of names with dots."""

    path: Path
    found: Mapping[str, Any]

    def of(self, name: str, kind: type) -> Any:
        value = self.get(name)
        if not isinstance(value, kind) or (kind is int and (isinstance(value, bool) or value < 0)):
            self.refuse(name)
        return value

    def get(self, name: str) -> Any:
        value: Any = self.found
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def share(self, name: str) -> float | None:
        value = self.get(name)
        return None if value is None else self._shares([value], name)[0]

    def shares(self, name: str) -> tuple[float, ...]:
        return self._shares(self.of(name, list), name)

    def _shares(self, values: Sequence[Any], name: str) -> tuple[float, ...]:
        if not all(_is_share(value) for value in values):
            self.refuse(name)
        return tuple(map(float, values))

    def refuse(self, name: str) -> NoReturn:
        raise SettingError(f"{readable(self.path)} is no result of webiml evaluate: {name} is missing or wrong.")


def _read_json(path: Path, folder: Path) -> dict[str, Any]:
    try:
        data = read_bytes(path, folder, MAX_RESULT_BYTES)
    except BadImage as error:
        words = f"{readable(folder)} is no finished result of webiml evaluate ({error.detail})"
        raise SettingError(f"{words}; give a folder that its --out named.") from None
    try:
        found = json.loads(data, parse_constant=_no_number)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise SettingError(f"{readable(path)} is no result of webiml evaluate: it holds no JSON object.")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity, which JSON does not have


def _curve(known: _Fields) -> tuple[float, ...]:
    curve = known.shares("pixel.f1_by_threshold")
    if len(curve) not in (0, LEVELS - 1):
        known.refuse("pixel.f1_by_threshold")
    return curve


def _robustness(known: _Fields) -> dict[str, Levels]:
    found = {}
    given = known.get("robustness")
    if given is None:
        return {}
    if len(known.of("robustness", dict)) > MAX_KINDS:
        known.refuse("robustness")
    for kind in given:
        levels, f1 = (_at(given, kind, name) for name in ("levels", "f1"))
        if not isinstance(levels, list) or not isinstance(f1, list) or not 0 < len(levels) == len(f1) <= 1000:
            known.refuse("robustness")
        if not all(isinstance(level, str) or (_is_number(level) and abs(level) <= MAX_LEVEL) for level in levels):
            known.refuse("robustness")
        if not all(value is None or _is_share(value) for value in f1):
            known.refuse("robustness")
        found[kind] = Levels(tuple(levels), tuple(f1))
    return found


def _at(found: Mapping[str, Any], kind: str, name: str) -> Any:
    return found[kind].get(name) if isinstance(found[kind], dict) else None


def _rows(path: Path, fingerprint: str) -> list[ImageRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        about = pq.read_metadata(path)
        schema = about.schema.to_arrow_schema()
    except FileNotFoundError:
        raise SettingError(f"{readable(path)} is not there: its folder is no result of webiml evaluate.") from None
    except (OSError, pa.ArrowException) as error:
        raise SettingError(f"{readable(path)} cannot be read as a table: {_short(error)}") from None
    for wanted in image_schema():
        if wanted.name not in schema.names or schema.field(wanted.name).type != wanted.type:
            raise SettingError(
                f"{readable(path)} is no table of webiml evaluate: its column {wanted.name} is missing or not "
                f"{wanted.type}."
            )
    if about.num_rows > MAX_ROWS:
        raise SettingError(f"{readable(path)} has {about.num_rows:,} rows; more than {MAX_ROWS:,} are not read.")
    if (about.metadata or {}).get(b"webiml.fingerprint", b"").decode("utf-8", "replace") != fingerprint:
        raise SettingError(f"{readable(path)} and {RESULT} beside it are not of one run: evaluate again.")
    rows = list(read_rows(path))
    for row in rows:
        wrong = [name for name in SHARES if not (getattr(row, name) is None or _is_share(getattr(row, name)))]
        if wrong or None in (row.benchmark, row.key, row.manipulated, row.group, row.kind):
            raise SettingError(f"{readable(path)} is damaged: the row {row.key!r} holds what is no figure.")
    return rows


def _is_share(value: object) -> bool:
    return _is_number(value) and 0 <= value <= 1  # type: ignore[operator]


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
