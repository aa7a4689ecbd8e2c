"""What `webiml localize` says at its end: a table for a person, or one JSON object for a program.

The JSON object of `--json` is `Summary` field by field, or `Plan` with `--dry-run`; their fields are documented here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webiml import __version__
from webiml.cli.summary import FILES_NAMED, counted, ignored_lines, line, most_frequent_first
from webiml.cli.terminal import plain
from webiml.localize.folder import LINES, TABLE, Localized, read_results
from webiml.localize.pictures import PictureListing
from webiml.localize.rows import PictureRow, to_record

FAILED_SHOWN = 5  # failed pictures named in text


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of the pictures: `localized + failed == inputs`."""

    inputs: int
    """Pictures that were listed."""
    localized: int
    """Pictures that the localizer looked at."""
    failed: int
    """Pictures that could not be read or run."""
    marked: int
    """Localized pictures of which anything is marked."""
    reasons: dict[str, int]
    """Reason to failed pictures, the most frequent first."""
    ignored: int
    """Other files in the folders that were given."""
    ignored_files: list[str]
    """The first 20 of them."""
    resumed: int
    """Pictures that an earlier run had finished."""
    seconds: float
    """Wall time of localizing in this run."""
    pictures_per_second: float | None
    """Pictures that this run finished, per second; null when there was none to do."""
    folder: str
    """The folder of results."""
    lines: str
    """Its rows as JSON lines."""
    table: str
    """Its rows as a table."""
    report: str
    """The page for a person."""
    version: str
    """Version of webiml."""
    rows: list[dict[str, Any]]
    """The row of every picture, in the order of the keys."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do; nothing has been written."""

    dry_run: bool
    """Always true."""
    inputs: int
    """Pictures that were listed."""
    resumed: int
    """Pictures that an earlier run has finished."""
    to_do: int
    """Pictures that would be finished now, those with a problem among them."""
    problems: dict[str, int]
    """Reason to pictures that already are known to fail, the most frequent first."""
    ignored: int
    """Other files in the folders that were given."""
    ignored_files: list[str]
    """The first 20 of them."""
    folder: str
    """The folder of results."""
    version: str
    """Version of webiml."""


def gather(listing: PictureListing, counts: Localized, out: Path, report: Path, seconds: float, rows: bool) -> Summary:
    """What a run that took `seconds` says of the pictures that were listed; `rows`: with the row of each."""
    finished_now = counts.inputs - counts.resumed
    keys = set(counts.keys) if rows else set()
    found = [to_record(row) for row in read_results(out) if row.key in keys] if rows else []
    return Summary(
        inputs=len(listing.pictures),
        localized=counts.localized,
        failed=counts.failed,
        marked=counts.marked,
        reasons=most_frequent_first(counts.reasons),
        ignored=len(listing.ignored),
        ignored_files=list(listing.ignored[:FILES_NAMED]),
        resumed=counts.resumed,
        seconds=round(seconds, 3),
        pictures_per_second=round(finished_now / seconds, 3) if finished_now and seconds else None,
        folder=str(out),
        lines=str(out / LINES),
        table=str(out / TABLE),
        report=str(report),
        version=__version__,
        rows=sorted(found, key=lambda record: record["key"]),
    )


def plan(listing: PictureListing, resumed: int, out: Path) -> Plan:
    """What there is to do, `resumed` pictures being finished."""
    problems = Counter(picture.problem.reason.value for picture in listing.pictures if picture.problem)
    return Plan(
        dry_run=True,
        inputs=len(listing.pictures),
        resumed=resumed,
        to_do=len(listing.pictures) - resumed,
        problems=most_frequent_first(problems),
        ignored=len(listing.ignored),
        ignored_files=list(listing.ignored[:FILES_NAMED]),
        folder=str(out),
        version=__version__,
    )


def summary_text(summary: Summary, top: Sequence[PictureRow], failed: Sequence[PictureRow]) -> str:
    """A table of the pictures `top`, then a few lines; what came from file names cannot act on the terminal.

    Args:
        top: the most suspicious pictures, the most suspicious first. failed: the first that failed in this run.
    """
    lines = []
    if top:
        lines.append(f"{'score':>5}   {'marked area':>11}   {'parts':>5}   may be manipulated, most suspicious first")
        lines += [
            f"{row.score or 0:5.2f}   {100 * (row.area or 0):9.1f} %   {row.components or 0:5,}   {plain(row.name)}"
            for row in top
        ]
        more = summary.localized - len(top)
        lines += [f"... and {more:,} more, less suspicious than these"] if more else []
    lines.append(
        f"pictures {summary.inputs:,}   localized {summary.localized:,}   marked {summary.marked:,}   "
        f"failed {summary.failed:,}"
    )
    if summary.reasons:
        lines.append(line("failed", counted(summary.reasons)))
        lines += [line("", f"{plain(row.name)}: {plain(row.detail or row.reason or '')}") for row in failed]
    lines += ignored_lines(summary.ignored, summary.ignored_files)
    done = summary.inputs - summary.resumed
    took = f"{done:,} in {summary.seconds:.1f} s"
    lines.append(line("time", took + (f"; {summary.resumed:,} were already finished" if summary.resumed else "")))
    lines.append(line("rows", plain(summary.table)))
    lines.append(line("next", f"open {plain(summary.report)}; the same command resumes"))
    return "\n".join(lines)


def plan_text(planned: Plan) -> str:
    """A few lines about what would be done."""
    lines = [f"pictures {planned.inputs:,}   finished {planned.resumed:,}   to do {planned.to_do:,}"]
    if planned.problems:
        lines.append(line("problems", counted(planned.problems)))
    lines += ignored_lines(planned.ignored, planned.ignored_files)
    lines.append(line("next", f"without --dry-run the same command writes {plain(planned.folder)}; now nothing was"))
    return "\n".join(lines)
