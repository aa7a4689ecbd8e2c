"""The whole evaluation: leakage gate, maps, scores, robustness, and what they come to."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from webiml import __version__
from webiml.errors import SettingError
from webiml.evaluate.degrade import Degradation, area_under
from webiml.evaluate.items import Benchmark
from webiml.evaluate.leaks import Leak, find_leaks, refuse_leaks, training_table
from webiml.evaluate.maps import Maker, MapCache, cache_folder, maker_of
from webiml.evaluate.predictions import holds_zero_one, match_predictions
from webiml.evaluate.protocols import PROTOCOLS, Protocol
from webiml.evaluate.results import Pool, figures, named, reasons
from webiml.evaluate.rows import ImageRow, Result
from webiml.evaluate.score import Scoring, score_items
from webiml.runners.where import commit, machine
from webiml.settings import EvaluateRun, EvaluateSettings

SCHEMA_VERSION = 1  # of result.json; raise it when a field changes its meaning or goes
CURVES = ("f1", "iou", "auc", "image_auc", "false_alarm_area")
"""What is drawn over the levels of a degradation."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is decided before the first picture is opened.

    Attributes:
        maker: None where maps of another program are scored. files: these, by benchmark and key.
        unused: maps that belong to no picture.
    """

    benchmarks: tuple[Benchmark, ...]
    protocol: Protocol
    settings: EvaluateSettings
    maker: Maker | None
    files: Mapping[str, Mapping[str, Path]]
    unused: int = 0
    degradations: tuple[Degradation, ...] = ()

    @property
    def pictures(self) -> int:
        """Pictures of all benchmarks."""
        return sum(len(one.items) for one in self.benchmarks)

    @property
    def steps(self) -> int:
        """How often a picture is looked at: for leaks, for its score, and after each degradation."""
        return self.pictures * (1 + len(self.degradations) + bool(self.maker and self.maker.weights))


@dataclass
class Evaluated:
    """All figures, nested as in result.json; a row for every picture; how each benchmark was scored."""

    result: dict[str, Any]
    rows: list[ImageRow] = field(default_factory=list)
    scorings: dict[str, Scoring] = field(default_factory=dict)


def plan(
    benchmarks: Sequence[Benchmark],
    settings: EvaluateSettings,
    run: EvaluateRun,
    degradations: Sequence[Degradation] = (),
) -> Plan:
    """Decide everything; no picture is opened, but for a few saved maps.

    Raises:
        SettingError: there is no such localizer, a picture has no map or two, or maps are to be degraded.
    """
    named_apart = _named_apart(benchmarks)
    files: dict[str, Mapping[str, Path]] = {}
    unused: set[Path] | None = None
    maker = None
    if settings.predictions is not None:
        if degradations:
            raise SettingError("--degrade needs --weights or --net: maps of --predictions cannot be made again.")
        for one in named_apart:
            matched = match_predictions(one.items, settings.predictions)
            files[one.name] = matched.files
            unused = set(matched.unused) if unused is None else unused & set(matched.unused)
    else:
        maker = maker_of(settings, download=run.download)
    return Plan(
        named_apart,
        PROTOCOLS[settings.protocol],
        settings,
        maker,
        files,
        len(unused or ()),
        tuple(degradations),
    )


def evaluate(
    what: Plan,
    out: Path,
    run: EvaluateRun,
    on_item: Callable[[str], None] | None = None,
    on_step: Callable[[str], None] | None = None,
) -> Evaluated:
    """Score every picture of every benchmark.

    Args:
        out: folder of the results; maps that nobody else may use are kept in its .webiml/maps.
        on_item: called `what.steps` times in all, with a few words of what became of a picture.
        on_step: called before each step with its name.
    Raises:
        SettingError: the localizer learned from these pictures, and nobody said that this is allowed.
        OutputError: the cache of maps cannot be written; the same call resumes.
    """
    max_pixels = round(what.settings.max_megapixels * 1e6)
    begin, done = on_step or _unseen, on_item or _unseen
    training = _gate(what, run, max_pixels, begin, done)
    scoring = _scoring(what, out, run, max_pixels)
    rows: list[ImageRow] = []
    pools: dict[tuple[str, str], Pool] = {}
    scorings: dict[str, Scoring] = {}
    begin("score")
    for one in what.benchmarks:
        scorings[one.name] = _of_benchmark(what, scoring, one)
        found, pooled = _score(what, one, scorings[one.name], run, done)
        rows += found
        pools |= {(one.name, kind): pool for kind, pool in pooled.items()}
    result = _result(what, rows, pools, training)
    if what.degradations:
        result["robustness"] = _robustness(what, scoring, out, run, begin, done)
    return Evaluated(result, rows, scorings)


def _gate(
    what: Plan, run: EvaluateRun, max_pixels: int, begin: Callable[[str], None], done: Callable[[str], None]
) -> dict[str, Any]:
    """Compare what the localizer learned from with the benchmarks; what the result says of it."""
    if what.maker is None or not what.maker.weights:
        return {"known": False, "pictures": None, "leaks": None}
    settings = what.settings
    known = training_table(settings.weights, settings.revision or None, run.download)
    if known is None:
        return {"known": False, "pictures": None, "leaks": None}
    begin("compare with the training")
    leaks: list[tuple[str, Leak]] = []
    for one in what.benchmarks:
        found = find_leaks(one.items, known, run.workers, max_pixels, lambda item: done(""))
        leaks += [(one.name, leak) for leak in found]
    if leaks and not run.allow_leaks:
        refuse_leaks([leak for _, leak in leaks])
    listed = [{"benchmark": name, **leak.as_record()} for name, leak in leaks[:1000]]
    return {"known": True, "pictures": len(known), "leaks": len(leaks), "leaking_pictures": listed}


def _scoring(what: Plan, out: Path, run: EvaluateRun, max_pixels: int) -> Scoring:
    settings = what.settings
    return Scoring(
        what.protocol,
        max_pixels,
        maker=what.maker,
        cache=_cache(what, out, run, None),
        predictions=settings.predictions,
        invert=settings.invert,
        stretch=settings.fit == "stretch",
    )


def _cache(what: Plan, out: Path, run: EvaluateRun, degradation: Degradation | None) -> MapCache | None:
    """The maps of this network on pictures so treated; those of a network without a digest stay with `out`."""
    if what.maker is None:
        return None
    made_by = f"{what.maker.made_by}|stretch {what.protocol.stretch}|{degradation.name if degradation else ''}"
    if what.maker.made_by:
        return MapCache.of(cache_folder(run.cache), made_by)
    return MapCache.of(out / ".webiml" / "maps", f"{datetime.now(UTC).isoformat()}|{made_by}")


def _of_benchmark(what: Plan, scoring: Scoring, one: Benchmark) -> Scoring:
    scoring = scoring.for_masks(one.rule)
    if scoring.predictions is None:
        return scoring
    files = what.files[one.name].values()
    return replace(scoring, zero_one=holds_zero_one(list(files), scoring.predictions, scoring.max_pixels))


def _score(
    what: Plan, one: Benchmark, scoring: Scoring, run: EvaluateRun, done: Callable[[str], None]
) -> tuple[list[ImageRow], dict[str, Pool]]:
    """The rows of a benchmark, and what adds up over each kind of its pictures."""
    rows: list[ImageRow] = []
    pools: dict[str, Pool] = {}
    with closing(score_items(one.name, one.items, scoring, run.workers, what.files.get(one.name))) as results:
        for scored in results:
            rows.append(scored.row)
            pools.setdefault(scored.row.kind, Pool()).add(scored)
            done(scored.row.result if scored.row.f1 is None else f"F1 {scored.row.f1:.2f}")
    return rows, pools


def _result(
    what: Plan, rows: Sequence[ImageRow], pools: Mapping[tuple[str, str], Pool], training: dict[str, Any]
) -> dict[str, Any]:
    """result.json, but for the robustness."""
    protocol = what.protocol
    benchmarks = {}
    for one in what.benchmarks:
        mine = [row for row in rows if row.benchmark == one.name]
        pool = _sum(pool for (name, _), pool in pools.items() if name == one.name)
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
        **figures(rows, _sum(pools.values()), protocol),
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


def _robustness(
    what: Plan,
    scoring: Scoring,
    out: Path,
    run: EvaluateRun,
    begin: Callable[[str], None],
    done: Callable[[str], None],
) -> dict[str, Any]:
    """For each kind of degradation its levels, the figures at each, and the mean height of every curve."""
    found: dict[str, dict[str, list[Any]]] = {}
    for degradation in what.degradations:
        begin(degradation.name)
        degraded = replace(scoring, degradation=degradation, cache=_cache(what, out, run, degradation))
        rows: list[ImageRow] = []
        pool = Pool()
        for one in what.benchmarks:
            mine, pools = _score(what, one, _of_benchmark(what, degraded, one), run, done)
            rows += mine
            pool += _sum(pools.values())
        numbers = figures(rows, pool, what.protocol)
        levels = found.setdefault(degradation.kind, {name: [] for name in ("levels", "n", "skipped", *CURVES)})
        levels["levels"].append(degradation.level)
        levels["n"].append(numbers["n"])
        levels["skipped"].append(numbers["skipped"])
        for name in ("f1", "iou", "auc"):
            levels[name].append(numbers["pixel"][name])
        levels["image_auc"].append(numbers["image"]["auc"])
        levels["false_alarm_area"].append(numbers["false_alarms"]["area"])
    return {
        kind: levels
        | {
            "area": {
                name: area_under(levels["levels"], levels[name]) if None not in levels[name] else None
                for name in CURVES
            }
        }
        for kind, levels in found.items()
    }


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


def _unseen(words: str) -> None:
    """Nobody watches."""


def _sum(pools: Iterable[Pool]) -> Pool:
    total = Pool()
    for one in pools:
        total += one
    return total


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None


def _named_apart(benchmarks: Sequence[Benchmark]) -> tuple[Benchmark, ...]:
    """The benchmarks, two of one name told apart by a number."""
    seen: dict[str, int] = {}
    found = []
    for one in benchmarks:
        seen[one.name] = seen.get(one.name, 0) + 1
        found.append(one if seen[one.name] == 1 else replace(one, name=f"{one.name}-{seen[one.name]}"))
    return tuple(found)
