"""Results of evaluations written by hand: only what a comparison reads of them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from webiml.evaluate.rows import ImageRow, write_rows


def row(key: str, f1: float | None = 0.5, group: str = "", **changes: Any) -> ImageRow:
    """A scored manipulated picture; its other figures are its F1, unless `changes` says otherwise."""
    values = {"iou": f1, "auc": f1, "f1_best": f1, "score": f1, "largest": f1, "marked": 0.1, "kind": "splice"}
    values |= {"benchmark": "set", "manipulated": True, "result": "scored", "sha256": f"of {key}", "mask_sha256": "m"}
    return ImageRow(key=key, name=f"{key}.png", f1=f1, group=group, **(values | changes))


def authentic(key: str, score: float, marked: float = 0.0) -> ImageRow:
    """A scored authentic picture."""
    return row(key, None, manipulated=False, mask_sha256=None, score=score, largest=score, marked=marked)


def result(rows: list[ImageRow], **changes: Any) -> dict[str, Any]:
    """result.json; a name with dots changes a field inside."""
    found: dict[str, Any] = {
        "schema": 1,
        "protocol": "webiml",
        "n": len(rows),
        "skipped": 0,
        "failed": 0,
        "fingerprint": "0123456789abcdef",
        "pixel": {"f1": 0.5, "f1_by_threshold": [0.5] * 255},
        "robustness": None,
        "what": {"kind": "weights", "name": "net"},
        "training_data": {"known": True, "leaks": 0},
        "made": {"date": "2026-11-22T00:00:00Z"},
    }
    for name, value in changes.items():
        *outer, last = name.split(".")
        part = found
        for one in outer:
            part = part[one]
        part[last] = value
    return found


def write_run(folder: Path, rows: Iterable[ImageRow], **changes: Any) -> Path:
    """A folder as `webiml evaluate` leaves it."""
    rows = list(rows)
    folder.mkdir(parents=True, exist_ok=True)
    found = result(rows, **changes)
    about = {"protocol": "webiml", "schema": "1", "fingerprint": "0123456789abcdef"}
    write_rows(folder / "per_image.parquet", rows, about)
    (folder / "result.json").write_text(json.dumps(found))
    return folder
