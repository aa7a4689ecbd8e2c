"""`webiml benchmark check`: what of a benchmark is there, what is missing and what is wrong with it."""

from __future__ import annotations

import json as json_format
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

from webiml import __version__
from webiml.cli.summary import FILES_NAMED, ignored_lines, line
from webiml.cli.terminal import plain, say
from webiml.errors import SettingError

if TYPE_CHECKING:
    from webiml.evaluate.benchmarks.check import Check, Finding
    from webiml.evaluate.benchmarks.items import Benchmark

SHOWN = 3  # findings of one sort named in text
MAX_DETAIL = 200  # characters of a finding in text


def benchmark(
    action: Literal["check"],
    *data: str,
    workers: int = 0,
    json: bool = False,
    quiet: bool = False,
    strict: bool = False,
) -> int:
    """Say what of a benchmark is there, what is missing and what is wrong with it.

    DATA is a folder in a known layout, a table (CSV, TSV, Parquet), a list (.txt, .json) or a dataset of webiml; or
    NAME=PATH, such as casia-v1=CASIA1, to compare the counts with those that are published. Every picture and every
    mask is opened: sizes, polarity, levels, duplicates. Nothing is written.

    Examples:

    - `webiml benchmark check columbia=Columbia coverage=COVERAGE`
    - `webiml benchmark check pairs.csv --json`

    Exit codes: 0 it was looked at, 1 something is wrong and --strict was given, 2 a wrong setting or no benchmark, 130
    interrupted.

    Parameters
    ----------
    action
        What to do: check.
    data
        Benchmarks, as PATH or NAME=PATH.
    workers
        Processes that open pictures; 0 takes one for each core. What is found does not depend on it.
    json
        Print one JSON object on stdout instead of the text.
    quiet
        Print nothing but errors (and the JSON object, if asked for).
    strict
        Exit with 1 when something is wrong.
    """
    if not data:
        raise SettingError("Give a benchmark to check, such as webiml benchmark check columbia=Columbia.")
    if not 0 <= workers <= 256:
        raise SettingError(f"--workers must lie between 0 and 256, got {workers}.")
    # Heavy imports wait until the flags are known to be right
    from webiml.evaluate.benchmarks.read import read_benchmark

    checks = [_checked(one, workers, quiet) for one in [read_benchmark(spec) for spec in data]]
    if json:
        record = {"benchmarks": [_record(check) for check in checks], "version": __version__}
        say(json_format.dumps(record))
    elif not quiet:
        say("\n\n".join([_table(checks), *map(_details, checks)]))
    return 1 if strict and any(check.wrong for check in checks) else 0


def _checked(one: Benchmark, workers: int, quiet: bool) -> Check:
    from webiml.evaluate.benchmarks.check import check_benchmark
    from webiml.runners.cores import usable_cores
    from webiml.runners.progress import Progress

    processes = max(1, min(workers or usable_cores(), len(one.items)))
    with Progress(f"check {plain(one.name)}", len(one.items), quiet=quiet) as progress:
        return check_benchmark(one, processes, lambda item: progress.add())


def _record(check: Check) -> dict[str, Any]:
    """The check of one benchmark as it stands in the JSON object."""
    one = check.benchmark
    return {
        "name": one.name,
        "title": one.title,
        "root": str(one.root),
        "layout": one.layout,
        "verified": one.verified,
        "manipulated": check.manipulated,
        "authentic": check.authentic,
        "unusable": check.unusable,
        "expected": {
            "manipulated": one.expected.manipulated,
            "authentic": one.expected.authentic,
            "source": one.expected.source,
        },
        "wrong": check.wrong,
        "faults": dict(Counter(finding.fault.value for finding in check.findings)),
        "findings": [
            {"fault": finding.fault.value, "key": finding.key, "name": finding.name, "detail": finding.detail}
            for finding in check.findings
        ],
        "ignored": len(one.ignored),
        "ignored_files": list(one.ignored[:FILES_NAMED]),
        "notes": list(one.notes),
    }


def _table(checks: list[Check]) -> str:
    """One line a benchmark: how many pictures can be scored, of how many, and how much is wrong."""
    names = [plain(check.benchmark.name) for check in checks]
    width = max(len("benchmark"), *map(len, names))
    lines = [f"{'benchmark':<{width}}   {'manipulated':>15}   {'authentic':>15}   {'unusable':>8}   {'findings':>8}"]
    for name, check in zip(names, checks, strict=True):
        expected = check.benchmark.expected
        lines.append(
            f"{name:<{width}}   {_of(check.manipulated, expected.manipulated):>15}   "
            f"{_of(check.authentic, expected.authentic):>15}   {check.unusable:8,}   {len(check.findings):8,}"
        )
    return "\n".join(lines)


def _details(check: Check) -> str:
    """What was found in one benchmark; what came from file names cannot act on the terminal."""
    one = check.benchmark
    lines = [f"{plain(one.title)} in {plain(str(one.root))}, read as: {plain(one.layout)}"]
    if one.expected.manipulated is None and one.expected.authentic is None:
        lines.append(line("count", "unknown"))
    else:
        lines.append(line("count", f"expected as in {plain(one.expected.source)}"))
    lines += [] if one.verified else [line("layout", "unverified")]
    for fault in dict.fromkeys(finding.fault for finding in check.findings):
        lines += _about([finding for finding in check.findings if finding.fault is fault])
    lines += ignored_lines(len(one.ignored), one.ignored)
    lines += [line("note", plain(note)) for note in one.notes]
    lines.append(line("wrong", f"{check.wrong:,}" if check.wrong else "nothing"))
    return "\n".join(lines)


def _about(findings: list[Finding]) -> list[str]:
    """Lines on the findings of one fault."""
    fault = findings[0].fault.value
    lines = [f"{fault} {len(findings):,}"]
    for finding in findings[:SHOWN]:
        where = f"{plain(finding.name)}: " if finding.key else ""
        lines.append(line("", f"{where}{plain(finding.detail)[:MAX_DETAIL]}"))
    more = len(findings) - SHOWN
    return [*lines, line("", f"... and {more:,} more")] if more > 0 else lines


def _of(found: int, expected: int | None) -> str:
    return f"{found:,}" if expected is None else f"{found:,} of {expected:,}"
