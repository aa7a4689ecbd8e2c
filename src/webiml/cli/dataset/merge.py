"""`webiml dataset merge`: several datasets as one."""

from __future__ import annotations

import json as json_format
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from webiml import __version__
from webiml.cli.summary import line
from webiml.cli.terminal import plain, say

if TYPE_CHECKING:
    from webiml.datasets.merge import Merged, Plan


def merge(
    *datasets: str,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    format: Literal["folder", "shards"] | None = None,
    shard_pairs: int | None = None,
    dry_run: bool = False,
    json: bool = False,
    quiet: bool = False,
) -> int:
    """Join datasets into one: all rows of all of them, with their files.

    A row keeps its time, version and settings. The same pair, made with the same settings, comes once. Where two rows
    have one key, both get a new one, and `input.merged_from` says what it was. The order of the datasets does not
    matter. The same command resumes after any interruption.

    Examples:

    - `webiml dataset merge january february --out both`
    - `webiml dataset merge january february --out both --format shards --shard-pairs 2000`

    Exit codes: 0 the run finished, 2 a wrong setting, 3 the output could not be written, 130 interrupted.

    Parameters
    ----------
    datasets
        Two datasets or more: folders, or addresses such as s3://bucket/dataset.
    out
        Folder of the new dataset; made when missing, continued when it is there.
    format
        Shape of the new dataset, folder or shards; by default as all the datasets have it.
    shard_pairs
        Pairs that a tar holds; by default the largest number that one of the datasets has.
    dry_run
        Say what would be written, write nothing.
    json
        Print one JSON object on stdout instead of the table.
    quiet
        Print nothing but errors (and the JSON object, if asked for).
    """
    # Heavy imports wait until the flags are known to be right
    from webiml.datasets.carry import refuse_inside
    from webiml.datasets.merge import Merged, merge_datasets, plan_merge
    from webiml.runners.progress import Progress
    from webiml.store.dataset import settings_digest
    from webiml.store.dataset_writer import refuse_unfit
    from webiml.store.place import open_place

    places = [open_place(dataset) for dataset in datasets]
    refuse_inside(out, places)
    plan = plan_merge(places, format, shard_pairs)
    started, done = time.monotonic(), None
    if dry_run:
        refuse_unfit(
            out,
            format=plan.format,
            shard_pairs=plan.shard_pairs,
            settings=plan.settings,
            settings_hash=settings_digest(plan.settings),
        )
    else:
        with Progress("merge", plan.rows, quiet=quiet) as progress:
            done = merge_datasets(plan, out, lambda counts: progress.update(counts.rows + counts.duplicates))
    seconds = time.monotonic() - started
    if json:
        say(json_format.dumps(_record(plan, done, out, seconds)))
    elif not quiet:
        say(_text(plan, done or Merged(), out, seconds, done is None))
    return 0


def _record(plan: Plan, done: Merged | None, out: Path, seconds: float) -> dict[str, Any]:
    record: dict[str, Any] = {
        "dry_run": done is None,
        "inputs": [str(place) for place in plan.places],
        "rows_read": plan.rows,
        "format": plan.format,
        "settings_differ": list(plan.differing),
        "seconds": round(seconds, 3),
        "dataset": str(out),
        "version": __version__,
    }
    if done is not None:
        names = ("rows", "kept", "duplicates", "renamed", "damaged", "resumed")
        record |= {name: getattr(done, name) for name in names}
    else:
        record["renamed"] = len(plan.renamed)
    return record


def _text(plan: Plan, done: Merged, out: Path, seconds: float, dry_run: bool) -> str:
    lines = [f"datasets {len(plan.places):,}   rows {plan.rows:,}"]
    if not dry_run:
        lines[0] += f"   written {done.rows:,}   kept {done.kept:,}"
    renamed = len(plan.renamed) if dry_run else done.renamed
    if done.duplicates:
        lines.append(line("left out", f"{done.duplicates:,} that another dataset has, too"))
    if renamed:
        lines.append(line("renamed", f"{renamed:,}, since two rows had one key; input.merged_from says which"))
    if plan.differing:
        lines.append(line("settings", f"differ in {', '.join(plan.differing)}: every row says which are its own"))
    if done.damaged:
        lines.append(line("damaged", f"{done.damaged:,} rows fail now; webiml dataset verify names what is wrong"))
    if dry_run:
        lines.append(line("next", f"without --dry-run the same command writes {plain(str(out))}; now nothing was"))
        return "\n".join(lines)
    resumed = f"; {done.resumed:,} were already written" if done.resumed else ""
    lines.append(line("time", f"{seconds:.1f} s{resumed}"))
    lines.append(line("rows", plain(str(out / "annotations.parquet"))))
    return "\n".join(lines)
