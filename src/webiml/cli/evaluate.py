"""`webiml evaluate`: benchmarks and a localizer, or anybody's maps, in; numbers that mean the same to everyone out."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from webiml.cli.terminal import say
from webiml.errors import SettingError
from webiml.settings import EvaluateRun, EvaluateSettings

if TYPE_CHECKING:
    from webiml.evaluate.benchmarks.items import Benchmark
    from webiml.evaluate.plan import Plan

_RESULT = Group("What decides the numbers", sort_key=1)
_RUN = Group("How the run is carried out", sort_key=2)
_DEFAULT_RUN = EvaluateRun()
_OURS = {".webiml", "result.json", "per_image.parquet", "report.md", "report.html", "report.tex", ".DS_Store"}


def evaluate(
    *,
    data: Annotated[list[str], Parameter(consume_multiple=True, negative="")],
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    degrade: Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")] = None,
    config: Path | None = None,
    settings: Annotated[EvaluateSettings | None, Parameter(name="*", group=_RESULT)] = None,
    run: Annotated[EvaluateRun, Parameter(name="*", group=_RUN)] = _DEFAULT_RUN,
) -> int:
    """Score a localizer, or maps that any program has saved, on benchmarks, by one protocol.

    A picture is localized once; its map is kept and scored as often as you like, by any protocol. What cannot be scored
    is a row with a reason, and the result says how many there were.

    DIR gets result.json (all figures with n, protocol, threshold, versions), per_image.parquet (one row a picture),
    report.html, report.md and report.tex.

    Examples:

    - `webiml evaluate --data casia-v1=CASIA1 --weights web-iml --out result`
    - `webiml evaluate --data pairs.csv authentic.csv --weights web-iml --degrade jpeg:50..100:10 --out result`
    - `webiml evaluate --data coverage=COVERAGE --predictions maps --protocol trufor --out result`
    - `webiml evaluate --data Columbia --net my_module:factory --protocol benco --out result`

    Exit codes: 0 the run finished, 1 a picture could not be scored and --strict was given, 2 a wrong setting, or the
    localizer learned from pictures of a benchmark, 3 the output could not be written, 130 interrupted.

    Parameters
    ----------
    data
        Benchmarks: folders as they are downloaded, tables, our own datasets; NAME=PATH says which benchmark it is
        (docs/benchmarks.md), PATH alone finds it out.
    out
        Folder of the result; made when missing, written anew when it holds one.
    degrade
        Score again after each of these: jpeg:50..100:10, blur:3..23, noise-sigma:3..23, resize:0.5..1, resave:social.
    config
        YAML file of the settings below, such as `protocol: trufor`; flags win over it.
    """
    settings = settings or EvaluateSettings()
    _refuse_out(out, run)
    from webiml.evaluate.benchmarks.read import read_benchmark
    from webiml.evaluate.degrade import parse_degradations
    from webiml.evaluate.plan import plan

    degradations = parse_degradations(degrade or [])
    benchmarks = [read_benchmark(spec) for spec in data]
    planned = plan(benchmarks, settings, run, degradations)
    if run.dry_run:
        return _dry_run(planned, run)
    return _evaluate(planned, out, run)


def _evaluate(planned: Plan, out: Path | None, run: EvaluateRun) -> int:
    # Heavy imports wait until the flags are known to be right.
    import tempfile

    from webiml.cli.evaluate_summary import summary_text
    from webiml.evaluate.places import places_of, write_places
    from webiml.evaluate.run import evaluate
    from webiml.report.evaluation import write_evaluation
    from webiml.runners.progress import Progress

    temporary = None if out else tempfile.TemporaryDirectory(prefix="webiml-")
    folder = out or Path(temporary.name if temporary else "")
    shutil.rmtree(folder / ".webiml" / "maps", ignore_errors=True)  # of a network without a digest, nobody's any more
    started = time.monotonic()
    try:
        with Progress("evaluate", planned.steps, quiet=run.quiet) as progress:
            found = evaluate(planned, folder, run, progress.add, progress.note)
            found.result["seconds"] = round(time.monotonic() - started, 3)
            if out is not None:
                progress.note("writing the report")
                write_places(out, found.result, places_of(planned, found.scorings))
                write_evaluation(out, found, planned, pictures=run.pictures)
    finally:
        shutil.rmtree(folder / ".webiml" / "maps", ignore_errors=True)
        if temporary:
            temporary.cleanup()
    if run.json:
        say(json.dumps(found.result, allow_nan=False))
    elif not run.quiet:
        say(summary_text(found.result, out))
    return 1 if run.strict and (found.result["skipped"] or found.result["failed"]) else 0


def _dry_run(planned: Plan, run: EvaluateRun) -> int:
    listed = {one.name: _counts(one) for one in planned.benchmarks}
    if run.json:
        say(json.dumps({"dry_run": True, "protocol": planned.protocol.name, "benchmarks": listed}))
        return 0
    if run.quiet:
        return 0
    say(f"protocol {planned.protocol.name}: {planned.protocol.words}")
    for name, counts in listed.items():
        say("   ".join([name, *(f"{word} {number:,}" for word, number in counts.items())]))
    if planned.degradations:
        say(f"degraded  {', '.join(one.name for one in planned.degradations)}")
    say("next      without --dry-run the same command scores them; now nothing was written")
    return 0


def _counts(one: Benchmark) -> dict[str, int]:
    return {
        "pictures": len(one.items),
        "manipulated": sum(item.manipulated for item in one.items),
        "authentic": sum(not item.manipulated for item in one.items),
        "problems": sum(item.problem is not None for item in one.items),
    }


def _refuse_out(out: Path | None, run: EvaluateRun) -> None:
    if out is None:
        if not run.dry_run and not run.json:
            raise SettingError("Give --out DIR for the result, or --json to print it and write nothing.")
        return
    if out.exists() and not out.is_dir():
        raise SettingError(f"{out} is a file: give a folder to --out.")
    if (out / "reviews.jsonl").exists():
        raise SettingError(
            f"{out} holds what people decided about the result there (reviews.jsonl): give another --out."
        )
    if out.is_dir() and any(entry.name not in _OURS for entry in out.iterdir()):
        raise SettingError(f"{out} holds something else than a result of webiml evaluate: give another --out.")
