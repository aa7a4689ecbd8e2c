"""What a generation says of how it was made: counts, and the rates that the next one is planned by.

No name, author or address is in it, so a removal need not look here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from webiml.annotate.provenance import provenance
from webiml.errors import SettingError
from webiml.settings.grow import GrowSettings
from webiml.store.place import Place

FILE_NAME = "grown.json"
_SCHEMA = 1


@dataclass(frozen=True)
class Step:
    """One step of the work.

    Attributes:
        count: what was worked on in these seconds: links that were asked for, else pairs. Of a step that was stopped,
            what was left of it. seconds: wall time.
        found: what came of it, by name.
    """

    count: int
    seconds: float
    found: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """How one generation was made.

    Attributes:
        number: of the generation, from 0. pairs: that were new. rows: that it has. bytes: of all its files.
        statuses, reasons: of its rows. steps: by name. settings: see `deciding`. machine: where it was made.
    """

    number: int
    pairs: int
    rows: int
    bytes: int
    statuses: dict[str, int]
    reasons: dict[str, int]
    steps: dict[str, Step]
    settings: dict[str, Any]
    machine: str
    version: str


def deciding(settings: GrowSettings) -> dict[str, Any]:
    """The settings that decide what is in a generation, flat, such as `annotate.min_qes`."""
    run = settings.annotate_run
    flat: dict[str, Any] = {f"annotate.{name}": value for name, value in provenance(settings.annotate)[0].items()}
    flat["annotate.format"] = run.format
    if run.format == "shards":
        flat["annotate.shard_pairs"] = run.shard_pairs
    flat["dedup.distance"] = settings.dedup.distance
    if settings.against:
        flat["leaks.distance"] = settings.leaks.distance
    flat["against"] = sorted(Path(name).name for name in settings.against)
    return flat


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What differs between two of `deciding`, such as `dedup.distance was 6 and is 4 now`; in order of the names."""
    words = []
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name, "not set"), now.get(name, "not set")
        if old != new:
            words.append(f"{name} was {_shown(old)} and is {_shown(new)} now")
    return words


def write_record(folder: Path, record: Record) -> None:
    """Put the record into a generation.

    Raises:
        OutputError: it cannot be written.
    """
    Place(str(folder)).write(FILE_NAME, json.dumps({"schema": _SCHEMA, **asdict(record)}, indent=1).encode() + b"\n")


def read_record(folder: Path) -> Record:
    """The record of a generation.

    Raises:
        SettingError: it is not there, or was not written by webiml.
    """
    try:
        content = json.loads((folder / FILE_NAME).read_bytes())
        if content.pop("schema") != _SCHEMA or not isinstance(content["settings"], dict):
            raise ValueError("another schema")
        steps = {str(name): Step(**one) for name, one in content.pop("steps").items()}
        return Record(steps=steps, **content)
    except OSError as error:
        raise SettingError(
            f"{folder / FILE_NAME} cannot be read ({error.strerror}): put it back, or move {folder} elsewhere."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingError(
            f"{folder / FILE_NAME} was not written by this version of webiml ({error}): mend it, or move {folder} "
            "elsewhere."
        ) from None


def rates(records: Iterable[Record]) -> dict[str, float]:
    """Seconds for one link or pair, by step; of each step as the newest generation has it that worked on anything.

    Args:
        records: the newest first.
    """
    found: dict[str, float] = {}
    for record in records:
        for name, step in record.steps.items():
            if step.count > 0:
                found.setdefault(name, step.seconds / step.count)
    return found


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."
