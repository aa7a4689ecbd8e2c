"""The whole evaluation: leakage gate, maps, scores, robustness, and what they come to."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from webiml.evaluate.benchmarks.items import Benchmark
from webiml.evaluate.degrade import Degradation, area_under
from webiml.evaluate.leaks import Leak, find_leaks, refuse_leaks
from webiml.evaluate.maps import MapCache, cache_folder
from webiml.evaluate.plan import Plan
from webiml.evaluate.predictions import holds_zero_one
from webiml.evaluate.result import result_of
from webiml.evaluate.rows import ImageRow
from webiml.evaluate.score import Scoring, score_items
from webiml.evaluate.set_figures import Pool, figures
from webiml.settings import EvaluateRun

CURVES = ("f1", "iou", "auc", "image_auc", "false_alarm_area")
"""What is drawn over the levels of a degradation."""


@dataclass
class Evaluated:
    """All figures, nested as in result.json; a row for every picture; how each benchmark was scored."""

    result: dict[str, Any]
    rows: list[ImageRow] = field(default_factory=list)
    scorings: dict[str, Scoring] = field(default_factory=dict)


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
    result = result_of(what, rows, pools, training)
    if what.degradations:
        result["robustness"] = _robustness(what, scoring, out, run, begin, done)
    return Evaluated(result, rows, scorings)


def _gate(
    what: Plan, run: EvaluateRun, max_pixels: int, begin: Callable[[str], None], done: Callable[[str], None]
) -> dict[str, Any]:
    """Compare what the localizer learned from with the benchmarks; what the result says of it."""
    if what.training is None:
        return {"known": False, "pictures": None, "leaks": None}
    begin("compare with the training")
    leaks: list[tuple[str, Leak]] = []
    for one in what.benchmarks:
        found = find_leaks(one.items, what.training, run.workers, max_pixels, lambda item: done(""))
        leaks += [(one.name, leak) for leak in found]
    if leaks and not run.allow_leaks:
        refuse_leaks([leak for _, leak in leaks])
    listed = [{"benchmark": name, **leak.as_record()} for name, leak in leaks[:1000]]
    return {"known": True, "pictures": len(what.training), "leaks": len(leaks), "leaking_pictures": listed}


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
            pool += Pool.sum(pools.values())
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


def _unseen(words: str) -> None:
    """Nobody watches."""
