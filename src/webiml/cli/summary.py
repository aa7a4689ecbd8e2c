"""What a run says at its end: a few lines for a person, or one JSON object for a program.

The JSON object of `--json` is `Summary` field by field, or `Plan` with `--dry-run`; their fields are documented here.
It is the only thing on stdout.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from webiml import __version__
from webiml.cli.terminal import plain
from webiml.report.words import FAILURE_MEANING, REJECTION_MEANING
from webiml.store.dataset_writer import finished_keys
from webiml.types import Kind

if TYPE_CHECKING:
    from webiml.annotate.dataset import Counts
    from webiml.pairs.source import Listing
    from webiml.store.place import Place

FILES_NAMED = 20  # ignored files named in JSON
FILES_SHOWN = 3  # ignored files named in text


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of the inputs: `kept + rejected + failed == inputs`."""

    inputs: int
    """Pairs that were listed."""
    kept: int
    """Rows with a mask to trust."""
    rejected: int
    """Rows that were looked at and are not sure."""
    failed: int
    """Rows that could not be read or run."""
    reasons: dict[str, int]
    """Reason to rows, the most frequent first."""
    kinds: dict[str, int]
    """Rows of each kind: SPG, SDG, identical, unrelated."""
    ignored: int
    """Other files beside the pairs."""
    ignored_files: list[str]
    """The first 20 of them."""
    resumed: int
    """Inputs that an earlier run had finished."""
    seconds: float
    """Wall time of annotating in this run."""
    pairs_per_second: float | None
    """Pairs that this run finished, per second; null when there was none to do."""
    dataset: str
    """The dataset's folder, or its address."""
    annotations: str
    """The table of all rows."""
    report: str
    """The page for a person."""
    version: str
    """Version of webiml."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do; nothing has been written."""

    dry_run: bool
    """Always true."""
    inputs: int
    """Pairs that were listed."""
    resumed: int
    """Inputs that an earlier run has finished."""
    to_do: int
    """Inputs that would be finished now, those with a problem among them."""
    problems: dict[str, int]
    """Reason to inputs that already are known to fail, the most frequent first."""
    ignored: int
    """Other files beside the pairs."""
    ignored_files: list[str]
    """The first 20 of them."""
    dataset: str
    """The dataset's folder, or its address."""
    version: str
    """Version of webiml."""


def gather(listing: Listing, counts: Counts, dataset: Place, report: str, seconds: float) -> Summary:
    """What a run that took `seconds` says of the inputs that were listed."""
    finished_now = counts.inputs - counts.resumed
    return Summary(
        inputs=len(listing.pairs),
        kept=counts.kept,
        rejected=counts.rejected,
        failed=counts.failed,
        reasons=most_frequent_first(counts.reasons),
        kinds={kind.value: counts.kinds[kind] for kind in Kind},
        ignored=len(listing.ignored),
        ignored_files=list(listing.ignored[:FILES_NAMED]),
        resumed=counts.resumed,
        seconds=round(seconds, 3),
        pairs_per_second=round(finished_now / seconds, 3) if finished_now and seconds else None,
        dataset=str(dataset),
        annotations=dataset.below("annotations.parquet").url,
        report=report,
        version=__version__,
    )


def plan(listing: Listing, dataset: Place) -> Plan:
    """Count what there is to do without opening a picture or writing anything."""
    finished = finished_keys(dataset)
    resumed = sum(pair.key in finished for pair in listing.pairs)
    problems: dict[str, int] = {}
    for pair in listing.pairs:
        if pair.problem:
            problems[pair.problem.reason.value] = problems.get(pair.problem.reason.value, 0) + 1
    return Plan(
        dry_run=True,
        inputs=len(listing.pairs),
        resumed=resumed,
        to_do=len(listing.pairs) - resumed,
        problems=most_frequent_first(problems),
        ignored=len(listing.ignored),
        ignored_files=list(listing.ignored[:FILES_NAMED]),
        dataset=str(dataset),
        version=__version__,
    )


def as_json(summary: Summary | Plan) -> str:
    """One line of JSON, ASCII, so that any terminal and any encoding carries it."""
    return json.dumps(asdict(summary))


def as_text(summary: Summary | Plan) -> str:
    """A few lines for a person; what came from file names cannot act on the terminal."""
    return _plan_text(summary) if isinstance(summary, Plan) else _summary_text(summary)


def _summary_text(summary: Summary) -> str:
    lines = [
        f"pairs {summary.inputs:,}   kept {summary.kept:,}   rejected {summary.rejected:,}   failed {summary.failed:,}"
    ]
    for word, known in (("rejected", REJECTION_MEANING), ("failed", FAILURE_MEANING)):
        reasons = {reason: count for reason, count in summary.reasons.items() if reason in known}
        if reasons:
            lines.append(line(word, counted(reasons)))
    lines += ignored_lines(summary.ignored, summary.ignored_files)
    done = summary.inputs - summary.resumed
    took = f"{done:,} in {summary.seconds:.1f} s" + (
        f", {summary.pairs_per_second:.1f} pairs a second" if summary.pairs_per_second else ""
    )
    lines.append(line("time", took + (f"; {summary.resumed:,} were already finished" if summary.resumed else "")))
    lines.append(line("rows", plain(summary.annotations)))
    lines.append(line("next", f"open {plain(summary.report)}; the same command resumes"))
    return "\n".join(lines)


def _plan_text(planned: Plan) -> str:
    lines = [f"pairs {planned.inputs:,}   finished {planned.resumed:,}   to do {planned.to_do:,}"]
    if planned.problems:
        lines.append(line("problems", counted(planned.problems)))
    lines += ignored_lines(planned.ignored, planned.ignored_files)
    lines.append(line("next", f"without --dry-run the same command writes {plain(planned.dataset)}; now nothing was"))
    return "\n".join(lines)


def ignored_lines(count: int, names: Sequence[str]) -> list[str]:
    """A line about `count` other files, of which the first are `names`; no line when there are none."""
    if not count:
        return []
    named = ", ".join(plain(name) for name in names[:FILES_SHOWN])
    more = count - min(FILES_SHOWN, len(names))
    files = "other file" if count == 1 else "other files"
    return [line("ignored", f"{count:,} {files}: {named}" + (f" and {more:,} more" if more else ""))]


def most_frequent_first(counts: Mapping[str, int]) -> dict[str, int]:
    """The counts, the largest first, equal ones by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def line(word: str, text: str) -> str:
    """One line of a summary: what it is about, and the text."""
    return f"{word:<9} {text}"


def counted(counts: Mapping[str, int]) -> str:
    """Names and their counts in one line."""
    return " · ".join(f"{name} {count:,}" for name, count in counts.items())
