"""`webiml dataset filter`: other thresholds on masks that are made already."""

from __future__ import annotations

import json as json_format
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from webiml import __version__
from webiml.cli.summary import counted, line
from webiml.cli.terminal import plain, say
from webiml.errors import SettingError

if TYPE_CHECKING:
    from webiml.datasets.filter import Judged, Plan


def filter(
    dataset: str,
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    min_qes: float | None = None,
    min_area: float | None = None,
    max_area: float | None = None,
    max_unknown: float | None = None,
    workers: int = 0,
    pictures: bool = True,
    dry_run: bool = False,
    json: bool = False,
    quiet: bool = False,
) -> int:
    """Judge the masks of a dataset by other thresholds, without running a network.

    What comes out is what `webiml annotate` would have made at those thresholds, stricter or looser: all rows, kept or
    not. What people decided comes along, and wins over every threshold. A threshold that is not given stays as it was.
    The same command resumes after any interruption.

    Examples:

    - `webiml dataset filter dataset --out sure --min-qes 0.8`
    - `webiml dataset filter dataset --out large --min-area 0.05 --max-unknown 0.2`
    - `webiml dataset filter dataset --out sure --min-qes 0.8 --dry-run`

    Exit codes: 0 the run finished, 2 a wrong setting, 3 the output could not be written, 130 interrupted.

    Parameters
    ----------
    dataset
        A dataset that `webiml annotate` has written: a folder, or an address such as s3://bucket/dataset.
    out
        Folder of the new dataset; made when missing, continued when it is there.
    min_qes
        Keep masks whose Quality Evaluation Score is above this, [0, 1].
    min_area
        Reject masks that cover less than this share of the picture, [0, 1].
    max_area
        Reject masks that cover more than this share of the picture, [0, 1].
    max_unknown
        Reject SPG pairs of which the authentic picture leaves more than this share uncovered, [0, 1].
    workers
        Processes that judge; 0 takes one for each core. Results do not depend on it.
    pictures
        Put a sheet of pairs with overlays into report.html.
    dry_run
        Say what would become of the rows, write nothing.
    json
        Print one JSON object on stdout instead of the table.
    quiet
        Print nothing but errors (and the JSON object, if asked for).
    """
    if not 0 <= workers <= 256:
        raise SettingError(f"--workers must lie between 0 and 256, got {workers}.")
    # Heavy imports wait until the flags are known to be right
    from webiml.datasets.carry import refuse_inside
    from webiml.datasets.filter import filter_dataset, plan_filter, try_filter
    from webiml.report.html import write_report
    from webiml.runners.cores import usable_cores
    from webiml.runners.progress import Progress
    from webiml.store.dataset import settings_digest
    from webiml.store.dataset_writer import refuse_unfit
    from webiml.store.place import open_place

    place = open_place(dataset)
    refuse_inside(out, [place])
    thresholds = {"min_qes": min_qes, "min_area": min_area, "max_area": max_area, "max_unknown": max_unknown}
    plan = plan_filter(place, thresholds)
    processes = max(1, min(workers or usable_cores(), plan.rows))
    started, report = time.monotonic(), None
    with Progress("filter", plan.rows, quiet=quiet) as progress:
        if dry_run:
            refuse_unfit(
                out,
                format=plan.info.format,  # type: ignore[arg-type]
                shard_pairs=plan.info.shard_pairs,
                settings=plan.settings,
                settings_hash=settings_digest(plan.settings),
            )
            counts = try_filter(plan, processes, lambda row, counts: progress.add())
        else:
            counts = filter_dataset(plan, out, processes, lambda row, counts: progress.update(counts.rows))
            progress.note("writing the report")
            report = write_report(out, pictures)
    seconds = time.monotonic() - started
    if json:
        say(json_format.dumps(_record(plan, counts, out, report, seconds)))
    elif not quiet:
        say(_text(plan, counts, out, report, seconds))
    return 0


def _record(plan: Plan, counts: Judged, out: Path, report: Path | None, seconds: float) -> dict[str, Any]:
    return {
        "dry_run": report is None,
        "rows": counts.rows,
        "kept": counts.kept,
        "rejected": counts.rejected,
        "failed": counts.failed,
        "decided": counts.decided,
        "changed": counts.changes.total(),
        "changes": [{"from": was, "to": now, "rows": rows} for (was, now), rows in counts.changes.most_common()],
        "damaged": counts.damaged,
        "resumed": counts.resumed,
        "settings": plan.settings,
        "seconds": round(seconds, 3),
        "input": str(plan.place),
        "dataset": str(out),
        "report": None if report is None else str(report),
        "version": __version__,
    }


def _text(plan: Plan, counts: Judged, out: Path, report: Path | None, seconds: float) -> str:
    lines = [f"pairs {counts.rows:,}   kept {counts.kept:,}   rejected {counts.rejected:,}   failed {counts.failed:,}"]
    changes = {f"{was} to {now}": rows for (was, now), rows in counts.changes.most_common()}
    lines.append(line("changed", counted(changes) if changes else "nothing"))
    if counts.decided:
        stay = "1 row stays" if counts.decided == 1 else f"{counts.decided:,} rows stay"
        lines.append(line("reviewed", f"{stay} as people decided"))
    if counts.damaged:
        lines.append(line("damaged", f"{counts.damaged:,} rows fail now; webiml dataset verify names what is wrong"))
    resumed = f"; {counts.resumed:,} were already finished" if counts.resumed else ""
    lines.append(line("time", f"{counts.rows - counts.resumed:,} in {seconds:.1f} s{resumed}"))
    if report is None:
        lines.append(line("next", f"without --dry-run the same command writes {plain(str(out))}; now nothing was"))
    else:
        lines.append(line("rows", plain(str(out / "annotations.parquet"))))
        lines.append(line("next", f"open {plain(str(report))}; the same command resumes"))
    return "\n".join(lines)
