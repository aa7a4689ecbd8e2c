"""result.json: figures of all pictures, each benchmark and each kind, with all that has to stand beside them."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from webiml import __version__
from webiml.evaluate.plan import Plan
from webiml.evaluate.rows import ImageRow, Result
from webiml.evaluate.set_figures import Pool, figures, named, reasons
from webiml.runners.where import commit, machine

SCHEMA_VERSION = 1  # raise it when a field changes its meaning or goes


def result_of(
    what: Plan, rows: Sequence[ImageRow], pools: Mapping[tuple[str, str], Pool], training: dict[str, Any]
) -> dict[str, Any]:
    """result.json, but for the robustness."""
    protocol = what.protocol
    benchmarks = {}
    for one in what.benchmarks:
        mine = [row for row in rows if row.benchmark == one.name]
        pool = Pool.sum(pool for (name, _), pool in pools.items() if name == one.name)
        kinds = sorted({row.kind for row in mine if row.kind})
        benchmarks[one.name] = {
            "title": one.title,
            "layout": one.layout,
            "verified": one.verified,
            "expected": {
                "manipulated": one.expected.manipulated,
                "authentic": one.expected.authentic,
                "source": one.expected.source,
            },
            "fingerprint": fingerprint(mine),
            **figures(mine, pool, protocol),
            "kinds": {
                kind: figures([row for row in mine if row.kind == kind], pools[one.name, kind], protocol)
                for kind in kinds
            },
        }
    return {
        "schema": SCHEMA_VERSION,
        "protocol": protocol.name,
        "protocol_words": protocol.words,
        "protocol_source": protocol.source,
        "protocol_remarks": list(protocol.remarks),
        "resize": protocol.resizing,
        "threshold": 0.5,
        **figures(rows, Pool.sum(pools.values()), protocol),
        "skipped_reasons": reasons(rows, Result.SKIPPED),
        "skipped_pictures": named(rows, Result.SKIPPED),
        "failed_reasons": reasons(rows, Result.FAILED),
        "failed_pictures": named(rows, Result.FAILED),
        "mean_of_benchmarks": _mean_of(benchmarks),
        "benchmarks": benchmarks,
        "robustness": None,
        "what": _what(what),
        "training_data": training,
        "fingerprint": fingerprint(rows),
        "seconds_per_picture": _median([row.seconds for row in rows if row.seconds is not None]),
        "made": {
            "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "machine": machine(),
            "commit": commit(),
            "versions": versions(),
        },
    }


def _what(what: Plan) -> dict[str, Any]:
    """What was scored."""
    settings = what.settings
    if what.maker is None:
        return {
            "kind": "predictions",
            "name": str(settings.predictions),
            "digest": None,
            "invert": settings.invert,
            "fit": settings.fit,
            "unused_maps": what.unused,
        }
    kind = "net" if settings.net else "weights"
    return {"kind": kind, "name": what.maker.name, "digest": what.maker.digest or None, "views": settings.views}


def _mean_of(benchmarks: Mapping[str, dict[str, Any]]) -> dict[str, float | None]:
    """Mean over benchmarks, each with the same weight, of those that have the figure."""
    found = {}
    for name in ("f1", "iou", "auc", "f1_best"):
        values = [one["pixel"][name] for one in benchmarks.values() if one["pixel"][name] is not None]
        found[name] = float(np.mean(values)) if values else None
    return found


def fingerprint(rows: Iterable[ImageRow]) -> str:
    """First 16 hex digits of the SHA-256 of the pictures and masks: equal data, whatever its names and order."""
    lines = sorted(f"{row.sha256} {row.mask_sha256}" for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def versions() -> dict[str, str]:
    """Of what decides numbers."""
    import cv2
    import PIL

    from webiml.nets.weights import onnxruntime

    return {
        "webiml": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "pillow": PIL.__version__,
        "onnxruntime": onnxruntime().__version__,
    }


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None
