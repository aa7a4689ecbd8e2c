"""`webiml dataset dedup`: a dataset in which no manipulated picture stands twice."""

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
from webiml.settings.limits import refuse_megapixels, refuse_workers

if TYPE_CHECKING:
    from webiml.datasets.dedup import Duplicates

SHOWN = 5  # pairs named in text


def dedup(
    dataset: str,
    /,
    *,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    against: Annotated[list[str], Parameter(consume_multiple=True, negative=())] | None = None,
    distance: int = 6,
    max_megapixels: float = 200.0,
    workers: int = 0,
    dry_run: bool = False,
    json: bool = False,
    quiet: bool = False,
) -> int:
    """Leave out pictures that are there twice, exactly or nearly.

    A pair goes when its manipulated picture is another pair's: the same bytes, or saved again, made smaller, mirrored
    or cropped with the same edit. Two edits of one picture both stay. Of a row of duplicates the best stays: that of
    an older dataset; else kept before rejected, the higher QES, more pixels. A pair whose manipulated picture is,
    byte for byte, another pair's authentic one goes as well. OUT/dropped.parquet says which and why, OUT/dropped.jpg
    shows them. The same command resumes after any interruption.

    Examples:

    - `webiml dataset dedup dataset --out clean`
    - `webiml dataset dedup new --against generation-1 generation-2 --out clean`
    - `webiml dataset dedup dataset --dry-run`

    Exit codes: 0 the run finished, 2 a wrong setting, 3 the output could not be written, 130 interrupted.

    Parameters
    ----------
    dataset
        A dataset that `webiml annotate` has written: a folder, or an address such as s3://bucket/dataset.
    out
        Folder of the new dataset; made when missing, continued when it is there.
    against
        Older datasets, which are only read; a pair that is there already goes.
    distance
        Two pictures whose hashes differ in more than so many of 64 bits are not near, 0 to 16.
    max_megapixels
        Larger pictures are compared by their bytes alone.
    workers
        Processes that open pictures; 0 takes one for each core. Results do not depend on it.
    dry_run
        Say what would go, write no dataset.
    json
        Print one JSON object on stdout instead of the table.
    quiet
        Print nothing but errors (and the JSON object, if asked for).
    """
    refuse_workers(workers)
    refuse_megapixels(max_megapixels)
    if not 0 <= distance <= 16:
        raise SettingError(f"--distance must lie between 0 and 16, got {distance}.")
    if out is None and not dry_run:
        raise SettingError("Give the new dataset's folder as --out, or --dry-run to see what would go.")
    # Heavy imports wait until the flags are known to be right
    from webiml.cli.steps import steps
    from webiml.datasets.dedup import dedup_dataset, find_duplicates
    from webiml.store.place import open_place

    place, older = open_place(dataset), [open_place(one) for one in against or ()]
    max_pixels = round(max_megapixels * 1e6)
    started = time.monotonic()
    with steps(quiet) as begin:
        if out is None or dry_run:
            found = find_duplicates(place, older, distance, workers, max_pixels, begin)
        else:
            found = dedup_dataset(place, older, out, distance, workers, max_pixels, begin)
    seconds = time.monotonic() - started
    if json:
        say(json_format.dumps(_record(found, out, dry_run, seconds)))
    elif not quiet:
        say(_text(found, out, dry_run, seconds))
    return 0


def _record(found: Duplicates, out: Path | None, dry_run: bool, seconds: float) -> dict[str, Any]:
    from webiml.datasets.dropped import counts

    return {
        "dry_run": dry_run,
        "pairs": found.pairs,
        "stay": found.pairs - len(found.keys),
        "dropped": len(found.keys),
        "reasons": counts(found.dropped),
        "in_doubt": len(found.in_doubt),
        "unread": found.unread,
        "seconds": round(seconds, 3),
        "dataset": None if dry_run else str(out),
        "version": __version__,
    }


def _text(found: Duplicates, out: Path | None, dry_run: bool, seconds: float) -> str:
    from webiml.datasets.dropped import counts

    stay = found.pairs - len(found.keys)
    lines = [f"pairs {found.pairs:,}   stay {stay:,}   dropped {len(found.keys):,}"]
    if found.dropped:
        lines.append(line("dropped", counted(counts(found.dropped))))
    for one in found.dropped[:SHOWN]:
        what = f"{one.key}: {one.why.value}, {one.other_name} stays"
        if one.why.value == "authentic_elsewhere":
            what = f"{one.key}: its manipulated picture is the authentic one of {one.other_name}"
        lines.append(line("", plain(what)))
    if len(found.dropped) > SHOWN:
        lines.append(line("", f"... and {len(found.dropped) - SHOWN:,} more"))
    if found.in_doubt:
        lines.append(line("in doubt", f"{len(found.in_doubt):,} stay, but look like another pair's authentic picture"))
    if found.unread:
        lines.append(line("unread", f"{found.unread:,} pictures could not be read; webiml dataset verify names them"))
    lines.append(line("time", f"{seconds:.1f} s"))
    if dry_run or out is None:
        lines.append(line("next", "without --dry-run and with --out the same command writes a dataset"))
    else:
        lines.append(line("rows", plain(str(out / "annotations.parquet"))))
        lines.append(
            line("next", f"open {plain(str(out / 'dropped.jpg'))}; why each: {plain(str(out / 'dropped.parquet'))}")
        )
    return "\n".join(lines)
